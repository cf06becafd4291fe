"""Addresses that somebody else names are never called, and old installations bring nothing back.
http:// to the loopback is allowed in these tests, so only that nobody believes them keeps the
decoys from being called."""

import socket

import events
from hostile import Decoy
from pages import PagesTest, ancestors
from stack import wait_for


class Forged(PagesTest):
    def setUp(self):
        self.decoy = Decoy()
        self.addCleanup(self.decoy.stop)
        self.forged = {"client_endpoint": f"{self.decoy.url}/rest/",
                       "server_endpoint": f"{self.decoy.url}/rest/",
                       "domain": self.decoy.authority}

    def tearDown(self):
        self.assertEqual(self.decoy.came, [])
        # It would have noticed.
        with socket.create_connection(("127.0.0.1", self.decoy.port)) as connection:
            connection.sendall(b"here")
        wait_for(lambda: self.decoy.came, what="the decoy's own call")

    def last_status(self, portal):
        return self.stack.events(portal)[-1]["status"]

    def test_an_installation_names_nobody_that_is_called(self):
        portal = self.stack.install(**self.forged)

        row = self.stack.portal_row(portal)
        self.assertEqual(row["client_endpoint"], self.stand_in.client_endpoint)
        self.assertNotIn(str(self.decoy.port), row["domain"])
        # What upkeep does after an installation it does at the portal that was proven.
        wait_for(lambda: self.stand_in.state(portal.member_id)["connectors"], 30)

    def test_an_installation_with_made_up_tokens_asks_only_our_server(self):
        portal = events.Portal()
        self.check_answer(self.stack.post(portal.install(**self.forged)), 200, "accepted")
        wait_for(lambda: self.last_status(portal) == "rejected")
        self.assertNotEqual(self.stack.portal_status(portal), "active")

    def test_events_of_a_hostile_portal_name_nobody_that_is_called(self):
        portal = self.stack.install()
        before = self.stack.portal_row(portal)
        file = {"name": "a.png", "type": "image", "link": f"{self.decoy.url}/a",
                "downloadLink": f"{self.decoy.url}/b"}
        element = {"im": {"chat_id": 1807, "message_id": 1}, "chat": {"id": "channel-1"},
                   "message": {"text": f"[img]{self.decoy.url}/c[/img]", "files": [file]}}
        for body in (events.form(portal.message("ADD", 1, elements=[element], **self.forged)),
                     portal.update(2, ["x"], **self.forged), portal.delete(2, "x", **self.forged)):
            self.check_answer(self.stack.post(body), 200, "accepted")
        for name in ("ONOFFLINEEVENT", "ONAPPUPDATE", "ONAPPTEST"):
            portal.issued = self.stand_in.issue(portal.member_id)
            tree = portal.tree(name, {"VERSION": 2}, tokens=True, **self.forged)
            self.check_answer(self.stack.post(events.form(tree)), 200)
            wait_for(lambda: self.last_status(portal) != "waiting")

        row = self.stack.portal_row(portal)
        for column in ("client_endpoint", "domain", "status"):
            self.assertEqual(row[column], before[column])

    def test_a_page_names_nobody_that_is_called_or_may_frame_it(self):
        portal = self.new_portal()
        opening = self.opening(portal)
        query = {**opening["query"], "DOMAIN": self.decoy.authority, "PROTOCOL": "0"}
        body = {**opening["body"], "SERVER_ENDPOINT": f"{self.decoy.url}/rest/",
                "CLIENT_ENDPOINT": f"{self.decoy.url}/rest/", "DOMAIN": self.decoy.authority}

        answer = self.post_page("install", query, body)

        self.check_page(answer, 200)
        self.assertEqual(ancestors(answer), self.stand_in.portals_url)

    def test_a_redirect_of_a_portal_is_not_followed(self):
        portal = self.new_portal()
        opening = self.opening(portal)
        self.stand_in.fault("rest", "redirect", member_id=portal.member_id,
                            location=f"{self.decoy.url}/rest/profile")
        self.post_page("install", opening["query"], opening["body"])
        calls = [call for call in self.stand_in.log() if call.get("member_id") == portal.member_id]
        self.assertTrue(calls)

        self.stand_in.fault("rest", "none", member_id=portal.member_id)
        row = self.stack.portal_row(portal)
        self.assertTrue(row is None or str(self.decoy.port) not in str(row))

    def test_a_redirect_of_the_authorization_server_is_not_followed(self):
        portal = events.Portal()
        portal.issued = self.stand_in.issue(portal.member_id)
        self.stand_in.fault("token", "redirect", 1, location=f"{self.decoy.url}/oauth/token/")

        self.check_answer(self.stack.post(portal.install()), 200, "accepted")

        wait_for(lambda: not self.stand_in.look("faults"), 60, "the planted fault to be met")

    def test_an_installation_of_before_brings_nothing_back(self):
        portal = events.Portal()
        portal.issued = self.stand_in.issue(portal.member_id)
        old = portal.install()
        self.check_answer(self.stack.post(old), 200, "accepted")
        wait_for(lambda: self.stack.portal_status(portal) == "active")
        successor = events.Portal(portal.member_id)
        self.stack.install(successor)
        wait_for(lambda: self.last_status(portal) == "applied", what="the second proof")
        self.check_answer(self.stack.post(successor.delete(1, "x")), 200, "accepted")
        before = self.stack.portal_row(successor)

        self.check_answer(self.stack.post(old), 200, "duplicate")
        for ts in (1773760002, 1, 4102444800, 9999999999999999):
            body = portal.install(ts=ts, **self.forged)
            self.check_answer(self.stack.post(body), 200)
            wait_for(lambda: self.last_status(portal) != "waiting")
            self.assertNotEqual(self.last_status(portal), "applied")

        self.assertEqual(self.stack.portal_row(successor), before)
        self.check_answer(self.stack.post(portal.delete(2, "y")), 403, "wrong_token")
        self.check_answer(self.stack.post(successor.delete(3, "z")), 200, "accepted")
