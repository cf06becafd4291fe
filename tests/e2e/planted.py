"""Faults of an installation, for test_doctor: how each is planted and undone, and what doctor is to
say of it."""

import contextlib
import dataclasses
import datetime
import email.utils
import os
import pathlib
import signal
import sqlite3
from typing import Callable

import events
from local_servers import Elsewhere
from stack import free_port, wait_for
from stand_ins import TREE

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

    def stranger(self, key):
        def plant(undo):
            server = Elsewhere(body=b'{"status":"ok"}')
            undo.callback(server.stop)
            return {key: str(server.server.server_port) if key == "IMRELAY_PORT" else server.url}
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

    def without_ids(self, messages):
        """Old ones, in the place of the one that is there."""
        def plant(undo):
            self.test.write("UPDATE message SET external_message_id = NULL")
            undo.callback(lambda: self.test.write(
                "UPDATE message SET external_message_id = 'ext-' || message_id"))
            undo.callback(lambda: self.test.write("DELETE FROM message WHERE message_id > 1000000"))
            self.test.write(f"""
                WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {messages})
                INSERT INTO message (message_id, line_key, part, chat_key, direction, created_at)
                SELECT 1000000 + i, line_key, 0, chat_key, 0, unixepoch() - 7200
                FROM message, n""")
        return plant

    def hung(self, undo):
        pids = self.stack.worker_pids()
        undo.callback(lambda: [os.kill(pid, signal.SIGCONT) for pid in pids])
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)

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
            Fault("no database", E(DATABASE_URL=f"sqlite:{self.test.scratch}/nosuch.db"),
                  "database", "fail", "is not there", "imrelay migrate", False),
            Fault("a locked database", self.locked, "writing", "fail",
                  "locked", "fuser", False),
            Fault("the portals of a locked database", self.locked, "portals", "warn",
                  "not asked", "check of writing", False),
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
            Fault("no spooler", self.moved("spooler.sock"), "spooler", "warn",
                  "events are refused", "imrelay-spooler.socket", False, exit=0),
            Fault("no worker behind nginx", self.moved("imrelay.sock"), "worker", "fail",
                  "no worker behind it", "systemctl restart", False),
            Fault("a stranger that says ok at nginx's port", self.stranger("IMRELAY_PORT"),
                  "worker", "fail", "does not know this key file", "IMRELAY_PORT", False),
            Fault("a stranger that says ok at the public URL",
                  self.stranger("IMRELAY_BITRIX24_PUBLIC_URL"), "public URL", "fail",
                  "does not know this key file", "server block", False),
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
                  "fail", "HTTP 502", "wait", False),
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
            Fault("confirmations without ids", self.without_ids(10), "deletions", "fail",
                  "knows no external ids", "imconnector.send.status.delivery", False),
            Fault("few confirmations without ids", self.without_ids(9), "deletions", "warn",
                  "knows no external ids", "imconnector.send.status.delivery", False, exit=0),
        ]
