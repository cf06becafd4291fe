"""The network to the channel and to the portals is slow, breaks, and is cut."""

import time

from ground import ChaosTest
from lossy_link import LossyLink
from stack import LONG, Stack

CUT = 60 if LONG else 2  # seconds
ROUNDS = 5 if LONG else 1
SHARE = 0.06
AT_PORTAL = ("down", "drop_after", "cut", "slow")


class NetworkFails(ChaosTest):
    def make_stack(self):
        self.link = LossyLink(self.channel.port, SHARE)
        self.addCleanup(self.link.stop)
        return Stack(self.stand_in, channel=self.link, **self.settings())

    def test_a_network_that_fails(self):
        """Whatever the network does: nothing acknowledged is lost, doubled or misplaced."""
        for mode in AT_PORTAL:
            self.stand_in.fault("rest", mode, share=SHARE / len(AT_PORTAL), delay_ms=500)
        with self.traffic(pause=0.1) as traffic:
            for _ in range(ROUNDS):
                time.sleep(2)
                self.link.cut = True
                self.stand_in.fault("token", "down")
                time.sleep(CUT)
                self.link.cut = False
                self.stand_in.fault("token", "none", 0)
        self.judge(traffic, broken=self.link.broken, stalled=self.link.stalled)
