"""A bare Debian 12 of its own: made by debootstrap, booted with systemd, used, removed."""

import os
import pathlib
import shutil
import signal
import subprocess
import time

HERE = pathlib.Path(__file__).resolve().parent
TREE = HERE.parents[1]
CODENAME = "bookworm"
ARCHIVES = pathlib.Path("/var/cache/apt/archives")
CHECKOUT = "/root/imrelay"  # where the repository is inside
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def run(*arguments, **options):
    return subprocess.run([str(a) for a in arguments], check=True, **options)


def output(*arguments):
    return run(*arguments, stdout=subprocess.PIPE, text=True).stdout


def sources():
    """This machine's own sources of Debian 12, as lines for sources.list."""
    listed = output("apt-get", "indextargets", "--format", "$(ORIGIN) $(CODENAME) $(REPO_URI)",
                    "Created-By: Packages")
    found = []
    for line in listed.splitlines():
        origin, codename, uri = line.split()
        line = f"deb {uri} {codename} main"
        if origin == "Debian" and codename.startswith(CODENAME) and line not in found:
            found.append(line)
    if not any(line.split()[2] == CODENAME for line in found):
        raise SystemExit(f"install: apt on this machine has no source of Debian 12 ({CODENAME});"
                         " run apt-get update, or add one")
    return sorted(found, key=lambda line: line.split()[2])


class Root:
    def __init__(self, home):
        self.home = pathlib.Path(home).resolve()
        self.path = self.home / "root"
        self.made = self.home / "made"
        self.booted = self.home / "pid"
        self.ccache = self.home / "ccache"
        if shutil.which("ccache"):
            self.ccache = pathlib.Path(output("ccache", "--get-config", "cache_dir").strip())

    # --- making it

    def make(self):
        if self.made.exists():
            return
        shutil.rmtree(self.path, ignore_errors=True)
        self.home.mkdir(parents=True, exist_ok=True)
        lines = sources()
        mirror = next(line.split()[1] for line in lines if line.split()[2] == CODENAME)
        # What makes it a Debian that boots, and nothing else. What debootstrap mounts meanwhile ends
        # with it.
        run("unshare", "--mount", "--propagation", "private", "--", "debootstrap", "--variant=minbase",
            "--include=systemd-sysv", f"--cache-dir={ARCHIVES}", CODENAME, self.path, mirror, stdout=subprocess.DEVNULL)
        apt = self.path / "etc" / "apt"
        (apt / "sources.list").write_text("\n".join(lines) + "\n")
        (apt / "apt.conf.d" / "99test").write_text(
            output("apt-config", "dump", "Acquire::http::Proxy") + 'Acquire::Retries "0";\n')
        self.made.touch()

    def copy_tree(self):
        """The checkout, as it stands."""
        shutil.copytree(TREE, self.path / CHECKOUT.lstrip("/"), symlinks=True, dirs_exist_ok=True,
                        ignore=shutil.ignore_patterns(".git", "build", "var", "__pycache__"))

    def download(self, lines):
        """Runs the lines, which install packages, so that they only download them.

        The root has no network once it is booted; this happens before, with this machine's.
        """
        only = self.path / "etc" / "apt" / "apt.conf.d" / "98download"
        only.write_text('APT::Get::Download-Only "true";\n')
        script = "\n".join(["set -e", f"cd {CHECKOUT}", *lines])
        run("unshare", "--mount", "--propagation", "private", "--", "sh", "-ec",
            'mount --bind "$1" "$2/var/cache/apt/archives"; mount -t proc none "$2/proc";'
            f' exec chroot "$2" env -i PATH={PATH} DEBIAN_FRONTEND=noninteractive sh -c "$3"',
            "sh", ARCHIVES, self.path, script, stdin=subprocess.DEVNULL)
        only.unlink()

    # --- running it

    @property
    def pid(self):
        """Its process 1, if it runs."""
        try:
            pid = int(self.booted.read_text().split()[0])
            comm = pathlib.Path(f"/proc/{pid}/comm").read_text()
            root = pathlib.Path(f"/proc/{pid}/root").stat()
        except (FileNotFoundError, ProcessLookupError):
            return None
        mine = self.path.stat()
        same = (root.st_dev, root.st_ino) == (mine.st_dev, mine.st_ino)
        return pid if comm == "systemd\n" and same else None

    def boot(self):
        if self.pid:
            return
        self.ccache.mkdir(parents=True, exist_ok=True)
        with open(self.home / "boot.log", "ab") as log:
            booting = subprocess.Popen(
                [HERE / "boot", self.path, ARCHIVES, "/var/cache/apt/archives",
                 self.ccache, "/root/.cache/ccache"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + 60
        while not self.pid:
            if booting.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("install: the root did not boot: "
                                 + (self.home / "boot.log").read_text()[-2000:])
            time.sleep(0.1)
            self.booted.write_text(f"{self.find_first(booting.pid)} {booting.pid}")
        while self.shell("systemctl is-system-running", check=False, stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL).stdout != "running\n":
            if time.monotonic() > deadline:
                self.shell("systemctl --failed; systemctl list-jobs; exit 1")
            time.sleep(0.1)

    def find_first(self, pid):
        """The process at the end of the line of only children below `pid`."""
        while True:
            listed = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            if not listed:
                return str(pid)
            pid = listed[0]
            comm = pathlib.Path(f"/proc/{pid}/comm").read_text()
            if comm == "systemd\n":
                return pid

    def shell(self, script, check=True, **options):
        """Types `script` inside as root, in the checkout."""
        options = {"stdin": subprocess.DEVNULL, "text": True, **options}
        done = subprocess.run(
            ["nsenter", "--target", str(self.pid), "--all", "--", "env", "-i", f"PATH={PATH}",
             "HOME=/root", "LANG=C.UTF-8", "bash", "-e", "-c", f"cd {CHECKOUT}\n{script}"],
            **options)
        if check and done.returncode != 0:
            said = (done.stdout or "") + (done.stderr or "")
            raise AssertionError(f"exit status {done.returncode}: {script}\n{said[-5000:]}")
        return done

    def ask(self, script):
        """What `script` prints."""
        return self.shell(script, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          errors="replace").stdout.strip()

    def stop(self):
        if not self.pid:
            return
        first, boot = map(int, self.booted.read_text().split())
        os.kill(first, signal.SIGRTMIN + 4)  # poweroff.target
        deadline = time.monotonic() + 90
        while self.is_there(boot):
            if time.monotonic() > deadline and self.pid:
                os.kill(first, signal.SIGKILL)
            time.sleep(0.1)
        self.booted.unlink()

    @staticmethod
    def is_there(pid):
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            pass  # started by an earlier call of this script
        return pathlib.Path(f"/proc/{pid}").exists()

    def remove(self):
        self.stop()
        # Nothing may be mounted there: what is removed would be this machine's.
        if str(self.path) in pathlib.Path("/proc/self/mountinfo").read_text():
            raise SystemExit(f"install: something is mounted below {self.path}; not removing it")
        shutil.rmtree(self.home)
