"""Everything that docs/threat-model.md names as shown by a test is shown by one."""

import ast
import re
import unittest

from stand_ins import TREE

MODEL = TREE / "docs" / "threat-model.md"
TESTS = TREE / "tests"
ROW = re.compile(r"^\| (.+) \| (.+) \| (.+) \|$", re.M)


def python_names(path):
    """The names of all classes and functions of a file."""
    kinds = (ast.ClassDef, ast.FunctionDef)
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, kinds)}


def cases(path):
    """The names of a doctest file's cases, as they are before the compiler joins their parts."""
    found = re.findall(r'TEST_CASE\(\s*((?:"(?:[^"\\]|\\.)*"\s*)+)\)', path.read_text())
    return ["".join(re.findall(r'"((?:[^"\\]|\\.)*)"', text)) for text in found]


def missing(reference):
    """What is wrong with a reference; None: it exists."""
    if match := re.fullmatch(r"fuzz (\w+)", reference):
        target = match[1]
        known = re.search(r"^all=\(([^)]*)\)", (TREE / "scripts" / "fuzz").read_text(), re.M)
        program = TESTS / "fuzz" / f"{target}_fuzz.cc"
        return None if target in known[1].split() and program.exists() else "no such target"
    if match := re.fullmatch(r"(\w+/\w+_test\.cc)(?:: (.+))?", reference):
        path = TESTS / match[1]
        if not path.exists():
            return "no such file"
        found = any(f": {match[2]}" in case for case in cases(path))
        return None if match[2] is None or found else "no such case"
    if match := re.fullmatch(r"(debian/)?(test_\w+)\.(py|[\w.]+)", reference):
        path = TESTS / (match[1] or "e2e/") / f"{match[2]}.py"
        if not path.exists():
            return "no such file"
        names = set() if match[3] == "py" else set(match[3].split("."))
        return None if names <= python_names(path) else "no such test"
    return "no reference"


class ThreatModel(unittest.TestCase):
    def rows(self):
        text = MODEL.read_text().split("## The time of a refusal")[0]
        return [row for row in ROW.findall(text) if row[0] not in ("could try", "---")]

    def test_every_row_names_tests_that_exist(self):
        rows = self.rows()
        self.assertGreater(len(rows), 20)
        for attack, _, shown in rows:
            references = re.findall(r"`([^`]+)`", shown)
            self.assertTrue(references, attack)
            for reference in references:
                with self.subTest(reference):
                    self.assertIsNone(missing(reference))

    def test_what_does_not_exist_is_found(self):
        for reference in ("fuzz nothing", "ingest/no_test.cc", "ingest/tokens_test.cc: no such",
                          "test_nothing.Nothing", "test_secrets.Secrets.test_nothing", "words"):
            self.assertIsNotNone(missing(reference), reference)
