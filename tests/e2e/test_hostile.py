"""Requests that nobody but an attacker sends, through the real nginx to a real worker."""

import gzip
import itertools
import json
import re
import urllib.parse

import events
from hostile import TRICKY_PATHS, SlowClients, all_printed, headers_of, send_raw, status_of
from stack import CHANNEL_KEY, FORM, StackTest, wait_for
from stand_ins import CHANNEL_SECRET

SQL = ("'; DROP TABLE message; --", "\" OR \"1\"=\"1", "1); DELETE FROM portal; --",
       "x' UNION SELECT token_hash FROM portal --", "%27%3B%20DROP TABLE event", "\\'; --")
# What would end a header, or a line, where it got into one.
BREAKS = ("\r\nX-Evil: 1", "\nSet-Cookie: evil=1", "\r\n\r\n<script>", "\u2028X-Evil: 1", "\x00x")


class HostileTest(StackTest):
    """Afterwards a portal works, and the same workers run."""

    settings = {"channel_url": "http://127.0.0.1:9/", "channel_secret": CHANNEL_SECRET,
                "channel_key": CHANNEL_KEY}

    def setUp(self):
        self.portal = self.stack.install()
        self.workers_before = self.stack.worker_pids()

    def tearDown(self):
        self.check_answer(self.stack.post(self.portal.delete(self.portal.new_number(), "after")),
                          200, "accepted")
        self.assertEqual(self.stack.worker_pids(), self.workers_before)

    def count_of_events(self):
        return self.stack.sql("SELECT count(*) AS n FROM events")[0]["n"]


class Slow(HostileTest):
    COUNT = 300

    def test_slow_clients_hold_up_nobody_and_are_cut_off(self):
        head = (b"POST /bitrix24/event HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n"
                b"Content-Type: application/x-www-form-urlencoded\r\n")
        slow = SlowClients(self.stack.port)
        self.addCleanup(slow.close)
        slow.begin(b"", self.COUNT)
        slow.begin(head, self.COUNT)
        slow.begin(head + b"\r\nevent=ONIMCONNECTORMESSAGEADD&", self.COUNT)

        for number in range(50):
            self.check_answer(self.stack.post(self.portal.add(number + 1)), 200, "accepted")

        self.assertEqual(slow.wait_until_cut(90), 0)
        # None of them has reached a worker.
        self.assertEqual(re.findall(r" event status=refused .*", self.stack.log()), [])

    def test_a_header_that_never_ends_is_cut_off_though_it_grows(self):
        slow = SlowClients(self.stack.port)
        self.addCleanup(slow.close)
        slow.begin(b"POST /bitrix24/event HTTP/1.1\r\nX-Long: ", 20)

        self.assertEqual(slow.wait_until_cut(90, dripping=b"x"), 0)


