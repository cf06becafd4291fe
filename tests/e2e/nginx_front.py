"""Real nginx with the installed locations, the real spooler, a worker that does as it is told."""

import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import fcgi
from stack import BINARY, FORM, free_port, wait_for
from stand_ins import TREE, request


class ScriptedWorker:
    """Listens where nginx looks for the worker. `act` is called with each connection, when its
    request was read (where it `reads`), and may answer, close it, or keep it."""

    def __init__(self, path):
        self.path = str(path)
        self.act = self.answer(200, b'{"status":"accepted"}')
        self.reads = True
        self.asked = 0
        self.requests = []
        self.kept = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(64)
        threading.Thread(target=self.serve, daemon=True).start()

    @staticmethod
    def answer(status, body):
        text = b"Status: %d\r\nContent-Type: application/json\r\n\r\n%s" % (status, body)

        def act(connection):
            connection.sendall(fcgi.record(fcgi.STDOUT, text) + fcgi.record(fcgi.STDOUT, b"")
                               + fcgi.record(fcgi.END, bytes(8)))
            connection.close()
        return act

    @staticmethod
    def die(connection):
        connection.close()

    def hang(self, connection):
        self.kept.append(connection)

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.asked += 1
            threading.Thread(target=self.take, args=(connection,), daemon=True).start()

    def take(self, connection):
        if self.reads:
            self.requests.append(self.read(connection))
        self.act(connection)

    @staticmethod
    def read(connection):
        """The whole request, which ends with an empty record of STDIN."""
        data = b""
        while not data.endswith(fcgi.record(fcgi.STDIN, b"")):
            chunk = connection.recv(65536)
            if not chunk:
                break
            data += chunk
        return data

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        pathlib.Path(self.path).unlink()
        for connection in self.kept:
            connection.close()


class Front:
    def __init__(self):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="imrelay-e2e."))
        self.port = free_port()
        self.worker = ScriptedWorker(self.home / "imrelay.sock")
        self.spooler = self.nginx = None
        self.start_spooler()
        self.start_nginx()

    def start_spooler(self):
        (self.home / "spooler.sock").unlink(missing_ok=True)
        with open(self.home / "spooler.log", "ab") as log:
            self.spooler = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", "--", BINARY, "spooler", "--listen",
                 f"unix:{self.home}/spooler.sock"],
                env={"IMRELAY_SPOOL_DIRECTORY": str(self.home / "spool")},
                stdin=subprocess.DEVNULL, stderr=log)
        wait_for(self.spooler_answers, what="the spooler")

    def spooler_answers(self):
        try:
            asked = fcgi.head("/bitrix24/event", "GET", 0) + fcgi.body(b"")
            return fcgi.exchange(self.home / "spooler.sock", asked)[0] == 200
        except OSError:
            return False

    def stop_spooler(self):
        if self.spooler:
            self.spooler.send_signal(signal.SIGTERM)
            assert self.spooler.wait(20) == 0, (self.home / "spooler.log").read_text()
        self.spooler = None

    def start_nginx(self):
        upstream = (TREE / "nginx" / "imrelay-upstream.conf").read_text()
        paths = " ".join(f"{kind}_temp_path {self.home}/{kind};"
                         for kind in ("client_body", "fastcgi", "proxy", "scgi", "uwsgi"))
        conf = self.home / "nginx.conf"
        conf.write_text(f"""
            user root; daemon off; worker_processes 2; pid {self.home}/nginx.pid;
            error_log {self.home}/nginx.log; events {{}}
            http {{ {paths} access_log off;
            {upstream.replace("/run/imrelay", str(self.home))}
            server {{ listen 127.0.0.1:{self.port};
            include {TREE}/nginx/imrelay-locations.conf; }} }}""")
        self.nginx = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", "--",
             shutil.which("nginx", path="/usr/sbin:/usr/bin"), "-e", f"{self.home}/nginx.log",
             "-p", self.home, "-c", conf], stdin=subprocess.DEVNULL)
        wait_for(self.nginx_listens, what="nginx")

    def nginx_listens(self):
        try:
            return request(self.port, "GET", "/nothing").status == 404
        except OSError:
            return False

    def post(self, body, path="/bitrix24/event", content_type=FORM):
        return request(self.port, "POST", path, body, {"Content-Type": content_type})

    def post_well(self, body, **options):
        """Once nginx asks the worker again: it counts whole seconds, and a failure for one more."""
        time.sleep(2.1)
        return self.post(body, **options)

    def spooled(self):
        """All that the spool's files hold."""
        return b"".join(path.read_bytes()
                        for path in sorted((self.home / "spool" / "spooler").glob("*.spool")))

    def stop(self):
        self.nginx.send_signal(signal.SIGTERM)
        self.nginx.wait(20)
        self.stop_spooler()
        self.worker.stop()
        log = (self.home / "spooler.log").read_text()
        assert "Sanitizer" not in log and "runtime error" not in log, log
        shutil.rmtree(self.home)
