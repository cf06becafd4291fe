"""A portal's life through the stand-in: what it posts by itself, not what a test made up."""

import secrets

from stack import StackTest, wait_for

KINDS = ("ADD", "UPDATE", "DELETE")


class PortalLife(StackTest):
    def setUp(self):
        self.member_id = secrets.token_hex(16)
        self.handler = f"http://127.0.0.1:{self.stack.port}/bitrix24/event"
        self.stand_in.install(self.member_id, self.handler)
        wait_for(lambda: self.status() == "active", 60, "a proven installation")
        self.stand_in.connector(self.member_id, "myconnector", NEED_SIGNATURE=False)
        for kind in KINDS:
            self.bind(f"ONIMCONNECTORMESSAGE{kind}")
        self.bind("ONAPPUNINSTALL")

    def bind(self, event):
        answer = self.stand_in.try_control("bind", member_id=self.member_id, event=event,
                                           handler=self.handler)
        self.assertTrue(answer.status == 200
                        or "already binded" in answer.json["error_description"])

    def status(self):
        rows = self.stack.sql(f"SELECT status FROM portals WHERE member_id = '{self.member_id}'")
        return rows and rows[0]["status"]

    def rows(self):
        return self.stack.sql("SELECT external_message_id AS id, deleted_at IS NOT NULL AS deleted"
                              f" FROM messages WHERE member_id = '{self.member_id}'"
                              " ORDER BY external_message_id")

    def answers(self, name):
        return [(e["status"], e["answer"]) for e in self.stand_in.events(name)
                if e["member_id"] == self.member_id]

    def test_a_message_is_sent_confirmed_edited_and_deleted(self):
        number = self.stand_in.send(self.member_id, "myconnector", "Guten Tag!")
        wait_for(lambda: self.rows() == [{"id": None, "deleted": 0}])
        token = self.stand_in.issue(self.member_id)["access_token"]
        confirmed = self.stand_in.rest(
            token, "imconnector.send.status.delivery", CONNECTOR="myconnector", LINE=107,
            MESSAGES=[{"im": {"chat_id": 1807, "message_id": number},
                       "message": {"id": ["ext-1", "ext-2"]}, "chat": {"id": "channel-123"}}])
        self.assertEqual(confirmed.json["result"], {"SUCCESS": True, "DATA": []})

        self.stand_in.edit(self.member_id, number, "Guten Abend!")
        wait_for(lambda: [r["id"] for r in self.rows()] == ["ext-1", "ext-2"])
        self.stand_in.fault("ONIMCONNECTORMESSAGEDELETE", "double", 1)
        self.stand_in.delete(self.member_id, number)

        wait_for(lambda: [r["deleted"] for r in self.rows()] == [1, 1])
        deletions = wait_for(lambda: len(self.answers("ONIMCONNECTORMESSAGEDELETE")) == 2
                             and self.answers("ONIMCONNECTORMESSAGEDELETE"))
        self.assertEqual(deletions, [(200, '{"status":"accepted"}'),
                                     (200, '{"status":"duplicate"}')])

    def test_a_reinstalled_portal_is_proven_again_and_goes_on(self):
        self.stand_in.install(self.member_id, self.handler)
        wait_for(lambda: len(self.answers("ONAPPINSTALL")) == 2)
        self.stand_in.connector(self.member_id, "myconnector")
        self.bind("ONIMCONNECTORMESSAGEADD")

        self.stand_in.send(self.member_id, "myconnector", "Guten Tag!")

        wait_for(lambda: len(self.rows()) == 1, 60)
        self.assertEqual(self.status(), "active")

    def test_an_uninstalled_portal_is_told_of_its_end(self):
        self.stand_in.control("uninstall", member_id=self.member_id, clean=False)
        wait_for(lambda: self.status() == "uninstalled")
