"""imrelay doctor: each fault is planted, found with its mend, mended where it can be, and gone."""

import contextlib
import dataclasses
import datetime
import email.utils
import json
import os
import pathlib
import sqlite3
import unittest
from typing import Callable

import events
from local_servers import Elsewhere
from stack import CLIENT_SECRET, TREE, Stack, StandIn, free_port, wait_for

CONNECTOR = "myconnector"
LINE = 107
EVENT = "ONIMCONNECTORMESSAGEDELETE"


@dataclasses.dataclass
class Fault:
    """`plant` is given the test and a contextlib.ExitStack for what undoes it, and may return the
    environment that doctor is to run in."""
    name: str
    plant: Callable
    check: str
    level: str
    words: str      # of what was found
    mend: str       # of the mend
    fixed: bool     # by --fix
    exit: int = 1


class Planted:
    """How each fault is planted, and undone."""

    def __init__(self, test):
        self.test = test
        self.stack = test.stack
        self.stand_in = test.stand_in
        self.portal = test.portal

    # --- this machine

    def mode(self, path, mode):
        def plant(undo):
            full = self.stack.state / path
            before = full.stat().st_mode & 0o7777
            undo.callback(lambda: full.chmod(before))
            full.chmod(mode)
        return plant

    def owner(self, undo):
        """As a command leaves it that root ran in the folder of another user."""
        files = [self.stack.state, *self.stack.state.glob("imrelay.*")]
        undo.callback(lambda: [os.chown(f, 0, 0) for f in files if f.exists()])
        os.chown(self.stack.state, 12345, 12345)

    def moved(self, path):
        def plant(undo):
            here, away = self.stack.state / path, self.stack.state / (path + ".away")
            undo.callback(lambda: away.replace(here))
            here.rename(away)
        return plant

    def environment(self, **values):
        return lambda undo: {f"IMRELAY_{name}": value for name, value in values.items()}

    def other_key(self, undo):
        other = pathlib.Path(self.test.scratch, "other")
        self.stack.command("migrate", IMRELAY_DATABASE_URL=f"sqlite:{other}.db",
                           IMRELAY_SECURITY_KEY_FILE=f"{other}.key")
        return {"IMRELAY_SECURITY_KEY_FILE": f"{other}.key"}

    def locked(self, undo):
        connection = sqlite3.connect(self.stack.database, isolation_level=None)
        undo.callback(connection.close)
        connection.execute("BEGIN IMMEDIATE")

    def old_schema(self, undo):
        path = pathlib.Path(self.test.scratch, "old.db")
        with contextlib.closing(sqlite3.connect(path)) as database:
            [script] = (TREE / "sql/sqlite/migrations").glob("0001*")
            database.executescript(script.read_text())
            database.executescript("PRAGMA user_version = 1; PRAGMA application_id = 0x696d726c;")
        return {"IMRELAY_DATABASE_URL": f"sqlite:{path}",
                "IMRELAY_SECURITY_KEY_FILE": str(self.stack.state / "imrelay.key")}

    def damaged(self, undo):
        path = pathlib.Path(self.test.scratch, "damaged.db")
        with contextlib.closing(sqlite3.connect(self.stack.database)) as database:
            database.execute("VACUUM INTO ?", (str(path),))
        with contextlib.closing(sqlite3.connect(path)) as database:
            [[page]] = database.execute("SELECT rootpage FROM sqlite_schema"
                                        " WHERE name = 'message_by_external_id'")
        with open(path, "r+b") as file:
            file.seek((page - 1) * 4096)
            file.write(b"\x55" * 4096)
        return {"IMRELAY_DATABASE_URL": f"sqlite:{path}",
                "IMRELAY_SECURITY_KEY_FILE": str(self.stack.state / "imrelay.key")}

    def large_log(self, undo):
        os.truncate(str(self.stack.database) + "-wal", 200 << 20)

    # --- servers

    def server(self, key, **answer):
        def plant(undo):
            server = Elsewhere(**answer)
            undo.callback(server.stop)
            return {key: server.url}
        return plant

    def certificate(self, undo):
        server = Elsewhere(certificate_in=self.test.scratch)
        undo.callback(server.stop)
        return {"IMRELAY_BITRIX24_PUBLIC_URL": server.url}

    def clock(self, undo):
        wrong = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=10)
        server = Elsewhere(400, headers=[("Date", email.utils.format_datetime(wrong, True))])
        undo.callback(server.stop)
        return {"IMRELAY_BITRIX24_OAUTH_URL": server.url}

    # --- the portal

    def rest(self, method, **parameters):
        answer = self.stand_in.rest(self.test.admin_token(), method, **parameters)
        self.test.assertEqual(answer.status, 200, answer)
        return answer

    def settled(self, before, **values):
        def plant(undo):
            undo.callback(lambda: self.stand_in.portal(self.portal.member_id, **before))
            self.stand_in.portal(self.portal.member_id, **values)
        return plant

    def unregistered(self, undo):
        self.stand_in.fault("ONIMCONNECTORSTATUSDELETE", "lose", 1)
        # The connector comes back by --fix; somebody has to connect it to its line again.
        undo.callback(lambda: self.rest("imconnector.activate", CONNECTOR=CONNECTOR, LINE=LINE,
                                        ACTIVE=1))
        self.rest("imconnector.unregister", ID=CONNECTOR)

    def unbound(self, offline):
        def plant(undo):
            what = {"event_type": "offline"} if offline else {"handler": self.test.handler}
            self.rest("event.unbind", event=EVENT, **what)
        return plant

    def stale(self, undo):
        self.stand_in.bind(self.portal.member_id, EVENT, "http://old.example.com/bitrix24/event")

    def faulty_line(self, undo):
        self.rest("imconnector.set.error", CONNECTOR=CONNECTOR, LINE=LINE)

    def switched_off(self, undo):
        undo.callback(lambda: self.rest("imconnector.activate", CONNECTOR=CONNECTOR, LINE=LINE,
                                        ACTIVE=1))
        self.stand_in.fault("ONIMCONNECTORSTATUSDELETE", "lose", 1)
        self.stand_in.control("disconnect", member_id=self.portal.member_id, connector=CONNECTOR,
                              line=LINE)

    def refused(self, undo):
        undo.callback(lambda: self.stand_in.fault("rest", "ACCESS_DENIED", 0))
        self.stand_in.fault("rest", "ACCESS_DENIED")

    def sql(self, statement, undo_statement=None):
        def plant(undo):
            if undo_statement:
                undo.callback(lambda: self.test.write(undo_statement))
            self.test.write(statement)
        return plant

    def revoked(self, undo):
        undo.callback(self.test.connect)
        self.stand_in.revoke(self.portal.member_id)

    def without_scope(self, undo):
        undo.callback(self.test.connect)
        self.test.install_again(scope="imopenlines")

    def waiting(self, undo):
        other = events.Portal()
        undo.callback(lambda: self.stack.command("portal", "remove", other.member_id))
        undo.callback(lambda: self.stand_in.fault("token", "down", 0))
        self.stand_in.fault("token", "down")
        other.issued = self.stand_in.issue(other.member_id)
        self.stack.post(other.install())
        wait_for(lambda: self.stack.sql("SELECT 1 FROM installation WHERE last_error IS NOT NULL"),
                 what="a postponed proof")

    def without_ids(self, undo):
        self.test.write("UPDATE message SET external_message_id = NULL")
        undo.callback(lambda: self.test.write(
            "UPDATE message SET external_message_id = 'ext-' || message_id"))

    def table(self):
        E = self.environment
        later = "unixepoch() - 160 * 86400"
        return [
            Fault("configuration open to all", self.mode("imrelay.toml", 0o644), "file", "fail",
                  "open to everybody", "chmod 0640", True),
            Fault("key open to its group", self.mode("imrelay.key", 0o640), "file", "fail",
                  "mode 0640", "chmod 0600", True),
            Fault("database open to all", self.mode("imrelay.db", 0o644), "file", "fail",
                  "mode 0644", "chmod 0600", True),
            Fault("state open to all", self.mode(".", 0o755), "directory", "warn",
                  "mode 0755", "chmod 0750", False, exit=0),
            Fault("socket open to all", self.mode("imrelay.sock", 0o666), "file", "fail",
                  "mode 0666", "chmod 0660", True),
            Fault("database of another user", self.owner, "file", "fail",
                  "belongs to root, its folder to 12345", "chown 12345:", True),
            Fault("key file away", self.moved("imrelay.key"), "key", "fail",
                  "No such file", "put your copy back", False),
            Fault("another database's key file", self.other_key, "key", "fail",
                  "key file", "put back the key file", False),
            Fault("secret sealed elsewhere", E(BITRIX24_CLIENT_SECRET="sealed:AAAA"), "key",
                  "fail", "does not open", "key seal", False),
            Fault("no client id", E(BITRIX24_CLIENT_ID=""), "configuration", "fail",
                  "is not given", "application's card", False),
            Fault("no public URL", E(BITRIX24_PUBLIC_URL=""), "configuration", "fail",
                  "is not given", "public_url = ", False),
            Fault("an unknown key", E(DATABASE_NOSUCH="1"), "configuration", "fail",
                  "IMRELAY_DATABASE_NOSUCH", "mend that", False, exit=78),
            Fault("no database", E(DATABASE_URL=f"sqlite:{self.test.scratch}/nosuch.db"), "database", "fail",
                  "is not there", "imrelay migrate", False),
            Fault("a locked database", self.locked, "writing", "fail",
                  "locked", "fuser", False),
            Fault("an older schema", self.old_schema, "schema", "fail",
                  "schema 1", "imrelay migrate", True),
            Fault("a damaged database", self.damaged, "integrity", "fail",
                  "", "backup", False),
            Fault("a large log", self.large_log, "write-ahead log", "warn",
                  "200 MiB", "fuser", True, exit=0),
            Fault("nginx away", E(PORT=str(free_port())), "worker", "fail",
                  "cannot be asked", "systemctl status nginx", False),
            Fault("somebody else at nginx's port", E(PORT=str(self.stand_in.port)), "worker",
                  "fail", "somebody else answers", "IMRELAY_PORT", False),
            Fault("no worker behind nginx", self.moved("imrelay.sock"), "worker", "fail",
                  "no worker behind it", "systemctl restart", False),
            Fault("somebody else at the public URL", E(BITRIX24_PUBLIC_URL=self.stand_in.url),
                  "public URL", "fail", "somebody else answers", "server block", False),
            Fault("a redirection", self.server("IMRELAY_BITRIX24_PUBLIC_URL", status=301,
                                               headers=[("Location", "https://else.where/")]),
                  "public URL", "fail", "redirects to https://else.where/",
                  "bitrix24.public_url", False),
            Fault("an untrusted certificate", self.certificate, "public URL", "fail",
                  "certificate", "fullchain.pem", False),
            Fault("nobody at the public URL",
                  E(BITRIX24_PUBLIC_URL=f"https://127.0.0.1:{free_port()}"), "public URL", "fail",
                  "cannot be reached", "firewall", False),
            Fault("no authorization server",
                  E(BITRIX24_OAUTH_URL=f"http://127.0.0.1:{free_port()}"), "authorization server",
                  "fail", "cannot be reached", "DNS", False),
            Fault("an authorization server in trouble",
                  self.server("IMRELAY_BITRIX24_OAUTH_URL", status=502), "authorization server",
                  "fail", "HTTP 502", "DNS", False),
            Fault("a wrong clock", self.clock, "clock", "warn",
                  "ahead of", "timesyncd", False, exit=0),
            Fault("an installation never finished",
                  self.settled({"installed": True}, installed=False), "application", "fail",
                  "never finished", "open the application", False),
            Fault("an expired subscription",
                  self.settled({"payment_expired": False}, payment_expired=True), "application",
                  "fail", "payment_required", "renew", False),
            Fault("a missing scope",
                  self.without_scope, "scope", "fail", "imconnector", "add imconnector", False),
            Fault("refused calls", self.refused, "application", "fail",
                  "access_denied", "plan", False),
            Fault("revoked tokens", self.revoked, "portal", "fail",
                  "dead", "open the application", False),
            Fault("old tokens", self.sql(f"UPDATE portal SET tokens_granted_at = {later}"),
                  "tokens", "warn", "160 days", "renews them", True, exit=0),
            Fault("a waiting installation", self.waiting, "installation", "warn",
                  "wait for their proof", "by itself", False),
            Fault("no connector", self.unregistered, "connector", "fail",
                  "not registered", "doctor --fix", True),
            Fault("another connector's name", E(CONNECTOR_NAME="Other"), "connector", "warn",
                  "other settings", "doctor --fix", True, exit=0),
            Fault("an unbound event", self.unbound(offline=False), "bindings", "fail",
                  EVENT, "doctor --fix", True),
            Fault("no offline queue", self.unbound(offline=True), "offline bindings", "warn",
                  EVENT, "doctor --fix", True, exit=0),
            Fault("a former address", self.stale, "stale bindings", "warn",
                  "old.example.com", "doctor --fix", True, exit=0),
            Fault("a faulty line", self.faulty_line, f"line {LINE}", "fail",
                  "faulty", "Contact Center", True),
            Fault("a line switched off", self.switched_off, f"line {LINE}", "fail",
                  "left alone", "Contact Center", False),
            Fault("no line", self.sql("UPDATE line SET status = 'disconnected'",
                                      "UPDATE line SET status = 'active'"), "lines", "warn",
                  "no line", "Contact Center", False, exit=0),
            Fault("silence", self.sql(f"UPDATE event SET received_at = {later}",
                                      "UPDATE event SET received_at = unixepoch()"),
                  "last event", "warn", "160 days ago", "event list", False, exit=0),
            Fault("confirmations without ids", self.without_ids, "deletions", "fail",
                  "cannot arrive", "imconnector.send.status.delivery", False),
        ]


