"""The calls that a channel's service gets: signed, and as docs/channel-api.openapi.json says."""

import http.server
import itertools
import json
import subprocess
import threading

import events
import openapi
from delivering import connect, line_settings
from examples import LANGUAGES, Example
from stack import Stack, StackTest, wait_for
from stand_ins import CHANNEL_SECRET, TREE, StandIn

FORMER_SECRET = "whsec_a2tra2tra2tra2tra2tra2tra2tra2tr"
KINDS = {"message.created", "message.updated", "message.deleted", "dialog.started",
         "dialog.finished", "line.disconnected", "line.deleted", "portal.installed",
         "portal.uninstalled"}


class Service:
    """Keeps every call, and names an id for each new message."""

    def __init__(self):
        numbers = itertools.count(1)
        calls = self.calls = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                headers = {name.lower(): value for name, value in self.headers.items()}
                calls.append({"headers": headers, "body": body, **json.loads(body)})
                answer = json.dumps({"message": {"ids": [f"ext-{next(numbers)}"]}}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *words):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def kinds(self):
        return {call["type"] for call in self.calls}

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Calls(StackTest):
    @classmethod
    def setUpClass(cls):
        cls.service = Service()
        cls.addClassCleanup(cls.service.stop)
        cls.settings = {"channel_url": cls.service.url, "channel_secret": CHANNEL_SECRET,
                        "channel_secret_previous": FORMER_SECRET}
        super().setUpClass()
        cls.portal = cls.stack.install()
        cls.happen()

    @classmethod
    def happen(cls):
        """Everything once that a channel is told of."""
        portal = cls.portal
        number = portal.new_number()
        cls.post(portal.add(number, "[b]Klaus Weber:[/b] [br]Guten [i]Tag[/i]!"))
        [row] = wait_for(lambda: [m for m in cls.stack.messages(portal)
                                  if m["external_message_id"]], what="the message's id")
        file = {"name": "a b.png", "type": "image", "mime": "image/png", "size": 12345,
                "link": "https://some-domain.bitrix24.com/~A", "downloadLink": ""}
        with_file = portal.message("ADD", portal.new_number(), text="")
        with_file["data"]["MESSAGES"][0]["message"].update(user_id=27, files=[file])
        cls.post(events.form(with_file))
        cls.post(portal.update(number, [row["external_message_id"]]))
        # Once the message is deleted, its edit is not told any more.
        wait_for(lambda: "message.updated" in cls.service.kinds(), what="the edit")
        cls.post(portal.delete(number, row["external_message_id"]))
        session = {"id": 3282, "closed": "N", "parent_id": 0, "close_term": 10}
        dialog = {"connector": {"connector_id": "myconnector", "line_id": 107,
                                "chat_id": "channel-1", "user_id": 585},
                  "session": session, "chat": {"id": "channel-1"}, "user": {"id": 585}}
        for event in ("START", "FINISH"):
            cls.post(events.form(portal.tree(
                f"ONIMCONNECTORDIALOG{event}",
                {"CONNECTOR": "myconnector", "LINE": 107, "DATA": [dialog]})))
        cls.post(events.form(portal.tree("ONIMCONNECTORSTATUSDELETE",
                                         {"connector": "myconnector", "line": 107})))
        cls.post(events.form(portal.tree("ONIMCONNECTORLINEDELETE", 107)))
        wait_for(lambda: cls.service.kinds() == KINDS - {"portal.uninstalled"}, 30, "the calls")
        cls.post(portal.uninstall(clean=False))
        wait_for(lambda: cls.service.kinds() == KINDS, what="the uninstallation")

    @classmethod
    def post(cls, body):
        answer = cls.stack.post(body)
        assert answer.status == 200 and answer.json["status"] == "accepted", answer

    def test_the_description_is_valid_and_every_call_is_as_it_says(self):
        openapi.check(*(openapi.call(call["type"], json.loads(call["body"]))
                        for call in self.service.calls))

    def test_a_call_that_is_not_as_described_is_found(self):
        body = json.loads(self.service.calls[0]["body"])
        body["data"]["token"] = "x"
        self.assertEqual(len(openapi.faults(openapi.call(body["type"], body))), 1)

    def test_both_secrets_verify_with_the_public_library_and_nothing_else_does(self):
        verified = []
        for call in self.service.calls:
            verified += [(CHANNEL_SECRET, call["body"], call["headers"]),
                         (FORMER_SECRET, call["body"], call["headers"])]
        last = self.service.calls[-1]
        forged = [("whsec_" + "A" * 32, last["body"], last["headers"]),
                  (CHANNEL_SECRET, last["body"] + " ", last["headers"]),
                  (CHANNEL_SECRET, last["body"], {**last["headers"], "webhook-id": "another"}),
                  (CHANNEL_SECRET, last["body"], {**last["headers"], "webhook-timestamp": str(
                      int(last["headers"]["webhook-timestamp"]) + 1)})]

        lines = self.verify(verified + forged)

        self.assertEqual(lines[:-4], ["ok"] * len(verified))
        self.assertEqual(lines[-4:], ["No matching signature found"] * 4)

    def verify(self, signed):
        lines = [json.dumps({"secret": secret, "body": body, "headers": headers})
                 for secret, body, headers in signed]
        checker = subprocess.run(["node", TREE / "tests" / "npm" / "verify.mjs"],
                                 input="\n".join(lines), capture_output=True, text=True,
                                 timeout=60, check=True)
        return checker.stdout.splitlines()

    def test_webhook_ids_tell_calls_apart_and_hold_no_dot(self):
        ids = [call["headers"]["webhook-id"] for call in self.service.calls]
        self.assertEqual(len(set(ids)), len(ids))
        self.assertFalse([one for one in ids if "." in one])

    def test_a_new_message_is_told_with_its_name_split_off_and_its_file(self):
        text, file = [json.loads(call["body"])["data"]["message"] for call in self.service.calls
                      if call["type"] == "message.created"]
        self.assertEqual(text, {"text": "Guten Tag!", "signature": "Klaus Weber",
                                "bbcode": "[b]Klaus Weber:[/b] [br]Guten [i]Tag[/i]!"})
        self.assertEqual(file, {"text": "", "bbcode": "", "user": {"id": 27}, "files": [
            {"name": "a b.png", "type": "image", "mime": "image/png", "size": 12345,
             "url": "https://some-domain.bitrix24.com/~A"}]})


