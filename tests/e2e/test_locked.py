"""A database that somebody else holds: late or refused, but never lost."""

import subprocess
import threading
import time

from stack import StackTest, wait_for


class Locked(StackTest):
    def hold(self):
        """An sqlite3 shell inside a write transaction."""
        shell = subprocess.Popen(["sqlite3", self.stack.database], stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, text=True)
        shell.stdin.write("PRAGMA busy_timeout=5000;BEGIN IMMEDIATE; SELECT 'held';\n")
        shell.stdin.flush()
        self.assertEqual(shell.stdout.readline(), "5000\n")
        self.assertEqual(shell.stdout.readline(), "held\n")
        return shell

    def release(self, shell):
        shell.communicate("ROLLBACK;\n", timeout=10)

    def test_a_short_lock_only_delays(self):
        portal = self.stack.install()
        shell = self.hold()
        threading.Timer(1.0, self.release, [shell]).start()

        began = time.monotonic()
        answer = self.stack.post(portal.delete(1, "short"))

        self.check_answer(answer, 200, "accepted")
        self.assertGreater(time.monotonic() - began, 0.5)
        self.assertEqual(len(self.stack.messages(portal)), 1)

    def test_under_a_long_lock_events_are_spooled_and_in_the_database_afterwards(self):
        portal = self.stack.install()
        shell = self.hold()
        answers = {}

        def post(number):
            answers[number] = self.stack.post(portal.delete(number, f"long-{number}"), timeout=90)

        threads = [threading.Thread(target=post, args=(n,)) for n in range(1, 9)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for answer in answers.values():
            self.check_answer(answer, 200, "spooled")
        self.assertEqual(self.stack.messages(portal), [])
        self.release(shell)

        wait_for(lambda: len(self.stack.messages(portal)) == 8, 30, "the intake")
        self.assertEqual({e["source"] for e in self.stack.events(portal)[1:]}, {"spool"})
        again = self.stack.post(portal.delete(100, "after"))
        self.check_answer(again, 200)

    def test_readers_do_not_delay(self):
        portal = self.stack.install()
        shell = subprocess.Popen(["sqlite3", "-readonly", self.stack.database],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        shell.stdin.write("BEGIN; SELECT count(*) FROM messages;\n")
        shell.stdin.flush()
        shell.stdout.readline()

        self.check_answer(self.stack.post(portal.delete(1, "read")), 200, "accepted")

        shell.communicate("COMMIT;\n", timeout=10)
