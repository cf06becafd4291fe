#!/usr/bin/env python3
"""Types the README's installation into a bare Debian 12 and checks what comes of it.

Usage: run.py [--root DIRECTORY] [STAGE…]

The stages are make, boot, type, check and stop; without one, all of them. Without --root, the
Debian is made in a temporary directory and removed at the end; with it, it is kept, and what was
done is not done again. Needs root rights and what `scripts/packages install-test` installs.
"""

import argparse
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import guide  # noqa: E402
from root import Root  # noqa: E402

STAGES = ("make", "boot", "type", "check", "stop")


def make(root):
    root.make()
    root.copy_tree()
    downloaded = root.home / "downloaded"
    if not downloaded.exists():
        root.download(guide.package_lines())
        downloaded.touch()
    editor = root.path / "usr" / "local" / "bin" / "editor"
    editor.write_text(guide.EDITOR)
    editor.chmod(0o755)


def type_steps(root):
    """Types each block that was not typed yet."""
    typed = root.home / "typed"
    done = int(typed.read_text()) if typed.exists() else 0
    for number, block in enumerate(guide.steps()):
        if number < done:
            continue
        print(f"\n--- as the README says, step {number + 1}:\n{block}", flush=True)
        if "nginx -t" in block:
            root.shell(guide.CERTIFICATE)
        root.ask(block)
        typed.write_text(str(number + 1))


def check(root):
    """The checks, a reboot, and what has to be there after it; returns the exit status."""
    before = check_files(root, "test_*.py")
    root.stop()
    root.boot()
    return check_files(root, "after_*.py") or before


def check_files(root, files):
    # In the root's network, with this machine's Python.
    return subprocess.run(
        ["nsenter", f"--net=/proc/{root.pid}/ns/net", "--", sys.executable, HERE / "check.py",
         root.home, files]).returncode


def wanting():
    """What this cannot do without and is not here."""
    if os.geteuid() != 0:
        return "root rights"
    for program in ("debootstrap", "unshare", "nsenter", "setpriv"):
        if not shutil.which(program):
            return f"{program}; scripts/packages install-test installs it"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--root", help="where to keep the Debian")
    parser.add_argument("stages", nargs="*", choices=[[], *STAGES], metavar="STAGE")
    options = parser.parse_args()
    if lacking := wanting():
        raise SystemExit(f"install: this needs {lacking}")
    # So that what was started and made goes away then too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    home = options.root or tempfile.mkdtemp(prefix="imrelay-install.")
    root = Root(home)
    stages = options.stages or STAGES
    status = 0
    try:
        for stage in stages:
            if stage == "check":
                status = check(root)
            else:
                {"make": make, "boot": Root.boot, "type": type_steps, "stop": Root.stop}[stage](root)
    finally:
        if not options.root:
            root.remove()
    return status


if __name__ == "__main__":
    sys.exit(main())
