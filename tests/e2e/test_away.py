"""Workers that are away, hang, die, are replaced; nginx that reloads and restarts: under load all is
answered 200, and what was answered is in the journal, each event once."""

import os
import random
import shutil
import signal
import subprocess
import time

import events
from load import Load
from stack import LONG, StackTest, children, free_port, wait_for
from stand_ins import request

SECONDS = 60 if LONG else 4


class Away(StackTest):
    def setUp(self):
        self.portal = self.stack.install()

    def check(self, load, least=20, refused=()):
        print(f"[{len(load.acknowledged)} acknowledged, {load.words['spooled']} of them spooled,"
              f" {len(load.refused)} refused] ", end="", flush=True)
        self.assertEqual([answer for answer in load.refused if not isinstance(answer, refused)], [])
        self.assertEqual(load.lost(), set())
        self.assertEqual(load.twice(), [])
        in_the_mapping = len(self.stack.messages(self.portal))
        self.assertEqual(load.journalled(), in_the_mapping)
        # What was cut off before its answer may have come in or not.
        self.assertLessEqual(len(load.acknowledged), in_the_mapping)
        self.assertLessEqual(in_the_mapping, len(load.acknowledged) + len(load.refused))
        self.assertGreater(len(load.acknowledged), least)

    def everything_of_the_worker(self):
        return [self.stack.supervisor(), *wait_for(self.stack.worker_pids)]

    def stop_worker(self):
        """Worker and supervisor stand still, so nothing comes back by itself."""
        pids = self.everything_of_the_worker()
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        self.addCleanup(self.go_on, pids)
        return pids

    @staticmethod
    def go_on(pids):
        for pid in pids:
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                pass

    def test_a_worker_that_hangs(self):
        with Load(self.stack, self.portal, prefix="hung") as load:
            time.sleep(0.5)
            pids = self.stop_worker()
            time.sleep(SECONDS)
            self.assertGreater(load.words["spooled"], 0)
            self.go_on(pids)
            time.sleep(2.5)
        self.check(load)

    def test_a_worker_that_is_gone(self):
        """Its socket refuses, as when nothing holds it."""
        with Load(self.stack, self.portal, prefix="gone") as load:
            time.sleep(0.5)
            aside = self.stack.state / "aside.sock"
            os.rename(self.stack.socket_path, aside)
            time.sleep(SECONDS)
            self.assertGreater(load.words["spooled"], 0)
            os.rename(aside, self.stack.socket_path)
            time.sleep(2.5)
        self.check(load)

    def test_a_worker_that_cannot_come_back(self):
        """It dies, and what waits in its backlog has nobody to answer it."""
        with Load(self.stack, self.portal, prefix="dead") as load:
            time.sleep(0.5)
            supervisor, worker = self.everything_of_the_worker()
            os.kill(supervisor, signal.SIGSTOP)
            self.addCleanup(self.go_on, [supervisor])
            os.kill(worker, signal.SIGKILL)
            time.sleep(SECONDS)
            self.assertGreater(load.words["spooled"], 0)
            self.go_on([supervisor])
            wait_for(self.stack.is_ready, what="readiness")
            time.sleep(2.5)
        self.check(load)

    def test_a_worker_that_is_killed_again_and_again(self):
        kills = 1000 if LONG else 8
        with Load(self.stack, self.portal, prefix="killed") as load:
            for _ in range(kills):
                time.sleep(random.uniform(0.02, 0.4))
                [pid] = wait_for(self.stack.worker_pids, what="a worker")
                os.kill(pid, signal.SIGKILL)
                wait_for(lambda: self.stack.worker_pids() not in ([], [pid]), 60, "the next one")
        print(f"[{kills} kills] ", end="")
        self.check(load)

    def test_workers_and_spoolers_that_are_replaced_under_load(self):
        upgrades = 20 if LONG else 4
        with Load(self.stack, self.portal, prefix="upgraded") as load:
            for _ in range(upgrades):
                for of in ("worker", "spooler"):
                    time.sleep(0.3)
                    [pid] = wait_for(lambda: self.stack.worker_pids(of))
                    os.kill(pid, signal.SIGTERM)
                    wait_for(lambda: self.stack.worker_pids(of) not in ([], [pid]), 60)
        print(f"[{upgrades} upgrades] ", end="")
        self.check(load)

    def test_a_spooler_that_is_killed_while_no_worker_answers(self):
        """Again and again, but once within a request at most: it stands twice in the upstream."""
        with Load(self.stack, self.portal, prefix="both") as load:
            pids = self.stop_worker()
            for _ in range(20 if LONG else 4):
                spooled = load.words["spooled"]
                wait_for(lambda: load.words["spooled"] > spooled + 2 * len(load.threads), 60,
                         "more spooled events")
                [pid] = wait_for(lambda: self.stack.worker_pids("spooler"))
                os.kill(pid, signal.SIGKILL)
                wait_for(lambda: self.stack.worker_pids("spooler") not in ([], [pid]))
            self.go_on(pids)
        self.check(load)

    def test_an_installation_is_spooled_too_and_proven_afterwards(self):
        portal = events.Portal()
        portal.issued = self.stand_in.issue(portal.member_id)
        aside = self.stack.state / "aside.sock"
        os.rename(self.stack.socket_path, aside)
        self.check_answer(self.stack.post(portal.install(), "/bitrix24/install"), 200, "spooled")
        self.check_answer(self.stack.post(portal.delete(1, "early")), 200, "spooled")
        os.rename(aside, self.stack.socket_path)
        wait_for(lambda: self.stack.portal_status(portal) == "active", 60, "the proof")
        wait_for(lambda: self.stack.messages(portal), 60, "the deletion")
        self.assertEqual({e["source"] for e in self.stack.events(portal)}, {"spool"})

    # --- nginx

    def test_nginx_reloads_again_and_again(self):
        reloads = 20 if LONG else 5
        with Load(self.stack, self.portal, prefix="reload") as load:
            for _ in range(reloads):
                time.sleep(0.3)
                before = children(self.stack.nginx())
                os.kill(self.stack.nginx(), signal.SIGHUP)
                wait_for(lambda: set(children(self.stack.nginx())) - set(before))
        print(f"[{reloads} reloads] ", end="")
        self.check(load)

    def test_nginx_restarts_again_and_again(self):
        """One of the test's own, in front of the same processes: the stack ends with its own."""
        front = OtherNginx(self.stack)
        self.addCleanup(front.remove)
        with Load(front, self.portal, prefix="restart") as load:
            for _ in range(20 if LONG else 5):
                front.start()
                time.sleep(0.4)
                front.stop()
        # While it is away nobody listens; whatever it took is answered.
        self.check(load, refused=OSError)


