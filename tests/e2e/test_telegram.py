"""A Telegram bot as the channel, against an emulator of the Bot API from npm."""

import json
import pathlib
import subprocess
import time

import events
from delivering import LINE, connect
from stack import Stack, StackTest, free_port, wait_for
from stand_ins import StandIn, request

HERE = pathlib.Path(__file__).resolve().parent
TOKEN = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"
KEY = "a-secret_token-0123456789"
PATH = "/channel/v1/telegram/shop"
CHAT = 4242


class BotApi:
    """The emulator, and a client's Telegram."""

    def __init__(self, port):
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", "--", "node", HERE / "telegram_bot_api.mjs",
             str(self.port), KEY], stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        assert line.startswith("listening on"), line

    def stop(self):
        self.process.terminate()
        self.process.wait(10)
        self.process.stdout.close()

    def post(self, path, **values):
        return request(self.port, "POST", path, json.dumps(values),
                       {"Content-Type": "application/json"})

    def write(self, text):
        """A client writes to the bot."""
        answer = self.post("/sendMessage", botToken=TOKEN, date=int(time.time()), text=text,
                           chat={"id": CHAT, "type": "private", "first_name": "Anna"},
                           **{"from": {"id": CHAT, "is_bot": False, "first_name": "Anna"}})
        assert answer.status == 200, answer

    def texts(self):
        """What the bot's messages say, by their ids."""
        history = self.post("/getUpdatesHistory", token=TOKEN).json["result"]
        return {one["messageId"]: one["message"]["text"] for one in history}


class Telegram(StackTest):
    @classmethod
    def setUpClass(cls):
        cls.stand_in = StandIn()
        cls.addClassCleanup(cls.stand_in.stop)
        cls.bot_api = BotApi(free_port())
        cls.addClassCleanup(lambda: cls.bot_api.stop())
        portal = events.Portal()
        cls.stack = Stack(cls.stand_in, line_shop_type="telegram", line_shop_url=cls.bot_api.url,
                          line_shop_token=TOKEN, line_shop_key=KEY, line_shop_line=LINE,
                          line_shop_portal=portal.member_id, line_shop_connector="myconnector")
        cls.addClassCleanup(cls.stack.remove)
        cls.addClassCleanup(cls.stop_stack)
        cls.stack.start()
        cls.portal = connect(cls.stack, portal=portal)
        cls.set_webhook()

    @classmethod
    def set_webhook(cls):
        answer = cls.bot_api.post(f"/bot{TOKEN}/setWebhook",
                                  url=f"http://127.0.0.1:{cls.stack.port}{PATH}")
        assert answer.status == 200, answer

    def setUp(self):
        self.addCleanup(self.check_secrets)

    def check_secrets(self):
        """Neither the log nor the database ever holds the token or the key."""
        self.assertNotIn(TOKEN.split(":")[1], self.stack.printed())
        self.assertNotIn(KEY, self.stack.printed())
        for file in self.stack.state.glob("imrelay.db*"):
            self.assertNotIn(TOKEN.split(":")[1].encode(), file.read_bytes())

    def at_portal(self):
        return self.stand_in.state(self.portal.member_id)["messages"]

    def send(self, text):
        return self.stand_in.send(self.portal.member_id, "myconnector", text, LINE, chat=str(CHAT))

    def confirmed_ids(self, number):
        def ids():
            return next(one["external_ids"] for one in self.at_portal()
                        if one["message_id"] == number)
        return wait_for(ids, what=f"the confirmation of {number}")

    def outcomes(self, number):
        return [row["outcome"] for row in self.stack.messages(self.portal)
                if row["message_id"] == number]

    def update(self, number, key=KEY):
        body = {"update_id": number,
                "message": {"message_id": number, "date": 1773748801, "text": f"by hand {number}",
                            "from": {"id": CHAT, "first_name": "Anna"},
                            "chat": {"id": CHAT, "type": "private"}}}
        return request(self.stack.port, "POST", PATH, json.dumps(body),
                       {"Content-Type": "application/json", "X-Telegram-Bot-Api-Secret-Token": key})

    # --- tests

    def test_a_client_asks_and_an_operator_answers_corrects_and_withdraws(self):
        self.bot_api.write("Is it there?")
        wait_for(lambda: "Is it there?" in [one["text"] for one in self.at_portal()],
                 what="the client's message at the portal")

        number = self.send("[b]Anna:[/b] [br]It [i]is[/i]")
        [id] = self.confirmed_ids(number)
        self.assertEqual(self.bot_api.texts()[int(id)], "Anna:\nIt is")
        self.stand_in.edit(self.portal.member_id, number, "[b]Anna:[/b][br] It was")
        wait_for(lambda: self.bot_api.texts()[int(id)] == "Anna:\nIt was", what="the edit")
        self.stand_in.delete(self.portal.member_id, number)

        wait_for(lambda: self.outcomes(number) == ["done"], what="the deletion")
        self.assertNotIn(int(id), self.bot_api.texts())

    def test_a_long_message_is_deleted_in_all_its_pieces(self):
        number = self.send("a" * 4096 + "b" * 100)
        ids = self.confirmed_ids(number)
        self.assertEqual([id.split(".")[1] for id in ids], ["1/2", "2/2"])
        pieces = [int(id.split(".")[0]) for id in ids]
        self.assertEqual([self.bot_api.texts()[piece] for piece in pieces],
                         ["a" * 4096, "b" * 100])

        self.stand_in.delete(self.portal.member_id, number)
        wait_for(lambda: self.outcomes(number) == ["done", "done"], what="the deletions")
        self.assertFalse(set(pieces) & set(self.bot_api.texts()))

    def test_an_update_counts_once_and_only_with_the_secret(self):
        self.check_answer(self.update(7001, key="wrong"), 403, "wrong_secret")
        self.check_answer(self.update(7001), 200, "accepted")
        self.check_answer(self.update(7001), 200, "duplicate")
        self.check_answer(self.update(7002), 200, "accepted")

        wait_for(lambda: "by hand 7002" in [one["text"] for one in self.at_portal()],
                 what="the second message at the portal")
        texts = [one["text"] for one in self.at_portal()]
        self.assertEqual(texts.count("by hand 7001"), 1)

    def test_what_is_sent_while_telegram_is_away_arrives_later(self):
        self.bot_api.stop()
        number = self.send("Are you back?")
        wait_for(lambda: self.stack.sql("SELECT 1 FROM deliveries WHERE state = 'pending'"
                                        " AND attempts > 0"), what="a vain attempt")
        self.bot_api.start()
        self.set_webhook()

        [id] = self.confirmed_ids(number)
        self.assertEqual(self.bot_api.texts()[int(id)], "Are you back?")
