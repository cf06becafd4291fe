#!/usr/bin/env python3
"""Runs the chaos suite. Usage: run.py [--build DIR] [--jobs N] [--long] [NAME…]

Each scenario breaks something under load and then has one judge (judge.py) say that no acknowledged
event was lost, none applied twice, and none to another message or portal. NAME is a part of a
scenario's name, as in test_power_cut. A full disk needs the right to mount. Power cuts and clocks
need build/release/imrelay, or another one without sanitizers that IMRELAY_TEST_RELEASE names.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import suite

if __name__ == "__main__":
    sys.exit(suite.main(__file__, __doc__.split("\n", 1)[0]))
