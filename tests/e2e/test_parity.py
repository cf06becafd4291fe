"""imrelay decode against PHP itself, on bodies that are new in every run."""

import base64
import json
import random
import subprocess
import unittest
from urllib.parse import quote

from stack import BINARY, LONG
from stand_ins import TREE

# The unit tests compare thousands of fixed bodies; this looks for what they do not have.
COUNT = 10000 if LONG else 200
PIECES = ("[", "]", "[]", "%5B", "%5d", "a", "b", "B", ".", " ", "+", "%20", "0", "7", "-1", "07",
          "=", "=", "&", "&", "é", "%C3%A9", "%", "%z", "_", "[x][y]", "[0]", "&a[b]=", "a[")
PHP = """
ini_set('max_input_vars', '100000');
while (($line = fgets(STDIN)) !== false) {
  parse_str(base64_decode($line), $tree);
  array_walk_recursive($tree, function (&$leaf) { $leaf = (string)$leaf; });
  echo json_encode($tree, JSON_UNESCAPED_UNICODE | JSON_INVALID_UTF8_SUBSTITUTE), "\\n";
}
"""


def make_body(dice):
    if dice.random() < 0.5:
        return "".join(dice.choice(PIECES) for _ in range(dice.randrange(1, 30)))
    pairs = []
    for _ in range(dice.randrange(1, 10)):
        name = dice.choice("abc") + "".join(
            f"[{dice.choice(('', '0', '1', 'x', 'a b', '-7'))}]" for _ in range(dice.randrange(5)))
        pairs.append(f"{quote(name) if dice.random() < 0.5 else name}={dice.randrange(99)}")
    return "&".join(pairs)


class Parity(unittest.TestCase):
    def test_decode_reads_what_php_reads(self):
        release = TREE / "build" / "release" / "imrelay"
        binary = release if release.exists() else BINARY
        seed = random.randrange(1 << 32)
        dice = random.Random(seed)
        bodies = [make_body(dice).encode() for _ in range(COUNT)]
        php = subprocess.run(
            ["php", "-n", "-r", PHP], input=b"\n".join(map(base64.b64encode, bodies)) + b"\n",
            capture_output=True, timeout=300, check=True)
        expected = php.stdout.splitlines()
        self.assertEqual(len(expected), COUNT, php.stderr)

        for body, line in zip(bodies, expected):
            decoded = subprocess.run([binary, "decode"], input=body, capture_output=True,
                                     timeout=30)
            self.assertEqual(decoded.returncode, 0, (seed, body, decoded.stderr))
            self.assertEqual(json.loads(decoded.stdout, object_pairs_hook=list),
                             json.loads(line, object_pairs_hook=list), (seed, body))
