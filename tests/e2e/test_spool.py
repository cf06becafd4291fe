"""The database away under load: every event is kept, taken in once, and in its order."""

import contextlib
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import threading
import time

from stack import LONG, Stack, StackTest, StandIn, wait_for


@contextlib.contextmanager
def locked(database):
    """An sqlite3 shell inside a write transaction."""
    shell = subprocess.Popen(["sqlite3", database], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True)
    shell.stdin.write("PRAGMA busy_timeout=5000; BEGIN IMMEDIATE; SELECT 'held';\n")
    shell.stdin.flush()
    assert shell.stdout.readline() == "5000\n"
    assert shell.stdout.readline() == "held\n"
    try:
        yield
    finally:
        shell.communicate("ROLLBACK;\n", timeout=10)


class Chats:
    """Clients that each edit the message of one chat again and again, one edit after the other."""

    def __init__(self, stack, portal, clients=4):
        self.stack = stack
        self.portal = portal
        self.answers = []  # (chat, n, status, word)
        self.slowest = 0.0
        self.stopped = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(i,)) for i in range(clients)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        for thread in self.threads:
            thread.join()

    def run(self, chat):
        for n in range(1, 1_000_000):
            if self.stopped.is_set():
                return
            began = time.monotonic()
            answer = self.stack.post(self.portal.update(
                chat + 1, f"id-{chat}", text=str(n), chat=f"chat-{chat}", im_chat=100 + chat))
            self.slowest = max(self.slowest, time.monotonic() - began)
            word = answer.json.get("status") or answer.json.get("error")
            self.answers.append((chat, n, answer.status, word))

    def words(self):
        words = {}
        for _, _, status, word in self.answers:
            words[f"{status} {word}"] = words.get(f"{status} {word}", 0) + 1
        return words

    def count(self, chat):
        return sum(1 for one in self.answers if one[0] == chat)

    def texts(self, chat):
        """The edits of a chat as they are to be sent, in the order in which they were taken in."""
        database = self.stack.database
        rows = subprocess.run(
            ["sqlite3", "-readonly", database,
             "SELECT json_extract(payload, '$.text') FROM delivery WHERE kind = 'message.updated'"
             f" AND message_id = {chat + 1} ORDER BY delivery_id"],
            capture_output=True, text=True, check=True).stdout.split()
        return [int(text) for text in rows]


def spool_files(stack):
    return [path for name in ("spooler", "worker")
            for path in sorted((stack.state / "spool" / name).glob("*.spool"))]


class SpoolTest(StackTest):
    def check_kept(self, chats):
        wait_for(lambda: not spool_files(self.stack), 60, "the intake")
        for chat in range(len(chats.threads)):
            wait_for(lambda: len(chats.texts(chat)) >= chats.count(chat), 60, "the last edit")
            self.assertEqual(chats.texts(chat), list(range(1, chats.count(chat) + 1)), chat)

    def install_chats(self):
        portal = self.stack.install()
        for chat in range(4):
            answer = self.stack.post(portal.add(chat + 1, chat=f"chat-{chat}", im_chat=100 + chat))
            self.check_answer(answer, 200, "accepted")
        return portal


class Locked(SpoolTest):
    def test_a_locked_database_costs_nothing_and_nothing_overtakes(self):
        portal = self.install_chats()
        with Chats(self.stack, portal) as chats:
            time.sleep(1)
            for _ in range(1 if LONG else 2):
                with locked(self.stack.database):
                    time.sleep(60 if LONG else 4)
                time.sleep(2)
        print(f"[{chats.words()}, slowest {chats.slowest:.2f} s] ", end="")
        self.assertLessEqual(set(chats.words()), {"200 accepted", "200 spooled"})
        self.assertIn("200 spooled", chats.words())
        self.check_kept(chats)
        events = self.stack.events(portal)
        self.assertEqual(len(events), 1 + 4 + len(chats.answers))
        self.assertEqual(sum(e["source"] == "spool" for e in events),
                         chats.words()["200 spooled"])
        # The worker is itself again.
        wait_for(lambda: self.stack.post(portal.delete(99, "x")).json["status"] == "accepted", 10)

    def test_a_wrong_token_is_refused_while_the_database_is_locked(self):
        portal = self.stack.install()
        with locked(self.stack.database):
            self.check_answer(self.stack.post(portal.delete(1, "a")), 200, "spooled")
            self.check_answer(self.stack.post(portal.delete(2, "b", application_token="0" * 32)),
                              403, "wrong_token")
        wait_for(lambda: len(self.stack.messages(portal)) == 1, 15, "the intake")

    def test_a_portal_that_installs_meanwhile_loses_nothing(self):
        portal = self.stack.install()
        with locked(self.stack.database):
            portal.application_token = "f" * 32
            portal.issued = self.stack.stand_in.issue(portal.member_id)
            self.check_answer(self.stack.post(portal.install()), 200, "spooled")
            self.check_answer(self.stack.post(portal.delete(1, "a")), 200, "spooled")
        wait_for(lambda: len(self.stack.messages(portal)) == 1, 30, "the proof")

    def test_metrics_show_what_waits(self):
        portal = self.stack.install()
        with locked(self.stack.database):
            self.check_answer(self.stack.post(portal.delete(1, "a")), 200, "spooled")
            text = self.stack.get("/metrics").body.decode()
            self.assertRegex(text, r'imrelay_spool_files\{directory="worker"\} [1-9]')
            self.assertRegex(text, r'imrelay_spool_bytes\{directory="worker"\} [1-9]')
            self.assertIn('status="spooled"', text)
        wait_for(lambda: not spool_files(self.stack), 15, "the intake")
        text = self.stack.get("/metrics").body.decode()
        self.assertIn('imrelay_spool_files{directory="worker"} 0', text)
        self.assertRegex(text, r'source="spool",status="accepted"\} [1-9]')
