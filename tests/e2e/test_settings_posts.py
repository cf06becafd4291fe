"""What browsers, and those who pretend to be one, post to the settings page."""

import secrets
import unittest

from pages import CONNECTOR, HOSTILE, LINE, PagesTest, ancestors, field
from stack import wait_for


class SettingsPosts(PagesTest):
    def test_connects_and_disconnects_a_line(self):
        portal = self.installed_portal()

        opened = self.open_settings(portal)
        connected = self.act("settings", opened, "connect")
        on = wait_for(lambda: (self.line_of(portal) or {}).get("active"), what="an active line")
        reopened = self.open_settings(portal)
        disconnected = self.act("settings", connected, "disconnect")
        wait_for(lambda: not (self.line_of(portal) or {}).get("active"), what="a line that is off")

        page = self.check_page(opened, 200)
        self.assertEqual(ancestors(opened), self.stand_in.portals_url)
        self.assertIn("Connect line 107", page)
        self.assertIn("Not connected", page)
        self.assertTrue(on)
        self.assertIn("Line 107 is connected.", self.check_page(connected, 200))
        self.assertIn("Disconnect line 107", self.check_page(reopened, 200))
        self.assertIn("Line 107 is disconnected.", self.check_page(disconnected, 200))
        self.assertEqual(self.stack.sql(
            f"SELECT connector, line_id, status FROM lines WHERE member_id = '{portal.member_id}'"),
            [{"connector": CONNECTOR, "line_id": LINE, "status": "disconnected"}])

    def test_a_line_that_cannot_be_connected_says_why(self):
        portal = self.installed_portal()
        opened = self.open_settings(portal)
        self.stand_in.fault("imconnector.activate", "ACCESS_DENIED", count=1,
                            member_id=portal.member_id)

        page = self.check_page(self.act("settings", opened, "connect"), 200)

        self.assertIn("Line 107 could not be connected.", page)
        self.assertIn("Bitrix24 denies access.", page)

    def test_the_applications_own_page_lists_lines(self):
        portal = self.installed_portal()
        self.act("settings", self.open_settings(portal), "connect")

        page = self.check_page(self.open_page("settings", portal), 200)

        self.assertIn("Line 107", page)
        self.assertIn("connected", page)
        self.assertNotIn('value="connect"', page)

    def test_who_may_change_connectors_gets_in_and_others_do_not(self):
        portal = self.installed_portal()
        self.stand_in.portal(portal.member_id, connector_editors=[7])

        editor = self.open_settings(portal, admin=False, user_id=7)
        other = self.open_settings(portal, admin=False, user_id=8)

        self.assertIn("Connect line 107", self.check_page(editor, 200))
        self.check_refused(other, 403, "You may not change connectors in this Bitrix24.",
                           self.stand_in.portals_url)

    def test_a_portal_that_did_not_install_is_unknown(self):
        portal = self.new_portal()

        self.check_refused(self.open_settings(portal), 403,
                           "This Bitrix24 has not installed the application.")

    def test_forged_forms_do_nothing(self):
        portal = self.installed_portal()
        opened = self.open_settings(portal).body.decode()
        token = field(opened, "page_token")
        changed = ("A" if token[10] != "A" else "B")
        for name, forged in {"empty": "", "other": secrets.token_hex(40),
                             "changed": token[:10] + changed + token[11:],
                             "cut": token[:-1], "longer": token + "A",
                             "hostile": HOSTILE, "huge": "A" * 100000}.items():
            with self.subTest(name):
                answer = self.post_page("settings", {"LANG": "en"}, {
                    "page_token": forged, "member_id": portal.member_id, "action": "connect"})
                self.check_refused(answer, 403, "open the application again in Bitrix24")
        self.assertFalse((self.line_of(portal) or {}).get("active"))

    def test_a_form_of_one_page_is_none_of_another(self):
        portal = self.new_portal()
        installed = self.open_page("install", portal)
        opened = self.open_settings(portal)

        for page, answer in (("settings", installed), ("install", opened)):
            with self.subTest(page):
                self.check_refused(self.act(page, answer, "connect"), 403,
                                   "This form belongs to another page of this service.",
                                   self.stand_in.portals_url)
        self.assertFalse((self.line_of(portal) or {}).get("active"))

    def test_nobody_learns_a_portals_address_by_its_member_id(self):
        portal, own = self.installed_portal(), self.installed_portal()
        token = field(self.open_settings(own).body.decode(), "page_token")
        posts = {"a form": {"page_token": "x"}, "an opening": {"AUTH_ID": "x"},
                 "an opening with a refresh token": {"AUTH_ID": "x", "REFRESH_ID": "y"},
                 "a form with one's own token, cut": {"page_token": token[:-4]}}
        for page in ("install", "settings"):
            for name, body in posts.items():
                with self.subTest(page=page, post=name):
                    answer = self.post_page(page, None, {**body, "member_id": portal.member_id})
                    self.assertEqual(ancestors(answer), "'none'")
                    self.assertNotIn(self.stand_in.portals_url, answer.body.decode())

    def test_the_page_token_tells_whose_it_is_not_the_form(self):
        portal, other = self.installed_portal(), self.installed_portal()
        token = field(self.open_settings(portal).body.decode(), "page_token")

        self.post_page("settings", None, {
            "page_token": token, "member_id": other.member_id, "action": "connect"})

        wait_for(lambda: (self.line_of(portal) or {}).get("active"), what="an active line")
        self.assertFalse((self.line_of(other) or {}).get("active"))

    def test_a_test_event_is_seen_when_it_arrives(self):
        portal = self.installed_portal()
        opened = self.open_settings(portal)

        sent = self.act("settings", opened, "test")
        page = self.check_page(sent, 200)
        after = field(page, "after")
        arrived = wait_for(
            lambda: self.act("settings", sent, "test-result", after=after).json["arrived"],
            what="the test event")
        looked = self.act("settings", sent, "look", after=after)

        self.assertIn("Waiting for it to arrive", page)
        self.assertIn("connect-src 'self'", sent.headers["Content-Security-Policy"])
        self.assertTrue(arrived)
        self.assertIn("The test event has arrived", self.check_page(looked, 200))

    def test_a_test_event_that_is_lost_is_waited_for(self):
        portal = self.installed_portal()
        opened = self.open_settings(portal)
        self.stand_in.fault("ONAPPTEST", "lose", member_id=portal.member_id)

        sent = self.act("settings", opened, "test")
        after = field(sent.body.decode(), "after")

        self.assertFalse(self.act("settings", sent, "test-result", after=after).json["arrived"])
        self.assertIn("Waiting for it to arrive",
                      self.act("settings", sent, "look", after=after).body.decode())

    def test_deletions_are_shown_with_their_ends_and_never_a_text(self):
        portal = self.installed_portal()
        self.act("settings", self.open_settings(portal), "connect")
        wait_for(lambda: (self.line_of(portal) or {}).get("active"), what="an active line")
        number = self.stand_in.send(portal.member_id, CONNECTOR, "a secret text", LINE)
        self.stand_in.confirm(portal.member_id, number, f"ext-{number}")
        self.stand_in.delete(portal.member_id, number)
        wait_for(lambda: self.stack.sql(
            "SELECT * FROM messages WHERE deleted_at IS NOT NULL AND member_id = "
            f"'{portal.member_id}'"), what="the deletion")

        page = self.check_page(self.open_settings(portal), 200)

        self.assertIn(f">{number}<", page)
        self.assertIn(f">ext-{number}<", page)
        self.assertIn(">received<", page)
        self.assertNotIn("a secret text", page)

    def test_a_dead_portal_is_healed_by_opening_it(self):
        portal = self.installed_portal()
        opened = self.open_settings(portal)
        self.act("settings", opened, "connect")
        wait_for(lambda: (self.line_of(portal) or {}).get("active"), what="an active line")
        self.stand_in.revoke(portal.member_id)

        self.act("settings", opened, "test")
        wait_for(lambda: self.stack.portal_status(portal) == "dead", what="a dead portal")
        dead = self.act("settings", opened, "look")
        healed = self.open_settings(portal)

        page = self.check_page(dead, 200)
        self.assertIn("An administrator has to open the application in Bitrix24 once", page)
        self.assertNotIn("being registered", page)
        page = self.check_page(healed, 200)
        self.assertIn("Disconnect line 107", page)
        self.assertNotIn("being registered", page)
        self.assertEqual(self.stack.portal_status(portal), "active")

    def test_a_dead_portal_that_cannot_be_healed_is_told_so(self):
        portal = self.installed_portal()
        opened = self.open_settings(portal)
        self.stand_in.revoke(portal.member_id)
        self.act("settings", opened, "test")
        wait_for(lambda: self.stack.portal_status(portal) == "dead", what="a dead portal")
        self.stand_in.fault("token", "invalid_grant", member_id=portal.member_id)

        answer = self.open_settings(portal)

        self.assertIn("No access", self.check_page(answer, 200))
        self.assertEqual(ancestors(answer), self.stand_in.portals_url)
        self.assertEqual(self.stack.portal_status(portal), "dead")

    def test_another_connectors_line_is_not_touched(self):
        portal = self.installed_portal()

        answer = self.open_page("settings", portal, placement="SETTING_CONNECTOR",
                                connector="livechat", line=LINE)

        page = self.check_page(answer, 200)
        self.assertIn("Lines", page)
        self.assertNotIn("Connect line 107", page)
        self.act("settings", answer, "connect")
        self.assertFalse((self.line_of(portal) or {}).get("active"))

    def test_an_uninstalled_portal_sees_why(self):
        portal = self.installed_portal()
        opened = self.open_settings(portal)
        self.stand_in.control("uninstall", member_id=portal.member_id)
        wait_for(lambda: self.stack.portal_status(portal) == "uninstalled", what="its end")

        answer = self.act("settings", opened, "connect")

        self.assertIn("The application was uninstalled", self.check_page(answer, 403))

    def test_russian(self):
        portal = self.installed_portal()
        opened = self.open_settings(portal, language="ru")
        connected = self.act("settings", opened, "connect")

        self.assertIn("Подключить линию 107", self.check_page(opened, 200))
        self.assertIn("Линия 107 подключена.", self.check_page(connected, 200))


if __name__ == "__main__":
    unittest.main()