class Doctor(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stand_in = StandIn()
        cls.addClassCleanup(cls.stand_in.stop)
        cls.stack = Stack(cls.stand_in, connector_id=CONNECTOR)
        cls.stack.environment["IMRELAY_BITRIX24_PUBLIC_URL"] = f"http://127.0.0.1:{cls.stack.port}"
        cls.addClassCleanup(cls.stack.remove)
        cls.addClassCleanup(cls.stop_stack)
        cls.stack.start()
        cls.handler = f"http://127.0.0.1:{cls.stack.port}/bitrix24/event"
        cls.scratch = cls.stack.home / "scratch"
        cls.scratch.mkdir()
        cls.portal = events.Portal()
        cls.make_well()

    @classmethod
    def stop_stack(cls):
        status = cls.stack.stop()
        assert status == 0, (status, cls.stack.printed()[-3000:])

    @classmethod
    def make_well(cls):
        """One portal, registered, with a message that was confirmed with its external id."""
        member = cls.portal.member_id
        cls.connect()
        done = cls.stack.command("doctor", "--fix")
        assert "registered the connector and bound its events" in done.stdout, done
        message = cls.stand_in.send(member, CONNECTOR, "Guten Tag!", LINE)
        wait_for(lambda: cls.stack.messages(cls.portal), what="the message")
        cls.stand_in.confirm(member, message, "ext-1")
        cls.stand_in.edit(member, message, "Guten Abend!")
        wait_for(lambda: cls.stack.messages(cls.portal)[0]["external_message_id"] == "ext-1",
                 what="the external id")

    @classmethod
    def proven(cls):
        return [e for e in cls.stack.events(cls.portal)
                if e["event"] == "ONAPPINSTALL" and e["status"] == "applied"]

    @classmethod
    def install_again(cls, **values):
        """Takes away what was registered there, as every installation does."""
        before = len(cls.proven())
        cls.stand_in.install(cls.portal.member_id, handler=cls.handler, **values)
        wait_for(lambda: len(cls.proven()) > before, 60, "the proof")

    @classmethod
    def connect(cls):
        cls.install_again()
        cls.stand_in.connector(cls.portal.member_id, CONNECTOR, LINE)

    @classmethod
    def admin_token(cls):
        return cls.stand_in.issue(cls.portal.member_id)["access_token"]

    @classmethod
    def write(cls, statement):
        with contextlib.closing(sqlite3.connect(cls.stack.database, timeout=30)) as database:
            with database:
                database.execute(statement)

    def doctor(self, *words, **environment):
        done = self.stack.command("doctor", "--json", *words, **environment)
        # A call may find out that a portal is dead, which is logged.
        self.assertFalse([line for line in done.stderr.splitlines() if "portal dead" not in line],
                         done)
        for secret in (CLIENT_SECRET, *self.secrets()):
            self.assertNotIn(secret, done.stdout + done.stderr)
        return done.returncode, json.loads(done.stdout)

    def secrets(self):
        """The keys of the key file."""
        text = next(self.stack.state.glob("imrelay.key*")).read_text()
        return [line.split()[1] for line in text.splitlines() if line[:5] in ("hash ", "seal ")]

    def not_well(self, findings):
        return [f for f in findings if f["level"] != "ok"]

    def check_clean(self):
        code, findings = self.doctor()
        self.assertEqual((code, self.not_well(findings)), (0, []))

    def test_a_healthy_system_is_clean(self):
        self.check_clean()
        done = self.stack.command("doctor")
        self.assertEqual(done.returncode, 0, done)
        lines = done.stdout.splitlines()
        self.assertRegex(lines[-1], r"^\d+ ok, 0 warn, 0 fail$")
        self.assertTrue(all(line.startswith("ok    ") for line in lines[:-1]), lines)
        for check in ("configuration", "file", "schema", "integrity", "writing", "write-ahead log",
                      "disk", "key", "socket", "worker", "public URL", "authorization server",
                      "clock", "portal", "tokens", "application", "scope", "connector", "bindings",
                      f"line {LINE}", "last event", "deletions"):
            self.assertTrue(any(line[6:].startswith(check) for line in lines), (check, lines))

    def test_without_fix_nothing_is_changed(self):
        path = self.stack.state / "imrelay.toml"
        before = path.stat().st_mode
        path.chmod(0o644)
        self.addCleanup(path.chmod, before & 0o7777)
        self.doctor()
        self.assertEqual(path.stat().st_mode & 0o7777, 0o644)

    def test_somebody_elses_handler_is_left_alone(self):
        theirs = "http://other.example.com/handler.php"
        self.stand_in.bind(self.portal.member_id, EVENT, theirs)
        code, findings = self.doctor("--fix")
        [foreign] = [f for f in findings if f["check"] == "foreign bindings"]
        self.assertIn(theirs, foreign["found"])
        self.assertEqual((code, self.not_well(findings)), (0, []))

    def test_nothing_is_registered_at_an_address_that_is_not_ours(self):
        before = self.stand_in.state(self.portal.member_id)
        code, findings = self.doctor("--fix", IMRELAY_BITRIX24_PUBLIC_URL=self.stand_in.url)
        self.assertEqual(code, 1)
        self.assertTrue([f for f in findings if "left alone" in (f["mended"] or "")], findings)
        self.assertEqual(self.stand_in.state(self.portal.member_id), before)

    def test_planted_faults(self):
        faults = Planted(self).table()
        self.assertGreaterEqual(len(faults), 20)
        self.assertEqual(len({fault.name for fault in faults}), len(faults))
        for fault in faults:
            if fault.name == "database of another user" and os.geteuid() != 0:
                continue
            with self.subTest(fault.name):
                self.check_fault(fault)
        self.check_clean()

    def check_fault(self, fault):
        try:
            with contextlib.ExitStack() as undo:
                self.check_planted(fault, fault.plant(undo) or {})
        finally:  # --fix, for what a fault's own environment had it register
            wait_for(self.is_clean, 60, f"a clean system after: {fault.name}")

    def check_planted(self, fault, environment):
        code, findings = self.doctor(**environment)
        found = [f for f in findings if f["check"] == fault.check and f["level"] != "ok"]
        self.assertTrue(found, findings)
        self.assertEqual(found[0]["level"], fault.level, found)
        self.assertIn(fault.words, found[0]["found"])
        self.assertIn(fault.mend, found[0]["mend"])
        self.assertEqual(code, fault.exit, findings)
        self.assertEqual(any(f["fixable"] for f in found), fault.fixed, found)
        _, after = self.doctor("--fix", **environment)
        left = [f for f in after if f["check"] == fault.check and f["level"] != "ok"]
        self.assertEqual(bool(left), not fault.fixed, after)
        if fault.fixed:
            self.assertTrue([f for f in after if f["check"] == fault.check and f["mended"]], after)

    def is_clean(self):
        code, findings = self.doctor("--fix")
        return code == 0 and not self.not_well(findings)


if __name__ == "__main__":
    unittest.main()
