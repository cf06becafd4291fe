"""A folder of tests that take minutes: its files in processes of their own, several at once."""

import argparse
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import time
import unittest


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
    return loader.discover(str(path.parent), path.name, str(path.parent))


def run_file(path, options):
    """Runs one file in this process; the exit status."""
    suite = load(path, options.names)
    result = unittest.TextTestRunner(sys.stdout, verbosity=2, resultclass=Result).run(suite)
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    skipped = len(result.skipped)
    passed = max(result.testsRun - skipped - failed, 0)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


def run_apart(path, runner, options):
    """Runs one file in a process of its own; what it printed, and its counts."""
    done = subprocess.run(
        [sys.executable, runner, "--build", options.build, "--file", path.stem, *options.names],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True)
    printed, _, last = done.stdout.rstrip().rpartition("\n")
    counts = re.fullmatch(r"(\d+) passed, (\d+) failed, (\d+) skipped", last)
    if counts is None:
        return f"{done.stdout}\n{path.name} ended with {done.returncode}", (0, 1, 0)
    return printed, tuple(map(int, counts.groups()))


def run_files(paths, runner, options):
    """The sums of passed, failed and skipped. Large files go first, so that none is left running
    alone at the end."""
    paths = sorted(paths, key=lambda path: -path.stat().st_size)
    sums = 0, 0, 0
    with concurrent.futures.ThreadPoolExecutor(max(options.jobs, 1)) as pool:
        running = {pool.submit(run_apart, path, runner, options): path for path in paths}
        for ended in concurrent.futures.as_completed(running):
            printed, counts = ended.result()
            print(f"--- {running[ended].name}\n{printed}\n", flush=True)
            sums = tuple(map(sum, zip(sums, counts)))
    return sums


def main(runner, description):
    """Runs the tests in the folder of `runner`, the script that calls this; the exit status."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--build", default="build/asan", help="the build to test")
    parser.add_argument("--jobs", type=int, default=3, help="how many files run at once")
    parser.add_argument("--long", action="store_true", help="make the long runs long")
    parser.add_argument("--except", dest="left_out", help="a file to leave out")
    parser.add_argument("--file", help=argparse.SUPPRESS)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    folder = pathlib.Path(runner).resolve().parent
    os.environ["IMRELAY_TEST_BUILD"] = str(pathlib.Path(options.build).resolve())
    if options.long:
        os.environ["IMRELAY_TEST_LONG"] = "1"
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(folder))
    if options.file:
        return run_file(folder / f"{options.file}.py", options)

    began = time.monotonic()
    paths = [path for path in folder.glob("test_*.py")
             if path.stem != options.left_out and load(path, options.names).countTestCases()]
    passed, failed, skipped = run_files(paths, runner, options)
    print(f"{time.monotonic() - began:.0f} s, {skipped} skipped")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed + skipped else 0
