#!/usr/bin/env python3
"""Runs the end-to-end suite. Usage: run.py [--build DIR] [--jobs N] [--except FILE] [NAME…]

The files of tests run in N processes at once (2), each with stacks of its own. NAME is a part of a
test's name, as in test_crash or Install.test_forged; FILE is one file that is left out, as in test_doctor.
IMRELAY_TEST_LONG=1 makes the long runs long.
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import subprocess
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


def load(path, names):
    loader = unittest.TestLoader()
    if names:
        loader.testNamePatterns = [f"*{name}*" for name in names]
    return loader.discover(str(HERE), path.name, str(HERE))


def run_file(path, options):
    """Runs one file in this process; the exit status."""
    suite = load(path, options.names)
    result = unittest.TextTestRunner(sys.stdout, verbosity=2, resultclass=Result).run(suite)
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    skipped = len(result.skipped)
    passed = max(result.testsRun - skipped - failed, 0)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


def run_apart(path, options):
    """Runs one file in a process of its own; what it printed, and its counts."""
    done = subprocess.run(
        [sys.executable, __file__, "--build", options.build, "--file", path.stem, *options.names],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True)
    printed, _, last = done.stdout.rstrip().rpartition("\n")
    counts = re.fullmatch(r"(\d+) passed, (\d+) failed, (\d+) skipped", last)
    if counts is None:
        return f"{done.stdout}\n{path.name} ended with {done.returncode}", (0, 1, 0)
    return printed, tuple(map(int, counts.groups()))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--build", default="build/asan", help="the build to test")
    parser.add_argument("--jobs", type=int, default=2, help="how many files run at once")
    parser.add_argument("--except", dest="left_out", help="a file to leave out")
    parser.add_argument("--file", help=argparse.SUPPRESS)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    os.environ["IMRELAY_TEST_BUILD"] = str(pathlib.Path(options.build).resolve())
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(HERE))
    if options.file:
        return run_file(HERE / f"{options.file}.py", options)

    began = time.monotonic()
    paths = [path for path in HERE.glob("test_*.py")
             if path.stem != options.left_out and load(path, options.names).countTestCases()]
    # Large ones first, so that none is left running alone at the end.
    paths.sort(key=lambda path: -path.stat().st_size)
    passed = failed = skipped = 0
    with concurrent.futures.ThreadPoolExecutor(max(options.jobs, 1)) as pool:
        running = {pool.submit(run_apart, path, options): path for path in paths}
        for ended in concurrent.futures.as_completed(running):
            printed, counts = ended.result()
            print(f"--- {running[ended].name}\n{printed}\n", flush=True)
            passed, failed, skipped = map(sum, zip((passed, failed, skipped), counts))
    print(f"{time.monotonic() - began:.0f} s, {skipped} skipped")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed + skipped else 0


if __name__ == "__main__":
    sys.exit(main())
