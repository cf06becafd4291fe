"""Recorded bodies of Bitrix24, damaged in their pairs, their JSON and their bytes."""

import json
from urllib.parse import parse_qsl, quote, quote_plus

import events
from stack import FORM
from stand_ins import TREE

WIRE = TREE / "tests" / "data" / "wire"
JSON = "application/json"
TYPES = (FORM, JSON, FORM + "; charset=UTF-8", "APPLICATION/JSON ;x=\"y", "text/plain", "a/b/c",
         ";", "multipart/form-data; boundary=x", "x" * 900, None)
VALUES = ("", "0", "-1", "1e9", "0x1F", "00107", "9223372036854775807", "9223372036854775808",
          "1" * 400, "Y", "null", "[]", "{}", "a,b , c", " ext-msg-005 ", "ext-msg-005", "107",
          "x" * 256, "ü" * 127, "\N{GRINNING FACE}", "a\0b", "\x1b[31m\r\n", "'; DROP TABLE event; --",
          b"\xff\xfe", b"\xed\xa0\x80", b"ext\xc3", "%00%ff%", "&=[]+%5B", "https://[::1]:0/")
KEYS = ("[]", "[0]", "[1]", "[-7]", "[07]", "[ 0 ]", "[9223372036854775807]", "[im]", "[IM]",
        "[id]", "[message]", "[token]", "[__Host-a]", "[\0]", "[", "]", "][", "[[", ".", " ", "[a]" * 20)
NAMES = ("event", "data", "auth", "ts", "EVENT", "data[MESSAGES]", "data[DATA]", "data[LINE]",
         "data[MESSAGES][0]", "auth[member_id]", "auth[application_token]", "auth[refresh_token]",
         "AUTH_ID", "APP.SID", "auth[id", "__Secure-x", "=", "")
# Not ONAPPUNINSTALL: a portal that is gone is attacked no more.
EVENTS = ("ONIMCONNECTORMESSAGEADD", "ONIMCONNECTORMESSAGEUPDATE", "ONIMCONNECTORMESSAGEDELETE",
          "ONIMCONNECTORDIALOGSTART", "ONIMCONNECTORDIALOGFINISH", "ONIMCONNECTORSTATUSDELETE",
          "ONIMCONNECTORLINEDELETE", "ONAPPINSTALL", "ONAPPUPDATE", "ONAPPTEST", "ONOFFLINEEVENT",
          "onImConnectorMessageDelete", "ONSOMETHINGNEW", "ON'; --", "")


def to_bytes(value):
    return value if isinstance(value, bytes) else str(value).encode()


def spellings():
    """How a name or a value may be written in a form."""
    return (lambda text: quote_plus(text),
            lambda text: quote(text, safe="[]"),
            lambda text: quote(text, safe=""),
            lambda text: "".join(f"%{b:02x}" for b in to_bytes(text)))