class Oversized(HostileTest):
    def setUp(self):
        super().setUp()
        self.stored = self.count_of_events()

    def tearDown(self):
        self.assertEqual(self.count_of_events(), self.stored)
        super().tearDown()

    def head(self, line=b"POST /bitrix24/event HTTP/1.1", *headers):
        return b"\r\n".join([line, b"Host: x", b"Connection: close", *headers]) + b"\r\n\r\n"

    def raw(self, data):
        return status_of(send_raw(self.stack.port, data))

    def test_long_request_lines_and_headers(self):
        long = b"x" * 20_000
        self.assertEqual(self.raw(self.head(b"GET /bitrix24/" + long + b" HTTP/1.1")), 414)
        self.assertEqual(self.raw(self.head(b"GET /bitrix24/event?" + long + b" HTTP/1.1")), 414)
        self.assertEqual(self.raw(self.head(b"GET /bitrix24/event HTTP/1.1", b"X: " + long)), 400)
        many = [b"X-%d: %s" % (number, b"y" * 1000) for number in range(200)]
        self.assertEqual(self.raw(self.head(b"GET /bitrix24/event HTTP/1.1", *many)), 400)
        self.assertEqual(self.raw(self.head(b"X" * 30_000 + b" /bitrix24/event HTTP/1.1")), 414)

    def test_a_long_content_type_is_not_read(self):
        kind = b"Content-Type: application/json;" + b"a" * 7000
        status = self.raw(self.head(b"POST /bitrix24/event HTTP/1.1", kind, b"Content-Length: 2")
                          + b"{}")
        self.assertIn(status, (400, 415))

    def test_two_lengths_and_a_length_beside_chunks_are_refused(self):
        body = events.form(self.portal.message("ADD", 1, text="x"))
        length = b"Content-Length: %d" % len(body)
        kind = b"Content-Type: " + FORM.encode()
        post = b"POST /bitrix24/event HTTP/1.1"
        for headers in ((length, b"Content-Length: 3"), (length, b"Transfer-Encoding: chunked"),
                        (b"Content-Length: +5",), (b"Content-Length: 99999999999999999999",),
                        (b"Transfer-Encoding: gzip, chunked",)):
            with self.subTest(headers):
                status = self.raw(self.head(post, kind, *headers) + body)
                self.assertIn(status, (400, 413, 501))

    def test_100000_keys(self):
        tree = events.form(self.portal.message("DELETE", 1, "x"))
        keys = b"".join(b"&k%d=" % number for number in range(100_000))
        self.check_answer(self.stack.post(tree + keys), 400, "too_many_keys")
        nested = b"".join(b"&d[%d]=" % number for number in range(100_000))
        self.check_answer(self.stack.post(tree + nested), 400, "too_many_keys")
        keys = json.dumps({f"k{number}": 1 for number in range(70_000)}).encode()
        answer = self.stack.post(keys, content_type="application/json")
        self.check_answer(answer, 400, "too_many_keys")

    def test_one_megabyte_of_the_same_key(self):
        for body in (b"a=1&" * (1 << 18), b"a[]=&" * 200_000, b"&" * (1 << 20)):
            answer = self.stack.post(body)
            self.assertEqual(answer.status, 400, answer)
        body = b"{" + b",".join([b'"a":1'] * 170_000) + b"}"
        answer = self.stack.post(body, content_type="application/json")
        self.check_answer(answer, 400, "too_many_keys")

    def test_deep_nesting(self):
        tree = events.form(self.portal.message("DELETE", 1, "x"))
        self.check_answer(self.stack.post(tree + b"&a" + b"[b]" * 300_000 + b"=1"), 400, "too_deep")
        for deep in (b'{"a":' * 150_000, b'{"a":' + b"[" * 1_000_000):
            answer = self.stack.post(deep, content_type="application/json")
            self.assertEqual(answer.status, 400, answer)
            self.assertIn(answer.json["error"], ("too_deep", "bad_json"))

    def test_what_is_compressed_is_not_unpacked(self):
        body = gzip.compress(events.form(self.portal.message("DELETE", 1, "x")))
        bomb = gzip.compress(b"event=" + b"x" * (64 << 20))
        self.assertLess(len(bomb), 100_000)
        for packed, kind in itertools.product((body, bomb), (FORM, "application/json")):
            headers = {"Content-Type": kind, "Content-Encoding": "gzip"}
            answer = self.stack.get("/bitrix24/event", "POST", body=packed, headers=headers)
            self.assertEqual(answer.status, 400, answer)


