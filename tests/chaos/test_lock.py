"""Another program holds the database."""

import time

from ground import ChaosTest
from stack import LONG, locked

HELD = 60 if LONG else 8  # seconds; the worker itself waits five


class Locked(ChaosTest):
    def test_a_database_that_is_locked(self):
        """While another program holds the database, and after: nothing acknowledged is lost."""
        with self.traffic(pause=0.2) as traffic:
            time.sleep(0.5)
            with locked(self.stack.database):
                time.sleep(HELD)
            before = traffic.acknowledged
            traffic.go_on_until(lambda: traffic.acknowledged > before + 5, 60, "answers")
        self.judge(traffic, seconds=HELD)
