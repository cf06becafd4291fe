"""Clients and peers that break off, stall or lie harm no other request."""

import contextlib
import socket
import threading
import time

import fcgi
from stack import StackTest, wait_for


class Clients(StackTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.portal = cls.stack.install()

    def kept(self, external):
        return self.stack.sql(
            f"SELECT 1 FROM messages WHERE external_message_id = '{external}'") != []

    def others_are_served(self, within=5.0):
        number = self.portal.new_number()
        began = time.monotonic()
        self.check_answer(self.stack.post(self.portal.delete(number, f"other-{number}")), 200,
                          "accepted")
        self.assertLess(time.monotonic() - began, within)

    def begin_post(self, length, body=b""):
        connection = socket.create_connection(("127.0.0.1", self.stack.port), timeout=20)
        connection.sendall(b"POST /bitrix24/event HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n"
                           b"Content-Type: application/x-www-form-urlencoded\r\n\r\n" % length
                           + body)
        return connection

    def test_a_client_that_breaks_off_in_its_body_stores_nothing(self):
        body = self.portal.delete(1, "broken-off")
        for _ in range(20):
            self.begin_post(len(body), body[:-20]).close()

        self.others_are_served()
        self.assertFalse(self.kept("broken-off"))

    def test_a_client_that_does_not_wait_for_its_answer_is_stored(self):
        body = self.portal.delete(2, "impatient")
        self.begin_post(len(body), body).close()

        wait_for(lambda: self.kept("impatient"))
        self.others_are_served()

    def test_slow_clients_keep_nobody_waiting(self):
        body = self.portal.delete(3, "slow")
        with contextlib.ExitStack() as slow:
            for _ in range(100):
                slow.enter_context(self.begin_post(len(body), body[:10]))
            self.others_are_served()
            last = slow.enter_context(self.begin_post(len(body), body[:-1]))
            self.others_are_served()
            last.sendall(body[-1:])
            self.assertIn(b" 200 ", last.recv(64))
        self.assertTrue(self.kept("slow"))

    def test_silent_and_half_open_peers_at_the_socket(self):
        with contextlib.ExitStack() as peers:
            for _ in range(200):
                peers.enter_context(fcgi.connect(self.stack.socket_path))
                half = peers.enter_context(fcgi.connect(self.stack.socket_path))
                half.sendall(fcgi.head(length=10)[:30])
            for _ in range(20):
                self.others_are_served(within=2)

    def test_garbage_at_the_socket(self):
        for garbage in (b"GET / HTTP/1.1\r\n\r\n" * 5, b"\x00" * 64, b"\xff" * 64,
                        fcgi.record(fcgi.STDIN, b"x"), fcgi.head(length=3)[:-8]):
            with fcgi.connect(self.stack.socket_path) as peer:
                peer.sendall(garbage)
        self.others_are_served(within=10)
        self.assertEqual(len(self.stack.worker_pids()), 1)

    def test_bodies_that_are_not_as_long_as_announced(self):
        body = self.portal.delete(4, "liar")
        for length, sent in ((len(body) + 6, body), (len(body) - 6, body)):
            status, _ = fcgi.exchange(self.stack.socket_path,
                                      fcgi.head(length=length) + fcgi.body(sent))
            self.assertIn(status, (400, None), length)
        for length in ("x", "-1", "1e3", "99999999999999999999", " 5"):
            status, _ = fcgi.exchange(self.stack.socket_path,
                                      fcgi.head(length=length) + fcgi.body(body))
            self.assertIn(status, (400, 411, 413), length)
        status, _ = fcgi.exchange(self.stack.socket_path, fcgi.head() + fcgi.body(body))
        self.assertEqual(status, 411)
        status, _ = fcgi.exchange(self.stack.socket_path, fcgi.head(length="") + fcgi.body(body))
        self.assertEqual(status, 411)

        self.assertFalse(self.kept("liar"))
        status, _ = fcgi.exchange(self.stack.socket_path,
                                  fcgi.head(length=len(body)) + fcgi.body(body))
        self.assertEqual(status, 200)
        self.assertTrue(self.kept("liar"))

    def test_a_peer_that_breaks_off_in_its_body(self):
        body = self.portal.delete(5, "half")
        for _ in range(40):
            with fcgi.connect(self.stack.socket_path) as peer:
                peer.sendall(fcgi.head(length=len(body)) + fcgi.body(body[:-10], end=False))
        self.others_are_served()
        self.assertFalse(self.kept("half"))

    def test_many_clients_at_once(self):
        answers = []

        def post(client):
            for i in range(10):
                external = f"many-{client}-{i}"
                answers.append(self.stack.post(self.portal.delete(10000 + client * 100 + i,
                                                                  external)).status)

        threads = [threading.Thread(target=post, args=(n,)) for n in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        self.assertEqual(answers, [200] * 400)
        [row] = self.stack.sql("SELECT count(*) AS n FROM messages"
                               " WHERE external_message_id LIKE 'many-%' AND deleted_at NOT NULL")
        self.assertEqual(row["n"], 400)
