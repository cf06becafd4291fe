"""The channel API: what the channel's own service sends us and asks us."""

import json
import os
import signal
import uuid

import openapi
from delivering import DeliveryTest, line_settings
from stack import CHANNEL_KEY, wait_for
from stand_ins import request

DESK = 108


class ChannelApiTest(DeliveryTest):
    workers = 1

    @classmethod
    def more_settings(cls):
        return line_settings(cls.channel, "desk", DESK)

    def setUp(self):
        super().setUp()
        self.told = []
        self.chat = f"chat-{uuid.uuid4()}"

    def call(self, method, path, body=None, key=CHANNEL_KEY, described=None, **headers):
        """One request; its answer is held to the description at the test's end."""
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        if body is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(body)
        answer = request(self.stack.port, method, f"/channel/v1/{path}", body, headers)
        where = "/channel/v1/" + (described or path.split("?")[0])
        self.told.append(openapi.answer(method, where, answer.status, answer.json))
        return answer

    def place(self, line=107):
        return {"portal": self.portal.member_id, "connector": "myconnector", "line": line}

    def said(self, id="m1", text="Guten Tag", line=107):
        return {**self.place(line), "chat": {"id": self.chat},
                "user": {"id": "client-1", "name": "Anna"}, "message": {"id": id, "text": text}}

    def delivery(self, answer):
        number = answer.json["delivery"]
        return self.call("GET", f"deliveries/{number}", described="deliveries/{id}").json

    def await_done(self, answer):
        return wait_for(lambda: (row := self.delivery(answer))["state"] == "done" and row,
                        what="the delivery to end")

    def rest_calls(self, method):
        return [call for call in self.stand_in.log() if call["method"] == method
                and self.chat in json.dumps(call)]

    def check_told(self):
        openapi.check(*self.told)

    def test_message_reaches_the_open_line_and_is_edited_and_deleted(self):
        sent = self.call("POST", "messages", self.said())
        self.assertEqual(sent.status, 202, sent)
        self.assertEqual(self.await_done(sent)["kind"], "incoming.created")

        edited = self.call("POST", "messages/update", self.said(text="Guten Abend"))
        self.assertEqual(edited.status, 202, edited)
        self.await_done(edited)
        deleted = self.call("POST", "messages/delete",
                            {**self.place(), "chat": {"id": self.chat}, "message": {"id": "m1"}})
        self.assertEqual(deleted.status, 202, deleted)
        self.await_done(deleted)

        rows = self.call("GET", f"messages?external_message_id=m1&external_chat_id={self.chat}")
        self.assertEqual([row["direction"] for row in rows.json["messages"]], ["in"])
        self.assertTrue(rows.json["messages"][0]["deleted_at"])
        self.check_told()

    def test_repeats_are_known_by_their_key_and_by_the_message(self):
        first = self.call("POST", "messages", self.said(), Idempotency_Key="k-" + self.chat)
        again = self.call("POST", "messages", self.said(), Idempotency_Key="k-" + self.chat)
        other = self.call("POST", "messages", self.said(text="x"),
                          Idempotency_Key="k-" + self.chat)
        unkeyed = self.call("POST", "messages", self.said())

        self.assertEqual([a.status for a in (first, again, other, unkeyed)], [202, 200, 409, 200])
        self.assertEqual(again.json, {"delivery": first.json["delivery"], "repeated": True})
        self.assertEqual(other.json["error"], "idempotency_key")
        self.assertTrue(unkeyed.json["repeated"])
        self.check_told()

    def test_only_the_channels_own_lines_are_reached(self):
        desk = f"{CHANNEL_KEY}-desk"
        refused = [self.call("POST", "messages", self.said(), key=desk),
                   self.call("POST", "messages", self.said(line=DESK))]
        nobody = [self.call("POST", "messages", self.said(), key=key)
                  for key in (None, "wrong", CHANNEL_KEY + "x")]

        self.assertEqual([(a.status, a.json["error"]) for a in refused],
                         [(403, "wrong_line")] * 2)
        self.assertEqual([a.status for a in nobody], [401] * 3)
        self.assertEqual(nobody[0].headers["WWW-Authenticate"], 'Bearer realm="imrelay"')
        sent = self.call("POST", "messages", self.said(line=DESK), key=desk)
        self.assertEqual(sent.status, 202, sent)
        self.assertEqual(self.call("GET", f"deliveries/{sent.json['delivery']}",
                                   described="deliveries/{id}").status, 404)
        self.assertEqual(self.call("GET", f"messages?external_chat_id={self.chat}").json,
                         {"messages": []})
        self.check_told()

    def test_wrong_requests_are_refused_with_the_reason(self):
        unknown = {**self.said(), "portal": "nobody"}
        answers = [self.call("POST", "messages", {}), self.call("GET", "messages"),
                   self.call("POST", "messages", unknown),
                   self.call("POST", "messages/update", self.said(id="never"))]

        self.assertEqual([(a.status, a.json["error"]) for a in answers],
                         [(400, "invalid_field"), (400, "invalid_field"),
                          (404, "unknown_portal"), (404, "unknown_message")])
        large = request(self.stack.port, "POST", "/channel/v1/messages", "x" * 1_050_000,
                        {"Content-Type": "application/json",
                         "Authorization": f"Bearer {CHANNEL_KEY}"})
        self.assertEqual(large.status, 413)
        self.assertEqual(self.stack.get("/channel/v1/nothing").status, 401)
        self.check_told()

    def test_late_ids_are_confirmed_and_the_deletion_finds_them(self):
        self.channel.setting(late_ids=True)
        number = self.send()
        wait_for(lambda: [row for row in self.deliveries("message.created")
                          if row["state"] == "done"], what="the message to be taken")
        self.assertFalse(self.at_portal(number)["external_ids"])
        ids = {**self.place(), "im": {"message_id": number}, "message": {"ids": ["e-1", "e-2"]}}

        named = self.call("POST", "messages/confirm", ids)

        self.assertEqual(named.status, 200, named)
        self.assertEqual(sorted(self.confirmed_ids(number)), ["e-1", "e-2"])
        self.assertEqual(self.call("POST", "messages/confirm", ids).status, 200)
        other = {**ids, "message": {"ids": ["e-3"]}}
        self.assertEqual(self.call("POST", "messages/confirm", other).json["error"], "known_ids")
        found = self.call("GET", f"messages?message_id={number}&portal={self.portal.member_id}")
        self.assertEqual({row["external_message_id"] for row in found.json["messages"]},
                         {"e-1", "e-2"})
        self.check_told()

    def test_what_was_answered_survives_a_killed_worker(self):
        answers = []
        for number in range(20):
            answers.append(self.call("POST", "messages", self.said(id=f"k{number}")))
            if number % 7 == 3:
                for pid in self.stack.worker_pids():
                    os.kill(pid, signal.SIGKILL)
                wait_for(self.stack.is_ready, 30, "the worker's return")

        taken = [a.json["delivery"] for a in answers if a.status in (200, 202)]
        self.assertGreater(len(taken), 10)
        for answer in answers:
            if answer.status in (200, 202):
                self.await_done(answer)
        self.check_told()
