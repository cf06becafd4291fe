"""What the time of a refusal tells of a guessed application_token."""

import collections
import math
import statistics
import subprocess
import tempfile

import tables
from rig import BUILD

WAYS = {"event": "a whole event, refused", "hash": "keyed hash and comparison",
        "plain": "a comparison that stops early"}
CLASSES = ("0", "1", "15", "31", "0 again")


def ratio(values, base):
    """The mean of the rounds' ratios, and twice its standard error."""
    ratios = [value / other for value, other in zip(values, base, strict=True)]
    return statistics.mean(ratios), 2 * statistics.stdev(ratios) / math.sqrt(len(ratios))


def run(options):
    rounds = 8 * options.rounds
    print(f"Wrong tokens with so many leading bytes right, against none right; {rounds} rounds in "
          "random order,\nmean of the ratios of medians ± 2 standard errors\n")
    with tempfile.TemporaryDirectory(prefix="imrelay-bench.") as home:
        told = subprocess.run([BUILD / "imrelay-token-timing", home, str(rounds)], check=True,
                              capture_output=True, text=True).stdout
    taken = collections.defaultdict(list)
    for line in told.splitlines():
        way, right, nanoseconds = line.split("\t")
        taken[way, right].append(float(nanoseconds))
    rows = []
    for way, name in WAYS.items():
        base = taken[way, "0"]
        cells = ["%.4f ± %.4f" % ratio(taken[way, one], base) for one in CLASSES[1:]]
        rows.append([name, f"{statistics.median(base) / 1000:.3f} µs", *cells])
    tables.table(["", "0 right", *(f"{one} right" if "again" not in one else one
                                  for one in CLASSES[1:])],
                 rows)
