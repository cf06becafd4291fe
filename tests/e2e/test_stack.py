"""scripts/stack and scripts/run: starting, stopping, and what stands in the way."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time
import unittest

import fcgi
from stack import BINARY, Stack, StackTest, children, free_port, wait_for
from stand_ins import BUILD, TREE, StandIn, request

RELEASE = TREE / "build" / "release" / "imrelay"


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def descendants(pid):
    found = [pid]
    for child in children(pid):
        found += descendants(child)
    return found


class Starting(unittest.TestCase):
    def make(self, **options):
        stack = Stack(**options)
        self.addCleanup(stack.remove)
        self.addCleanup(lambda: stack.process and stack.process.kill())
        return stack

    def ends_with(self, stack, status, *words):
        self.assertEqual(stack.process.wait(60), status, stack.printed())
        stack.output.close()
        for word in words:
            self.assertIn(word, stack.printed())

    def check_stops(self, how):
        stack = self.make().start()
        everything = descendants(stack.process.pid)
        # The script, 3 of nginx, 2 multiwatch, worker, spooler.
        self.assertGreaterEqual(len(everything), 8)
        self.assertEqual(stack.stop(how), 0)
        wait_for(lambda: not any(map(alive, everything)), what="the end of every process")
        self.assertEqual([path.name for path in stack.state.glob("*.sock")], [])
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", stack.port))
        return stack

    def test_sigint_stops_everything(self):
        self.check_stops(signal.SIGINT)

    def test_sigterm_stops_everything_and_the_same_state_starts_again(self):
        stack = self.check_stops(signal.SIGTERM)
        configuration = stack.state / "imrelay.toml"
        configuration.write_text(configuration.read_text() + "# mine\n")
        stack.start()
        self.assertEqual(stack.stop(), 0)
        self.assertIn("# mine", configuration.read_text())

    def test_a_killed_script_leaves_nothing_running(self):
        stack = self.make().start()
        everything = descendants(stack.process.pid)
        stack.process.kill()
        stack.process.wait()
        wait_for(lambda: not any(map(alive, everything)), what="the end of every process")
        stack.output.close()
        stack.start()
        self.assertEqual(stack.stop(), 0)

    def test_a_second_start_on_the_same_state_says_so(self):
        stack = self.make().start()
        second = self.make(state=stack.state)
        second.spawn()
        self.ends_with(second, 1, "running already", str(stack.state), "IMRELAY_STATE")
        self.assertEqual(stack.get("/readyz").status, 200)
        self.assertEqual(stack.stop(), 0)

    def test_a_port_in_use_is_named(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen(1)
            stack = self.make()
            stack.port = taken.getsockname()[1]
            stack.spawn()
            self.ends_with(stack, 1, str(stack.port), "in use", "IMRELAY_PORT")

    def test_a_port_that_is_none_is_named(self):
        for port in ("0", "65536", "http", "80 80", ""):
            stack = self.make()
            stack.port = port
            stack.spawn()
            self.ends_with(stack, 1, "IMRELAY_PORT", f"'{port}'")

    def test_a_part_that_dies_stops_the_rest(self):
        for name in ("nginx", "workers", "spooler"):
            stack = self.make().start()
            everything = descendants(stack.process.pid)
            victim = (stack.nginx() if name == "nginx" else
                      stack.supervisor("worker" if name == "workers" else name))
            os.kill(victim, signal.SIGKILL)
            self.ends_with(stack, 1, name, "by itself")
            wait_for(lambda: not any(map(alive, everything)), what="the end of every process")

    def test_a_long_path_with_blanks_and_umlauts(self):
        stack = self.make()
        stack.state = stack.home / ("büro und mehr " * 8) / "state"
        stack.start()
        self.assertEqual(stack.get("/bitrix24/event").status, 200)
        self.assertIn("socket", stack.printed())
        self.assertEqual(stack.stop(), 0)

    def test_a_wrong_configuration_is_shown_and_nothing_is_left(self):
        stack = self.make()
        stack.state.mkdir()
        (stack.state / "imrelay.toml").write_text("[database]\nnosuch = 1\n")
        stack.spawn()
        self.ends_with(stack, 1, "database.nosuch")
        self.assertEqual(len(stack.printed().splitlines()), 1, stack.printed())

    @unittest.skipUnless(os.getuid() == 0, "needs root to become somebody else")
    def test_another_user_can_run_it_too(self):
        stack = self.make()
        stack.state.mkdir()
        shutil.chown(stack.state, "nobody")
        os.chmod(stack.home, 0o755)
        binary = stack.home / "imrelay"  # the tree may be closed to others
        shutil.copy(BINARY, binary)
        tree = stack.home / "tree"
        for part in ("scripts", "nginx"):
            shutil.copytree(TREE / part, tree / part)
        process = subprocess.Popen(
            ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups", "--",
             tree / "scripts" / "stack", binary, stack.state, str(stack.port)],
            env=stack.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.addCleanup(process.kill)

        def ready():
            self.assertIsNone(process.poll(), "it ended")
            try:
                return request(stack.port, "GET", "/readyz").status == 200
            except OSError:
                return False

        wait_for(ready, 60)
        self.assertEqual(request(stack.port, "POST", "/bitrix24/event", b"x").status, 415)
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0, output)

    def test_the_demo_shows_every_step_and_stops_at_once(self):
        stack = self.make()
        with open(stack.home / "output", "wb") as output:
            stack.process = subprocess.Popen(
                [TREE / "scripts" / "demo", BUILD, stack.state, str(stack.port)],
                stdout=output, stderr=output, start_new_session=True)
        stack.output = output
        wait_for(lambda: "It keeps running" in stack.printed() or stack.process.poll(), 60)
        shown = stack.printed()
        for words in ('ONAPPINSTALL -> {"status":"accepted"}', " active ",
                      'ONIMCONNECTORMESSAGEDELETE -> {"status":"duplicate"}',
                      '"reason":"message_deleted"', "ext-msg-005 there", "ext-msg-008 deleted",
                      "imconnector.send.status.delivery", "message.deleted"):
            self.assertIn(words, shown)
        everything = descendants(stack.process.pid)
        self.assertEqual(stack.stop(), 0)
        wait_for(lambda: not any(map(alive, everything)), what="the end of every process")

    def test_a_demo_takes_no_other_service_for_its_own(self):
        other = self.make().start()
        self.addCleanup(other.stop)
        demo = [TREE / "scripts" / "demo", BUILD, other.home / "demo", str(other.port)]
        done = subprocess.run(demo, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn(f"port {other.port} on 127.0.0.1 is in use. Set IMRELAY_PORT", done.stderr)

        free = [*demo[:3], str(free_port())]
        with subprocess.Popen(free, stdout=subprocess.PIPE, text=True) as first:
            for line in first.stdout:
                if "It keeps running" in line:
                    break
            done = subprocess.run(free, capture_output=True, text=True, timeout=60)
            first.send_signal(signal.SIGINT)
            first.stdout.read()
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr, f"demo: a demo is running already in {other.home}/demo\n")


class Release(StackTest):
    """What users run: the release build is back within a second of a kill."""

    @classmethod
    def setUpClass(cls):
        assert RELEASE.exists(), "no release build: scripts/test makes it"
        cls.stand_in = StandIn()
        cls.addClassCleanup(cls.stand_in.stop)
        cls.stack = Stack(cls.stand_in, binary=RELEASE)
        cls.addClassCleanup(cls.stack.remove)
        cls.addClassCleanup(cls.stop_stack)
        cls.stack.start()

    def test_a_killed_worker_is_back_within_a_second(self):
        portal = self.stack.install()
        away = []
        for number in range(1, 6):
            [pid] = wait_for(self.stack.worker_pids)
            os.kill(pid, signal.SIGKILL)
            began = time.monotonic()
            # The one that dies may have taken it: then the spooler answers.
            self.assertEqual(self.stack.post(portal.delete(number, f"back-{number}")).status, 200)
            wait_for(lambda: self.stack.worker_pids() not in ([], [pid]) and self.stack.is_ready())
            away.append(time.monotonic() - began)
        self.assertLess(sorted(away)[1], 1.0)  # the slowest tell how busy the machine is

    def test_a_killed_spooler_is_back_within_a_second(self):
        asked = fcgi.head("/bitrix24/event", "GET", 0) + fcgi.body(b"")
        away = []
        for _ in range(5):
            [pid] = wait_for(lambda: self.stack.worker_pids("spooler"))
            os.kill(pid, signal.SIGKILL)
            began = time.monotonic()
            # The one that dies may have accepted the first.
            wait_for(lambda: fcgi.exchange(self.stack.state / "spooler.sock", asked)[0] == 200)
            away.append(time.monotonic() - began)
        self.assertLess(sorted(away)[1], 1.0)

    def test_the_packages_are_there_without_asking_apt(self):
        done = subprocess.run([TREE / "scripts" / "packages", "test"], capture_output=True,
                              text=True, timeout=60)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_run_refuses_options_it_does_not_know(self):
        done = subprocess.run([TREE / "scripts" / "run", "--nosuch"], capture_output=True,
                              text=True, timeout=60)
        self.assertEqual(done.returncode, 2)
        self.assertIn("--demo", done.stderr)
