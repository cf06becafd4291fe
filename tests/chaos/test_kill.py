"""Processes that are killed or stopped at any moment."""

import os
import random
import signal
import time

from ground import ChaosTest
from stack import LONG, wait_for

KILLS = 1000 if LONG else 10
STOPS = 20 if LONG else 3


class Killed(ChaosTest):
    workers = 2

    def test_kill_9_at_any_moment(self):
        """Whenever a worker is killed: nothing acknowledged is lost, doubled or misplaced."""
        with self.traffic(pause=0.05) as traffic:
            for turn in range(KILLS):
                time.sleep(random.uniform(0.05, 0.6))
                of = "spooler" if turn % 5 == 4 else "worker"
                pids = wait_for(lambda: self.stack.worker_pids(of), what="somebody to kill")
                os.kill(random.choice(pids), signal.SIGKILL)
                self.reopen_dead_portals()
            self.await_new_worker()
        # What a worker died over may be with the spooler when that dies.
        self.judge(traffic, may_refuse=True, kills=KILLS)


class Stopped(ChaosTest):
    def test_a_worker_that_hangs(self):
        """While a worker hangs, and after: nothing acknowledged is lost, doubled or misplaced."""
        with self.traffic(pause=0.05) as traffic:
            for _ in range(STOPS):
                time.sleep(random.uniform(0.2, 0.6))
                [pid] = self.kill_workers(signal.SIGSTOP)
                time.sleep(random.uniform(1, 5))  # nginx waits for three
                os.kill(pid, signal.SIGCONT)
            wait_for(self.stack.is_ready)
        self.judge(traffic, stops=STOPS)
