"""Everything goes wrong at once, and every message still comes to its one right end.

The oracle is what the stand-ins wrote down themselves: the portal which messages its operators wrote,
edited and deleted and what was confirmed, the channel what it was asked to do, in which order, and
what became of it.
"""

import collections
import json
import os
import random
import signal
import time
import unittest

from delivering import connect
from stack import BUILD, LONG, TREE, Stack, StandIn, StandInChannel, wait_for

RELEASE = TREE / "build" / "release" / "imrelay"
MESSAGES, CHATS, PORTALS, SECONDS = (100_000, 500, 10, 3000) if LONG else (2_000, 50, 5, 120)
WORKERS = 2
SHARE = 0.1  # of all calls are spoilt, at both ends
EDITS, DELETIONS = 0.1, 0.3
UNDER_WAY = 4_000 if LONG else 800  # unconfirmed messages, at most

AT_CHANNEL = {"": ("down", "drop_after", "cut", "slow", "http500", "html", "429", "503", "empty"),
              "message.created": ("400",),
              "message.deleted": ("404", "too_old", "unsupported", "400")}
AT_PORTAL = ("down", "drop_after", "cut", "slow", "http500", "html", "empty", "expired_token",
             "QUERY_LIMIT_EXCEEDED", "OPERATION_TIME_LIMIT", "INTERNAL_SERVER_ERROR")
ENDED = {"": None, "400": "failed", "404": "gone"}


