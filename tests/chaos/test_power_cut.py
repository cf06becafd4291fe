"""The power is cut under load: what was not synced is gone."""

import os
import random
import signal
import time

from ground import RELEASE, ChaosTest, make_wrapper
from judge import Judge
from power_cut import LIBRARY, PowerCut
from stack import LONG, Stack, wait_for

CUTS = 300 if LONG else 10


class PowerIsCut(ChaosTest):
    @classmethod
    def setUpClass(cls):
        assert RELEASE.exists() and LIBRARY.exists(), "no release build: scripts/test makes it"
        super().setUpClass()

    def make_stack(self):
        stack = Stack(self.stand_in, channel=self.channel, database="data/imrelay.db",
                      **self.settings())
        self.cut = PowerCut(stack.database.parent, stack.home / "kept")
        stack.binary = stack.home / "imrelay-followed"
        return stack

    def follow(self, **environment):
        make_wrapper(self.stack.binary, RELEASE, **self.cut.environment(), **environment)

    def prepare(self):
        self.follow()
        self.cut.begin()

    def cut_power(self, random=None):
        held = self.kill_everybody()
        self.cut.restore(random)
        for pid in held:
            os.kill(pid, signal.SIGCONT)
        wait_for(self.stack.worker_pids, what="a new worker")

    def test_power_cuts(self):
        """Whenever the power is cut: nothing acknowledged is lost, doubled or misplaced."""
        chance = random.Random(7)
        with self.traffic(pause=0.02) as traffic:
            for turn in range(CUTS):
                before = traffic.acknowledged
                traffic.go_on_until(lambda: traffic.acknowledged > before + 10, 60, "answers")
                time.sleep(chance.uniform(0, 0.5))
                self.cut_power(chance if turn % 2 else None)
        self.judge(traffic, may_refuse=True, cuts=CUTS)  # for a moment nobody is there

    def test_power_cuts_while_the_spooler_writes(self):
        """Whenever the power is cut: nothing spooled is lost, doubled or misplaced."""
        chance = random.Random(8)
        with self.traffic(pause=0.02) as traffic:
            for turn in range(CUTS // 2):
                with self.no_worker_reached():
                    before = traffic.spooled
                    traffic.go_on_until(lambda: traffic.spooled > before + 10, 60, "the spooler")
                    time.sleep(chance.uniform(0, 0.5))
                    self.cut_power(chance if turn % 2 else None)
        self.judge(traffic, may_refuse=True, cuts=CUTS // 2)

    def test_a_disk_that_lies_is_found_out(self):
        """Where no sync counts, what was acknowledged is lost, and the judge says so."""
        self.follow(POWER_CUT_FORGETS="1")
        former = self.kill_workers()
        self.await_new_worker(*former)
        with self.traffic(operators=False) as traffic:
            traffic.go_on_until(lambda: traffic.acknowledged > 20, 60, "answers")
        self.cut_power()
        wait_for(self.stack.is_ready, 60)
        findings = Judge(self.evidence(traffic, ended=False)).judge()
        self.assertIn("lost", {finding.kind for finding in findings})
