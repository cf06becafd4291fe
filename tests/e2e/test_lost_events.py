"""Bitrix24 loses events, and posts none again: the offline queue of the portal has them all."""

import collections
import json
import random
import time
import unittest

import events
from delivering import DeliveryTest, connect
from stack import LONG, Stack, wait_for
from stand_ins import StandIn, StandInChannel

MESSAGES = 3_000 if LONG else 60
KILLS = 10 if LONG else 1  # at each failpoint
LONGEST = 1_500 if LONG else 180  # seconds
SHARE = 0.3  # of the posted events are lost
QUEUED = ("ONIMCONNECTORMESSAGEADD", "ONIMCONNECTORMESSAGEUPDATE", "ONIMCONNECTORMESSAGEDELETE")
FAILPOINTS = {
    "plain": ("offline_listed", "offline_event_journalled", "offline_journalled", "offline_taken"),
    "extended": ("offline_reserved", "offline_event_journalled", "offline_journalled",
                 "offline_cleared"),
}


class ReadBack(DeliveryTest):
    """Deletions that no event tells of, because the message was not confirmed yet."""

    settings = {}

    def setUp(self):
        super().setUp()
        # Shows that the user sees what was before.
        self.send_confirmed(text="The first")

    def restore(self):
        self.stand_in.portal(self.portal.member_id, outsiders=[])
        super().restore()

    def delete_on_the_way(self, **how):
        """A message that is deleted between its sending and its confirmation."""
        self.channel.setting(delay_ms=1500)
        number = self.send()
        wait_for(lambda: self.stack.sql(
            "SELECT 1 FROM deliveries WHERE kind = 'message.created' AND state = 'leased'"),
            what="the sending")
        self.stand_in.control("delete", member_id=self.portal.member_id, message_id=number, **how)
        self.channel.setting(delay_ms=0)
        return number

    def sources(self):
        return [row["source"] for row in self.stack.events(self.portal)
                if row["event"] == "ONIMCONNECTORMESSAGEDELETE"]

    def test_one_that_is_marked_as_deleted(self):
        number = self.delete_on_the_way()
        self.await_outcomes(number, "done", seconds=60)
        self.assertEqual(self.sources(), ["readback"])
        self.assertEqual(self.states(number), ["deleted"])
        totals = json.loads(self.stack.command(
            "stats", "--json", "--portal", self.portal.member_id).stdout)["totals"]
        self.assertEqual((totals["first_seen_readback"], totals["webhook_missed"]), (1, 1))

    def test_one_of_which_nothing_is_left(self):
        number = self.delete_on_the_way(completely=True)
        self.await_outcomes(number, "done", seconds=60)
        self.assertEqual(self.sources(), ["readback"])

    def test_a_chat_that_may_not_be_read_is_asked_for_once_and_told_of(self):
        self.stand_in.portal(self.portal.member_id, outsiders=[1])
        number = self.delete_on_the_way()

        def asked():
            return [call for call in self.stand_in.log()
                    if call["member_id"] == self.portal.member_id
                    and call["rest_method"] == "im.dialog.messages.get"]
        wait_for(lambda: any(call["error"] for call in asked()), 60, "the refusal")
        before = len(asked())
        self.send_confirmed()
        time.sleep(15)
        self.assertEqual(len(asked()), before)
        self.assertEqual(self.outcomes(number), [None])
        doctor = self.stack.command("doctor").stdout
        self.assertIn("1 chats may not be read by the user who installed", doctor)


