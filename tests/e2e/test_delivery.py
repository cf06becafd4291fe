"""What was committed reaches the channel, in order, and comes to its one right end."""

import os
import signal
import time

from delivering import DeliveryTest, connect, line_settings
from stack import CHANNEL_KEY, Stack, free_port, wait_for
from stand_ins import CHANNEL_SECRET, StandIn, StandInChannel


class Life(DeliveryTest):
    def test_a_message_is_sent_confirmed_with_all_its_ids_edited_and_deleted(self):
        self.channel.setting(ids=2)
        number, ids = self.send_confirmed()
        self.assertEqual(len(ids), 2)
        self.assertEqual(self.at_portal(number)["confirmations"], 1)
        self.assertEqual(self.at_channel(number)["text"], "Guten Tag!")

        self.stand_in.edit(self.portal.member_id, number, "Guten Abend!")
        wait_for(lambda: self.at_channel(number)["text"] == "Guten Abend!")
        wait_for(lambda: self.states_of_deliveries() == {"done"}, what="the end of the edit")
        self.delete(number)

        self.await_outcomes(number, "done", "done")
        self.assertEqual(self.states(number), ["deleted", "deleted"])
        self.assertEqual(self.states_of_deliveries(), {"done"})
        self.assertEqual(self.notices(), [])

    def states_of_deliveries(self):
        return {row["state"] for row in self.stack.deliveries(self.portal)}

    def test_each_answer_to_a_deletion_is_its_end_and_the_operator_is_told_of_failures(self):
        for mode, outcome, told in (("404", "gone", 0), ("too_old", "too_old", 1),
                                    ("unsupported", "unsupported", 1), ("400", "failed", 1)):
            with self.subTest(mode):
                self.channel.setting(ids=2)
                before = len(self.notices())
                number, ids = self.send_confirmed()
                self.channel.fault(mode, "message.deleted", 2)
                self.delete(number)
                self.await_outcomes(number, outcome, outcome)
                self.assertEqual(len(self.calls(number, "message.deleted")), 2)
                if told:
                    wait_for(lambda: len(self.notices()) == before + 1, what="the notice")
                wait_for(lambda: not self.stack.sql(
                    "SELECT 1 FROM deliveries WHERE state IN ('pending', 'leased')"
                    f" AND member_id = '{self.portal.member_id}'"))
                self.assertEqual(len(self.notices()), before + told)
        self.assertEqual({row["state"] for row in self.deliveries("operator.notice")}, {"done"})

    def test_two_ids_of_one_message_are_independent(self):
        self.channel.setting(ids=2)
        number, ids = self.send_confirmed()
        self.channel.fault("404", "message.deleted", 1)
        self.channel.fault("http500", count=1)
        self.delete(number)

        wait_for(lambda: sorted(map(str, self.outcomes(number))) == ["done", "gone"])
        self.assertEqual(sorted(self.states(number)), ["deleted", "gone"])

    def test_an_edit_after_the_deletion_is_dropped(self):
        number, ids = self.send_confirmed()
        self.delete(number)
        self.await_outcomes(number, "done")
        answer = self.stack.post(self.portal.update(number, ids, "Nein"))
        self.check_answer(answer, 200, "ignored", "message_deleted")
        self.assertEqual(self.calls(number, "message.updated"), [])

    def test_a_deletion_of_what_is_being_sent_waits_for_its_ids(self):
        self.channel.setting(ids=2)
        self.channel.fault("slow", "message.created", 1, delay_ms=1500)
        number = self.send()
        wait_for(lambda: self.calls(number))
        answer = self.stack.post(self.portal.delete(number))
        self.check_answer(answer, 200, "accepted")

        self.await_outcomes(number, "done", "done")
        self.assertEqual(self.states(number), ["deleted", "deleted"])

    def test_a_deletion_of_what_the_channel_may_have_made_asks_the_channel(self):
        self.channel.fault("drop_after", "message.created", 1)
        self.channel.fault("503", "message.deleted", 1)
        number = self.send()
        wait_for(lambda: self.calls(number))
        self.stack.post(self.portal.delete(number))

        wait_for(lambda: self.outcomes(number) == ["done"], 20, "the deletion")
        self.assertEqual(self.states(number), ["deleted"])

    def test_what_goes_wrong_comes_again_with_the_same_webhook_id(self):
        for mode in ("down", "drop_after", "cut", "http500", "html", "429", "503"):
            with self.subTest(mode):
                self.channel.fault(mode, "message.created", 1)
                number, ids = self.send_confirmed()
                calls = self.calls(number)
                self.assertEqual(len(calls), 2)
                self.assertEqual(len({call["webhook_id"] for call in calls}), 1)
                self.assertEqual([part["id"] for part in self.at_channel(number)["parts"]], ids)

    def test_retry_after_is_honoured(self):
        self.channel.fault("429", "message.created", 1, retry_after=3)
        number, ids = self.send_confirmed()
        first, second = self.calls(number)
        self.assertGreaterEqual(second["at_ms"] - first["at_ms"], 3000)

    def test_a_message_without_ids_is_confirmed_without_and_counted(self):
        self.channel.fault("empty", "message.created", 1)
        number = self.send()
        wait_for(lambda: self.at_portal(number)["confirmed"])
        self.assertEqual(self.at_portal(number)["external_ids"], [])
        stats = self.stack.command("stats", "--portal", self.portal.member_id)
        self.assertEqual(stats.returncode, 0, stats)

    def test_ids_that_come_later_are_confirmed_then(self):
        self.channel.setting(late_ids=True, ids=2)
        number = self.send()
        ids = [part["id"] for part in wait_for(lambda: self.at_channel(number))["parts"]]
        self.await_delivery("message.created", "done")
        self.assertFalse(self.at_portal(number)["confirmed"])

        answer = self.ask("messages/confirm", im={"message_id": number}, message={"ids": ids})

        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(self.confirmed_ids(number), ids)
        self.delete(number)
        self.await_outcomes(number, "done", "done")

    def test_a_refused_message_is_a_dead_letter_that_can_be_sent_again(self):
        self.channel.fault("400", "message.created", 1)
        number = self.send()
        letter = self.await_delivery("message.created", "failed")
        self.assertTrue(letter["last_error"])
        self.assertFalse(self.at_portal(number)["confirmed"])

        done = self.stack.command("delivery", "retry", letter["id"])
        self.assertEqual(done.returncode, 0, done)
        self.confirmed_ids(number)

    def test_a_pending_delivery_can_be_cancelled(self):
        self.channel.fault("503", "message.created", 1, retry_after=600)
        self.send()
        wait_for(lambda: [row["attempts"] for row in self.deliveries("message.created")] == [1])
        pending = self.await_delivery("message.created", "pending")
        done = self.stack.command("delivery", "cancel", pending["id"])
        self.assertEqual(done.returncode, 0, done)
        number, ids = self.send_confirmed(text="the next one")
        self.await_delivery("message.created", "cancelled")

    def test_an_uninstallation_lets_deletions_go_and_cancels_confirmations(self):
        number, ids = self.send_confirmed()
        self.channel.fault("503", "message.deleted", 1, retry_after=2)
        self.stand_in.fault("imconnector.send.status.delivery", "down",
                            member_id=self.portal.member_id)
        self.send(chat="channel-2")
        self.await_delivery("confirm", "pending")
        self.delete(number)
        wait_for(lambda: self.calls(number, "message.deleted"))

        self.stand_in.control("uninstall", member_id=self.portal.member_id, clean=False)
        wait_for(lambda: self.stack.portal_status(self.portal) == "uninstalled")

        self.await_outcomes(number, "done")
        self.assertEqual({row["state"] for row in self.deliveries("confirm")[1:]}, {"cancelled"})
        self.check_answer(self.stack.post(self.portal.add(7)), 403)


