"""The system under test: real nginx, spawn-fcgi, workers; a stand-in for Bitrix24's servers."""

import contextlib
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
import unittest

import events
from stand_ins import BUILD, CHANNEL_SECRET, CLIENT_ID, CLIENT_SECRET, TREE, StandIn, request

BINARY = BUILD / "imrelay"
# For what needs root's rights, as in scripts/packages.
AS_ROOT = [] if os.geteuid() == 0 else ["sudo"]
LONG = bool(os.environ.get("IMRELAY_TEST_LONG"))
FORM = "application/x-www-form-urlencoded"
CHANNEL_KEY = "e2e-channel-key-0123456789"


def wait_for(condition, seconds=15.0, what="the condition"):
    """Asks until `condition` gives something true and returns that; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s in vain for {what}")
        time.sleep(0.02)


@contextlib.contextmanager
def locked(database):
    """Another program inside a write transaction. It asks often, so it gets it under load, too."""
    with contextlib.closing(sqlite3.connect(database, timeout=0, isolation_level=None)) as other:
        deadline = time.monotonic() + 60
        while not other.in_transaction:
            try:
                other.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.0005)
        yield
        other.execute("ROLLBACK")


def free_port():
    """A port that is free, and that no outgoing connection is given: those begin at 32768."""
    while True:
        port = random.randint(20000, 32767)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass


def children(pid):
    try:
        listed = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text()
        return [int(child) for child in listed.split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


class Stack:
    """scripts/stack with a fresh state directory of its own."""

    def __init__(self, stand_in=None, workers=1, state=None, binary=BINARY, channel=None,
                 database="imrelay.db", **settings):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="imrelay-e2e."))
        self.state = pathlib.Path(state) if state else self.home / "state"
        self.binary = binary
        self.database = self.state / database
        self.stand_in = stand_in
        self.workers = workers
        self.port = free_port()
        self.process = None
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("IMRELAY_")}
        self.environment.update({
            "IMRELAY_BITRIX24_CLIENT_ID": CLIENT_ID,
            "IMRELAY_BITRIX24_CLIENT_SECRET": CLIENT_SECRET,
            "IMRELAY_SECURITY_ALLOW_INSECURE_LOOPBACK": "true",
            # The scripts' own; the program must not take them for settings.
            "IMRELAY_STATE": str(self.state),
            "IMRELAY_PORT": str(self.port),
        })
        if self.database.parent != self.state:  # with all that stands beside it
            self.database.parent.mkdir(0o700, parents=True)
            self.environment["IMRELAY_DATABASE_URL"] = f"sqlite:{self.database}"
        if stand_in:
            self.environment["IMRELAY_BITRIX24_OAUTH_URL"] = stand_in.url
        if channel:
            self.environment.update(IMRELAY_CHANNEL_URL=channel.url,
                                    IMRELAY_CHANNEL_SECRET=CHANNEL_SECRET,
                                    IMRELAY_CHANNEL_KEY=CHANNEL_KEY)
        for name, value in settings.items():
            self.environment[f"IMRELAY_{name.upper()}"] = str(value)

    # --- running it

    def spawn(self):
        self.output = open(self.home / "output", "ab")
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", "--", TREE / "scripts" / "stack", self.binary,
             self.state, str(self.port), str(self.workers)],
            stdout=self.output, stderr=self.output, stdin=subprocess.DEVNULL,
            env=self.environment, start_new_session=True)
        return self

    def start(self):
        self.spawn()
        wait_for(self.is_ready, 60, "the stack to be ready")
        return self

    def is_ready(self):
        assert self.process.poll() is None, self.printed()[-3000:]
        try:
            return self.get("/readyz").status == 200
        except OSError:
            return False

    def stop(self, how=signal.SIGINT):
        """Stops everything and returns the exit status; complains of what the sanitizers saw."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
        status = self.process.wait(60)
        self.output.close()
        log = self.printed()
        for trace in ("AddressSanitizer", "ThreadSanitizer", "LeakSanitizer", "runtime error:"):
            assert trace not in log, log[-6000:]
        return status

    def remove(self):
        shutil.rmtree(self.home, ignore_errors=True)

    def printed(self):
        return (self.home / "output").read_text(errors="replace")

    def log(self):
        return (self.state / "logs" / "imrelay.log").read_text(errors="replace")

    def nginx(self):
        """The pid of nginx's master process."""
        return int((self.state / "nginx" / "pid").read_text())

    def supervisor(self, of="worker"):
        """The multiwatch of the workers, or of the "spooler"."""
        for pid in children(self.process.pid):
            try:
                process = pathlib.Path(f"/proc/{pid}")
                words = (process / "cmdline").read_bytes().split(b"\0")
                if (process / "comm").read_text() == "multiwatch\n" and of.encode() in words:
                    return pid
            except (FileNotFoundError, ProcessLookupError):
                pass
        return None

    def worker_pids(self, of="worker"):
        """The workers' pids, or the "spooler"'s; a child that has not become one yet is none."""
        found = []
        for pid in children(self.supervisor(of) or 0):
            try:
                if pathlib.Path(f"/proc/{pid}/comm").read_text() == "imrelay\n":
                    found.append(pid)
            except (FileNotFoundError, ProcessLookupError):
                pass
        return found

    # --- using it

    def wait_for_intake(self):
        """Until everything that was spooled is taken in."""
        spool = self.database.parent / "spool"
        wait_for(lambda: not [*spool.glob("spooler/*.spool"), *spool.glob("worker/*.spool")],
                 1200 if LONG else 60, "the spool's intake")

    @property
    def socket_path(self):
        return self.state / "imrelay.sock"

    def get(self, path, method="GET", **options):
        return request(self.port, method, path, **options)

    def post(self, body, path="/bitrix24/event", content_type=FORM, **options):
        headers = {"Content-Type": content_type} if content_type else {}
        return request(self.port, "POST", path, body, headers, **options)

    def sql(self, query):
        """Rows as dictionaries, from the stock shell. It waits while a worker recovers the log."""
        shell = subprocess.run(["sqlite3", "-readonly", "-json", "-cmd", ".timeout 5000",
                                self.database, query],
                               capture_output=True, text=True, timeout=60)
        assert shell.returncode == 0 and not shell.stderr, shell.stderr
        return json.loads(shell.stdout) if shell.stdout.strip() else []

    def command(self, *arguments, input=None, config=True, **environment):
        """Runs one imrelay command against this stack's configuration."""
        line = [str(self.binary), *map(str, arguments)]
        if config:
            line += ["--config", str(self.state / "imrelay.toml")]
        return subprocess.run(line, input=input, capture_output=True, text=True, timeout=60,
                              env={**self.environment, **environment})

    def install(self, portal=None, admin=True, **auth):
        """Posts a portal's installation with freshly issued tokens and waits for its proof."""
        portal = portal or events.Portal()
        portal.issued = self.stand_in.issue(portal.member_id, admin)
        answer = self.post(portal.install(**auth))
        # Just after an outage it may be spooled, behind what waits.
        assert answer.status == 200 and answer.json["status"] in ("accepted", "spooled"), answer
        wait_for(lambda: self.portal_status(portal) == "active", what="a proven installation")
        return portal

    def portal_row(self, portal):
        rows = self.sql(f"SELECT * FROM portals WHERE member_id = '{portal.member_id}'")
        return rows[0] if rows else None

    def portal_status(self, portal):
        row = self.portal_row(portal)
        return row and row["status"]

    def messages(self, portal, order="message_id, external_message_id"):
        return self.sql(f"SELECT * FROM messages WHERE member_id = '{portal.member_id}'"
                        f" ORDER BY {order}")

    def deliveries(self, portal):
        """All but the one that tells of the portal's own installation."""
        return self.sql(f"SELECT * FROM deliveries WHERE member_id = '{portal.member_id}'"
                        " AND kind <> 'portal.installed' ORDER BY id")

    def events(self, portal):
        return self.sql(f"SELECT * FROM events WHERE member_id = '{portal.member_id}' ORDER BY id")


class StackTest(unittest.TestCase):
    """Tests that share one running stack, each with portals of its own."""

    workers = 1
    settings = {}
    applications = ()  # more than the one, as "name:client_id:secret"

    @classmethod
    def setUpClass(cls):
        cls.stand_in = StandIn(applications=cls.applications)
        cls.addClassCleanup(cls.stand_in.stop)
        cls.stack = Stack(cls.stand_in, cls.workers, **cls.settings)
        cls.addClassCleanup(cls.stack.remove)
        cls.addClassCleanup(cls.stop_stack)
        cls.stack.start()

    @classmethod
    def stop_stack(cls):
        status = cls.stack.stop()
        assert status == 0, (status, cls.stack.printed()[-3000:])

    def check_answer(self, answer, status, word=None, reason=None):
        self.assertEqual(answer.status, status, answer)
        if status == 200 and word:
            self.assertEqual(answer.json["status"], word, answer)
        elif word:
            self.assertEqual(answer.json["error"], word, answer)
            self.assertTrue(answer.json["message"], answer)
        if reason:
            self.assertEqual(answer.json.get("reason"), reason, answer)
