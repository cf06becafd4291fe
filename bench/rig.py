"""What is measured, running: FastCGI handlers behind one nginx, and wrk in front of it."""

import dataclasses
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import tempfile

TREE = pathlib.Path(__file__).resolve().parents[1]
BUILD = TREE / "build" / "bench"
os.environ["IMRELAY_TEST_BUILD"] = str(BUILD)
sys.path.insert(0, str(TREE / "tests" / "e2e"))

import events  # noqa: E402  (the end-to-end suite's harness)
import fcgi  # noqa: E402
import stack  # noqa: E402
import stand_ins  # noqa: E402

CONNECTIONS = 32
PHP_CONF = """[global]
error_log = {home}/php-fpm.log
daemonize = no
[www]
{user}
listen = {socket}
listen.mode = 0666
pm = static
pm.max_children = 16
env[BENCH_PHP_DATABASE] = {database}
"""
NGINX_CONF = """{user}
worker_processes 2;
pid {home}/nginx.pid;
error_log {home}/nginx-error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path {home}/body;
  fastcgi_temp_path {home}/fastcgi;
  proxy_temp_path {home}/proxy;
  scgi_temp_path {home}/scgi;
  uwsgi_temp_path {home}/uwsgi;
{servers}
}}
"""


@dataclasses.dataclass
class Round:
    """What one run of wrk saw."""
    answered: int  # 200
    rate: float    # answers a second
    p50: float     # milliseconds, as the next two
    p99: float
    longest: float
    failed: int    # another status, a broken connection, a time-out
    cpu: float     # microseconds of the handler's processes an answer
    bytes: int     # of a body


