"""What the size of the mapping costs: events/s, look-ups, bytes."""

import json
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


def prepare(rig, home, sizes):
    """A directory with a filled database, and its key file, for each size: {size: directory}."""
    home.mkdir(parents=True, exist_ok=True)
    note = home / "portal.json"
    if not note.exists():
        first = rig.worker("empty", home / "imrelay.db")
        rig.install(first)
        rig.remove(first)
        note.write_text(json.dumps([rig.portal.member_id, rig.portal.application_token]))
    rig.portal.member_id, rig.portal.application_token = json.loads(note.read_text())
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


def changed(handler, case, size):
    """How many messages a case has changed: deletions of known ones, new rows of unknown ones."""
    tombstones = "SELECT count(*) FROM message"
    if case == "unknown":
        return handler.query(tombstones)[0] - size
    return handler.query("SELECT count(*) FROM deliveries WHERE kind = 'message.deleted'")[0]


def measure(rig, options, handlers):
    """{case: {size: rounds}}, and after each case a check of what is in the databases."""
    results = {}
    for case in CASES:
        results[case] = {size: [] for size in handlers}
        for _ in range(options.rounds):
            for size, handler in handlers.items():
                results[case][size].append(rig.load(handler, case, size))
        time.sleep(1)
        for size, handler in handlers.items():
            answered = sum(one.answered for one in results[case][size])
            found = changed(handler, case, size)
            if found < answered:
                raise SystemExit(f"bench: {answered} {case} deletions of {size} messages were "
                                 f"answered 200, the database holds {found}")
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
        rig.nginx()
        print(f"The mapping's size; medians of {options.rounds} alternating rounds of "
              f"{options.seconds} s\n")
        show(measure(rig, options, handlers), facts, handlers)
