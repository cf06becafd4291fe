"""The one judge of all scenarios: what was posted against what became of it.

It holds what was posted, and how that was answered, against the database's views and against what
the stand-ins wrote down, and finds

  lost       answered 200, and not kept, or never told to the channel
  doubled    kept or told a second time
  misplaced  kept, told or confirmed for a message, chat or portal that it was not posted for
  overtaken  told after a message that is newer: what waited in the spooler's file may be, once
             workers answer again, so only scenarios in which nothing is spooled look at it

Everything it needs is in an Evidence, so that test_judge.py can plant each violation.
"""

import collections
import dataclasses
import re
import urllib.parse

ADD, UPDATE, DELETE = (f"ONIMCONNECTORMESSAGE{kind}" for kind in ("ADD", "UPDATE", "DELETE"))
OPEN = ("pending", "leased")
ELSEWHERE = ("offline", "readback")  # sources of events that need not have been posted


@dataclasses.dataclass
class Element:
    """A message that an event speaks of."""
    number: int  # Bitrix24's
    chat: str    # the channel's
    ids: tuple = ()


@dataclasses.dataclass
class Post:
    member_id: str
    event: str
    identity: str  # equal for repeats of one event and for nothing else
    acknowledged: bool
    elements: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Evidence:
    posts: list
    events: list      # rows of the views
    messages: list
    deliveries: list
    calls: list       # the channel's log
    shown: dict       # (portal, number): the ids that the channel gave to a message
    confirmed: list   # the portals' own messages: portal, number, external_ids
    stray: int = 0    # confirmations of messages that a portal does not have
    violations: list = dataclasses.field(default_factory=list)  # what the channel complained of
    ended: bool = True  # nothing is under way any more


@dataclasses.dataclass(frozen=True)
class Finding:
    kind: str  # "lost", "doubled", "misplaced", "overtaken"
    what: str


def parse_post(member_id, event, body, status):
    """A Post by its form."""
    elements = collections.defaultdict(dict)
    ids = collections.defaultdict(list)
    for key, value in urllib.parse.parse_qsl(body, keep_blank_values=True):
        found = re.fullmatch(r"data\[MESSAGES\]\[(\d+)\]\[(\w+)\]\[(\w+)\](?:\[\d+\])?", key)
        if not found:
            continue
        index, part, name = found.groups()
        if (part, name) == ("message", "id"):
            ids[index].append(value)
        else:
            elements[index][part, name] = value
    return Post(member_id, event, body, status == 200,
                [Element(int(one["im", "message_id"]), one.get(("chat", "id"), ""),
                         tuple(ids[index]))
                 for index, one in elements.items() if ("im", "message_id") in one])


