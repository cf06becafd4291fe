"""Medians of rounds, and tables of them."""

import statistics


def median(rounds, name):
    return statistics.median(getattr(one, name) for one in rounds)


def table(head, rows):
    """Prints a table that is one in Markdown too; the first column holds words."""
    lines = [head, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]

    def show(line):
        cells = [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width
                                             in zip(line[1:], widths[1:]))]
        print("| " + " | ".join(cells) + " |")

    show(head)
    print("| " + " | ".join("-" * width for width in widths) + " |")
    for row in rows:
        show(row)
    print(flush=True)


HEAD = ["", "events/s", "p50 ms", "p99 ms", "longest ms", "failed", "CPU µs/event"]


def row(name, rounds):
    """A line under HEAD: medians, but the longest of all and the sum of what failed."""
    return [name, f"{median(rounds, 'rate'):,.0f}", f"{median(rounds, 'p50'):.2f}",
            f"{median(rounds, 'p99'):.2f}", f"{max(one.longest for one in rounds):,.1f}",
            f"{sum(one.failed for one in rounds)}", f"{median(rounds, 'cpu'):.1f}"]


def ratio(rounds, others, name="rate"):
    """How many times as much the median of `rounds` is as that of `others`."""
    return median(rounds, name) / median(others, name)


def kept(handler):
    """What is in the database of a worker: events, mapped deletions, deliveries of them."""
    return tuple(handler.query(sql)[0] for sql in (
        "SELECT count(*) FROM events WHERE event = 'ONIMCONNECTORMESSAGEDELETE'"
        " AND status = 'applied'",
        "SELECT count(*) FROM messages WHERE deleted_at IS NOT NULL",
        "SELECT count(*) FROM deliveries WHERE kind = 'message.deleted'"))


def check_kept(handler, counts):
    """Tells what was answered and what is there; nothing answered 200 may be missing."""
    print(f"{handler.name}: {handler.answered:,} posts answered 200; in its database: "
          + ", ".join(f"{count:,} {what}" for count, what
                      in zip(counts, ("events", "deletions in the mapping", "deliveries"))))
    if min(counts) < handler.answered:
        raise SystemExit("bench: the database holds less than was answered 200")


# What each line of "bytes a row" sums up: a table with all of its indexes.
TABLES = {"mapping": "message", "journal": "event", "deliveries": "delivery"}


def row_bytes(handler, name):
    """Rows of a table, bytes a row of it, bytes a row with all of its indexes."""
    rows = handler.query(f"SELECT count(*) FROM {TABLES[name]}")[0]
    total, own = handler.query(
        "SELECT sum(pgsize), sum(pgsize) FILTER (WHERE name = ?1) FROM dbstat"
        " WHERE aggregate = 1 AND name IN (SELECT name FROM sqlite_schema WHERE tbl_name = ?1)",
        TABLES[name])
    return rows, own / rows, total / rows
