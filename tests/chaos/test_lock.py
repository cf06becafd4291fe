"""Another program holds the database."""

import subprocess
import time

from ground import ChaosTest
from stack import LONG

HELD = 60 if LONG else 8  # seconds; the worker itself waits five


class Locked(ChaosTest):
    def test_a_database_that_is_locked(self):
        """While another program holds the database, and after: nothing acknowledged is lost."""
        with self.traffic(pause=0.2) as traffic:
            time.sleep(0.5)
            shell = subprocess.Popen(["sqlite3", self.stack.database], stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, text=True)
            shell.stdin.write("PRAGMA busy_timeout=5000; BEGIN IMMEDIATE; SELECT 'held';\n")
            shell.stdin.flush()
            self.assertEqual(shell.stdout.readline(), "5000\n")
            self.assertEqual(shell.stdout.readline(), "held\n")
            time.sleep(HELD)
            shell.communicate("ROLLBACK;\n", timeout=10)
            before = traffic.acknowledged
            traffic.go_on_until(lambda: traffic.acknowledged > before + 5, 60, "answers")
        self.judge(traffic, seconds=HELD)