class Judge:
    def __init__(self, evidence):
        self.evidence = evidence
        self.findings = []
        self.chats = collections.defaultdict(set)  # (portal, number): where it was posted
        self.ids = collections.defaultdict(set)    # (portal, number): what it may be known as
        for post in evidence.posts:
            for one in post.elements:
                self.chats[post.member_id, one.number].add(one.chat)
                self.ids[post.member_id, one.number].update(one.ids)
        for message in evidence.confirmed:
            self.chats[message["portal"], message["number"]].add(message["chat"])
        for key, ids in evidence.shown.items():
            self.ids[key].update(ids)
        self.rows = collections.defaultdict(list)
        for row in evidence.messages:
            self.rows[row["member_id"], row["message_id"]].append(row)

    def find(self, kind, what):
        self.findings.append(Finding(kind, what))

    def judge(self):
        self.judge_journal()
        for post in self.evidence.posts:
            if post.acknowledged:
                self.judge_post(post)
        self.judge_rows()
        self.judge_deliveries()
        self.judge_calls()
        self.judge_confirmations()
        for what in self.evidence.violations:
            late = what.endswith("came after a newer message")
            twice = what.endswith("twice")
            self.find("overtaken" if late else "doubled" if twice else "misplaced", what)
        if self.evidence.ended:
            self.judge_ends()
        return self.findings

    def judge_journal(self):
        """Of each event one row: not fewer than were acknowledged, not more than were posted. Rows
        that did nothing may be more: of an installation that was refused, and of an event that was
        taken from the spool twice, before its portal's proof and after."""
        posted, acknowledged = collections.defaultdict(set), collections.defaultdict(set)
        for post in self.evidence.posts:
            posted[post.member_id, post.event].add(post.identity)
            if post.acknowledged:
                acknowledged[post.member_id, post.event].add(post.identity)
        kept = collections.Counter((row["member_id"], row["event"])
                                   for row in self.evidence.events)
        told = collections.Counter((row["member_id"], row["event"])
                                   for row in self.evidence.events
                                   if row["source"] not in ELSEWHERE
                                   and row["status"] not in ("rejected", "ignored"))
        for key in posted | kept.keys():
            fewest, most = len(acknowledged[key]), len(posted[key])
            if kept[key] < fewest:
                self.find("lost", f"{fewest} {key[1]} of {key[0]} acknowledged, {kept[key]} kept")
            if told[key] > most:
                self.find("doubled" if most else "misplaced",
                          f"{most} {key[1]} of {key[0]} posted, {told[key]} kept")

    def judge_post(self, post):
        for one in post.elements:
            rows = self.rows[post.member_id, one.number]
            name = f"{post.event} {one.number} of {post.member_id}"
            if post.event == ADD and not rows:
                self.find("lost", name)
            if post.event != DELETE:
                continue
            for id in one.ids:
                if not any(row["external_message_id"] == id and row["deleted_at"] for row in rows):
                    self.find("lost", f"{name}, id {id}")
            if not one.ids and not any(row["deleted_at"] for row in rows):
                self.find("lost", name)

    def judge_rows(self):
        for (portal, number), rows in self.rows.items():
            seen = collections.Counter(row["external_message_id"] for row in rows)
            for id, count in seen.items():
                if count > 1:
                    self.find("doubled", f"message {number} of {portal}, id {id}")
            for row in rows:
                self.check_place("row", portal, number, row["external_chat_id"],
                                 row["external_message_id"])

    def check_place(self, what, portal, number, chat, id=None):
        key = portal, number
        if chat not in self.chats.get(key, ()):
            self.find("misplaced", f"{what}: message {number} of {portal} in chat {chat}")
        elif id and id not in self.ids.get(key, ()):
            self.find("misplaced", f"{what}: message {number} of {portal} known as {id}")

    def judge_deliveries(self):
        seen = collections.Counter(
            (row["member_id"], row["external_chat_id"], row["external_message_id"])
            for row in self.evidence.deliveries
            if row["kind"] == "message.deleted" and row["external_message_id"])
        for key, count in seen.items():
            if count > 1:
                self.find("doubled", f"delivery of the deletion of {key}")

    def judge_calls(self):
        """A call that is repeated keeps its webhook-id; two of them are two deliveries."""
        ids = collections.defaultdict(set)
        for call in self.evidence.calls:
            if not call["type"].startswith("message."):
                continue
            number = call["im_message_id"]
            self.check_place("call", call["portal"], number, call["chat"], call["message_id"])
            if call["type"] != "message.updated":
                ids[call["type"], call["portal"], number, call["message_id"]].add(
                    call["webhook_id"])
        for key, several in ids.items():
            if len(several) > 1:
                self.find("doubled", f"call {key}")

    def judge_confirmations(self):
        if self.evidence.stray:
            self.find("misplaced", f"{self.evidence.stray} confirmations of no message")
        for message in self.evidence.confirmed:
            given = self.evidence.shown.get((message["portal"], message["number"]), ())
            for id in message["external_ids"]:
                if id not in given:
                    self.find("misplaced", f"message {message['number']} of {message['portal']}"
                                           f" confirmed as {id}")

    def judge_ends(self):
        """What was kept has also been told, by now."""
        asked = {(call["portal"], call["im_message_id"]) for call in self.evidence.calls}
        for row in self.evidence.deliveries:
            if row["state"] in OPEN:
                self.find("lost", f"{row['kind']} {row['id']} is {row['state']}")
        for (portal, number), rows in self.rows.items():
            outcomes = {row["outcome"] for row in rows if row["deleted_at"]}
            if outcomes & {None, "pending"}:
                self.find("lost", f"the deletion of {number} of {portal} has no end")
            elif outcomes != {"cancelled"} and (portal, number) not in asked:
                self.find("lost", f"message {number} of {portal} was never told")