class LostEvents(unittest.TestCase):
    def setUp(self):
        self.random = random.Random(7)
        self.stand_in = StandIn()
        self.addCleanup(self.stand_in.stop)
        self.channel = StandInChannel()
        self.addCleanup(self.channel.stop)
        self.stack = Stack(self.stand_in, 1, channel=self.channel,
                           bitrix24_calls_per_second=1000, bitrix24_call_burst=1000)
        self.addCleanup(self.stack.remove)
        self.failpoint = self.stack.home / "failpoint"
        self.stack.environment["IMRELAY_FAILPOINT"] = str(self.failpoint)
        self.stack.start()
        self.addCleanup(lambda: self.assertEqual(self.stack.stop(), 0))
        self.portal = connect(self.stack)
        self.deleted = set()
        handler = f"http://127.0.0.1:{self.stack.port}/bitrix24/event"
        for event in QUEUED:
            self.stand_in.bind(self.portal.member_id, event, offline=True)
        self.stand_in.bind(self.portal.member_id, "ONOFFLINEEVENT", handler)

    def test_on_every_plan(self):
        self.check("plain")

    def test_with_reserved_batches(self):
        self.stand_in.portal(self.portal.member_id, features=["rest_offline_extended"])
        self.check("extended")

    # --- what happens

    def check(self, plan):
        self.until = time.monotonic() + LONGEST
        self.stand_in.fault("event", "lose", share=SHARE, member_id=self.portal.member_id)
        kills = [point for point in FAILPOINTS[plan] for _ in range(KILLS)]
        killed = 0
        for number in range(MESSAGES):
            self.send()
            if number % 5 == 4:
                self.delete_some()
            if kills and number % max(1, MESSAGES // (len(kills) + 1)) == 3:
                killed += self.kill_at(kills.pop(0))
        for point in kills:
            killed += self.kill_at(point)
        self.let_end()
        self.judge()
        rows = self.stack.sql("SELECT source, event, count(*) AS n FROM events"
                              " WHERE event LIKE 'ONIM%' AND status = 'applied' GROUP BY 1, 2")
        found = {row["source"]: row["n"] for row in rows if row["event"].endswith("DELETE")}
        posted = len(self.stand_in.events("ONIMCONNECTORMESSAGEDELETE"))
        print(f"[{len(self.deleted)} deletions of {MESSAGES} messages, {posted} of them posted,"
              f" found by {found}, {killed} workers killed] ", end="")
        self.assertGreater(found.get("offline", 0), 0)
        self.assertEqual(killed, len(FAILPOINTS[plan]) * KILLS)
        return found

    def send(self):
        chat = f"channel-{self.random.randrange(5)}"
        self.stand_in.send(self.portal.member_id, "myconnector", "Guten Tag!", chat=chat)

    def delete_some(self):
        """Of those that are confirmed: no other deletion is told of."""
        for message in self.at_portal():
            if message["external_ids"] and not message["deleted"] and self.random.random() < 0.4:
                if self.random.random() < 0.5:
                    self.stand_in.edit(self.portal.member_id, message["message_id"], "Moin!")
                self.stand_in.delete(self.portal.member_id, message["message_id"])
                self.deleted.add(message["message_id"])

    def kill_at(self, point):
        """Has the worker die as soon as it comes by; 1 when it did."""
        [before] = wait_for(self.stack.worker_pids, what="a worker")
        self.failpoint.write_text(f"recovery.{point}")
        until = time.monotonic() + 60
        # Again and again: what was sent may have been read just before, and a nudge of the same
        # second is a duplicate.
        while self.failpoint.exists() and time.monotonic() < until:
            self.send()  # so that there is something in the queue
            self.nudge()
            time.sleep(1)
        wait_for(lambda: self.stack.worker_pids() not in ([], [before]), 60,
                 f"a worker to die at {point}")
        self.assertFalse(self.failpoint.exists())
        wait_for(self.stack.is_ready, 60, "a new worker")
        return 1

    def nudge(self):
        """What says that the queue has something may be lost too; this one is not."""
        self.stack.post(events.form(self.portal.tree("ONOFFLINEEVENT", {}, ts=int(time.time()))))

    def at_portal(self):
        return [one for one in self.stand_in.state(self.portal.member_id)["messages"]
                if not one["system"]]

    def let_end(self):
        """Until everything that was queued is taken in and sent."""
        def is_over():
            self.delete_unconfirmed = [m for m in self.at_portal() if not m["confirmed"]]
            installed = self.stand_in.state(self.portal.member_id)["installations"]
            queued = sum(len(one["offline"]) for one in installed)
            [row] = self.stack.sql("SELECT count(*) AS n FROM deliveries"
                                   " WHERE state IN ('pending', 'leased')")
            return not self.delete_unconfirmed and queued == 0 and row["n"] == 0

        while not is_over():
            self.assertLess(time.monotonic(), self.until, "it did not come to an end")
            self.nudge()
            time.sleep(1)

    # --- the oracle

    def judge(self):
        # What was lost comes late, and so after messages that were not.
        self.assertEqual([what for what in self.channel.violations()
                          if not what.endswith("came after a newer message")], [])
        calls = collections.defaultdict(set)
        for call in self.channel.log(self.portal, "message.deleted"):
            calls[call["im_message_id"]].add(call["webhook_id"])
        for message in self.at_portal():
            number = message["message_id"]
            at_channel = self.channel.message(self.portal, number)
            self.assertIsNotNone(at_channel, f"{number} was never sent")
            states = {part["state"] for part in at_channel["parts"]}
            self.assertEqual(states, {"deleted"} if number in self.deleted else {"there"})
            self.assertEqual(len(calls[number]), 1 if number in self.deleted else 0)
