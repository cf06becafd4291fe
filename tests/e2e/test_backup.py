"""Backups under load, and the drill of docs/restore.md, typed as it stands."""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
import unittest

from delivering import DeliveryTest, connect
from load import Load
from stack import AS_ROOT, Stack, children, wait_for
from stand_ins import TREE, StandIn, StandInChannel

GUIDE = TREE / "docs" / "restore.md"


def chapters():
    """The blocks of the guide by the chapter they stand in."""
    found = {}
    for part in re.split(r"^## ", GUIDE.read_text(), flags=re.M)[1:]:
        title = part.split("\n", 1)[0]
        found[title] = re.findall(r"^```sh\n(.*?)^```", part, re.M | re.S)
    return found


class Guide:
    """Types blocks of the guide against a stack: systemctl is the stack's own, paths are its."""

    def __init__(self, stack):
        self.stack = stack
        self.backups = stack.home / "backups"

    def type(self, block):
        """What the lines printed. A systemctl stands alone on its line."""
        printed = ""
        lines = []
        for line in [*block.splitlines(), "systemctl"]:
            if not line.startswith("systemctl"):
                lines.append(line)
                continue
            if lines:
                printed += self.shell("\n".join(lines))
                lines = []
            if line.startswith("systemctl stop"):
                assert self.stack.stop() == 0
            elif line.startswith("systemctl start"):
                self.stack.start()
        return printed

    def shell(self, script, status=0):
        script = script.replace("/var/lib/imrelay", str(self.stack.state))
        script = script.replace("/var/backups/imrelay", str(self.backups))
        script = script.replace("runuser -u imrelay -- ", "").replace("-o imrelay -g imrelay ", "")
        config = self.stack.state / "imrelay.toml"
        prelude = f'imrelay() {{ "{self.stack.binary}" --config "{config}" "$@"; }}\nset -e\n'
        done = subprocess.run(["bash", "-c", prelude + script], capture_output=True, text=True,
                              timeout=120, env=self.stack.environment, stdin=subprocess.DEVNULL)
        assert done.returncode == status, (script, done.returncode, done.stdout, done.stderr)
        return done.stdout + done.stderr


class Backup(DeliveryTest):
    def setUp(self):
        super().setUp()
        self.place = pathlib.Path(tempfile.mkdtemp(prefix="imrelay-backup."))
        self.addCleanup(shutil.rmtree, self.place)

    def back_up(self, name="copy.db", *more):
        return self.stack.command("backup", self.place / name, *more)

    def test_under_load_nothing_is_refused_and_the_copy_is_whole(self):
        with Load(self.stack, self.portal, prefix="backup") as load:
            wait_for(lambda: len(load.acknowledged) > 50, what="some load")
            before = set(load.acknowledged)
            done = self.back_up("copy.db", "--whole", "--json")
            more = len(load.acknowledged)
            wait_for(lambda: len(load.acknowledged) > more, what="more load")

        self.assertEqual((done.returncode, done.stderr), (0, ""))
        said = json.loads(done.stdout)
        self.assertEqual(said["bytes"], (self.place / "copy.db").stat().st_size)
        self.assertEqual(said["bytes"], said["pages"] * said["page_bytes"])
        self.assertEqual(said["problems"], [])
        self.assertEqual(load.refused, [])
        self.assertEqual(load.lost(), set())
        with sqlite3.connect(self.place / "copy.db") as copy:
            ids = {row[0] for row in copy.execute("SELECT external_message_id FROM messages")}
            self.assertEqual(copy.execute("PRAGMA integrity_check").fetchone(), ("ok",))
        self.assertEqual(before - ids, set())
        self.assertEqual(os.listdir(self.place), ["copy.db"])
        self.assertEqual((self.place / "copy.db").stat().st_mode & 0o777, 0o600)

    def test_a_file_that_is_there_is_not_overwritten(self):
        (self.place / "copy.db").write_text("mine")
        done = self.back_up()
        self.assertEqual(done.returncode, 2)
        self.assertIn("is there already", done.stderr)
        self.assertEqual((self.place / "copy.db").read_text(), "mine")

    def test_it_says_what_else_belongs_to_a_backup(self):
        done = self.back_up()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("imrelay.key", done.stdout)
        self.assertIn("spool", done.stdout)

    def test_a_full_disk_leaves_nothing_behind(self):
        small = self.place / "small"
        small.mkdir()
        subprocess.run([*AS_ROOT, "mount", "-t", "tmpfs", "-o", "size=128k,mode=1777", "none", small],
                       check=True)
        try:
            done = self.back_up("small/copy.db")
            self.assertEqual(done.returncode, 69, done.stdout)
            self.assertIn("full", done.stderr)
            self.assertEqual(os.listdir(small), [])
        finally:
            subprocess.run([*AS_ROOT, "umount", small], check=True)

    def test_a_killed_one_leaves_a_whole_file_or_none_and_is_taken_over(self):
        for step, there in (("copied", False), ("checked", False), ("synced", False),
                            ("named", True)):
            with self.subTest(step):
                name = f"{step}.db"
                failpoint = self.place / "failpoint"
                failpoint.write_text(f"store.backup_{step}")
                killed = self.stack.command("backup", self.place / name,
                                            IMRELAY_FAILPOINT=str(failpoint))
                self.assertEqual(killed.returncode, -signal.SIGKILL, killed.stderr)
                self.assertEqual((self.place / name).exists(), there)
                if not there:
                    self.assertEqual(self.back_up(name).returncode, 0)
                with sqlite3.connect(self.place / name) as copy:
                    self.assertEqual(copy.execute("PRAGMA integrity_check").fetchone(), ("ok",))
                self.assertFalse((self.place / f"{name}.partial").exists())


