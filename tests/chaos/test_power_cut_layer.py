"""The layer that cuts the power: who syncs keeps its files, who forgets does not."""

import os
import pathlib
import random
import shutil
import subprocess
import tempfile
import unittest

from power_cut import PowerCut
from stand_ins import BUILD

FORGETFUL = BUILD / "forgetful"


class TheLayer(unittest.TestCase):
    def setUp(self):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="imrelay-power-cut."))
        self.addCleanup(shutil.rmtree, self.home)
        self.directory = self.home / "followed"
        self.directory.mkdir()
        (self.directory / "file").write_text("old")

    def after_the_cut(self, mode, random=None):
        """The names there, with their contents."""
        cut = PowerCut(self.directory, self.home / "kept")
        cut.begin()
        environment = {**os.environ, **{k: str(v) for k, v in cut.environment().items()}}
        with subprocess.Popen([FORGETFUL, self.directory, mode], env=environment,
                              stdout=subprocess.PIPE, text=True) as program:
            self.assertEqual(program.stdout.readline(), "done\n")
            program.kill()
        self.before = {path.name: path.read_text() for path in self.directory.iterdir()}
        cut.restore(random)
        return {path.name: path.read_text() for path in self.directory.iterdir()}

    def test_what_is_synced_is_there(self):
        self.assertEqual(self.after_the_cut("careful"), {"file": "new"})
        self.assertEqual(self.after_the_cut("stream"), {"file": "new"})
        self.assertEqual(self.after_the_cut("append"), {"file": "new and more"})
        self.assertEqual(self.before, {"file": "new and more and forgotten"})
        self.assertEqual(self.after_the_cut("shorten"), {"file": "n"})
        self.assertEqual(self.before, {"file": ""})

    def test_what_is_not_synced_is_gone(self):
        for mode, left in (("overwrite", {"file": "old"}),
                           ("remove", {"file": "old"}),
                           ("no-directory-sync", {"file": "old"}),
                           ("no-file-sync", {"file": ""})):
            with self.subTest(mode):
                (self.directory / "file").write_text("old")
                self.assertEqual(self.after_the_cut(mode), left)
                self.assertNotEqual(self.before, left)

    def test_what_is_not_synced_may_be_there_by_chance(self):
        chance = random.Random(1)
        seen = set()
        for _ in range(20):
            (self.directory / "file").write_text("old")
            seen.add(self.after_the_cut("overwrite", chance)["file"])
        self.assertEqual(seen, {"old", "new"})
