"""Every wrong input gets its own answer."""

import json
import socket

import events
from stack import StackTest


class Refusals(StackTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.portal = cls.stack.install()

    def setUp(self):
        self.before = self.stack.sql("SELECT count(*) AS n FROM events")

    def tearDown(self):
        self.assertEqual(self.stack.sql("SELECT count(*) AS n FROM events"), self.before)

    def refused(self, body, status, word, **options):
        self.check_answer(self.stack.post(body, **options), status, word)

    def tree(self, **auth):
        return self.portal.message("DELETE", 1, "x", **auth)

    def raw(self, head, body=b""):
        """Sends bytes as they are and returns the status line of the answer."""
        with socket.create_connection(("127.0.0.1", self.stack.port), timeout=20) as connection:
            connection.sendall(head.replace("\n", "\r\n").encode() + body)
            with connection.makefile("rb") as answer:
                return answer.readline().decode().strip()

    def test_a_body_that_is_no_event(self):
        self.refused(b"garbage", 400, "no_event")
        self.refused(b"", 400, "no_event")
        self.refused(b"\x00\xff\xfe%zz=%", 400, "no_event")
        self.refused(b"data=107&auth[member_id]=x", 400, "no_event")
        self.refused(b"event[]=ONAPPTEST", 400, "no_event")

    def test_broken_json(self):
        for body in (b"{", b"[1,2", b"", b'{"event":"X"} trailing', b"\xff\xfe"):
            self.refused(body, 400, "bad_json", content_type="application/json")

    def test_seventeen_levels(self):
        deep = b"&a" + b"[b]" * 16 + b"=1"
        self.refused(events.form(self.tree()) + deep, 400, "too_deep")
        nested = {"event": "ONAPPTEST", "auth": self.portal.auth()}
        level = nested
        for _ in range(16):
            level["a"] = {}
            level = level["a"]
        level["a"] = "1"
        self.refused(json.dumps(nested).encode(), 400, "too_deep", content_type="application/json")

    def test_more_than_4000_keys(self):
        many = b"".join(b"&k%d=1" % i for i in range(4000))
        self.refused(events.form(self.tree()) + many, 400, "too_many_keys")

    def test_an_unknown_portal(self):
        self.refused(events.Portal().delete(1, "x"), 403, "unknown_portal")

    def test_a_wrong_or_missing_application_token(self):
        self.refused(events.form(self.tree(application_token="0" * 32)), 403, "wrong_token")
        self.refused(events.form(self.tree(application_token="")), 403, "wrong_token")
        self.refused(events.form(self.tree(application_token=None)), 403, "wrong_token")

    def test_no_auth(self):
        tree = self.tree()
        del tree["auth"]
        self.refused(events.form(tree), 403, "unknown_portal")
        tree["auth"] = "scalar"
        self.refused(events.form(tree), 403, "unknown_portal")

    def test_an_uninstallation_needs_the_token(self):
        self.refused(self.portal.uninstall(True, application_token="0" * 32), 403, "wrong_token")
        self.assertEqual(self.stack.portal_status(self.portal), "active")

    def test_paths_nobody_serves(self):
        for path in ("/", "/bitrix24/", "/bitrix24/event/", "/bitrix24/eventx",
                     "/index.php", "/bitrix24/../etc/passwd"):
            self.assertEqual(self.stack.post(b"a=1", path=path).status, 404, path)

    def test_methods_nobody_serves(self):
        for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
            answer = self.stack.get("/bitrix24/event", method)
            self.check_answer(answer, 405, "method_not_allowed")
            allowed = {m.strip() for m in answer.headers["Allow"].split(",")}
            self.assertEqual(allowed, {"GET", "HEAD", "POST"})

    def test_probes_are_answered(self):
        self.assertEqual(self.stack.get("/bitrix24/event").status, 200)
        head = self.stack.get("/bitrix24/event", "HEAD")
        self.assertEqual((head.status, head.body), (200, b""))
        self.assertEqual(self.stack.get("/bitrix24/event?x=1").status, 200)
        self.assertEqual(self.stack.get("/healthz").status, 200)
        self.assertEqual(self.stack.get("/readyz").status, 200)

    def test_a_missing_length(self):
        line = self.raw("POST /bitrix24/event HTTP/1.1\nHost: x\nConnection: close\n"
                        "Content-Type: application/x-www-form-urlencoded\n\n")
        self.assertIn(" 411 ", line)

    def test_a_wrong_length(self):
        line = self.raw("POST /bitrix24/event HTTP/1.1\nHost: x\nContent-Length: -5\n\n", b"a=1")
        self.assertIn(" 400 ", line)

    def test_a_body_over_one_mebibyte(self):
        answer = self.stack.post(b"a=" + b"x" * (1 << 20))
        self.check_answer(answer, 413, "body_too_large")
        self.assertIn("json", answer.headers["Content-Type"])

    def test_media_types_nobody_reads(self):
        body = events.form(self.tree())
        for kind in ("text/plain", "multipart/form-data; boundary=x", "", None):
            self.refused(body, 415, "unsupported_media_type", content_type=kind)

    def test_errors_are_json(self):
        answer = self.stack.post(b"garbage")
        self.assertTrue(answer.headers["Content-Type"].startswith("application/json"))
        self.assertEqual(set(answer.json), {"error", "message"})
