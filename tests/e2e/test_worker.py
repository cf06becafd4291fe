"""The worker itself: the sockets it takes, and how it ends."""

import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import unittest

import fcgi
from stack import BINARY, free_port, wait_for


class Worker(unittest.TestCase):
    def setUp(self):
        home = tempfile.TemporaryDirectory(prefix="imrelay-e2e.")
        self.addCleanup(home.cleanup)
        self.home = pathlib.Path(home.name)
        self.path = self.home / "w.sock"
        (self.home / "imrelay.toml").write_text('[database]\nurl = "sqlite:imrelay.db"\n')
        self.log = open(self.home / "log", "ab")
        self.addCleanup(self.log.close)

    def listener(self):
        holder = socket.socket(socket.AF_UNIX)
        self.addCleanup(holder.close)
        holder.bind(str(self.path))
        holder.listen(128)
        return holder

    def worker(self, *options, **popen):
        popen.setdefault("stdin", subprocess.DEVNULL)
        process = subprocess.Popen(
            [BINARY, "worker", "--config", self.home / "imrelay.toml", *options],
            stderr=self.log, **popen)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def answers(self, address, path="/healthz"):
        try:
            return fcgi.exchange(address, fcgi.head(path, "GET", 0) + fcgi.body(b""))[0] == 200
        except OSError:
            return False

    def ends_well(self, process, how=signal.SIGTERM):
        process.send_signal(how)
        self.assertEqual(process.wait(20), 0, (self.home / "log").read_text())
        self.assertNotIn("Sanitizer", (self.home / "log").read_text())

    def test_takes_the_listener_it_inherits_as_descriptor_0(self):
        process = self.worker(stdin=self.listener())
        wait_for(lambda: self.answers(self.path))
        self.ends_well(process)

    def test_takes_the_listener_of_listen_fds(self):
        holder = self.listener()

        script = ('import os,sys; os.dup2(int(sys.argv[1]), 3); '
                  'os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid())); '
                  'os.execv(sys.argv[2], sys.argv[2:])')
        process = subprocess.Popen(
            ["python3", "-c", script, str(holder.fileno()), BINARY, "worker", "--config",
             self.home / "imrelay.toml"],
            stdin=subprocess.DEVNULL, stderr=self.log, pass_fds=[holder.fileno()])
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        wait_for(lambda: self.answers(self.path))
        self.ends_well(process)

    def test_opens_a_unix_socket_itself(self):
        process = self.worker("--listen", f"unix:{self.path}")
        wait_for(lambda: self.answers(self.path))
        self.ends_well(process, signal.SIGINT)

    def test_opens_a_tcp_socket_itself(self):
        address = ("127.0.0.1", free_port())
        process = self.worker("--listen", f"127.0.0.1:{address[1]}")
        wait_for(lambda: self.answers(address))
        self.ends_well(process)

    def test_no_socket_at_all_names_the_option(self):
        process = self.worker()
        self.assertIn(process.wait(20), (2, 78))
        self.assertIn("--listen", (self.home / "log").read_text())

    def test_an_address_that_is_none_is_a_usage_error(self):
        for address in ("nonsense", "unix:", "127.0.0.1:", "127.0.0.1:99999"):
            process = self.worker("--listen", address)
            self.assertEqual(process.wait(20), 2, address)
            self.assertIn("--listen", (self.home / "log").read_text())

    def test_sigterm_finishes_the_request_at_hand_and_leaves_the_socket_to_the_next(self):
        first = self.worker(stdin=(holder := self.listener()))
        wait_for(lambda: self.answers(self.path))
        body = b"garbage=1"
        before = wait_for(lambda: self.descriptors(first))
        with fcgi.connect(self.path) as peer:
            peer.sendall(fcgi.head(length=len(body)) + fcgi.body(body[:4], end=False))
            wait_for(lambda: self.descriptors(first) > before, what="the connection to be accepted")
            first.send_signal(signal.SIGTERM)
            peer.sendall(fcgi.body(body[4:]))
            self.assertEqual(fcgi.read_answer(peer)[0], 400)
        self.assertEqual(first.wait(20), 0)

        with fcgi.connect(self.path) as early:  # while nobody serves
            early.sendall(fcgi.head("/healthz", "GET", 0) + fcgi.body(b""))
            second = self.worker(stdin=holder)
            self.assertEqual(fcgi.read_answer(early)[0], 200)
        self.ends_well(second)

    def descriptors(self, process):
        """How many the worker has open."""
        return len(os.listdir(f"/proc/{process.pid}/fd"))

    def test_healthz_lives_and_readyz_fails_while_the_database_cannot_be_written(self):
        process = self.worker(stdin=self.listener())
        wait_for(lambda: self.answers(self.path, "/readyz"))
        locker = subprocess.Popen(["sqlite3", self.home / "imrelay.db"], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True)
        self.addCleanup(locker.stdout.close)
        self.addCleanup(locker.wait)
        self.addCleanup(locker.stdin.close)
        locker.stdin.write("BEGIN IMMEDIATE; SELECT 'held';\n")
        locker.stdin.flush()
        self.assertEqual(locker.stdout.readline(), "held\n")

        get = fcgi.head("/readyz", "GET", 0) + fcgi.body(b"")
        self.assertEqual(fcgi.exchange(self.path, get)[0], 503)
        self.assertTrue(self.answers(self.path, "/healthz"))

        locker.stdin.write("ROLLBACK;\n")
        locker.stdin.flush()
        wait_for(lambda: self.answers(self.path, "/readyz"))
        self.ends_well(process)
