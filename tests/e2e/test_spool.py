"""The database away under load: every event is kept, taken in once, and in its order."""

import contextlib
import pathlib
import shutil
import subprocess
import tempfile
import threading
import time
import unittest

from load import Load
from stack import AS_ROOT, LONG, Stack, StackTest, locked, wait_for
from stand_ins import StandIn


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
             f" AND message_id = {chat + 1} AND portal_id = (SELECT portal_id FROM portal"
             f" WHERE member_id = '{self.portal.member_id}') ORDER BY delivery_id"],
            capture_output=True, text=True, check=True).stdout.split()
        return [int(text) for text in rows]


def spool_files(stack):
    return [path for name in ("spooler", "worker")
            for path in sorted((stack.state / "spool" / name).glob("*.spool"))]


def commits(stack, portal):
    """Whether an event is committed before it is answered; it may have been spooled earlier."""
    return stack.post(portal.delete(999, "a")).json.get("status") in ("accepted", "duplicate")


class SpoolTest(StackTest):
    def check_kept(self, chats):
        wait_for(lambda: not spool_files(self.stack), 240 if LONG else 60, "the intake")
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
        wait_for(lambda: commits(self.stack, portal), 10, "an event that is committed")

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


class TwoWorkers(StackTest):
    workers = 2

    def test_they_do_not_keep_each_other_in_the_spool(self):
        portal = self.stack.install()
        # So many that they hand in more than is taken in meanwhile, where nothing slows them down.
        with Load(self.stack, portal, clients=16, prefix="two") as load:
            with locked(self.stack.database):
                time.sleep(3)
            self.assertGreater(load.words["spooled"], 0)
            accepted = load.words["accepted"]
            wait_for(lambda: load.words["accepted"] > accepted + 100, 60, "commits under load")
            wait_for(lambda: self.spools_nothing(load), 60, "an end of both workers' spool")
        self.assertEqual((load.refused, load.lost(), load.twice()), ([], set(), []))


    @staticmethod
    def spools_nothing(load):
        spooled, accepted = load.words["spooled"], load.words["accepted"]
        time.sleep(1)
        return load.words["spooled"] == spooled and load.words["accepted"] > accepted


class Crashed(SpoolTest):
    def test_a_worker_killed_between_commit_and_removal_takes_in_once(self):
        for step in ("intake.committed", "intake.removed", "spool.written", "spool.synced"):
            # The spooler spools too, where a worker is slow, and may be the one that is killed.
            while self.who_is_killed(step) == "spooler":
                pass

    def who_is_killed(self, step):
        portal = self.install_chats()
        pids = {of: self.stack.worker_pids(of) for of in ("worker", "spooler")}
        with Chats(self.stack, portal) as chats:
            with locked(self.stack.database):
                wait_for(lambda: spool_files(self.stack), 10, "a spool file")
                self.failpoint.write_text(step)
                time.sleep(0.5)
            wait_for(lambda: not self.failpoint.exists(), 20, step)
            killed = wait_for(lambda: next(
                (of for of in pids if self.stack.worker_pids(of) not in ([], pids[of])), None), 20)
            wait_for(self.stack.is_ready, 20, "readiness")
            time.sleep(1)
        wait_for(lambda: not spool_files(self.stack), 60, "the intake")
        for chat in range(len(chats.threads)):
            kept = {n for c, n, status, _ in chats.answers if c == chat and status == 200}
            # One that was under way at the kill may be kept without having been answered.
            wait_for(lambda: set(chats.texts(chat)) >= kept, 30, "what was acknowledged")
            texts = chats.texts(chat)
            self.assertEqual(texts, sorted(set(texts)), (step, chat))
        return killed

    @classmethod
    def setUpClass(cls):
        cls.failpoint = pathlib.Path(tempfile.mkdtemp(prefix="imrelay-fail.")) / "step"
        cls.addClassCleanup(shutil.rmtree, cls.failpoint.parent)
        cls.settings = {"failpoint": cls.failpoint}
        super().setUpClass()


