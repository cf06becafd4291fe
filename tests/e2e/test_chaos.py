"""Everything goes wrong at once, and every message still comes to its one right end.

The oracle is what the stand-ins wrote down themselves: the portal which messages its operators
wrote and deleted and what was confirmed to it, the channel what it was asked, in which order, and
what became of it.
"""

import collections
import json
import os
import random
import re
import signal
import time
import unittest

from delivering import connect
from stack import LONG, Stack
from stand_ins import TREE, StandIn, StandInChannel

RELEASE = TREE / "build" / "release" / "imrelay"
MESSAGES, CHATS, PORTALS = (100_000, 500, 10) if LONG else (2_000, 50, 5)
LONGEST = 3_000 if LONG else 150  # seconds
WORKERS = 2
SHARE = 0.1  # of all calls are spoilt, at both ends
EDITS, DELETIONS = 0.1, 0.3
OPEN = 4_000 if LONG else 600  # deliveries and events that are under way, at most

# By type; "" is any.
AT_CHANNEL = {"": ("down", "drop_after", "cut", "slow", "http500", "html", "429", "503", "empty"),
              "message.created": ("400",),
              "message.deleted": ("404", "too_old", "unsupported", "400")}
AT_PORTAL = ("down", "drop_after", "cut", "slow", "http500", "html", "empty",
             "QUERY_LIMIT_EXCEEDED", "OPERATION_TIME_LIMIT", "INTERNAL_SERVER_ERROR")
if LONG:  # a worker killed while it refreshes tokens costs a minute's pause; see reopen()
    AT_PORTAL += ("expired_token",)