class Examples(StackTest):
    """Each example service has a line of its own."""

    LINES = dict(zip(LANGUAGES, (107, 108, 109)))

    @classmethod
    def setUpClass(cls):
        cls.examples = {}
        settings = {}
        for language, line in cls.LINES.items():
            cls.examples[language] = example = Example(language, CHANNEL_SECRET)
            cls.addClassCleanup(example.stop)
            settings.update(line_settings(example, language, line))
        cls.stand_in = StandIn()
        cls.addClassCleanup(cls.stand_in.stop)
        cls.stack = Stack(cls.stand_in, **settings)
        cls.addClassCleanup(cls.stack.remove)
        cls.addClassCleanup(cls.stop_stack)
        cls.stack.start()
        cls.portal = connect(cls.stack, cls.LINES.values())

    def rows(self, number):
        return [m for m in self.stack.messages(self.portal) if m["message_id"] == number]

    def test_a_message_is_shown_edited_and_deleted(self):
        for language, line in self.LINES.items():
            with self.subTest(language):
                example, member_id = self.examples[language], self.portal.member_id
                chat = f"chat-{language}"
                number = self.stand_in.send(member_id, "myconnector", "[b]Guten[/b] Tag!", line,
                                            chat=chat)
                wait_for(lambda: example.texts(chat) == ["Guten Tag!"], what="the message")
                wait_for(lambda: self.confirmed(number), what="its confirmation")

                self.stand_in.edit(member_id, number, "Guten Abend!")
                wait_for(lambda: example.texts(chat) == ["Guten Abend!"], what="the edit")
                self.stand_in.delete(member_id, number)

                wait_for(lambda: [r["outcome"] for r in self.rows(number)] == ["done"])
                self.assertEqual(example.texts(chat), [])

    def confirmed(self, number):
        state = self.stand_in.state(self.portal.member_id)
        return any(m["message_id"] == number and m["confirmed"] for m in state["messages"])

    def test_repeats_change_nothing_and_what_is_gone_is_told(self):
        for language, example in self.examples.items():
            with self.subTest(language):
                place = {"portal": "p", "connector": "c", "line": 1, "chat": {"id": "repeats"},
                         "im": {"message_id": 5}}
                files = [{"name": "x", "url": "https://p.example/x"}]
                created = {**place, "message": {"text": "ja", "bbcode": "ja", "files": files}}
                first = example.call("a1", "message.created", created)
                ids = first.json["message"]["ids"]
                self.assertEqual((first.status, len(set(ids))), (200, 2))
                again = example.call("a1", "message.created", created)
                self.assertEqual((again.status, again.json), (200, first.json))
                self.assertEqual(example.texts("repeats"), ["ja", "https://p.example/x"])

                one = {**place, "message": {"id": ids[0]}}
                self.assertEqual(example.call("a2", "message.deleted", one).status, 200)
                self.assertEqual(example.call("a2", "message.deleted", one).status, 200)
                self.assertEqual(example.call("a3", "message.deleted", one).status, 404)
                unnamed = {**place, "message": {}}
                self.assertEqual(example.call("a4", "message.deleted", unnamed).status, 200)
                self.assertEqual(example.texts("repeats"), [])

    def test_a_call_that_was_refused_may_come_again(self):
        for language, example in self.examples.items():
            with self.subTest(language):
                place = {"portal": "p", "connector": "c", "line": 1, "chat": {"id": "again"},
                         "im": {"message_id": 6}}
                gone = {**place, "message": {}}
                self.assertEqual(example.call("r1", "message.deleted", gone).status, 404)
                created = {**place, "message": {"text": "ja", "bbcode": "ja"}}
                self.assertEqual(example.call("r2", "message.created", created).status, 200)

                self.assertEqual(example.call("r1", "message.deleted", gone).status, 200)
                self.assertEqual(example.texts("again"), [])

    def test_what_is_signed_wrongly_is_not_taken_and_not_refused_for_good(self):
        for language, example in self.examples.items():
            with self.subTest(language):
                data = {"chat": {"id": "forged"}, "im": {}, "message": {"text": "x"}}
                answer = example.call("f1", "message.created", data, FORMER_SECRET)
                self.assertEqual(answer.status, 503)
                self.assertEqual(example.texts("forged"), [])