class Switched(DeliveryTest):
    """The channel that answers 410."""

    def test_410_turns_the_channel_off_until_somebody_turns_it_on(self):
        self.channel.fault("410", "message.created", 1)
        first = self.send()
        wait_for(lambda: self.calls(first))
        second = self.send()
        wait_for(lambda: " off" in self.stack.command("channel", "list").stdout)
        time.sleep(1.5)
        self.assertEqual((len(self.calls(first)), len(self.calls(second))), (1, 0))
        self.assertEqual({row["state"] for row in self.deliveries("message.created")}, {"pending"})

        done = self.stack.command("channel", "on", "default")

        self.assertEqual(done.returncode, 0, done)
        self.confirmed_ids(first)
        self.confirmed_ids(second)


class Lines(DeliveryTest):
    """Lines whose channels cannot do everything."""

    EDIT, AGED, INCOMING = 108, 109, 110

    @classmethod
    def more_settings(cls):
        return {**line_settings(cls.channel, "edit", cls.EDIT, delete_fallback="edit"),
                **line_settings(cls.channel, "aged", cls.AGED, max_delete_age="1s"),
                **line_settings(cls.channel, "incoming", cls.INCOMING, delete_incoming="true")}

    def setUp(self):
        self.portal = connect(self.stack, (107, self.EDIT, self.AGED, self.INCOMING))
        self.addCleanup(self.restore)

    def test_an_edit_is_sent_where_the_channel_cannot_delete(self):
        number, ids = self.send_confirmed(line=self.EDIT)
        self.channel.fault("unsupported", "message.deleted", 1)
        self.delete(number)
        self.await_outcomes(number, "done")
        self.assertEqual(self.states(number), ["removed"])
        self.assertEqual(self.notices(), [])

    def test_what_is_too_old_is_known_without_asking(self):
        number, ids = self.send_confirmed(line=self.AGED)
        time.sleep(2.1)
        self.delete(number)
        self.await_outcomes(number, "too_old")
        self.assertEqual(self.calls(number, "message.deleted"), [])

    def receive(self, line, id):
        """A message of the client's: its number in the portal."""
        key = CHANNEL_KEY + ("-incoming" if line == self.INCOMING else "")
        self.channel.incoming(self.portal, id, "client-1", line=line)
        answer = self.ask("messages", key, line, chat={"id": "client-1"}, user={"id": "u1"},
                          message={"id": id, "text": "Hallo"})
        self.assertEqual(answer.status, 202, answer)
        return wait_for(lambda: [
            one for one in self.stand_in.state(self.portal.member_id)["messages"]
            if one["external_ids"] == [id]])[0]["message_id"]

    def test_a_clients_message_is_deleted_in_the_channel_only_where_that_is_wanted(self):
        kept, deleted = self.receive(107, "in-1"), self.receive(self.INCOMING, "in-2")
        self.delete(kept)
        self.delete(deleted)
        self.await_outcomes(kept, "unsupported")
        self.await_outcomes(deleted, "done")
        self.assertEqual(self.calls(kept), [])
        self.assertEqual([call["message_id"] for call in self.calls(deleted)], ["in-2"])
        self.assertEqual(self.notices(), [])