class Mutator:
    """Makes bodies that carry the attacked portal's token, and now and then the bystander's name.
    `doomed` is a third portal, the only one whose uninstallation is posted."""

    def __init__(self, dice, attacked, bystander, doomed):
        self.dice = dice
        self.bystander = bystander.member_id
        self.recorded = []
        for path in sorted(WIRE.glob("*.form")):
            portal = doomed if path.stem == "onappuninstall" else attacked
            tree = json.loads(path.with_suffix(".json").read_text())
            tree["auth"].update(member_id=portal.member_id,
                                application_token=portal.application_token)
            self.recorded.append((tree, parse_qsl(events.form(tree).decode(), True)))

    def body(self):
        """A body and its content type."""
        tree, pairs = self.dice.choice(self.recorded)
        if self.dice.random() < 0.7:
            body, kind = self.form(pairs), FORM
        else:
            body, kind = self.json(tree), JSON
        if self.dice.random() < 0.3:
            body = self.damage(body)
        return body, self.dice.choice(TYPES) if self.dice.random() < 0.05 else kind

    # --- forms

    def form(self, pairs):
        pairs = [list(pair) for pair in pairs]
        for pair in pairs:
            if pair[0] == "ts":
                pair[1] = str(self.dice.randrange(1 << 31))
        changes = (self.drop, self.repeat, self.swap, self.rename, self.bend, self.revalue,
                   self.revalue, self.impersonate, self.another_event, self.make_list, self.crowd)
        for _ in range(self.dice.choice((0, 1, 1, 2, 3, 8))):
            if pairs:
                self.dice.choice(changes)(pairs)
        write = self.dice.choice(spellings())
        return b"&".join(f"{write(name)}={write(value)}".encode() for name, value in pairs)

    def drop(self, pairs):
        pairs.pop(self.dice.randrange(len(pairs)))

    def repeat(self, pairs):
        pairs.insert(self.dice.randrange(len(pairs)), list(self.dice.choice(pairs)))

    def swap(self, pairs):
        one, other = self.dice.choice(pairs), self.dice.choice(pairs)
        at = self.dice.randrange(2)
        one[at], other[at] = other[at], one[at]

    def rename(self, pairs):
        self.dice.choice(pairs)[0] = self.dice.choice(NAMES)

    def bend(self, pairs):
        """Breaks into the brackets of a name."""
        pair = self.dice.choice(pairs)
        at = self.dice.choice([i for i, c in enumerate(pair[0]) if c == "["] or [len(pair[0])])
        end = self.dice.choice((at, pair[0].find("]", at) + 1, len(pair[0])))
        pair[0] = pair[0][:at] + self.dice.choice(KEYS) + pair[0][end:]

    def revalue(self, pairs):
        self.dice.choice(pairs)[1] = self.dice.choice(VALUES)

    def impersonate(self, pairs):
        for pair in pairs:
            if pair[0] == "auth[member_id]":
                pair[1] = self.bystander

    def another_event(self, pairs):
        for pair in pairs:
            if pair[0] == "event" and pair[1] != "ONAPPUNINSTALL":
                pair[1] = self.dice.choice(EVENTS)

    def make_list(self, pairs):
        self.dice.choice(pairs)[0] += self.dice.choice(("[]", "[0]", "[0][0]", "[x]"))

    def crowd(self, pairs):
        """Many keys, sometimes more than the limit."""
        count = self.dice.choice((20, 20, 200, 4100))
        name = self.dice.choice(("k{}", "data[MESSAGES][{}][im][message_id]", "a[][{}]"))
        pairs += [[name.format(i), str(i)] for i in range(count)]

    # --- JSON

    def json(self, tree):
        tree = json.loads(json.dumps(tree))
        tree["ts"] = self.dice.randrange(1 << 31)
        for _ in range(self.dice.choice((0, 1, 1, 2, 3, 8))):
            self.change_node(tree)
        if isinstance(tree.get("auth"), dict) and self.dice.random() < 0.1:
            tree["auth"]["member_id"] = self.bystander
        text = json.dumps(tree, ensure_ascii=self.dice.random() < 0.5,
                          indent=self.dice.choice((None, None, 1)))
        return text.encode(errors="surrogatepass")

    def change_node(self, tree):
        """Changes one thing at a random place of a JSON tree."""
        node = tree
        while True:
            keys = list(node) if isinstance(node, dict) else range(len(node))
            if not keys:
                return
            key = self.dice.choice(keys)
            if not isinstance(node[key], (dict, list)) or self.dice.random() < 0.3:
                break
            node = node[key]
        if key == "event" and node[key] == "ONAPPUNINSTALL":
            return
        what = self.dice.random()
        if what < 0.2:
            node.pop(key)
        elif what < 0.4 and isinstance(node, dict):
            name = self.dice.choice((key.swapcase(), key + "\0", "MESSAGES", "token", ""))
            node[name] = node[key]
        else:
            node[key] = self.dice.choice((
                None, True, 0, -1, 1.5, 1e300, 10 ** 40, [], {}, [node[key]], {"0": node[key]},
                [None, node[key]], "\ud800", self.dice.choice(EVENTS),
                to_bytes(self.dice.choice(VALUES)).decode("latin-1")))

    # --- bytes

    def damage(self, body):
        for _ in range(self.dice.choice((1, 1, 2, 5))):
            at = self.dice.randrange(len(body) + 1)
            end = at + self.dice.choice((0, 1, 3, 40))
            what = self.dice.random()
            if what < 0.1:
                body = body[:at]
            elif what < 0.2:
                body = body[:end] + body[at:]
            else:
                noise = self.dice.choice((b"", b"", b"&", b"%", b"\0", b"\xff", b"\"", b"[", b"}",
                                          self.dice.randbytes(3)))
                body = body[:at] + noise + body[end:]
        return body
