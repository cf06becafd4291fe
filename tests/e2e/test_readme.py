"""Every query of the README works as it stands."""

import pathlib
import re
import subprocess
import tempfile
import unittest

from stack import StackTest
from stand_ins import TREE

README = TREE / "README.md"


def blocks(*kinds):
    text = README.read_text()
    for kind, content in re.findall(r"^ *```(\w*)\n(.*?)^ *```", text, re.M | re.S):
        if kind in kinds:
            yield content


def shell_commands():
    """Lines that begin with sqlite3, together with the lines that their quotes go on over."""
    for content in blocks("sh", "bash", "console", "shell"):
        command = ""
        for line in content.splitlines():
            line = line.strip().removeprefix("$ ") if not command else line
            if command or line.startswith("sqlite3 "):
                command += line + "\n"
                if command.count("'") % 2 == 0 and command.count('"') % 2 == 0 and not (
                        line.endswith("\\")):
                    yield command
                    command = ""


@unittest.skipUnless(README.exists(), "no README.md yet")
class Readme(StackTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        portal = cls.stack.install()
        cls.stack.post(portal.add(1))
        cls.stack.post(portal.update(2, ["r-1", "r-2"]))
        cls.stack.post(portal.delete(2, "r-1"))

    def shell(self, arguments, **options):
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=60, **options)
        self.assertEqual((done.returncode, done.stderr), (0, ""), arguments)
        return done.stdout

    def test_the_queries_work(self):
        for content in blocks("sql"):
            self.shell(["sqlite3", "-readonly", self.stack.database], input=content)
        commands = list(shell_commands())
        with tempfile.TemporaryDirectory() as home:
            # Where scripts/run --demo has its state.
            (pathlib.Path(home) / "var" / "demo").mkdir(parents=True)
            (pathlib.Path(home) / "var" / "demo" / "state").symlink_to(self.stack.state)
            state, = re.findall(r"^state=.*$", README.read_text(), re.M)
            for command in commands:
                self.assertIn("$state/", command)
                self.shell(["bash", "-c", f"{state}\n{command}"], cwd=home,
                           stdin=subprocess.DEVNULL)
        self.assertGreater(len(commands) + len(list(blocks("sql"))), 2)
