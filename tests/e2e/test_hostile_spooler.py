"""What an attacker may do while no worker answers, and nginx passes events to the spooler."""

import os
import re
import stat

import events
from hostile import TRICKY_PATHS, all_printed, headers_of, send_raw, status_of
from stack import FORM, StackTest, wait_for


class NoWorker(StackTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.portal = cls.stack.install()
        aside = cls.stack.state / "aside.sock"
        os.rename(cls.stack.socket_path, aside)
        cls.addClassCleanup(os.rename, aside, cls.stack.socket_path)
        cls.directory = cls.stack.state / "spool" / "spooler"
        wait_for(lambda: cls.stack.post(cls.portal.delete(1, "x")).json.get("status") == "spooled",
                 what="the spooler")

    def spooled(self):
        """How many requests were kept. By the log: the worker, which runs, takes the files in."""
        return len(re.findall(r" event status=spooled ", all_printed(self.stack)))

    def test_files_are_the_owners_alone(self):
        for path in (self.directory, self.directory.parent):
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o700, path)
        self.check_answer(self.stack.post(self.portal.delete(2, "x")), 200, "spooled")
        # A worker may take one in while it is looked at.
        modes = wait_for(lambda: self.stack.post(self.portal.delete(2, "y")) and self.modes(),
                         what="a spool file")
        self.assertEqual(modes, {0o600})

    def modes(self):
        found = set()
        for path in self.directory.glob("*.spool"):
            try:
                found.add(stat.S_IMODE(path.stat().st_mode))
            except FileNotFoundError:
                pass
        return found

    def test_no_other_path_is_kept(self):
        body = events.form(self.portal.message("ADD", 1, text="x"))
        kept = {"/bitrix24/nobody/event"}  # which names there are is the worker's to know
        before = self.spooled()
        for path in [path for path in TRICKY_PATHS if path not in kept] + ["/metrics", "/"]:
            with self.subTest(path[:60]):
                head = (f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: "
                        f"{FORM}\r\nContent-Length: {len(body)}\r\n\r\n").encode()
                answer = send_raw(self.stack.port, head + body)
                self.assertIn(status_of(answer), (400, 403, 404, 503), answer[:300])
                self.assertNotIn("x-evil", headers_of(answer))
                self.assertNotIn(b"spooled", answer)
        self.check_answer(self.stack.post(self.portal.delete(3, "x")), 200, "spooled")
        self.assertEqual(self.spooled(), before + 2)  # and the mark

    def test_what_no_worker_would_take_is_refused_at_once(self):
        tree = events.form(self.portal.message("DELETE", 1, "x"))
        for body, word in ((tree + b"".join(b"&k%d=" % i for i in range(100_000)), "too_many_keys"),
                           (tree + b"&a" + b"[b]" * 300_000, "too_deep"),
                           (b"a=1&" * 100_000, "too_many_keys"), (b"garbage", "no_event"),
                           (b"imrelay-spool 1 5 0\nabcde\n", "no_event")):
            self.check_answer(self.stack.post(body), 400, word)
        self.check_answer(self.stack.post(b"a=" + b"x" * (1 << 20)), 413, "body_too_large")

    def test_its_log_lines_are_escaped_and_bounded(self):
        for text in ("x\n2026-01-01T00:00:00.000Z info event status=accepted", "\x1b[31m",
                     "\u202e", "x" * 200_000, "\x00\n" * 50_000):
            before = len(all_printed(self.stack))
            body = events.form({"event": "ONAPPTEST", "auth": {"member_id": text}})
            self.check_answer(self.stack.post(body), 200, "spooled")
            line = wait_for(lambda: re.findall(r"^\S+Z info event status=spooled .*\n",
                                               self.stack.printed()[before:], re.M), what="a line")
            self.assertEqual(len(line), 1, line)
            self.assertTrue(line[0].isascii() and line[0][:-1].isprintable(), line)
            self.assertLess(len(line[0]), 4000)
            self.assertNotIn("status=accepted", line[0].split(" event=")[0])
