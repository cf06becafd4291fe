#!/usr/bin/env python3
"""Runs the end-to-end suite. Usage: run.py [--build DIR] [--except FILE] [NAME…]

NAME is a part of a test's name, as in test_crash or Install.test_forged; FILE is one file that is
left out, as in test_doctor.
IMRELAY_TEST_LONG=1 makes the long runs long.
"""

import argparse
import os
import pathlib
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent


class Result(unittest.TextTestResult):
    """Says how long each test took, and shows the end of the log under a failure."""

    def startTest(self, test):
        self.began = time.monotonic()
        super().startTest(test)

    def addSuccess(self, test):
        unittest.TestResult.addSuccess(self, test)
        self.stream.writeln(f"ok ({time.monotonic() - self.began:.1f} s)")

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self.show_log(test)

    def addError(self, test, error):
        super().addError(test, error)
        self.show_log(test)

    def show_log(self, test):
        stack = getattr(test, "stack", None)
        if stack:
            self.stream.writeln("--- the end of the stack's output:")
            self.stream.writeln(stack.printed()[-3000:])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--build", default="build/asan", help="the build to test")
    parser.add_argument("--except", dest="left_out", help="a file to leave out")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    os.environ["IMRELAY_TEST_BUILD"] = str(pathlib.Path(options.build).resolve())
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(HERE))

    loader = unittest.TestLoader()
    if options.names:
        loader.testNamePatterns = [f"*{name}*" for name in options.names]
    suite = unittest.TestSuite(
        loader.discover(str(HERE), path.name, str(HERE))
        for path in sorted(HERE.glob("test_*.py")) if path.stem != options.left_out)
    began = time.monotonic()
    result = unittest.TextTestRunner(sys.stdout, verbosity=2, resultclass=Result).run(suite)
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    print(f"{time.monotonic() - began:.0f} s, {len(result.skipped)} skipped")
    print(f"{max(result.testsRun - len(result.skipped) - failed, 0)} passed, {failed} failed")
    return 1 if failed or not result.testsRun else 0


if __name__ == "__main__":
    sys.exit(main())
