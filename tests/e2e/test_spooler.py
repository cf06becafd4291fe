"""The spooler itself: what it needs to start, what it keeps, and how it ends."""

import os
import pathlib
import resource
import signal
import socket
import subprocess
import tempfile
import threading
import unittest

import fcgi
from events import Portal
from stack import BINARY, wait_for

SPOOLED = (200, b'{"status":"spooled"}')


class Spooler(unittest.TestCase):
    def setUp(self):
        home = tempfile.TemporaryDirectory(prefix="imrelay-e2e.")
        self.addCleanup(home.cleanup)
        self.home = pathlib.Path(home.name)
        self.path = self.home / "s.sock"
        self.spool = self.home / "spool" / "spooler"
        self.configure('[database]\nurl = "sqlite:imrelay.db"\n')
        self.portal = Portal()
        self.listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(self.listener.close)
        self.listener.bind(str(self.path))
        self.listener.listen(128)

    def configure(self, text):
        (self.home / "imrelay.toml").write_text(text)

    def start(self, **popen):
        # The log goes through a pipe: a test limits how long files may be.
        process = subprocess.Popen([BINARY, "spooler", "--config", self.home / "imrelay.toml"],
                                   stdin=self.listener, stderr=subprocess.PIPE, text=True, **popen)
        lines = []
        reader = threading.Thread(target=lambda: lines.extend(process.stderr))
        reader.start()
        self.addCleanup(process.stderr.close)
        self.addCleanup(reader.join)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        process.lines = lines
        wait_for(self.answers, what="the spooler")
        return process

    def answers(self):
        asked = fcgi.head("/bitrix24/event", "GET", 0) + fcgi.body(b"")
        return fcgi.exchange(self.path, asked) == (200, b'{"status":"spooling"}')

    def post(self, body):
        return fcgi.exchange(self.path, fcgi.head(length=len(body)) + fcgi.body(body))

    def delete(self, number):
        return self.portal.delete(number, f"id-{number}")

    def files(self):
        return sorted(self.spool.glob("*.spool"))

    def spooled(self):
        return b"".join(path.read_bytes() for path in self.files())

    def ends_well(self, process, how=signal.SIGTERM):
        process.send_signal(how)
        self.assertEqual(process.wait(20), 0, process.lines)
        self.assertNotIn("Sanitizer", "".join(process.lines))

    def test_it_needs_neither_a_database_nor_a_key_nor_a_right_configuration(self):
        (self.home / "imrelay.db").mkdir()
        (self.home / "imrelay.key").write_text("no key")
        self.configure('[database]\nurl = "sqlite:imrelay.db"\n[worker]\nthreads = -1\n'
                       '[bitrix24]\nclient_secret_file = "gone"\npublic_url = "nonsense"\n')
        process = self.start()

        body = self.delete(1)
        self.assertEqual(self.post(body), SPOOLED)

        self.assertEqual(self.spooled().count(body), 1)
        self.ends_well(process)
        self.assertEqual({path.name for path in self.home.iterdir()},
                         {"imrelay.db", "imrelay.key", "imrelay.toml", "s.sock", "spool"})

    def test_files_and_directories_are_its_owners_alone(self):
        process = self.start(umask=0)
        self.assertEqual(self.post(self.delete(1)), SPOOLED)
        modes = [path.stat().st_mode & 0o777 for path in (*self.files(), self.spool,
                                                          self.spool.parent)]
        self.assertEqual(modes, [0o600, 0o700, 0o700])
        self.ends_well(process)

    def test_one_line_an_event_and_neither_tokens_nor_texts_in_it(self):
        process = self.start()
        body = self.portal.add(1, "Guten Tag, geheim!")
        self.assertEqual(self.post(body), SPOOLED)
        self.ends_well(process)
        log = "".join(process.lines)
        self.assertRegex(log, r"info event status=spooled http=200 event=ONIMCONNECTORMESSAGEADD"
                         rf" member_id={self.portal.member_id} remote=127.0.0.1\n")
        self.assertEqual(len(process.lines), 3, log)  # started, event, ended
        self.assertNotIn(self.portal.application_token, log)
        self.assertNotIn("geheim", log)

    def test_no_core_file_can_be_made_of_it(self):
        process = self.start()
        limits = pathlib.Path(f"/proc/{process.pid}/limits").read_text()
        self.assertRegex(limits, r"Max core file size\s+0\s+0")
        self.ends_well(process, signal.SIGINT)

    def test_what_it_answered_is_on_disk_whatever_kills_it(self):
        answered, numbers = [], iter(range(1, 1_000_000))
        lock = threading.Lock()
        stopped = threading.Event()

        def load():
            while not stopped.is_set():
                with lock:
                    body = self.delete(next(numbers))
                try:
                    if self.post(body) == SPOOLED:
                        answered.append(body)
                except OSError:
                    pass

        process = self.start()
        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(5):
                enough = len(answered) + 20
                wait_for(lambda: len(answered) > enough, what="more events")
                process.kill()
                process.wait()
                process = self.start()
        finally:
            stopped.set()
            for thread in threads:
                thread.join()
        self.ends_well(process)

        text = self.spooled()
        self.assertEqual([body for body in answered if text.count(body) != 1], [])
        self.assertGreater(len(self.files()), 5)

    def test_sigterm_finishes_the_request_at_hand_and_leaves_the_socket_to_the_next(self):
        process = self.start()
        body = self.delete(1)
        before = len(os.listdir(f"/proc/{process.pid}/fd"))
        with fcgi.connect(self.path) as peer:
            peer.sendall(fcgi.head(length=len(body)) + fcgi.body(body[:4], end=False))
            wait_for(lambda: len(os.listdir(f"/proc/{process.pid}/fd")) > before)
            process.send_signal(signal.SIGTERM)
            peer.sendall(fcgi.body(body[4:]))
            self.assertEqual(fcgi.read_answer(peer), SPOOLED)
        self.assertEqual(process.wait(20), 0)
        with fcgi.connect(self.path) as early:  # while nobody serves
            late = self.delete(2)
            early.sendall(fcgi.head(length=len(late)) + fcgi.body(late))
            process = self.start()
            self.assertEqual(fcgi.read_answer(early), SPOOLED)
        self.ends_well(process)
        self.assertEqual([self.spooled().count(each) for each in (body, late)], [1, 1])

    def test_a_spool_that_cannot_be_used_is_said_at_start_and_it_goes_on(self):
        in_the_way = self.spool.parent
        in_the_way.write_text("a file")
        process = self.start()
        wait_for(lambda: len(process.lines) == 2, what="two lines of the log")
        self.assertRegex(process.lines[0], rf" error the spool cannot be used.* "
                                           rf"option=spool.directory value={in_the_way} reason=.*"
                                           r" mend=")
        self.assertEqual(self.post(self.delete(1))[0], 503)
        in_the_way.unlink()
        wait_for(lambda: self.post(self.delete(2)) == SPOOLED, what="the directory")
        self.ends_well(process)

    def test_a_full_disk_is_said_once_and_it_goes_on_when_there_is_room(self):
        process = self.start(preexec_fn=lambda: (
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN),
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))))
        long = self.portal.add(1, "x" * 8000)
        short = self.delete(2)
        self.assertEqual(self.post(short), SPOOLED)

        refused = [self.post(long)[0] for _ in range(5)]
        self.assertEqual(refused, [503] * 5)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE,
                         (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        self.assertEqual(self.post(long), SPOOLED)

        self.ends_well(process)
        log = "".join(process.lines)
        self.assertEqual(log.count(" error "), 1, log)
        self.assertRegex(log, r"the spool can be written again.* refused=5 ")
        self.assertEqual([self.spooled().count(body) for body in (short, long)], [1, 1])
