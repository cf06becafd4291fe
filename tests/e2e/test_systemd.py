"""The installed units, as far as systemd judges them without running them."""

import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from stand_ins import BUILD

MOST_EXPOSED = 2.0  # of 10, as systemd-analyze security counts; below this, each


def run(*arguments, **options):
    return subprocess.run([str(a) for a in arguments], capture_output=True, text=True, timeout=60,
                          **options)


class Systemd(unittest.TestCase):
    def setUp(self):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="imrelay-e2e."))
        self.addCleanup(shutil.rmtree, self.home)

    def units(self, *arguments, **environment):
        done = run("cmake", "--install", BUILD, *arguments,
                   env={"PATH": "/usr/bin:/bin", **environment})
        self.assertEqual(done.returncode, 0, done.stderr)
        return next(self.home.rglob("lib/systemd/system"))

    def test_the_units_start_what_is_installed(self):
        for prefix in ("/usr/local", "/usr"):
            units = self.units("--prefix", prefix, DESTDIR=str(self.home))
            for unit, command in (("imrelay", "worker"), ("imrelay-spooler", "spooler")):
                text = (units / f"{unit}.service").read_text()
                self.assertIn(f"\nExecStart={prefix}/bin/imrelay {command}\n", text)
            shutil.rmtree(self.home / prefix.split("/")[1])

    def test_systemd_finds_no_fault_with_them(self):
        units = self.units("--prefix", self.home)
        done = run("systemd-analyze", "verify", "--man=no", "--recursive-errors=no",
                   *sorted(units.iterdir()))
        self.assertNotIn("imrelay", done.stdout + done.stderr)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_both_services_are_confined(self):
        units = self.units("--prefix", self.home)
        for unit in ("imrelay.service", "imrelay-spooler.service"):
            done = run("systemd-analyze", "security", "--offline=true", "--no-pager", units / unit)
            found = re.search(rf"exposure level for {unit}: ([0-9.]+)", done.stdout)
            self.assertTrue(found, done.stdout + done.stderr)
            print(f"[{unit} {found.group(1)}] ", end="", flush=True)
            self.assertLess(float(found.group(1)), MOST_EXPOSED, done.stdout)

    def test_both_run_as_their_own_user_and_write_their_state_alone(self):
        units = self.units("--prefix", self.home)
        for unit, state in (("imrelay.service", "imrelay"),
                            ("imrelay-spooler.service", "imrelay/spool")):
            lines = (units / unit).read_text().split("\n")
            for line in ("User=imrelay", f"StateDirectory={state}", "ProtectSystem=strict",
                         "Restart=always", "LimitCORE=0"):
                self.assertIn(line, lines, unit)
            self.assertEqual([line for line in lines if line.startswith("ReadWritePaths")], [])