class Chaos(unittest.TestCase):
    def setUp(self):
        self.random = random.Random(5)
        self.stand_in = StandIn()
        self.addCleanup(self.stand_in.stop)
        self.channel = StandInChannel()
        self.addCleanup(self.channel.stop)
        # A long run is about numbers, which sanitizers would spoil.
        binary = {"binary": RELEASE} if LONG and RELEASE.exists() else {}
        self.stack = Stack(self.stand_in, WORKERS, channel=self.channel,
                           bitrix24_calls_per_second=1000, bitrix24_call_burst=1000, **binary)
        self.addCleanup(self.stack.remove)
        self.stack.start()
        self.addCleanup(lambda: self.assertEqual(self.stack.stop(), 0))

    def spoil(self):
        for type, modes in AT_CHANNEL.items():
            for mode in modes:
                self.channel.fault(mode, type, share=SHARE / len(modes) / 2, delay_ms=300,
                                   retry_after=1)
        for mode in AT_PORTAL:
            self.stand_in.fault("rest", mode, share=SHARE / len(AT_PORTAL), delay_ms=300,
                                retry_after=1, reset_after=1)

    # --- what happens meanwhile

    def traffic(self, portal, messages):
        self.wrote += messages
        return self.stand_in.control(
            "traffic", member_id=portal.member_id, connector="myconnector", line=107,
            messages=messages, chats=CHATS // PORTALS, edits=EDITS, deletions=DELETIONS)

    def kill(self):
        pids = self.stack.worker_pids()
        if pids:
            os.kill(self.random.choice(pids), signal.SIGKILL)
            self.kills += 1

    def check_stats(self):
        """received = the sum of the states, at this very moment."""
        stats = self.stack.command("stats")
        self.assertEqual(stats.returncode, 0, stats)
        self.samples += 1

    def delete_at_once(self, portal):
        """A deletion that names no id: what is not sent yet never is."""
        number = self.newest.get(portal.member_id)
        if number and self.random.random() < 0.5:
            answer = self.stack.post(portal.delete(number, chat=self.chat_of[number][0],
                                                   im_chat=self.chat_of[number][1]))
            if answer.status == 200:
                self.deleted_at_once.add((portal.member_id, number))

    def send_one(self, portal):
        chat = f"channel-{self.random.randrange(CHATS // PORTALS)}"
        sent = self.stand_in.control("send", member_id=portal.member_id, connector="myconnector",
                                     line=107, chat=chat, text="Hurry")
        self.wrote += 1
        self.newest[portal.member_id] = sent["message_id"]
        self.chat_of[sent["message_id"]] = (chat, sent["chat_id"])

    def test_every_message_and_every_deletion_comes_to_its_one_right_end(self):
        self.wrote = self.kills = self.samples = 0
        self.newest, self.chat_of, self.deleted_at_once = {}, {}, set()
        portals = [connect(self.stack, query=f"?p={i}") for i in range(PORTALS)]
        self.channel.setting(ids=1)
        self.spoil()
        began = time.monotonic()

        unconfirmed = dict.fromkeys(range(PORTALS), 0)
        last_kill = last_look = began
        while self.wrote < MESSAGES:
            self.assertLess(time.monotonic() - began, SECONDS)
            for i, portal in enumerate(portals):
                more = 40 if unconfirmed[i] < UNDER_WAY // PORTALS else 0
                unconfirmed[i] = self.traffic(portal, more)["unconfirmed"]
                self.send_one(portal)
                self.delete_at_once(portal)
            now = time.monotonic()
            if now - last_kill > (10 if LONG else 2):
                self.kill()
                last_kill = now
            if now - last_look > (30 if LONG else 3):
                self.check_stats()
                last_look = now
            time.sleep(0.05)

        self.settle(portals, began + SECONDS)
        took = time.monotonic() - began
        counts = self.judge(portals)
        self.check_stats()
        print(f"[{self.wrote} messages over {CHATS} chats of {PORTALS} portals in {took:.0f} s,"
              f" {self.kills} workers killed, stats right {self.samples} times; {counts}] ", end="")

    def settle(self, portals, until):
        """Nothing new; the operators still act on what is confirmed, until nothing is open."""
        def is_quiet():
            acted = [self.traffic(portal, 0) for portal in portals]
            handlers = self.stand_in.look("handlers")
            return (not any(one["edited"] or one["deleted"] for one in acted)
                    and not any(one["waiting"] or one["busy"] for one in handlers)
                    and not self.stack.sql("SELECT 1 FROM deliveries WHERE state IN"
                                           " ('pending', 'leased') LIMIT 1"))

        while not is_quiet():
            self.assertLess(time.monotonic(), until, self.stack.sql(
                "SELECT kind, state, attempts, last_error, count(*) AS n FROM deliveries"
                " WHERE state IN ('pending', 'leased') GROUP BY 1, 2, 3, 4 LIMIT 20"))
            time.sleep(0.5)

    # --- the oracle

    def judge(self, portals):
        # What no worker took in, because it was being killed, Bitrix24 posts never again.
        refused = {(event["member_id"], event["event"], number)
                   for event in self.stand_in.look("events?failed")
                   for number in self.numbers_of(event)}
        shown = {(chat["portal"], message["im_message_id"]): message
                 for chat in self.channel.look("chats") for message in chat["messages"]}
        counts = collections.Counter()
        self.wrong = []
        for portal in portals:
            self.judge_portal(portal, shown, refused, counts)
        self.assertEqual(self.wrong[:20], [], len(self.wrong))
        self.assertEqual(self.channel.violations(), [])
        return json.dumps(dict(sorted(counts.items())))

    @staticmethod
    def numbers_of(event):
        import re
        return {int(found) for found in
                re.findall(r"message_id%5D=(\d+)|message_id\]=(\d+)", event["body"])
                for found in found if found}

    def judge_portal(self, portal, shown, refused, counts):
        member = portal.member_id
        created = {row["message_id"]: row for row in self.stack.sql(
            "SELECT json_extract(payload, '$') AS payload, 1 AS message_id WHERE 0")}
        rows = collections.defaultdict(list)
        for row in self.stack.messages(portal):
            rows[row["message_id"]].append(row)
        states = collections.Counter(
            (row["kind"], row["state"]) for row in self.stack.deliveries(portal))
        for (kind, state), n in states.items():
            counts[f"{kind} {state}"] += n
        for message in self.stand_in.state(member)["messages"]:
            if not message["system"]:
                self.judge_message(member, message, rows.get(message["message_id"], []),
                                   shown.get((member, message["message_id"])), refused, counts)

    def judge_message(self, member, message, rows, shown, refused, counts):
        number = message["message_id"]

        def wrong(what):
            self.wrong.append((what, number, rows, shown, message))

        if not rows:
            if (member, "ONIMCONNECTORMESSAGEADD", number) not in refused:
                wrong("lost")
            return
        outcomes = [row["outcome"] for row in rows]
        for outcome in outcomes:
            counts[f"outcome {outcome}"] += 1
        sent = shown is not None and shown["sent"]
        parts = [part["state"] for part in shown["parts"]] if sent else []
        deleted = [outcome for outcome in outcomes if outcome is not None]
        if "pending" in deleted:
            wrong("a deletion that is still pending")
        if message["deleted"] and not deleted and (
                (member, "ONIMCONNECTORMESSAGEDELETE", number) not in refused):
            wrong("a deletion that was lost")
        if (member, number) in self.deleted_at_once and not deleted:
            wrong("a deletion that was answered 200 and lost")
        if not deleted:
            if sent and parts != ["there"] * len(parts):
                wrong("deleted in the channel, and nobody asked")
            return
        if "cancelled" in deleted and sent:
            wrong("cancelled, and sent all the same")
        asked = set(shown["outcomes"]) if shown else set()
        for outcome in set(deleted) - {"cancelled"}:
            if outcome not in asked:
                wrong(f"{outcome}, which the channel never said")
        if "done" in deleted and "there" in parts:
            wrong("done, and it is still there")
        if message["confirmations"] and sent and not message["confirmed"]:
            wrong("confirmed, and the portal does not know")