# Where what the channel was asked to delete is, by the outcome.
PLACES = {"done": "deleted", "gone": "gone", "too_old": "there", "unsupported": "there",
          "failed": "there"}


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
        self.wrote = self.kills = self.samples = self.reopened = 0
        self.deleted_unnamed = set()  # (portal, message), where that was answered 200

    def test_every_message_and_every_deletion_comes_to_its_one_right_end(self):
        self.portals = [connect(self.stack, query=f"?p={i}") for i in range(PORTALS)]
        self.spoil()
        began = time.monotonic()
        self.until = began + LONGEST

        self.make_traffic()
        self.let_end()

        took = time.monotonic() - began
        counts = self.judge()
        self.check_stats()
        print(f"[{self.wrote} messages over {CHATS} chats of {PORTALS} portals in {took:.0f} s,"
              f" {self.kills} workers killed, {self.reopened} portals opened again,"
              f" stats right {self.samples} times; {counts}] ", end="")

    # --- what happens

    def spoil(self):
        for type, modes in AT_CHANNEL.items():
            for mode in modes:
                self.channel.fault(mode, type, share=SHARE / 2 / len(modes), delay_ms=300,
                                   retry_after=1)
        for mode in AT_PORTAL:
            self.stand_in.fault("rest", mode, share=SHARE / len(AT_PORTAL), delay_ms=300,
                                retry_after=1, reset_after=1)

    def make_traffic(self):
        kill_at = look_at = time.monotonic() + 1
        while self.wrote < MESSAGES:
            self.assertLess(time.monotonic(), self.until)
            self.channel.setting(ids=self.random.choice((1, 1, 2, 3)))
            more = 40 if self.under_way() < OPEN else 0
            for portal in self.portals:
                self.operators_act(portal, more)
                self.send_and_delete(portal)
            if time.monotonic() > kill_at:
                self.kill_a_worker()
                kill_at = time.monotonic() + self.random.uniform(0.5, 10 if LONG else 4)
            if time.monotonic() > look_at:
                self.check_stats()
                self.reopen()
                look_at = time.monotonic() + (20 if LONG else 3)

    def under_way(self):
        [row] = self.stack.sql("SELECT count(*) AS n FROM deliveries"
                               " WHERE state IN ('pending', 'leased')")
        return row["n"] + sum(one["waiting"] + one["busy"]
                              for one in self.stand_in.look("handlers"))

    def operators_act(self, portal, messages):
        self.wrote += messages
        return self.stand_in.control(
            "traffic", member_id=portal.member_id, connector="myconnector", line=107,
            messages=messages, chats=CHATS // PORTALS, edits=EDITS, deletions=DELETIONS)

    def send_and_delete(self, portal):
        """A message, and at once its deletion, which can name no id."""
        chat = f"channel-{self.random.randrange(CHATS // PORTALS)}"
        sent = self.stand_in.control("send", member_id=portal.member_id, connector="myconnector",
                                     line=107, chat=chat, text="Hurry")
        self.wrote += 1
        time.sleep(self.random.uniform(0, 0.02))
        answer = self.stack.post(portal.delete(sent["message_id"], chat=chat,
                                               im_chat=sent["chat_id"]))
        if answer.status == 200:
            self.deleted_unnamed.add((portal.member_id, sent["message_id"]))

    def kill_a_worker(self):
        pids = self.stack.worker_pids()
        if pids:
            os.kill(self.random.choice(pids), signal.SIGKILL)
            self.kills += 1

    def reopen(self):
        """A worker that is killed between the authorization server's answer and its own commit has
        used up the portal's tokens; whoever opens the application there brings new ones."""
        for portal in self.portals:
            if self.stack.portal_status(portal) == "dead":
                portal.issued = self.stand_in.issue(portal.member_id)
                self.stack.post(portal.install(client_endpoint=self.stand_in.client_endpoint))
                self.reopened += 1

    def check_stats(self):
        """What was received is the sum of the states, at this very moment."""
        stats = self.stack.command("stats")
        self.assertEqual(stats.returncode, 0, stats)
        self.samples += 1

    def let_end(self):
        """Nothing new is written; operators still act on what is confirmed, until that is all."""
        def acted():
            done = [self.operators_act(portal, 0) for portal in self.portals]
            return any(one["edited"] or one["deleted"] for one in done)

        while acted() or self.under_way():
            self.assertLess(time.monotonic(), self.until, self.stack.sql(
                "SELECT kind, state, attempts, last_error, count(*) AS n FROM deliveries"
                " WHERE state IN ('pending', 'leased') GROUP BY 1, 2, 3, 4 LIMIT 20"))
            self.reopen()
            time.sleep(0.5)

    # --- the oracle

    def judge(self):
        # A worker that is killed leaves one event to the spooler and the next, which was posted beside
        # it, to the worker that follows.
        spooled = self.stack.sql("SELECT count(*) AS n FROM events WHERE source = 'spool'")[0]["n"]
        self.assertEqual([what for what in self.channel.violations()
                          if not (spooled and what.endswith("came after a newer message"))], [])
        # What no worker took in, because it was being killed, Bitrix24 never posts again.
        self.refused = {(event["member_id"], event["event"], int(number))
                        for event in self.stand_in.look("events?failed")
                        for number in re.findall(r"message_id%5D=(\d+)", event["body"])}
        self.shown = {(chat["portal"], message["im_message_id"]): message
                      for chat in self.channel.look("chats") for message in chat["messages"]}
        self.calls = collections.defaultdict(list)  # message.created
        for call in self.channel.log(type="message.created"):
            self.calls[call["portal"], call["im_message_id"]].append(call)
        self.counts = collections.Counter()
        self.wrong = []
        for portal in self.portals:
            self.judge_portal(portal)
        self.assertEqual(self.wrong[:10], [], f"{len(self.wrong)} in all")
        return json.dumps(dict(sorted(self.counts.items())))

    def judge_portal(self, portal):
        rows = collections.defaultdict(list)
        for row in self.stack.messages(portal):
            rows[row["message_id"]].append(row)
        for row in self.stack.sql("SELECT kind, state, count(*) AS n FROM deliveries WHERE"
                                  f" member_id = '{portal.member_id}' GROUP BY 1, 2"):
            self.counts[f"{row['kind']} {row['state']}"] += row["n"]
        for message in self.stand_in.state(portal.member_id)["messages"]:
            if message["system"]:
                self.counts["notices"] += 1
                continue
            key = portal.member_id, message["message_id"]
            faults = [what for what in self.faults_of(key, message, rows[key[1]])]
            if faults:
                self.wrong.append((faults, message, rows[key[1]], self.shown.get(key),
                                   self.calls[key]))

    def faults_of(self, key, message, rows):
        """What is wrong with the end that a message came to."""
        shown = self.shown.get(key)
        parts = shown["parts"] if shown and shown["sent"] else []
        outcomes = [row["outcome"] for row in rows if row["outcome"]]
        for outcome in outcomes:
            self.counts[f"outcome {outcome}"] += 1
        if not rows and not self.was_refused("ADD", key):
            yield "lost"
        if key in self.deleted_unnamed or (
                message["deleted"] and not self.was_refused("DELETE", key)):
            if not outcomes or len(outcomes) < len(rows):
                yield "its deletion was lost"
        if outcomes:
            yield from self.faults_of_deletion(outcomes, shown, parts)
        elif any(part["state"] != "there" for part in parts):
            yield "deleted, and nobody asked for it"
        elif parts:
            yield from self.faults_of_confirmation(key, message, rows, parts)
        elif rows and (not self.calls[key] or self.calls[key][-1]["status"] != 400):
            yield "never sent, and the channel did not refuse it"

    def was_refused(self, kind, key):
        return (key[0], f"ONIMCONNECTORMESSAGE{kind}", key[1]) in self.refused

    def faults_of_deletion(self, outcomes, shown, parts):
        asked = shown["outcomes"] if shown else []
        if "pending" in outcomes:
            yield "its deletion is open"
        if "cancelled" in outcomes and (parts or asked):
            yield "cancelled, and sent all the same"
        for outcome in set(outcomes) - {"cancelled", "pending"}:
            if outcome not in asked:
                yield f"{outcome}, which the channel never said"
            elif parts and PLACES[outcome] not in [part["state"] for part in parts]:
                yield f"{outcome}, and is not"

    def faults_of_confirmation(self, key, message, rows, parts):
        ids = [part["id"] for part in parts]
        without_ids = any(call["fault"] == "empty" for call in self.calls[key])
        if not message["confirmed"]:
            yield "sent, and not confirmed"
        elif message["external_ids"] != ids and not (without_ids and not message["external_ids"]):
            yield "confirmed with other ids"
        kept = [row["external_message_id"] or "" for row in rows]
        if not without_ids and sorted(kept) != sorted(ids):
            yield "kept with other ids"