class OtherNginx:
    def __init__(self, stack):
        self.home = stack.home / "other-nginx"
        self.home.mkdir()
        self.stack = stack
        self.port = free_port()
        conf = (stack.state / "nginx.conf").read_text()
        conf = conf.replace(f"127.0.0.1:{stack.port}", f"127.0.0.1:{self.port}")
        (self.home / "nginx.conf").write_text(
            conf.replace(f'"{stack.state}/nginx/', f'"{self.home}/')
                .replace(f'"{stack.state}/logs/', f'"{self.home}/'))
        self.process = None

    def __getattr__(self, name):
        return getattr(self.stack, name)

    def post(self, body):
        time.sleep(0.01)  # while nobody listens, the clients would do nothing but fail
        return request(self.port, "POST", "/bitrix24/event", body,
                       {"Content-Type": "application/x-www-form-urlencoded"})

    def answers(self):
        try:
            return request(self.port, "GET", "/bitrix24/event").status == 200
        except OSError:
            return False

    def start(self):
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", "--",
             shutil.which("nginx", path="/usr/sbin:/usr/bin"), "-e", self.home / "error.log",
             "-p", self.home, "-c", self.home / "nginx.conf", "-g", "daemon off;"],
            stdin=subprocess.DEVNULL)
        wait_for(self.answers, what="nginx")

    def stop(self):
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(20)

    def remove(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