class Apart(DeliveryTest):
    """Stacks of their own."""

    @classmethod
    def setUpClass(cls):
        cls.stand_in = StandIn()
        cls.addClassCleanup(cls.stand_in.stop)

    def setUp(self):
        self.channel = None

    def start(self, **settings):
        self.stack = Stack(self.stand_in, **settings).start()
        self.addCleanup(self.stack.remove)
        self.addCleanup(lambda: self.assertEqual(self.stack.stop(), 0))
        self.portal = connect(self.stack)

    def start_channel(self, port=0):
        self.channel = StandInChannel(port)
        self.addCleanup(self.channel.stop)
        self.addCleanup(lambda: self.assertEqual(self.channel.violations(), []))

    def test_what_was_queued_before_there_was_a_channel_is_sent_oldest_first(self):
        self.start()
        numbers = [self.send(str(i)) for i in range(5)]
        wait_for(lambda: len(self.stack.messages(self.portal)) == 5)
        self.stack.post(self.portal.delete(numbers[2]))
        self.await_outcomes(numbers[2], "cancelled")
        self.assertEqual(self.stack.stop(), 0)

        self.start_channel()
        self.stack.environment.update(IMRELAY_CHANNEL_URL=self.channel.url,
                                      IMRELAY_CHANNEL_SECRET=CHANNEL_SECRET)
        self.stack.start()

        for number in numbers[:2] + numbers[3:]:
            self.confirmed_ids(number)
        self.assertEqual([c["im_message_id"] for c in self.channel.log(self.portal)
                          if c["type"].startswith("message.")], numbers[:2] + numbers[3:])
        self.assertIsNone(self.at_channel(numbers[2]))

    def test_a_deletion_of_what_is_queued_cancels_it_while_the_channel_is_away(self):
        port = free_port()
        self.start(channel_url=f"http://127.0.0.1:{port}", channel_secret=CHANNEL_SECRET)
        first, second = self.send("1"), self.send("2")
        wait_for(lambda: len(self.stack.messages(self.portal)) == 2)
        self.stack.post(self.portal.delete(first))
        self.await_outcomes(first, "cancelled")

        self.start_channel(port)

        self.confirmed_ids(second)
        self.assertEqual(self.calls(first), [])

    def test_a_worker_killed_while_it_sends_sends_again_under_the_same_id(self):
        self.start_channel()
        self.start(channel=self.channel)
        self.channel.fault("slow", "message.created", 1, delay_ms=3000)
        number, later = self.send("1"), self.send("2")
        wait_for(lambda: self.calls(number))
        [pid] = wait_for(self.stack.worker_pids)
        os.kill(pid, signal.SIGKILL)

        ids = self.confirmed_ids(number)
        self.confirmed_ids(later)

        calls = self.calls(number)
        self.assertEqual(len(calls), 2)
        self.assertEqual(len({call["webhook_id"] for call in calls}), 1)
        self.assertEqual([part["id"] for part in self.at_channel(number)["parts"]], ids)

    def test_two_workers_keep_the_order_of_every_chat(self):
        self.start_channel()
        self.start(channel=self.channel, workers=2)
        self.channel.setting(delay_ms=5)
        self.channel.fault("http500", share=0.05)
        self.stand_in.control("traffic", member_id=self.portal.member_id, connector="myconnector",
                              line=107, messages=200, chats=10)
        wait_for(lambda: len([row for row in self.stack.deliveries(self.portal)
                              if row["kind"] == "confirm" and row["state"] == "done"]) == 200, 60)
        chats = self.channel.chats(self.portal)
        self.assertEqual(len(chats), 10)
        for chat in chats.values():
            numbers = [int(done.split()[1]) for done in chat["done"]]
            self.assertEqual(len(numbers), 20)
            self.assertEqual(numbers, sorted(numbers))