@dataclasses.dataclass
class Handler:
    """One FastCGI program and its server of nginx."""
    name: str
    process: subprocess.Popen
    socket: pathlib.Path
    port: int
    database: pathlib.Path = None
    extra: str = ""       # for its location of nginx
    answered: int = 0     # posts answered 200 so far
    numbers: dict = dataclasses.field(default_factory=dict)  # case: the next post's number

    def query(self, sql, *values):
        """The first row of the answer."""
        connection = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=30)
        try:
            return connection.execute(sql, values).fetchone()
        finally:
            connection.close()

    def memory(self):
        """Resident memory in MiB."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def cpu_seconds(self):
        """What its processes have used, in user and in system mode."""
        ticks = 0
        for pid in (self.process.pid, *stack.children(self.process.pid)):
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def server(self):
        """Its server of nginx: the very locations users get, with another upstream."""
        upstream = (TREE / "nginx" / "imrelay-upstream.conf").read_text()
        upstream = upstream.replace("upstream imrelay", f"upstream {self.name}")
        upstream = upstream.replace("zone imrelay", f"zone {self.name}")
        upstream = upstream.replace("/run/imrelay/imrelay.sock", str(self.socket))
        locations = (TREE / "nginx" / "imrelay-locations.conf").read_text()
        locations = locations.replace("fastcgi_pass imrelay_", f"fastcgi_pass {self.name}_")
        locations = locations.replace("fastcgi_pass imrelay;",
                                      f"fastcgi_pass {self.name};{self.extra}")
        listen = f"listen 127.0.0.1:{self.port} backlog=4096;"
        return f"{upstream}\nserver {{ {listen}\n{locations}\n}}\n"


class Rig:
    """Everything lives in a directory of its own and ends with the `with` block."""

    def __init__(self, seconds):
        self.seconds = seconds
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="imrelay-bench."))
        self.root = os.geteuid() == 0
        self.processes = []
        self.handlers = {}
        self.stand_in = None
        self.portal = events.Portal()

    def __enter__(self):
        self.stand_in = stand_ins.StandIn()
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            self.end(process)
        self.stand_in.stop()
        shutil.rmtree(self.home, ignore_errors=True)

    # --- what can be measured

    def worker(self, name, database=None, preload=None, **settings):
        """An imrelay worker, on a database of its own unless one is given."""
        home = self.home / name
        home.mkdir(exist_ok=True)
        database = database or home / "imrelay.db"
        environment = {
            "IMRELAY_DATABASE_URL": f"sqlite:{database}",
            "IMRELAY_BITRIX24_CLIENT_ID": stand_ins.CLIENT_ID,
            "IMRELAY_BITRIX24_CLIENT_SECRET": stand_ins.CLIENT_SECRET,
            "IMRELAY_BITRIX24_OAUTH_URL": self.stand_in.url,
            "IMRELAY_SECURITY_ALLOW_INSECURE_LOOPBACK": "true",
            **{f"IMRELAY_{key.upper()}": str(value) for key, value in settings.items()}}
        preloaded = ["/usr/bin/env", f"LD_PRELOAD={preload}"] if preload else []
        handler = self.fastcgi(name, *preloaded, BUILD / "imrelay", "worker", **environment)
        handler.database = database
        ready = fcgi.head("/readyz", "GET") + fcgi.body(b"")
        stack.wait_for(lambda: self.answer(handler, ready) == 200, 30, f"{name} to be ready")
        return handler

    def noop(self, name):
        return self.fastcgi(name, BUILD / "imrelay-noop")

    def php(self, name):
        """php-fpm with handler.php, on a database that knows the portal."""
        home = self.home / name
        home.mkdir()
        database, socket = home / "php.db", home / "php.sock"
        connection = sqlite3.connect(database)
        connection.executescript((TREE / "bench" / "php.sql").read_text())
        with connection:
            connection.execute("INSERT INTO portal VALUES (?, ?)",
                               (self.portal.member_id, self.portal.application_token))
        connection.close()
        (home / "php.conf").write_text(PHP_CONF.format(
            home=home, socket=socket, database=database,
            user="user = root\ngroup = root" if self.root else ""))
        process = self.spawn("php-fpm8.2", "-F", *(["-R"] if self.root else []),
                             "-y", home / "php.conf")
        script = f"\n fastcgi_param SCRIPT_FILENAME {TREE}/bench/handler.php;"
        handler = Handler(name, process, socket, stack.free_port(), database, script)
        self.handlers[name] = handler
        return handler

    def install(self, handler):
        """Installs the portal at a worker, proof and all."""
        self.portal.issued = self.stand_in.issue(self.portal.member_id)
        body = self.portal.install()
        assert self.answer(handler, fcgi.head(length=len(body)) + fcgi.body(body)) == 200
        stack.wait_for(lambda: handler.query("SELECT status FROM portals") == ("active",),
                       20, "the proof of the installation")

    def nginx(self):
        """Starts nginx in front of all of them."""
        servers = "".join(handler.server() for handler in self.handlers.values())
        config = self.home / "nginx.conf"
        config.write_text(NGINX_CONF.format(
            home=self.home, servers=servers, user="user root;" if self.root else ""))
        self.spawn("nginx", "-e", self.home / "nginx-error.log", "-p", self.home, "-c", config,
                   "-g", "daemon off;")
        stack.wait_for(self.is_listening, 30, "nginx")

    # --- processes

    def spawn(self, *command, **environment):
        with open(self.home / "stderr.log", "ab") as log:
            process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", "--", *map(str, command)],
                env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
                stderr=log, stdout=subprocess.DEVNULL)
        self.processes.append(process)
        return process

    def fastcgi(self, name, *command, **environment):
        socket = self.home / f"{name}.sock"
        process = self.spawn("spawn-fcgi", "-n", "-s", socket, "-M", "0666", "-b", "4096", "--",
                             *command, **environment)
        handler = Handler(name, process, socket, stack.free_port())
        self.handlers[name] = handler
        return handler

    def end(self, process):
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def remove(self, handler):
        """Ends one of them before nginx is started."""
        self.end(handler.process)
        del self.handlers[handler.name]

    def answer(self, handler, request):
        """The status of one request past nginx; None while nobody listens."""
        try:
            return fcgi.exchange(handler.socket, request)[0]
        except OSError:
            return None

    def is_listening(self):
        try:
            return all(stand_ins.request(handler.port, "GET", "/").status
                       for handler in self.handlers.values())
        except OSError:
            return False

    # --- load

    def load(self, handler, case="fresh", messages=0):
        """One round of wrk; the cases are post.lua's."""
        first = handler.numbers.get(case, 1)
        environment = {
            **os.environ, "BENCH_BODY": str(TREE / "bench" / "deletion.form"),
            "BENCH_MEMBER": self.portal.member_id, "BENCH_TOKEN": self.portal.application_token,
            "BENCH_FIRST": str(first), "BENCH_CASE": case, "BENCH_MESSAGES": str(messages)}
        used = handler.cpu_seconds()
        printed = subprocess.run(
            ["wrk", "-t2", f"-c{CONNECTIONS}", f"-d{self.seconds}s", "--latency", "-s",
             TREE / "bench" / "post.lua", f"http://127.0.0.1:{handler.port}/bitrix24/event"],
            env=environment, check=True, text=True, capture_output=True).stdout
        used = handler.cpu_seconds() - used
        line = next(line for line in printed.splitlines() if line.startswith("RESULT"))
        requests, microseconds, p50, p99, longest, refused, broken, size, numbers = map(
            float, line.split()[1:])
        handler.numbers[case] = first + int(numbers)
        answered = int(requests - refused)
        handler.answered += answered
        return Round(answered, answered / (microseconds / 1e6), p50, p99, longest,
                     int(refused + broken), used * 1e6 / max(answered, 1), int(size))
