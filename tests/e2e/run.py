#!/usr/bin/env python3
"""Runs the end-to-end suite. Usage: run.py [--build DIR] [--jobs N] [--long] [--except FILE] [NAME…]

The files of tests run in N processes at once (2), each with stacks of its own. NAME is a part of a
test's name, as in test_crash or Install.test_forged; FILE is one file that is left out, as in test_doctor.
IMRELAY_TEST_LONG=1 makes the long runs long, as --long does.
"""

import sys

import suite

if __name__ == "__main__":
    sys.exit(suite.main(__file__, __doc__.split("\n", 1)[0]))