class Drill(unittest.TestCase):
    """The guide, typed from its beginning to its end."""

    def setUp(self):
        self.stand_in = StandIn()
        self.addCleanup(self.stand_in.stop)
        self.channel = StandInChannel()
        self.addCleanup(self.channel.stop)
        self.stack = Stack(self.stand_in, channel=self.channel)
        self.addCleanup(self.stack.remove)
        self.stack.start()
        self.addCleanup(self.stop_stack)
        self.guide = Guide(self.stack)
        self.portal = connect(self.stack)
        self.blocks = chapters()

    def stop_stack(self):
        if self.stack.process.poll() is None:
            self.assertEqual(self.stack.stop(), 0)

    def send(self):
        number = self.stand_in.send(self.portal.member_id, "myconnector", "Guten Tag!")
        wait_for(lambda: self.at_portal(number)["external_ids"], what="the confirmation")
        return number

    def at_portal(self, number):
        return next(m for m in self.stand_in.state(self.portal.member_id)["messages"]
                    if m["message_id"] == number)

    def check_deleted(self, number):
        self.stand_in.delete(self.portal.member_id, number)
        wait_for(lambda: [part["state"] for part in
                          self.channel.message(self.portal, number)["parts"]] == ["deleted"],
                 what=f"the deletion of {number} at the channel")

    def rows(self, number):
        return self.stack.sql(f"SELECT * FROM messages WHERE message_id = {number}")

    def test_restore(self):
        before = self.send()
        with Load(self.stack, self.portal, prefix="drill") as load:
            wait_for(lambda: len(load.acknowledged) > 50, what="some load")
            kept = set(load.acknowledged)
            for block in self.blocks["What belongs to a backup"]:
                self.guide.type(block)
        after = self.send()

        stop, aside, restore, start = self.blocks["Restore"]
        for block in (stop, aside, restore):
            self.guide.type(block)
        key = self.stack.state / "imrelay.key"
        ours = key.read_bytes()
        key.unlink()
        self.assertIn("imrelay.key", self.guide.shell("imrelay migrate", status=78))
        shutil.copy(self.wrong_key(), key)
        self.assertIn("was written with another key file",
                      self.guide.shell("imrelay migrate", status=78))
        key.write_bytes(ours)
        printed = self.guide.shell("imrelay doctor || true") if "doctor" in start else ""
        self.guide.type(start.replace("imrelay doctor", "imrelay doctor || true"))

        self.assertIn("integrity", printed)
        self.assertEqual(self.stack.portal_status(self.portal), "active")
        restored = {r["external_message_id"] for r in self.stack.sql(
            "SELECT external_message_id FROM messages WHERE deleted_at IS NOT NULL")}
        self.assertEqual(kept - restored, set())
        self.assertEqual(self.rows(after), [])
        self.check_deleted(before)
        self.check_deleted(after)
        self.assertEqual(len(self.rows(after)), 1)
        self.check_deleted(self.send())
        self.check_keys()

    def check_keys(self):
        """What the backup held as not yet sent comes again, but under no key that was another's."""
        meanings = {}
        for call in self.channel.log():
            meaning = call["type"], call["im_message_id"]
            self.assertEqual(meanings.setdefault(call["webhook_id"], meaning), meaning)
        self.assertEqual([v for v in self.channel.violations() if "was overtaken by" not in v], [])

    def wrong_key(self):
        """A key file of another installation."""
        other = self.stack.home / "other"
        other.mkdir()
        environment = {**self.stack.environment, "IMRELAY_DATABASE_URL": f"sqlite:{other}/x.db",
                       "IMRELAY_SECURITY_KEY_FILE": f"{other}/x.key"}
        subprocess.run([self.stack.binary, "migrate", "--config", "/dev/null"], check=True,
                       env=environment, capture_output=True)
        return other / "x.key"

    def test_a_damaged_database(self):
        numbers = [self.send() for _ in range(3)]
        with Load(self.stack, self.portal, prefix="damage") as load:
            wait_for(lambda: len(load.acknowledged) > 200, what="some load")
        stop, aside, restore, start = self.blocks["Restore"]
        self.guide.type(stop)
        database = self.stack.database
        with sqlite3.connect(database) as raw:
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            page, = raw.execute("SELECT rootpage FROM sqlite_schema"
                                " WHERE name = 'message_by_external_id'").fetchone()
        with open(database, "r+b") as file:
            file.seek((page - 1) * 4096)
            file.write(b"\x55" * 4096)

        self.assertIn("damaged", self.guide.shell("imrelay doctor || true"))
        self.guide.backups.mkdir()
        self.assertIn("no backup was made",
                      self.guide.shell("imrelay backup /var/backups/imrelay/no.db", status=1))
        self.assertEqual(os.listdir(self.guide.backups), [])
        self.guide.type(aside)
        recover, look = self.blocks["A damaged database"]
        self.guide.type(recover)
        words = re.search(r"begin step 3 with\s+`(backup=.*?)`", GUIDE.read_text()).group(1)
        self.guide.type(re.sub(r"^backup=.*$", words, restore, flags=re.M))
        self.guide.type(look)
        # What was made of a damaged database must never be the newest backup.
        self.assertEqual(os.listdir(self.guide.backups), [])
        self.guide.type(start.replace("imrelay doctor", "imrelay doctor || true"))

        for number in numbers:
            self.assertEqual(len(self.rows(number)), 1)
            self.check_deleted(number)
        self.assertEqual(load.lost(), set())

    def test_without_systemd(self):
        """The lines for multiwatch: no worker is left when they end, and they start one again."""
        self.assertEqual(self.stack.stop(), 0)
        stop, start = self.blocks["Without systemd"]
        self.assertIn(start, (TREE / "README.md").read_text())
        home = self.stack.home
        run = home / "run"
        run.mkdir()
        start = re.sub(r"-U .* -g imrelay -- ", "-- ", start)
        worker = f'"{self.stack.binary}" worker --config "$IMRELAY_STATE/imrelay.toml"'
        start = start.replace("/usr/local/bin/imrelay worker", worker)

        def type(block):
            # A process that goes on must not hold the guide's pipes.
            block = block.replace("/run/imrelay", str(run)).replace("/var/log", str(run))
            self.guide.shell(f"exec >'{home}/typed' 2>&1\n{block}")

        def supervisor():
            return int((run / "multiwatch.pid").read_text())

        for _ in range(2):
            type(start)
            pid = supervisor()
            try:
                worker, = wait_for(lambda: children(pid), what="the worker")
                wait_for(lambda: "worker started" in (run / "imrelay.log").read_text(),
                         what="the worker's start")
            finally:
                type(stop)
            self.assertFalse(pathlib.Path(f"/proc/{worker}").exists())
            with socket.socket(socket.AF_UNIX) as probe:
                self.assertRaises(ConnectionRefusedError, probe.connect,
                                  str(run / "imrelay.sock"))
            (run / "imrelay.log").unlink()

    def test_room(self):
        block, = self.blocks["Room"]
        number = self.send()
        self.guide.type(block)
        self.check_deleted(number)

    def test_old_rows_go_and_their_messages_can_be_deleted(self):
        number = self.send()
        self.assertEqual(self.stack.stop(), 0)
        old = int(time.time()) - 91 * 86400
        with sqlite3.connect(self.stack.database) as raw:
            raw.execute(f"UPDATE event SET received_at = {old}")
            raw.execute(f"UPDATE delivery SET created_at = {old}, finished_at = {old}"
                        " WHERE state = 'done'")
            raw.execute(f"UPDATE tally SET day = {old // 86400}")
        self.stack.start()

        wait_for(lambda: self.stack.sql("SELECT count(*) AS n FROM deliveries")[0]["n"] == 0,
                 what="the old deliveries to go")
        self.assertEqual(len(self.stack.events(self.portal)), 2)  # the installation, the last one
        self.check_deleted(number)
        stats = self.stack.command("stats", "--days", "365")
        self.assertEqual(stats.returncode, 0, stats.stdout)
