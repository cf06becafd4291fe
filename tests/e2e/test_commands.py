"""The commands: what they print, and their exit status."""

import json
import os
import pathlib
import subprocess
import tempfile

from stack import BINARY, StackTest


class Commands(StackTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.portal = cls.stack.install()
        cls.stack.post(cls.portal.update(11, ["c-1", "c-2"], chat="c-chat", line=5))
        cls.stack.post(cls.portal.delete(11, "c-1", chat="c-chat", line=5))

    def run_ok(self, *words, **options):
        done = self.stack.command(*words, **options)
        self.assertEqual((done.returncode, done.stderr), (0, ""), words)
        return done.stdout

    def rows(self, *words):
        return json.loads(self.run_ok(*words, "--json"))

    def test_help_and_version_work_everywhere(self):
        self.assertIn("0.1.0", self.run_ok("--version", config=False))
        for words in ((), ("worker",), ("migrate",), ("doctor",), ("decode",), ("portal",),
                      ("message",), ("event",), ("portal", "list"), ("portal", "show"),
                      ("portal", "remove"),
                      ("message", "find"), ("message", "show"), ("event", "list"),
                      ("event", "show")):
            self.assertIn("sage", self.run_ok(*words, "--help", config=False), words)

    def test_wrong_usage_is_2_and_names_what_is_wrong(self):
        for words, named in (((), "imrelay"), (("nosuch",), "nosuch"),
                             (("portal",), "list"), (("portal", "nosuch"), "nosuch"),
                             (("portal", "list", "--nosuch"), "--nosuch"),
                             (("event", "list", "--limit", "many"), "--limit"),
                             (("message", "find", "--line", "x"), "--line"),
                             (("message", "show"), "MESSAGE_ID"),
                             (("message", "show", "x"), "x"),
                             (("event", "show", "x"), "x"),
                             (("portal", "show"), "MEMBER")):
            done = self.stack.command(*words, config=False)
            self.assertEqual(done.returncode, 2, (words, done))
            self.assertIn(named, done.stderr, words)
            self.assertEqual(done.stdout, "", words)

    def test_portal_list_and_show(self):
        [row] = [r for r in self.rows("portal", "list")
                 if r["member_id"] == self.portal.member_id]
        whole = self.stack.portal_row(self.portal)
        self.assertEqual(row["status"], "active")
        self.assertEqual(row, {column: whole[column] for column in row})
        shown = self.rows("portal", "show", self.portal.member_id)
        self.assertEqual({**whole, **shown}, shown)
        self.assertIn(self.portal.member_id, self.run_ok("portal", "list"))
        self.assertIn("active", self.run_ok("portal", "show", self.portal.member_id))

    def test_message_find_by_every_key(self):
        member = ("--portal", self.portal.member_id)
        for words, found in ((("--message", 11), 2), (("--chat", 1807), 2), (("--line", 5), 2),
                             (("--connector", "MyConnector"), 2),
                             (("--external-chat", "c-chat"), 2),
                             (("--external-message", "c-2"), 1), (("--message", 12), 0),
                             (("--limit", 1), 1), (("--line", 6), 0)):
            self.assertEqual(len(self.rows("message", "find", *member, *words)), found, words)

    def test_message_show_has_rows_and_deliveries(self):
        text = self.run_ok("message", "show", 11, "--portal", self.portal.member_id)
        for word in ("c-1", "c-2", "message.updated", "message.deleted", "pending"):
            self.assertIn(word, text)
        json.loads(self.run_ok("message", "show", 11, "--json"))

    def test_event_list_and_show(self):
        member = ("--portal", self.portal.member_id)
        every = self.rows("event", "list", *member)
        self.assertEqual(len(every), 3)
        self.assertEqual(every[0]["event"], "ONIMCONNECTORMESSAGEDELETE")  # newest first
        self.assertEqual(len(self.rows("event", "list", *member, "--event", "ONAPPINSTALL")), 1)
        self.assertEqual(self.rows("event", "list", *member, "--status", "ignored"), [])
        self.assertEqual(len(self.rows("event", "list", *member, "--limit", 2)), 2)
        self.assertIn("c-1", self.run_ok("event", "show", every[0]["id"]))
        json.loads(self.run_ok("event", "show", every[0]["id"], "--json"))

    def test_what_is_not_there_is_1(self):
        for words in (("portal", "show", "nobody"), ("portal", "remove", "nobody"),
                      ("message", "show", 999999), ("event", "show", 999999)):
            done = self.stack.command(*words)
            self.assertEqual(done.returncode, 1, (words, done))
            self.assertRegex(done.stderr + done.stdout, r"\bno\b", words)

    def test_portal_remove_erases_its_data(self):
        portal = self.stack.install()
        self.stack.post(portal.delete(1, "erase-1"))

        self.run_ok("portal", "remove", portal.member_id)

        self.assertEqual(self.stack.messages(portal), [])
        self.assertEqual(self.stack.post(portal.add(2)).status, 403)

    def test_migrate_can_be_repeated(self):
        before = self.stack.sql("SELECT count(*) AS n FROM events")
        for _ in range(2):
            self.run_ok("migrate")
        self.assertEqual(self.stack.sql("SELECT count(*) AS n FROM events"), before)

    def test_decode_prints_the_tree(self):
        out = self.run_ok("decode", input="a[b]=1&a[]=2&x.y=%41&l[]=1&l[]=2", config=False)
        self.assertEqual(json.loads(out), {"a": {"b": "1", "0": "2"}, "x_y": "A", "l": ["1", "2"]})
        self.assertEqual(json.loads(self.run_ok("decode", input="", config=False)), [])

    def test_decode_of_what_is_no_event_is_1(self):
        done = self.stack.command("decode", "--event", input="a=1", config=False)
        self.assertEqual(done.returncode, 1)
        self.assertTrue(done.stderr)


class Configuration(StackTest):
    def with_config(self, text, *words, **environment):
        """Runs a command with this configuration alone, and no other setting."""
        settings = {k: v for k, v in os.environ.items() if not k.startswith("IMRELAY_")}
        with tempfile.TemporaryDirectory() as home:
            path = pathlib.Path(home, "imrelay.toml")
            path.write_text(text)
            done = subprocess.run(
                [BINARY, *(words or ("portal", "list")), "--config", path], capture_output=True,
                text=True, timeout=60, env={**settings, **environment})
            self.kept = sorted(p.name for p in pathlib.Path(home).iterdir())
            return done

    def check_wrong(self, text, *named, **environment):
        done = self.with_config(text, "migrate", **environment)
        self.assertEqual(done.returncode, 78, done)
        for name in named:
            self.assertIn(name, done.stderr)
        self.assertEqual(self.kept, ["imrelay.toml"])  # nothing was changed

    def test_an_unknown_key_is_78_and_named(self):
        self.check_wrong("[database]\nnosuch = 1\n", "database.nosuch")
        self.check_wrong("[nosuch]\nkey = 1\n", "nosuch")

    def test_a_wrong_value_is_78_with_the_key_and_the_value(self):
        self.check_wrong('[worker]\nthreads = "many"\n', "worker.threads", "many")
        self.check_wrong("[worker]\nthreads = 0\n", "worker.threads", "0")
        self.check_wrong('[database]\nurl = "oracle:x"\n', "database.url", "oracle:x")
        self.check_wrong("", "IMRELAY_WORKER_THREADS", "many", IMRELAY_WORKER_THREADS="many")

    def test_an_insecure_authorization_server_is_78(self):
        wrong = '[bitrix24]\noauth_url = "http://oauth.example.com"\n'
        self.check_wrong(wrong, "bitrix24.oauth_url", "http://oauth.example.com", "https")

    def test_broken_toml_is_78_with_the_line(self):
        self.check_wrong("[database\n", "imrelay.toml", "1")

    def test_a_missing_file_is_78(self):
        done = self.stack.command("migrate", "--config", "/nonexistent.toml", config=False)
        self.assertEqual(done.returncode, 78, done)
        self.assertIn("/nonexistent.toml", done.stderr)

    def test_a_database_that_is_away_is_69(self):
        done = self.with_config('[database]\nurl = "sqlite:/nonexistent/imrelay.db"\n')
        self.assertEqual(done.returncode, 69, done)
        self.assertIn("/nonexistent", done.stderr)

    def test_a_damaged_database_is_named_with_its_mend(self):
        database = self.stack.home / "damaged.db"
        database.write_bytes(b"\x55" * 8192)
        for words in (("stats",), ("portal", "list"), ("migrate",)):
            done = self.stack.command(*words, IMRELAY_DATABASE_URL=f"sqlite:{database}")
            self.assertEqual((done.returncode, done.stdout), (69, ""), words)
            self.assertIn(f"{database} is damaged (", done.stderr, words)
            self.assertIn("docs/restore.md", done.stderr, words)

    def test_the_environment_wins_over_the_file(self):
        done = self.with_config('[database]\nurl = "sqlite:/nonexistent/imrelay.db"\n', "migrate",
                                IMRELAY_DATABASE_URL=f"sqlite:{self.stack.database}")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_a_secret_may_stand_in_a_file(self):
        secret = self.stack.home / "secret"
        secret.write_text("s3cret\n")
        done = self.with_config('[database]\nurl = "sqlite:x.db"\n'
                                f'[bitrix24]\nclient_secret_file = "{secret}"\n', "migrate")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.check_wrong('[bitrix24]\nclient_secret_file = "/nonexistent"\n',
                         "client_secret_file", "/nonexistent")
