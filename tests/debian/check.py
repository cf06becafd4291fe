#!/usr/bin/env python3
"""Checks an installation that run.py made, within its network.

Usage: check.py HOME FILES [NAME…], where FILES is test_*.py or, after a reboot, after_*.py.
"""

import os
import pathlib
import sys
import unittest

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))


def main():
    os.environ["IMRELAY_INSTALL_HOME"] = sys.argv[1]
    loader = unittest.TestLoader()
    if sys.argv[3:]:
        loader.testNamePatterns = [f"*{name}*" for name in sys.argv[3:]]
    suite = loader.discover(str(HERE), sys.argv[2], str(HERE))
    result = unittest.TextTestRunner(sys.stdout, verbosity=2).run(suite)
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    return 1 if failed or not result.testsRun else 0


if __name__ == "__main__":
    sys.exit(main())
