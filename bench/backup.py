"""What a request notices of a backup beside it, and of somebody who reads an old state."""

import contextlib
import json
import os
import pathlib
import sqlite3
import subprocess
import threading

import mapping
import tables
from rig import BUILD, Rig


class Backups:
    """`imrelay backup`, again and again, as long as the block lasts."""

    def __init__(self, rig, handler):
        self.copy = rig.home / "copy.db"
        self.environment = {**os.environ, "IMRELAY_DATABASE_URL": f"sqlite:{handler.database}"}
        self.made = []
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.stopped.is_set():
            done = subprocess.run([BUILD / "imrelay", "backup", "--json", self.copy], check=True,
                                  env=self.environment, capture_output=True, text=True)
            self.made.append(json.loads(done.stdout))
            self.copy.unlink()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.thread.join()


@contextlib.contextmanager
def reader(handler):
    """A transaction that reads, left open."""
    connection = sqlite3.connect(f"file:{handler.database}?mode=ro", uri=True)
    connection.execute("BEGIN")
    connection.execute("SELECT count(*) FROM portals").fetchone()
    yield
    connection.close()


def run(options):
    size = min(int(size) for size in options.messages.split(","))
    with Rig(options.seconds) as rig:
        home = pathlib.Path(options.keep) if options.keep else rig.home / "filled"
        handler, _ = mapping.start(rig, mapping.prepare(rig, home, [size])[size], size)
        os.sync()
        rig.nginx()
        backups = Backups(rig, handler)
        rounds = {"nothing": [], "imrelay backup": [], "a reader": []}
        longest_log = 0
        for _ in range(options.rounds):
            rounds["nothing"].append(rig.load(handler))
            with backups:
                rounds["imrelay backup"].append(rig.load(handler))
            with reader(handler):
                rounds["a reader"].append(rig.load(handler))
            log = handler.database.with_name("imrelay.db-wal").stat().st_size
            longest_log = max(longest_log, log)
            backups.stopped.clear()
            backups.thread = threading.Thread(target=backups.run)
        print(f"What goes on beside the requests; {size:,} messages; medians of {options.rounds} "
              f"alternating rounds of {options.seconds} s\n")
        tables.table([*tables.HEAD, "p99 to nothing"], [
            [*tables.row(name, some), f"{tables.ratio(some, rounds['nothing'], 'p99'):.2f}"]
            for name, some in rounds.items()])
        one = backups.made[-1]
        print(f"{len(backups.made)} backups; the last: {one['bytes'] / 2**20:,.0f} MiB copied in "
              f"{one['copy_seconds']} s, checked in {one['check_seconds']} s; the write-ahead log "
              f"grew to {longest_log / 2**20:,.0f} MiB\n")