class Paths(HostileTest):
    def test_no_path_is_another(self):
        body = events.form(self.portal.message("ADD", 1, text="x"))
        before = self.count_of_events()
        for path in TRICKY_PATHS:
            with self.subTest(path[:60]):
                head = (f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: "
                        f"{FORM}\r\nContent-Length: {len(body)}\r\n\r\n").encode()
                answer = send_raw(self.stack.port, head + body)
                self.assertIn(status_of(answer), (400, 401, 403, 404), answer[:300])
                self.assertNotIn("x-evil", headers_of(answer))
        self.assertEqual(self.count_of_events(), before)

    def test_a_zero_byte_in_a_path_is_refused(self):
        for path in ("/bitrix24/event%00", "/bitrix24/%00event", "/bitrix24/event%00.json"):
            self.assertEqual(self.stack.get(path).status, 400, path)
        raw = send_raw(self.stack.port, b"GET /bitrix24/ev\0ent HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertEqual(status_of(raw), 400)

    def test_no_path_leads_others_to_what_is_for_operators(self):
        for path in ("/metrics", "//metrics", "/./metrics", "/bitrix24/../metrics",
                     "/bitrix24/%2e%2e/metrics", "/metrics/../bitrix24/event", "/metrics%00",
                     "/%6detrics", "/metrics?/bitrix24/event", "/metrics#/bitrix24/event",
                     "/channel/../metrics", "/metrics;/bitrix24/", "http://x/metrics",
                     "http://x/bitrix24/../metrics"):
            with self.subTest(path):
                head = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
                answer = send_raw(self.stack.port, head, source="127.0.0.2")
                self.assertIn(status_of(answer), (400, 403, 404))
                self.assertNotIn(b"imrelay_", answer)


class Injection(HostileTest):
    def schema(self):
        return self.stack.sql("SELECT type, name, sql FROM sqlite_schema ORDER BY name")

    def rows(self, portal):
        """All but how often a delivery was tried: its channel is away."""
        rows = [self.stack.sql(f"SELECT * FROM {view} WHERE member_id = '{portal.member_id}'")
                for view in ("portals", "lines", "messages", "events")]
        return rows + [[row["id"] for row in self.stack.deliveries(portal)]]

    def bystander(self):
        portal = self.stack.install()
        self.check_answer(self.stack.post(portal.delete(1, "theirs")), 200, "accepted")
        return portal

    def test_ids_that_are_sql_stay_ids(self):
        schema, bystander = self.schema(), self.bystander()
        theirs = self.rows(bystander)
        for number, text in enumerate(SQL, 1):
            with self.subTest(text):
                body = self.portal.delete(number, [text, text + "2"], chat=text)
                self.check_answer(self.stack.post(body), 200, "accepted")
                kept = [row for row in self.stack.messages(self.portal)
                        if row["message_id"] == number]
                self.assertEqual({row["external_message_id"] for row in kept}, {text, text + "2"})
                self.assertEqual({row["external_chat_id"] for row in kept}, {text})
                found = self.stack.command("message", "find", "--external-message", text, "--json")
                self.assertEqual(found.returncode, 0, found.stderr)
                self.assertEqual({row["external_message_id"] for row in json.loads(found.stdout)},
                                 {text})
        for text in SQL:
            for body in (self.portal.add(text), self.portal.add(1, im_chat=text),
                         self.portal.add(1, line=text)):
                self.check_answer(self.stack.post(body), 200, "ignored")
            self.stack.post(self.portal.add(1, connector=text))
            stranger = events.Portal(text, text)
            self.check_answer(self.stack.post(stranger.add(1)), 403, "unknown_portal")
            self.check_answer(self.stack.post(self.portal.add(1, application_token=text)), 403,
                              "wrong_token")
            self.stack.post(events.form(self.portal.tree(text, {"a": text}, ts=text)))
        self.assertEqual(self.schema(), schema)
        self.assertEqual(self.rows(bystander), theirs)
        self.assertEqual(self.stack.sql("PRAGMA integrity_check"), [{"integrity_check": "ok"}])

    def test_queries_and_paths_of_the_channel_api_that_are_sql(self):
        schema = self.schema()
        key = {"Authorization": f"Bearer {CHANNEL_KEY}"}
        for text in SQL:
            quoted = urllib.parse.quote(text)
            for name in ("external_message_id", "external_chat_id"):
                answer = self.stack.get(f"/channel/v1/messages?{name}={quoted}", headers=key)
                self.assertEqual(answer.status, 200, answer)
                self.assertEqual({row[name] for row in answer.json["messages"]} - {text}, set())
            answer = self.stack.get(f"/channel/v1/messages?message_id={quoted}", headers=key)
            self.assertEqual(answer.status, 400, answer)
            self.assertEqual(self.stack.get(f"/channel/v1/{quoted}", headers=key).status, 404)
        self.assertEqual(self.schema(), schema)

    def test_nothing_breaks_a_header(self):
        for text in BREAKS:
            quoted = urllib.parse.quote(text)
            for path in (f"/bitrix24/{quoted}/event", f"/bitrix24/event?probe={quoted}",
                         f"/bitrix24/install?DOMAIN={quoted}&PROTOCOL={quoted}&LANG={quoted}",
                         f"/channel/v1/{quoted}", f"/channel/telegram/{quoted}"):
                with self.subTest(path):
                    head = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
                    answer = send_raw(self.stack.port, head.encode())
                    self.assertIsNotNone(status_of(answer))
                    self.assertFalse({"x-evil", "set-cookie"} & set(headers_of(answer)), answer)
                    self.assertNotIn(b"<script>", answer.split(b"\r\n\r\n<!", 1)[0])

    def test_ids_with_control_characters_go_nowhere(self):
        for text in BREAKS:
            if "\u2028" in text:
                continue  # a line only to people, and ASCII in every header
            for body in (self.portal.delete(1, "id" + text), self.portal.add(2, chat="c" + text)):
                answer = self.stack.post(body)
                self.assertEqual(answer.status, 200, answer)
        self.assertEqual([row for row in self.stack.messages(self.portal)
                          if re.search(r"[\x00-\x1f]", json.dumps(row, ensure_ascii=False))], [])


class LogLines(HostileTest):
    """One line a request, escaped and bounded, whatever it claims to be."""

    LONGEST = 4000
    LINE = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z (info|warning|error) ([a-z ]+)( [a-z_]+=.*)?")

    def told(self, before):
        """The lines of events since then; none before there are two. Nothing else may stand there
        than lines of ours."""
        text = self.stack.log()[before:]
        lines = [self.LINE.fullmatch(line) for line in text.split("\n")[:-1]]
        self.assertNotIn(None, lines, text[:1000])
        events_told = [line[0] for line in lines if line[2] == "event"]
        return events_told if len(events_told) >= 2 else None

    def posted(self, body):
        """The one line that tells of a post."""
        all_printed(self.stack)
        before = len(self.stack.log())
        self.stack.post(body)
        # So that nothing of the first is still to come.
        self.assertEqual(self.stack.post(b"").json["error"], "no_event")
        told = wait_for(lambda: self.told(before), what="the lines of both")
        self.assertEqual(len(told), 2, told)
        line = told[0]
        self.assertTrue(line.isprintable() and line.isascii(), line)
        self.assertLess(len(line), self.LONGEST)
        return line

    def test_every_claim(self):
        forged = "x\n2026-01-01T00:00:00.000Z info event status=accepted"
        for text in (forged, "\r\nX: 1", "\x1b[2J\x1b[31m", "\x9b31m", "\u202etxt", "\u2028new",
                     '" status=accepted http=200 "', "a=b c=d", "\\", "%s%n{}", "\x00\x7f",
                     "x" * 200_000, "\n" * 100_000, "\x1b" * 100_000):
            with self.subTest(text[:30]):
                named = self.posted(events.form(self.portal.tree(text, {"a": "b"})))
                self.assertNotIn(" info event status=accepted", named[30:])
                self.posted(events.form({"event": "ONAPPTEST", "auth": {"member_id": text}}))
                self.posted(self.portal.delete(1, application_token=text))
                self.posted(self.portal.delete(self.portal.new_number(), text))

    def test_bytes_that_are_no_text(self):
        self.posted(b"event=%FF%FE%C0%AF&auth[member_id]=%ED%A0%80")
        self.posted(b"event=\xff\xfe\x1b[31m&auth[member_id]=\x80\x9b")