class Torn(SpoolTest):
    def test_what_is_torn_is_set_aside_and_the_rest_taken_in(self):
        portal = self.stack.install()
        with locked(self.stack.database):
            self.check_answer(self.stack.post(portal.delete(1, "a")), 200, "spooled")
            wait_for(lambda: spool_files(self.stack), 10, "a spool file")
            time.sleep(1.2)  # it is closed after a second
            [path] = spool_files(self.stack)
            whole = path.read_bytes()
            with open(path, "ab") as file:
                file.write(whole[:-40])
        wait_for(lambda: len(self.stack.messages(portal)) == 1, 20, "the intake")
        wait_for(lambda: not spool_files(self.stack), 20, "the removal")
        [aside] = (self.stack.state / "spool" / "damaged").iterdir()
        self.assertEqual(aside.read_bytes(), whole[:-40])
        wait_for(lambda: "spool file damaged" in self.stack.log(), 10, "the log line")

        # By hand, as often as one likes.
        copy = self.stack.home / "copy.spool"
        copy.write_bytes(whole)
        taken = self.stack.command("ingest", copy, "--json")
        self.assertEqual(taken.returncode, 0, taken.stderr)
        self.assertIn('"duplicate":1', taken.stdout)
        aside.rename(copy)
        self.assertEqual(self.stack.command("ingest", copy).returncode, 1)


class Full(unittest.TestCase):
    """The database on a small disk that is full."""

    def run_on_small_disk(self, check, **settings):
        stand_in = StandIn()
        self.addCleanup(stand_in.stop)
        disk = pathlib.Path(tempfile.mkdtemp(prefix="imrelay-disk."))
        self.addCleanup(disk.rmdir)
        subprocess.run([*AS_ROOT, "mount", "-t", "tmpfs", "-o", "size=24m,mode=1777", "none", disk],
                       check=True)
        self.addCleanup(subprocess.run, [*AS_ROOT, "umount", "-l", disk], check=True)
        stack = Stack(stand_in, state=disk / "state", **settings)
        self.addCleanup(stack.remove)
        stack.start()
        try:
            portal = stack.install()
            filler = disk / "filler"
            with contextlib.suppress(OSError), open(filler, "wb") as file:
                while True:
                    file.write(bytes(4096))
                    file.flush()
            # What the log of the database still has room for.
            answers = [stack.post(portal.delete(n, f"id-{n}", text="x" * 3000))
                       for n in range(1, 200)]
            filler.unlink()
            check(stack, portal, answers)
        finally:
            self.assertEqual(stack.stop(), 0)

    def test_events_are_spooled_on_another_disk_and_taken_in(self):
        spool = pathlib.Path(tempfile.mkdtemp(prefix="imrelay-spool."))
        self.addCleanup(shutil.rmtree, spool)

        def check(stack, portal, answers):
            self.assertEqual({a.status for a in answers}, {200})
            self.assertIn("spooled", {a.json["status"] for a in answers})
            wait_for(lambda: len(stack.messages(portal)) == len(answers), 30, "the intake")

        self.run_on_small_disk(check, spool_directory=spool)

    def test_little_room_beside_a_locked_database_is_enough_for_a_worker(self):
        def check(stack, portal, _):
            wait_for(lambda: commits(stack, portal), 20, "room")
            with locked(stack.database):
                answer = stack.post(portal.delete(1000, "locked"))
                self.assertEqual((answer.status, answer.json), (200, {"status": "spooled"}))
            wait_for(lambda: any(row["message_id"] == 1000 for row in stack.messages(portal)),
                     20, "the intake")

        self.run_on_small_disk(check)

    def test_503_only_where_nothing_can_be_written(self):
        def check(stack, portal, answers):
            self.assertEqual(answers[-1].status, 503)
            self.assertEqual(answers[-1].json["error"], "unavailable")
            self.assertIn("imrelay_events_lost_total", stack.get("/metrics").body.decode())
            wait_for(lambda: stack.post(portal.delete(999, "after")).status == 200, 20, "room")
            kept = {row["message_id"] for row in stack.messages(portal)}
            acknowledged = {n for n, a in enumerate(answers, 1) if a.status == 200}
            self.assertLessEqual(acknowledged, kept)

        self.run_on_small_disk(check)
