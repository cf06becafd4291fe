"""imrelay doctor: each fault is planted, found with its mend, mended where it can be, and gone."""

import contextlib
import json
import os
import sqlite3
import unittest

import events
from local_servers import Elsewhere
from planted import CONNECTOR, EVENT, LINE, Planted
from stack import Stack, wait_for
from stand_ins import CLIENT_SECRET, StandIn, StandInChannel


class Doctor(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stand_in = StandIn()
        cls.addClassCleanup(cls.stand_in.stop)
        cls.channel = StandInChannel()
        cls.addClassCleanup(cls.channel.stop)
        # A bucket that never fills: this makes more calls than Bitrix24 would take at once.
        cls.stack = Stack(cls.stand_in, channel=cls.channel, connector_id=CONNECTOR, bitrix24_calls_per_second=1000,
                          bitrix24_call_burst=1000)
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
        # Where the worker has not yet done it by itself.
        cls.stack.command("doctor", "--fix")
        cls.stand_in.send(member, CONNECTOR, "Guten Tag!", LINE)
        wait_for(lambda: {d["kind"]: d["state"] for d in cls.stack.deliveries(cls.portal)}.get(
            "confirm") == "done", what="the confirmation")

    @classmethod
    def proven(cls):
        return [e for e in cls.stack.events(cls.portal)
                if e["event"] == "ONAPPINSTALL" and e["status"] == "applied"]

    @classmethod
    def install_again(cls, **values):
        """Takes away what was registered there, as every installation does."""
        before = len(cls.proven())
        cls.stand_in.install(cls.portal.member_id, handler=cls.handler,
                             **{"scope": "imconnector,imopenlines,im", **values})
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
                      "disk", "key", "socket", "spooler", "worker", "public URL",
                      "authorization server",
                      "clock", "portal", "tokens", "application", "scope", "connector", "bindings",
                      f"line {LINE}", "last event", "deletions", "channel", "outbox"):
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

    def test_nothing_is_registered_at_a_strangers_that_says_ok(self):
        stranger = Elsewhere(body=b'{"status":"ok"}')
        self.addCleanup(stranger.stop)
        before = self.stand_in.state(self.portal.member_id)
        code, findings = self.doctor("--fix", IMRELAY_BITRIX24_PUBLIC_URL=stranger.url)
        self.assertEqual(code, 1)
        self.assertTrue([f for f in findings if "left alone" in (f["mended"] or "")], findings)
        self.assertEqual(self.stand_in.state(self.portal.member_id), before)

    def test_a_locked_database_is_no_other_key(self):
        with contextlib.ExitStack() as undo:
            Planted(self).locked(undo)
            _, findings = self.doctor()
        self.assertEqual({f["check"] for f in self.not_well(findings)}, {"writing", "portals"})

    def test_a_hung_worker_is_not_taken_for_a_broken_network(self):
        with contextlib.ExitStack() as undo:
            Planted(self).hung(undo)
            code, findings = self.doctor()
        wait_for(self.stack.is_ready, what="the worker to go on")
        self.assertEqual(code, 1)
        worker, public_url = self.not_well(findings)
        self.assertEqual((worker["check"], public_url["check"]), ("worker", "public URL"))
        self.assertIn("does not answer", worker["found"])
        self.assertIn("spooler answers", public_url["found"])
        self.assertIn("systemctl restart imrelay.service", worker["mend"])
        self.assertIn("check of the worker", public_url["mend"])

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
