"""The real bodies of tests/data/wire, byte for byte, as one portal would post them in order."""

import json
import re

import events
from stack import StackTest, wait_for
from stand_ins import TREE

WIRE = TREE / "tests" / "data" / "wire"
PORTAL = events.Portal("bac1cd5c8940947a75e0d71b1a84e348", "831c76b092f9f135d9b6b36c3a720757")


class Wire(StackTest):
    maxDiff = None

    def post(self, name, word="accepted", reason=None):
        answer = self.stack.post((WIRE / f"{name}.form").read_bytes())
        self.check_answer(answer, 200, word, reason)

    def rows(self):
        return [(m["message_id"], m["external_message_id"], m["direction"],
                 bool(m["deleted_at"]), m["outcome"]) for m in self.stack.messages(PORTAL)]

    def test_every_event_in_the_order_of_a_life(self):
        # The fixture's own refresh token was never issued here: only the tokens are exchanged.
        issued = self.stand_in.issue(PORTAL.member_id)
        for name in ("onappinstall", "onappupdate"):
            body = (WIRE / f"{name}.form").read_text()
            for key in ("access_token", "refresh_token"):
                body = re.sub(rf"(%5B{key}%5D=)[^&]*", rf"\g<1>{issued[key]}", body)
            self.check_answer(self.stack.post(body.encode()), 200, "accepted")
            self.wait_until_proven()
            issued = self.stand_in.issue(PORTAL.member_id)

        self.post("dialogstart")
        self.post("messageadd-text")
        self.post("messageadd-file-no-text")
        self.assertEqual(self.rows(), [(86497, None, "out", False, None),
                                       (86499, None, "out", False, None)])
        self.post("messageupdate-2-external-ids")
        self.assertEqual([r[:4] for r in self.rows()[2:]],
                         [(86501, "ext-msg-005", "out", False),
                          (86501, "ext-msg-006", "out", False)])
        self.post("messagedelete-1-external-id")
        self.assertEqual([r[3:] for r in self.rows()[2:]], [(True, "pending"), (False, None)])
        self.post("messagedelete-2-external-ids-no-tokens")
        self.assertEqual([r[3:] for r in self.rows()[2:]], [(True, "pending"), (True, "pending")])
        self.post("onapptest-event-test")
        self.post("onofflineevent")
        self.post("dialogfinish")
        self.assertEqual(self.line(), ("myconnector", "active"))
        self.post("statusdelete")
        self.assertEqual(self.line(), ("myconnector", "disconnected"))
        self.post("linedelete")
        self.assertEqual(self.line(), ("myconnector", "deleted"))

        kinds = [d["kind"] for d in self.stack.deliveries(PORTAL)]
        for kind, times in (("dialog.started", 1), ("message.created", 2), ("message.updated", 2),
                            ("message.deleted", 2), ("dialog.finished", 1),
                            ("line.disconnected", 1), ("line.deleted", 1)):
            self.assertEqual(kinds.count(kind), times, kinds)
        # No edit of a deleted message is sent.
        self.assertEqual({d["kind"] for d in self.stack.deliveries(PORTAL)
                          if d["state"] == "cancelled"}, {"message.updated"})
        self.assertTrue(all(d["state"] == "pending" for d in self.stack.deliveries(PORTAL)
                            if d["kind"] != "message.updated"))
        self.assertEqual({e["source"] for e in self.stack.events(PORTAL)}, {"webhook"})

        for name in ("messageadd-text", "messagedelete-1-external-id", "linedelete"):
            self.post(name, "duplicate")
        self.post("onappuninstall")
        self.assertEqual(self.stack.portal_status(PORTAL), "uninstalled")
        self.assertEqual(self.rows(), [])  # its CLEAN is 1

    def wait_until_proven(self):
        wait_for(lambda: {e["status"] for e in self.stack.events(PORTAL)} == {"applied"})
        self.assertEqual(self.stack.portal_status(PORTAL), "active")

    def line(self):
        [row] = self.stack.sql("SELECT connector, status FROM lines"
                               f" WHERE member_id = '{PORTAL.member_id}' AND line_id = 107")
        return row["connector"], row["status"]

    def test_decode_gives_the_trees_of_the_fixtures(self):
        for path in sorted(WIRE.glob("*.form")):
            decoded = self.stack.command("decode", input=path.read_text(), config=False)
            self.assertEqual(decoded.returncode, 0, decoded.stderr)
            self.assertEqual(json.loads(decoded.stdout),
                             json.loads(path.with_suffix(".json").read_text()), path.name)

    def test_decode_event_names_every_event_and_shows_no_token(self):
        for path in sorted(WIRE.glob("*.form")):
            body = path.read_text()
            decoded = self.stack.command("decode", "--event", input=body, config=False)
            self.assertEqual(decoded.returncode, 0, decoded.stderr)
            self.assertIn(re.match(r"event=(\w+)", body)[1], decoded.stdout)
            for token in ("5b00844001b0007cd181977d455de630432",
                          "4s386p3q0tr8dy89xvmt96234v3dljg8", PORTAL.application_token):
                self.assertNotIn(token, decoded.stdout)
            json.loads(decoded.stdout)
