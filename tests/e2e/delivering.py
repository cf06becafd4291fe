"""Tests with a portal and a channel at both ends of a running stack."""

import json

import events
from stack import CHANNEL_KEY, Stack, StackTest, wait_for
from stand_ins import CHANNEL_SECRET, StandIn, StandInChannel, request

EVENTS = ("ONIMCONNECTORMESSAGEADD", "ONIMCONNECTORMESSAGEUPDATE", "ONIMCONNECTORMESSAGEDELETE",
          "ONAPPUNINSTALL")
LINE = 107


def line_settings(channel, name, number, **more):
    """A line with a channel of its own, as settings of a Stack."""
    values = {"url": channel.url, "line": number, "secret": CHANNEL_SECRET,
              "key": f"{CHANNEL_KEY}-{name}", **more}
    return {f"line_{name}_{key}": value for key, value in values.items()}


def connect(stack, lines=(LINE,), query="", portal=None):
    """A portal of the stand-in's, installed, with a connector at work on the lines."""
    stand_in = stack.stand_in
    portal = portal or events.Portal()
    handler = f"http://127.0.0.1:{stack.port}/bitrix24/event{query}"
    portal.application_token = stand_in.install(
        portal.member_id, handler, scope="im,imconnector,imopenlines")["application_token"]
    wait_for(lambda: stack.portal_status(portal) == "active", 60, "a proven installation")
    for line in lines:
        stand_in.connector(portal.member_id, "myconnector", line, NEED_SIGNATURE=False)
    for event in EVENTS:
        answer = stand_in.try_control("bind", member_id=portal.member_id, event=event,
                                      handler=handler)
        assert answer.status == 200 or "already binded" in answer.json["error_description"], answer
    return portal


class DeliveryTest(StackTest):
    """Tests that share one stack and one channel, each with a portal of its own."""

    @classmethod
    def setUpClass(cls):
        cls.stand_in = StandIn()
        cls.addClassCleanup(cls.stand_in.stop)
        cls.channel = StandInChannel()
        cls.addClassCleanup(cls.channel.stop)
        cls.stack = Stack(cls.stand_in, cls.workers, channel=cls.channel, **cls.more_settings())
        cls.addClassCleanup(cls.stack.remove)
        cls.addClassCleanup(cls.stop_stack)
        cls.stack.start()

    @classmethod
    def more_settings(cls):
        return cls.settings

    def setUp(self):
        self.portal = connect(self.stack)
        self.addCleanup(self.restore)

    def restore(self):
        self.channel.clear()
        self.channel.setting(ids=1, late_ids=False, delay_ms=0)
        self.stand_in.fault("imconnector.send.status.delivery", "none")
        self.assertEqual(self.channel.violations(), [])

    # --- the operator

    def send(self, text="Guten Tag!", line=LINE, chat="channel-1"):
        return self.stand_in.send(self.portal.member_id, "myconnector", text, line, chat=chat)

    def send_confirmed(self, **more):
        """A message that was sent and confirmed; its number and its ids."""
        number = self.send(**more)
        return number, self.confirmed_ids(number)

    def confirmed_ids(self, number):
        return wait_for(lambda: self.at_portal(number)["external_ids"],
                        what=f"the confirmation of {number}")

    def delete(self, number):
        self.stand_in.delete(self.portal.member_id, number)

    # --- the channel's service

    def ask(self, path, key=CHANNEL_KEY, line=LINE, **body):
        """A call of the channel API."""
        where = {"portal": self.portal.member_id, "connector": "myconnector", "line": line}
        return request(self.stack.port, "POST", f"/channel/v1/{path}",
                       json.dumps({**where, **body}),
                       {"Content-Type": "application/json", "Authorization": f"Bearer {key}"})

    # --- what became of it

    def at_portal(self, number):
        messages = self.stand_in.state(self.portal.member_id)["messages"]
        return next(one for one in messages if one["message_id"] == number)

    def notices(self):
        return [one["text"] for one in self.stand_in.state(self.portal.member_id)["messages"]
                if one["system"]]

    def at_channel(self, number):
        return self.channel.message(self.portal, number)

    def states(self, number):
        """What is with the channel's parts of a message: there, deleted, removed, gone."""
        message = self.at_channel(number)
        return [part["state"] for part in message["parts"]] if message else []

    def calls(self, number, type=None):
        return [call for call in self.channel.log(self.portal, type)
                if call["im_message_id"] == number]

    def outcomes(self, number):
        return [row["outcome"] for row in self.stack.messages(self.portal)
                if row["message_id"] == number]

    def await_outcomes(self, number, *expected, seconds=15):
        wait_for(lambda: self.outcomes(number) == list(expected), seconds,
                 f"{number} to come to {expected}, not {self.outcomes(number)}")

    def deliveries(self, kind):
        return [row for row in self.stack.deliveries(self.portal) if row["kind"] == kind]

    def await_delivery(self, kind, state):
        """The one delivery of a kind, when it has come to a state."""
        return wait_for(lambda: [row for row in self.deliveries(kind) if row["state"] == state],
                        what=f"a {kind} that is {state}")[0]
