"""The clock jumps by hours, forwards and backwards (Debian's faketime, in the release build)."""

import pathlib
import time

from ground import RELEASE, ChaosTest, make_wrapper
from stack import LONG, Stack

FAKETIME = next(pathlib.Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
JUMPS = ("+3h", "+0", "-5h", "+0", "+26h", "-2h") * (20 if LONG else 1)


class ClockJumps(ChaosTest):
    @classmethod
    def setUpClass(cls):
        assert RELEASE.exists() and FAKETIME, "no release build or faketime: scripts/test has both"
        super().setUpClass()

    # Signatures tell the time, and a channel rightly refuses those of another hour.
    channel_secret = None

    def make_stack(self):
        stack = Stack(self.stand_in, channel=self.channel, **self.settings())
        self.offset = stack.home / "offset"
        self.set_clock("+0")
        stack.binary = make_wrapper(
            stack.home / "imrelay-with-a-clock", RELEASE, LD_PRELOAD=FAKETIME,
            FAKETIME_TIMESTAMP_FILE=self.offset, FAKETIME_NO_CACHE="1",
            FAKETIME_DONT_FAKE_MONOTONIC="1")
        return stack

    def set_clock(self, offset):
        fresh = self.offset.with_suffix(".new")
        fresh.write_text(offset + "\n")
        fresh.rename(self.offset)

    def test_a_clock_that_jumps(self):
        """Wherever the clock jumps to: nothing acknowledged is lost, doubled or misplaced."""
        with self.traffic(pause=0.1) as traffic:
            for offset in JUMPS:
                time.sleep(1)
                self.set_clock(offset)
            time.sleep(1)
        self.judge(traffic, jumps=len(JUMPS))
