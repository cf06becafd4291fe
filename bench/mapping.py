"""What the size of the mapping costs: events/s, look-ups, bytes."""

import json
import os
import pathlib
import random
import shutil
import sqlite3
import subprocess
import time

import tables
from rig import BUILD, TREE, Rig

LOOKUPS = 5000
# What is posted: deletions of messages at random places of the mapping, and of ones in between.
CASES = ("known", "unknown")


def fill(database, messages):
    """Runs fill.sql, the whole of it in memory: nothing reads the database meanwhile."""
    connection = sqlite3.connect(database, isolation_level=None)
    for pragma in ("journal_mode=DELETE", "journal_mode=OFF", "synchronous=OFF",
                   "cache_size=-2000000"):
        connection.execute(f"PRAGMA {pragma}").fetchall()
    connection.execute("BEGIN")
    for statement in (TREE / "bench" / "fill.sql").read_text().split(";\n"):
        if statement.strip():
            connection.execute(statement, {"messages": messages})
    connection.execute("COMMIT")
    connection.execute("PRAGMA journal_mode=WAL").fetchall()
    connection.close()


def installed(rig, home):
    """Makes `home` a directory with a database that knows the rig's portal, or takes up one."""
    home.mkdir(parents=True, exist_ok=True)
    schema = [file.read_text() for file in (*sorted(TREE.glob("sql/sqlite/migrations/*.sql")),
                                            TREE / "bench" / "fill.sql")]
    note = home / "made_with.json"
    if not note.exists():
        first = rig.worker("empty", home / "imrelay.db")
        rig.install(first)
        rig.remove(first)
        note.write_text(json.dumps([rig.portal.member_id, rig.portal.application_token, schema]))
    rig.portal.member_id, rig.portal.application_token, made_with = json.loads(note.read_text())
    if made_with != schema:
        raise SystemExit(f"bench: {home} was filled with another schema; remove it")


def prepare(rig, home, sizes):
    """A directory with a filled database, and its key file, for each size: {size: directory}."""
    installed(rig, home)
    filled = {size: home / str(size) for size in sizes}
    for size, target in filled.items():
        if target.exists():
            continue
        start = time.monotonic()
        unfinished = home / f"{size}.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        for name in ("imrelay.db", "imrelay.key"):
            shutil.copy2(home / name, unfinished)
        fill(unfinished / "imrelay.db", size)
        unfinished.rename(target)
        print(f"filled {size:,} messages in {time.monotonic() - start:.0f} s", flush=True)
    return filled


def look_up(handler, messages):
    """p50 and p99 in µs by message_id, then by external id. Each id must be found once."""
    ids = random.sample(range(messages), min(messages, LOOKUPS))
    printed = subprocess.run([BUILD / "imrelay-lookup", handler.database], check=True, text=True,
                             input="\n".join(str(1_000_000 + 3 * i) for i in ids),
                             capture_output=True).stdout
    return printed.split()


def start(rig, home, size):
    """A worker on a copy of a filled database, and what can be told of it before any load."""
    target = rig.home / f"messages-{size}"
    shutil.copytree(home, target)
    handler = rig.worker(f"messages-{size}", target / "imrelay.db")
    rows, own, total = tables.row_bytes(handler, "mapping")
    assert rows == size, (rows, size)
    megabytes = handler.database.stat().st_size / 2**20
    facts = [f"{megabytes:,.0f}", f"{own:.0f}", f"{total - own:.0f}", f"{total:.0f}"]
    return handler, look_up(handler, size) + facts


def check(handler, case, size, answered):
    """Deletions of known messages must have added no message, the others one each."""
    if handler.numbers[case] > size:
        raise SystemExit(f"bench: {size} messages are too few for so long a run")
    deliveries = handler.query("SELECT count(*) FROM deliveries WHERE kind = 'message.deleted'")[0]
    added = handler.query(f"SELECT count(*) FROM {tables.TABLES['mapping']}")[0] - size
    if deliveries < handler.answered or (added < answered if case == "unknown" else added):
        raise SystemExit(f"bench: {answered} deletions of {case} messages were answered 200; the "
                         f"database has {deliveries} deliveries, {added} more messages than before")


def measure(rig, options, handlers):
    """{case: {size: rounds}}; what the databases hold is checked after each case."""
    results = {}
    for case in CASES:
        results[case] = {size: [] for size in handlers}
        for _ in range(options.rounds):
            for size, handler in handlers.items():
                results[case][size].append(rig.load(handler, case, size))
        time.sleep(1)
        for size, handler in handlers.items():
            check(handler, case, size, sum(one.answered for one in results[case][size]))
    return results


def show(results, facts, handlers):
    smallest = min(handlers)
    head = [*tables.HEAD, f"to {smallest:,}"]
    for case, by_size in results.items():
        rows = [[*tables.row(f"{size:,}", rounds),
                 f"{tables.ratio(rounds, by_size[smallest]):.2f}"]
                for size, rounds in by_size.items()]
        print(f"Deletions of {case} messages")
        tables.table(head, rows)
    print("Look-ups in the view `messages` in µs; MiB of the file; bytes a message; memory")
    tables.table(["messages", "message_id p50", "p99", "external id p50", "p99", "MiB", "table",
                  "index", "together", "RSS MiB"],
                 [[f"{size:,}", *facts[size], f"{handler.memory():.1f}"]
                  for size, handler in handlers.items()])


def run(options):
    sizes = sorted(int(size) for size in options.messages.split(","))
    with Rig(options.seconds) as rig:
        home = pathlib.Path(options.keep) if options.keep else rig.home / "filled"
        filled = prepare(rig, home, sizes)
        handlers, facts = {}, {}
        for size in sizes:
            handlers[size], facts[size] = start(rig, filled[size], size)
        os.sync()  # or the first checkpoint would wait for the copies to be written
        rig.nginx()
        print(f"The mapping's size; medians of {options.rounds} alternating rounds of "
              f"{options.seconds} s\n")
        show(measure(rig, options, handlers), facts, handlers)
