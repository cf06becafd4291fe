"""Workers that are killed, stopped or doubled lose nothing that was acknowledged."""

import os
import pathlib
import random
import signal
import threading
import time

import events
from load import Load
from stack import LONG, Stack, StackTest, wait_for
from stand_ins import StandIn


class Killed(StackTest):
    def test_every_event_answered_200_is_in_the_database_after_kill_9(self):
        portal = self.stack.install()
        kills = 200 if LONG else 15
        away = []

        with Load(self.stack, portal) as load:
            for _ in range(kills):
                time.sleep(random.uniform(0.05, 0.5))
                [pid] = wait_for(self.stack.worker_pids, what="a worker")
                os.kill(pid, signal.SIGKILL)
                began = time.monotonic()
                wait_for(lambda: self.stack.worker_pids() not in ([], [pid]), what="a new worker")
                wait_for(self.stack.is_ready, what="readiness")
                away.append(time.monotonic() - began)

        print(f"[{kills} kills, {len(load.acknowledged)} acknowledged, {len(load.refused)} not,"
              f" back after {sorted(away)[len(away) // 2]:.2f} s, at most {max(away):.2f} s] ",
              end="")
        self.assertEqual(load.lost(), set())
        self.assertEqual(load.twice(), [])
        self.assertGreater(len(load.acknowledged), kills)
        self.assertEqual(load.refused, [])
        self.assertEqual(self.stack.sql("PRAGMA integrity_check"), [{"integrity_check": "ok"}])
        self.assertLess(sorted(away)[kills // 4], 1.0)  # the slowest tell how busy the machine is

    def test_a_proof_survives_the_death_of_its_worker(self):
        self.stand_in.fault("token", "down")
        portal = events.Portal()
        portal.issued = self.stand_in.issue(portal.member_id)
        self.check_answer(self.stack.post(portal.install()), 200, "accepted")
        self.check_answer(self.stack.post(portal.delete(1, "later")), 200, "accepted")

        [pid] = wait_for(self.stack.worker_pids)
        os.kill(pid, signal.SIGKILL)
        self.stand_in.fault("token", "none", 0)

        wait_for(lambda: [e["status"] for e in self.stack.events(portal)] == ["applied"] * 2, 90)
        self.assertEqual(len(self.stack.messages(portal)), 1)


class Restarted(StackTest):
    def test_a_worker_that_is_told_to_stop_fails_no_request(self):
        portal = self.stack.install()

        with Load(self.stack, portal) as load:
            for _ in range(20 if LONG else 5):
                time.sleep(0.4)
                [pid] = wait_for(self.stack.worker_pids)
                os.kill(pid, signal.SIGTERM)
                wait_for(lambda: self.stack.worker_pids() not in ([], [pid]))

        self.assertEqual(load.refused, [])
        self.assertEqual(load.lost(), set())
        self.assertGreater(len(load.acknowledged), 20)

    def test_a_stopped_stack_comes_back_with_everything(self):
        stand_in = StandIn()
        self.addCleanup(stand_in.stop)
        stack = Stack(stand_in).start()
        self.addCleanup(stack.remove)
        portal = stack.install()
        with Load(stack, portal, clients=2) as load:
            time.sleep(0.3)
        self.assertEqual(stack.stop(), 0)

        stack.start()

        self.assertEqual(load.lost(), set())
        self.check_answer(stack.post(portal.delete(1_000_000, "after")), 200, "accepted")
        self.assertEqual(stack.stop(signal.SIGTERM), 0)


class TwoWorkers(StackTest):
    workers = 2

    def cpu(self, pid):
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    def test_two_workers_on_one_database_lose_nothing_and_take_nothing_twice(self):
        portal = self.stack.install()
        pids = self.stack.worker_pids()
        self.assertEqual(len(pids), 2)
        before = [self.cpu(pid) for pid in pids]

        with Load(self.stack, portal, clients=6) as load:
            time.sleep(20 if LONG else 4)

        self.assertEqual(load.refused, [])
        self.assertEqual(load.lost(), set())
        self.assertEqual(load.twice(), [])
        self.assertGreater(len(load.acknowledged), 50)
        used = [self.cpu(pid) - b for pid, b in zip(pids, before)]
        self.assertTrue(all(used), f"one worker did nothing: {used}")

    def test_of_the_same_event_at_both_workers_one_is_the_duplicate(self):
        portal = self.stack.install()
        for number in range(1, 31):
            body = portal.delete(number, f"race-{number}")
            words = []
            threads = [threading.Thread(
                target=lambda: words.append(self.stack.post(body).json["status"]))
                for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            # A worker that waits too long for the other spools; that one is taken in later.
            self.assertLessEqual(words.count("accepted"), 1)
            self.assertLessEqual(set(words), {"accepted", "duplicate", "spooled"})
        wait_for(lambda: len(self.stack.messages(portal)) == 30, 30)
        self.assertEqual(len(self.stack.deliveries(portal)), 30)

    def test_both_can_be_killed(self):
        portal = self.stack.install()
        with Load(self.stack, portal) as load:
            for _ in range(4):
                time.sleep(0.3)
                for pid in self.stack.worker_pids():
                    os.kill(pid, signal.SIGKILL)
                wait_for(lambda: len(self.stack.worker_pids()) == 2)
                wait_for(self.stack.is_ready)
        self.assertEqual(load.refused, [])
        self.assertEqual(load.lost(), set())
        self.assertEqual(load.twice(), [])
