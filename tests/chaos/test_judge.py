"""The judge itself: it is content with what is right, and finds each violation that is planted."""

import copy
import unittest

from events import Portal
from judge import ADD, DELETE, Element, Evidence, Judge, Post, parse_post

A, B = "a" * 32, "b" * 32


def row(portal, number, id, chat="channel-1", **more):
    return {"member_id": portal, "message_id": number, "external_message_id": id,
            "external_chat_id": chat, "deleted_at": None, "outcome": None, **more}


def call(portal, type, number, id="", chat="channel-1", webhook_id=None):
    return {"portal": portal, "type": type, "im_message_id": number, "message_id": id,
            "chat": chat, "webhook_id": webhook_id or f"{type} {portal} {number} {id}"}


def event(portal, name):
    return {"member_id": portal, "event": name, "source": "webhook", "status": "applied"}


def delivery(id, portal, kind, external=None, state="done"):
    return {"id": id, "member_id": portal, "kind": kind, "state": state,
            "external_chat_id": "channel-1", "external_message_id": external}


def right():
    """Two portals: a message that was sent, and one that was deleted, of the same number."""
    return Evidence(
        posts=[Post(A, ADD, "1", True, [Element(5, "channel-1")]),
               Post(A, ADD, "1", False, [Element(5, "channel-1")]),
               Post(B, DELETE, "2", True, [Element(5, "channel-1", ("b-5",))]),
               Post(B, DELETE, "3", False, [Element(6, "channel-1", ("b-6",))])],
        events=[event(A, ADD), event(B, DELETE)],
        messages=[row(A, 5, "ext-1"), row(B, 5, "b-5", deleted_at="now", outcome="done")],
        deliveries=[delivery(1, A, "message.created"),
                    delivery(2, B, "message.deleted", "b-5")],
        calls=[call(A, "message.created", 5), call(A, "message.created", 5),
               call(B, "message.deleted", 5, "b-5")],
        shown={(A, 5): ["ext-1"]},
        confirmed=[{"portal": A, "number": 5, "chat": "channel-1", "external_ids": ["ext-1"]}])


class TheJudge(unittest.TestCase):
    def findings(self, plant):
        evidence = copy.deepcopy(right())
        plant(evidence)
        return [finding.kind for finding in Judge(evidence).judge()]

    def check(self, kind, plant):
        self.assertIn(kind, self.findings(plant))

    def test_is_content_with_what_is_right(self):
        self.assertEqual(self.findings(lambda evidence: None), [])

    def test_lets_what_was_not_acknowledged_be_there_or_not(self):
        def keep(evidence):
            evidence.events.append(event(B, DELETE))
            evidence.messages.append(row(B, 6, "b-6", deleted_at="now", outcome="gone"))
            evidence.calls.append(call(B, "message.deleted", 6, "b-6"))
        self.assertEqual(self.findings(keep), [])

    def test_lets_what_the_offline_queue_brought_be_there_unposted(self):
        def bring(evidence):
            evidence.events.append({**event(A, ADD), "source": "offline"})
        self.assertEqual(self.findings(bring), [])

    def test_lets_rows_that_did_nothing_be_more(self):
        def repeat(evidence):
            evidence.posts.append(Post(A, "ONAPPINSTALL", "4", True))
            evidence.events += 2 * [{**event(A, "ONAPPINSTALL"), "status": "rejected"}]
            evidence.events.append({**event(B, DELETE), "status": "ignored"})
        self.assertEqual(self.findings(repeat), [])

    def test_finds_what_is_lost(self):
        def mark_undeleted(evidence):
            evidence.messages[1].update(deleted_at=None, outcome=None)
        for plant in (lambda e: e.events.pop(0),
                      lambda e: e.messages.pop(0),
                      lambda e: e.messages.pop(1),
                      mark_undeleted,
                      lambda e: e.deliveries[1].update(state="pending"),
                      lambda e: e.messages[1].update(outcome="pending"),
                      lambda e: e.calls.pop(2)):
            self.check("lost", plant)

    def test_finds_what_is_doubled(self):
        for plant in (lambda e: e.events.append(event(A, ADD)),
                      lambda e: e.messages.append(row(A, 5, "ext-1")),
                      lambda e: e.deliveries.append(delivery(3, B, "message.deleted", "b-5")),
                      lambda e: e.calls.append(call(A, "message.created", 5, webhook_id="2nd")),
                      lambda e: e.calls.append(
                          call(B, "message.deleted", 5, "b-5", webhook_id="2nd")),
                      lambda e: e.violations.append("message.created 5 twice")):
            self.check("doubled", plant)

    def test_finds_what_is_misplaced(self):
        for plant in (lambda e: e.events.append(event("c" * 32, ADD)),
                      lambda e: e.messages.append(row(A, 9, "ext-9")),
                      lambda e: e.messages.append(row(A, 5, "b-5")),
                      lambda e: e.messages[0].update(external_chat_id="channel-2"),
                      lambda e: e.calls.append(call(A, "message.updated", 5, "b-5")),
                      lambda e: e.calls.append(call(A, "message.updated", 5, chat="channel-2")),
                      lambda e: e.calls.append(call(A, "message.created", 6)),
                      lambda e: e.confirmed[0].update(external_ids=["b-5"]),
                      lambda e: setattr(e, "stray", 1),
                      lambda e: e.violations.append("message.updated 5 came after its deletion")):
            self.check("misplaced", plant)

    def test_finds_what_is_overtaken(self):
        self.check("overtaken", lambda e: e.violations.append(
            "message.created 5 came after a newer message"))

    def test_reads_posts_by_their_form(self):
        portal = Portal(A)
        post = parse_post(A, DELETE, portal.delete(7, ["x-1", "x-2"], chat="c 1").decode(), 200)
        self.assertEqual(post.elements, [Element(7, "c 1", ("x-1", "x-2"))])
        self.assertTrue(post.acknowledged)
        self.assertFalse(parse_post(A, ADD, portal.add(8).decode(), 0).acknowledged)
