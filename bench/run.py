"""Measures imrelay beside a no-op FastCGI worker and a php-fpm handler, all behind one nginx."""

import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import urllib.parse

TREE = pathlib.Path(__file__).resolve().parents[1]
BUILD = TREE / "build" / "bench"
os.environ["IMRELAY_TEST_BUILD"] = str(BUILD)
sys.path.insert(0, str(TREE / "tests" / "e2e"))

import stack  # noqa: E402  (the end-to-end suite's harness: free ports, the stand-in portal)

MEMBER = "bac1cd5c8940947a75e0d71b1a84e348"
PHP_CONF = """[global]
error_log = {home}/php-fpm.log
daemonize = no
[www]
{user}
listen = {home}/php.sock
listen.mode = 0666
pm = static
pm.max_children = 16
env[BENCH_PHP_DATABASE] = {home}/php.db
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


def server(name, socket, port, extra=""):
    """One server of nginx: the very locations users get, with another upstream."""
    upstream = (TREE / "nginx" / "imrelay-upstream.conf").read_text()
    upstream = upstream.replace("upstream imrelay", f"upstream {name}")
    upstream = upstream.replace("/run/imrelay/imrelay.sock", str(socket))
    locations = (TREE / "nginx" / "imrelay-locations.conf").read_text()
    locations = locations.replace("fastcgi_pass imrelay;", f"fastcgi_pass {name};{extra}")
    return f"{upstream}\nserver {{ listen 127.0.0.1:{port} backlog=4096;\n{locations}\n}}\n"


class Bench:
    def __init__(self, rounds, seconds):
        self.rounds, self.seconds = rounds, seconds
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="imrelay-bench."))
        self.processes = []
        self.stand_in = None
        self.ports = {name: stack.free_port() for name in ("noop", "imrelay", "php")}
        self.first = 1

    def spawn(self, *command, **environment):
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", "--", *map(str, command)],
            env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
            stderr=open(self.home / "stderr.log", "ab"), stdout=subprocess.DEVNULL)
        self.processes.append(process)
        return process

    def fastcgi(self, socket, *command, **environment):
        return self.spawn("spawn-fcgi", "-n", "-s", self.home / socket, "-M", "0666", "-b", "4096",
                          "--", *command, **environment)

    def start(self):
        root = os.geteuid() == 0
        self.stand_in = stack.StandIn()
        self.fastcgi("noop.sock", BUILD / "imrelay-noop")
        self.worker = self.fastcgi(
            "imrelay.sock", BUILD / "imrelay", "worker",
            IMRELAY_DATABASE_URL=f"sqlite:{self.home}/imrelay.db",
            IMRELAY_BITRIX24_CLIENT_ID=stack.CLIENT_ID,
            IMRELAY_BITRIX24_CLIENT_SECRET=stack.CLIENT_SECRET,
            IMRELAY_BITRIX24_OAUTH_URL=self.stand_in.url,
            IMRELAY_SECURITY_ALLOW_INSECURE_LOOPBACK="true")
        (self.home / "php.conf").write_text(PHP_CONF.format(
            home=self.home, user="user = root\ngroup = root" if root else ""))
        self.spawn("php-fpm8.2", "-F", *(["-R"] if root else []), "-y", self.home / "php.conf")
        script = f"\n fastcgi_param SCRIPT_FILENAME {TREE}/bench/handler.php;"
        servers = "".join((
            server("noop", self.home / "noop.sock", self.ports["noop"]),
            server("imrelay", self.home / "imrelay.sock", self.ports["imrelay"]),
            server("php", self.home / "php.sock", self.ports["php"], script)))
        (self.home / "nginx.conf").write_text(NGINX_CONF.format(
            home=self.home, servers=servers, user="user root;" if root else ""))
        self.spawn("nginx", "-e", self.home / "nginx-error.log", "-p", self.home, "-c",
                   self.home / "nginx.conf", "-g", "daemon off;")
        stack.wait_for(lambda: self.ready(), 30, "imrelay behind nginx")
        self.install()

    def ready(self):
        try:
            return stack.request(self.ports["imrelay"], "GET", "/readyz").status == 200
        except OSError:
            return False

    def install(self):
        issued = self.stand_in.issue(MEMBER)
        self.token = issued["application_token"]
        pairs = {"event": "ONAPPINSTALL", "data[VERSION]": "1", "ts": "1773750000",
                 "auth[member_id]": MEMBER, "auth[application_token]": self.token,
                 "auth[access_token]": issued["access_token"],
                 "auth[refresh_token]": issued["refresh_token"]}
        body = urllib.parse.urlencode(pairs)
        answer = stack.request(self.ports["imrelay"], "POST", "/bitrix24/event", body,
                               {"Content-Type": stack.FORM})
        assert answer.status == 200, answer
        stack.wait_for(lambda: self.ask("imrelay.db", "SELECT status FROM portals") == "active",
                       20, "the proof")
        schema = (TREE / "bench" / "php.sql").read_text()
        self.ask("php.db", f"{schema} INSERT INTO portal VALUES ('{MEMBER}', '{self.token}');")

    def ask(self, database, sql):
        return subprocess.run(["sqlite3", self.home / database], input=sql, check=True, text=True,
                              capture_output=True).stdout.strip()

    def load(self, name):
        """One round of wrk: (events/s, p50 ms, p99 ms, max ms, failures)."""
        environment = {**os.environ, "BENCH_MEMBER": MEMBER, "BENCH_TOKEN": self.token,
                       "BENCH_FIRST": str(self.first)}
        self.first += 1_000_000
        printed = subprocess.run(
            ["wrk", "-t2", "-c32", f"-d{self.seconds}s", "--latency", "-s",
             TREE / "bench" / "post.lua", f"http://127.0.0.1:{self.ports[name]}/bitrix24/event"],
            env=environment, check=True, text=True, capture_output=True).stdout
        line = next(line for line in printed.splitlines() if line.startswith("RESULT"))
        requests, microseconds, p50, p99, longest, failed = line.split()[1:]
        return (int(requests) / (int(microseconds) / 1e6), float(p50), float(p99), float(longest),
                int(failed))

    def memory(self):
        status = pathlib.Path(f"/proc/{self.worker.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def stop(self):
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()  # the no-op worker waits in accept() and does not mind signals
                process.wait()
        if self.stand_in:
            self.stand_in.stop()
        shutil.rmtree(self.home, ignore_errors=True)

    def run(self, names):
        results = {name: [] for name in names}
        for _ in range(self.rounds):
            for name in names:
                results[name].append(self.load(name))
        print(f"{self.rounds} alternating rounds of {self.seconds} s, 32 connections, medians")
        print(f"{'':10}{'events/s':>10}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}{'failed':>8}")
        median = {}
        for name in names:
            columns = list(zip(*results[name]))
            median[name] = [statistics.median(column) for column in columns[:3]]
            print(f"{name:10}{median[name][0]:10.0f}{median[name][1]:9.2f}{median[name][2]:9.2f}"
                  f"{max(columns[3]):9.1f}{sum(columns[4]):8d}")
        own = median["imrelay"]
        for name in names:
            if name != "imrelay":
                print(f"imrelay/{name}: {own[0] / median[name][0]:.2f} of the events/s, "
                      f"{own[2] / median[name][2]:.2f} of the p99")
        print(f"imrelay's resident memory: {self.memory():.1f} MiB")
        rows = int(self.ask("imrelay.db", "SELECT count(*) FROM message"))
        print(f"rows: {rows}; bytes a row:")
        print(self.ask("imrelay.db", f"SELECT '  ' || name || ': ' || (sum(pgsize) / {max(rows, 1)}) "
                       "FROM dbstat GROUP BY name HAVING sum(pgsize) > 100000"))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--without", action="append", default=[], help="noop or php")
    options = parser.parse_args()
    bench = Bench(options.rounds, options.seconds)
    try:
        bench.start()
        bench.run([n for n in ("noop", "imrelay", "php") if n not in options.without])
    finally:
        bench.stop()


if __name__ == "__main__":
    main()
