"""What browsers, and those who pretend to be one, post to the pages."""

import os
import secrets
import signal
import threading
import unittest

import events
from pages import CONNECTOR, LINE, NAME, PagesTest, ancestors, field, shown
from stack import StandIn, wait_for

HOSTILE = "\"'><script>alert(1)</script>"


class PagePosts(PagesTest):
    def check_page(self, answer, status):
        self.assertEqual(answer.status, status, shown(answer))
        self.assertEqual(answer.headers["Content-Type"], "text/html; charset=utf-8")
        policy = answer.headers["Content-Security-Policy"]
        self.assertIn("default-src 'none'", policy)
        self.assertIn("form-action 'self'", policy)
        self.assertNotIn("unsafe", policy)
        self.assertIsNone(answer.headers["X-Frame-Options"])
        self.assertIsNone(answer.headers["Set-Cookie"])
        self.assertEqual(answer.headers["Referrer-Policy"], "no-referrer")
        self.assertEqual(answer.headers["Cache-Control"], "no-store")
        return shown(answer)

    def check_refused(self, answer, status, text, framed_by="'none'"):
        page = self.check_page(answer, status)
        self.assertIn(text, page)
        self.assertEqual(ancestors(answer), framed_by)
        self.assertNotIn("<form", page)
        self.assertNotIn("<script", page)

    # --- the installation

    def test_probes_get_a_small_page(self):
        for path in ("/bitrix24/install", "/bitrix24/settings"):
            for method in ("GET", "HEAD"):
                answer = self.stack.get(path, method)
                page = self.check_page(answer, 200)
                self.assertEqual(ancestors(answer), "'none'")
                if method == "GET":
                    self.assertIn("Open this page from Bitrix24", page)
        self.assertIn("Откройте эту страницу",
                      self.stack.get("/bitrix24/install?LANG=ru").body.decode())

    def test_installs_and_registers_everything(self):
        portal = self.new_portal()

        answer = self.open_page("install", portal)

        page = self.check_page(answer, 200)
        self.assertEqual(ancestors(answer), self.stand_in.portals_url)
        self.assertIn("Everything is set up", page)
        self.assertIn("BX24.installFinish()", page)
        self.assertIn("Relay &amp; Chat", page)
        self.assertEqual(self.stack.portal_status(portal), "active")
        state = self.stand_in.state(portal.member_id)
        self.assertFalse(state["installations"][0]["installed"])
        connector = state["connectors"][0]
        self.assertEqual((connector["id"], connector["name"]), (CONNECTOR, NAME))
        self.assertEqual(connector["placement_handler"], f"{self.url}/bitrix24/settings")
        bound = {row["event"] for row in state["installations"][0]["bindings"]
                 if not row["offline"]}
        self.assertIn("ONIMCONNECTORMESSAGEDELETE", bound)
        self.wait_for_log(" page ", "page=install", "status=done", portal.member_id)

    def test_every_variant_of_an_opening_installs(self):
        without = {
            "old cloud": {"current_cloud": False},
            "options undefined": {"options": "undefined"},
            "options JSON": {"options": "{\"any\":\"1\"}"},
            "options broken": {"options": "{"},
        }
        for name, values in without.items():
            with self.subTest(name):
                portal = self.new_portal()
                answer = self.open_page("install", portal, **values)
                self.assertIn("Everything is set up", self.check_page(answer, 200))
        with self.subTest("no query, and nothing that may be missing"):
            portal = self.new_portal()
            body = self.opening(portal)["body"]
            body = {key: body[key] for key in ("AUTH_ID", "REFRESH_ID", "member_id")}
            self.assertIn("Everything is set up", self.check_page(self.post_page("install", None, body), 200))
        with self.subTest("hostile values where none counts"):
            portal = self.new_portal()
            opening = self.opening(portal)
            query = {**opening["query"], "DOMAIN": HOSTILE, "PROTOCOL": HOSTILE, "APP_SID": HOSTILE,
                     "LANG": HOSTILE}
            body = {**opening["body"], "AUTH_EXPIRES": HOSTILE, "status": HOSTILE,
                    "PLACEMENT": HOSTILE, "PLACEMENT_OPTIONS": HOSTILE, "SERVER_ENDPOINT": HOSTILE}
            page = self.check_page(self.post_page("install", query, body), 200)
            self.assertIn("Everything is set up", page)
            self.assertNotIn("alert(1)", page)

    def test_a_page_opened_again_installs_again(self):
        portal = self.new_portal()
        opening = self.opening(portal)
        first = self.post_page("install", opening["query"], opening["body"])
        reloaded = self.post_page("install", opening["query"], opening["body"])
        opened_again = self.open_page("install", portal)

        self.assertIn("Everything is set up", self.check_page(first, 200))
        # Its tokens were used up by the proof.
        self.check_refused(reloaded, 403, "Close this page and open the application again.",
                           self.stand_in.portals_url)
        self.assertIn("Everything is set up", self.check_page(opened_again, 200))

    def test_a_failing_step_is_told_and_tried_again(self):
        portal = self.new_portal()
        self.stand_in.fault("imconnector.register", "ACCESS_DENIED", count=1,
                            member_id=portal.member_id)

        failed = self.open_page("install", portal)
        page = self.check_page(failed, 200)
        again = self.act("install", failed, "install")

        self.assertIn("Not everything could be set up yet", page)
        self.assertIn("Bitrix24 denies access.", page)
        self.assertNotIn("BX24", page)
        self.assertEqual(ancestors(failed), self.stand_in.portals_url)
        self.assertIn("Everything is set up", self.check_page(again, 200))

    def test_forged_openings_are_refused(self):
        victim = self.installed_portal()
        other = self.new_portal()
        tokens = self.opening(other)["body"]
        stranger = secrets.token_hex(16)
        evil = StandIn()
        self.addCleanup(evil.stop)
        framed = self.stand_in.portals_url
        random = {"AUTH_ID": secrets.token_hex(16), "REFRESH_ID": secrets.token_hex(16)}
        forgeries = {
            "random tokens, unknown portal": ({**random, "member_id": stranger}, "'none'"),
            "random tokens, a portal that installed": ({**random, "member_id": victim.member_id}, framed),
            "tokens of another portal": ({**tokens, "member_id": victim.member_id}, framed),
            "an authorization server of one's own": (
                {**evil.issue(stranger), "member_id": stranger, "SERVER_ENDPOINT": evil.url + "/rest/"},
                "'none'"),
        }
        for name, (body, expected) in forgeries.items():
            with self.subTest(name):
                if "access_token" in body:
                    body = {**body, "AUTH_ID": body["access_token"], "REFRESH_ID": body["refresh_token"]}
                query = {"DOMAIN": f"127.0.0.1:{evil.port}", "PROTOCOL": "0", "LANG": "en"}
                answer = self.post_page("install", query, body)
                page = self.check_page(answer, 403)
                self.assertEqual(ancestors(answer), expected)
                self.assertNotIn("<form", page)
        self.assertEqual([call["path"] for call in evil.log()], [])
        self.assertEqual(self.stack.portal_status(victim), "active")
        self.assertNotEqual(self.stack.portal_status(events.Portal(stranger)), "active")

    def test_only_an_administrator_installs(self):
        portal = self.new_portal()

        answer = self.open_page("install", portal, admin=False)

        self.check_refused(answer, 403, "Only an administrator of this Bitrix24")
        self.assertNotEqual(self.stack.portal_status(portal), "active")

    def test_what_no_browser_posts_is_a_page_that_says_so(self):
        for page in ("install", "settings"):
            for body in ({"AUTH_ID": "x"}, {"member_id": "x"}, {"AUTH_ID": "a b", "member_id": "c"},
                         {"AUTH_ID[]": "x", "member_id[a]": "y"}, {"PLACEMENT": "DEFAULT"}):
                with self.subTest(page=page, body=body):
                    answer = self.post_page(page, {"LANG": "en"}, body)
                    self.check_refused(answer, 400, "Something is missing that Bitrix24 sends along.")

    def test_hostile_values_are_nobodys_and_not_shown(self):
        for page in ("install", "settings"):
            answer = self.post_page(page, {"LANG": HOSTILE}, {
                "AUTH_ID": HOSTILE, "REFRESH_ID": HOSTILE, "member_id": HOSTILE,
                "APPLICATION_TOKEN": HOSTILE, "PLACEMENT_OPTIONS": HOSTILE})
            self.assertNotIn("alert(1)", self.check_page(answer, 403))

    def test_the_servers_callback_is_still_an_event(self):
        portal = events.Portal()
        portal.issued = self.stand_in.issue(portal.member_id)

        answer = self.stack.post(portal.install(), "/bitrix24/install")

        self.check_answer(answer, 200, "accepted")

    def test_no_token_is_logged(self):
        portal = self.new_portal()
        opening = self.opening(portal)
        answer = self.post_page("install", opening["query"], opening["body"])
        page_token = field(answer.body.decode(), "page_token")
        self.wait_for_log(" page ", "page=install", portal.member_id)

        log = self.stack.printed()
        for secret in (opening["body"]["AUTH_ID"], opening["body"]["REFRESH_ID"],
                       opening["body"]["APPLICATION_TOKEN"], page_token):
            self.assertNotIn(secret, log)

    def test_a_page_that_is_being_made_is_answered_when_the_worker_stops(self):
        portal = self.new_portal()
        self.stand_in.fault("imconnector.register", "slow", count=1, member_id=portal.member_id,
                            delay_ms=3000)
        worker = self.stack.worker_pids()[0]
        answers = []
        browser = threading.Thread(
            target=lambda: answers.append(self.open_page("install", portal)))
        browser.start()
        self.wait_for_log("outcome=accepted", portal.member_id)
        os.kill(worker, signal.SIGTERM)
        browser.join(60)

        self.assertIn("Everything is set up", self.check_page(answers[0], 200))
        wait_for(lambda: worker not in self.stack.worker_pids(), what="the worker's end")
        wait_for(self.stack.is_ready, what="the next worker")

    # --- the settings

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
                self.check_refused(answer, 403, "open the application again in Bitrix24",
                                   self.stand_in.portals_url)
        self.assertFalse((self.line_of(portal) or {}).get("active"))

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
        arrived = wait_for(lambda: self.act("settings", sent, "test-result", after=after).json["arrived"],
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
        self.assertIn("waiting", page)
        self.assertNotIn("a secret text", page)

    def test_a_dead_portal_is_healed_by_opening_it(self):
        portal = self.installed_portal()
        opened = self.open_settings(portal)
        self.stand_in.revoke(portal.member_id)

        self.act("settings", opened, "test")
        wait_for(lambda: self.stack.portal_status(portal) == "dead", what="a dead portal")
        dead = self.act("settings", opened, "look")
        healed = self.open_settings(portal)

        page = self.check_page(dead, 200)
        self.assertIn("An administrator has to open the application in Bitrix24 once", page)
        self.assertIn("Connect line 107", self.check_page(healed, 200))
        self.assertEqual(self.stack.portal_status(portal), "active")

    def test_an_uninstalled_portal_sees_why(self):
        portal = self.installed_portal()
        opened = self.open_settings(portal)
        self.stand_in.control("uninstall", member_id=portal.member_id)
        wait_for(lambda: self.stack.portal_status(portal) == "uninstalled", what="the uninstallation")

        answer = self.act("settings", opened, "connect")

        self.assertIn("The application was uninstalled in this Bitrix24.", self.check_page(answer, 403))

    def test_russian(self):
        portal = self.new_portal()
        answer = self.open_page("install", portal, language="ru")
        page = self.check_page(answer, 200)
        self.assertIn(b'<html lang="ru">', answer.body)
        self.assertIn("Всё настроено", page)
        self.stand_in.control("finish", member_id=portal.member_id)
        opened = self.open_settings(portal, language="ru")
        self.assertIn("Подключить линию 107", self.check_page(opened, 200))
        self.assertIn("Линия 107 подключена.", self.act("settings", opened, "connect").body.decode())


class NamedApplication(PagesTest):
    applications = {"second": "local.second"}

    def test_its_pages_have_its_name_in_their_paths(self):
        portal = events.Portal()
        self.stand_in.install(portal.member_id, client_id="local.second", with_page=True)

        answer = self.open_page("install", portal, "second", client_id="local.second")
        page = shown(answer)

        self.assertEqual(answer.status, 200, page)
        self.assertIn("Everything is set up", page)
        self.assertIn('action="/bitrix24/second/install?LANG=en"', page)
        connector = self.stand_in.state(portal.member_id)["connectors"][0]
        self.assertEqual(connector["placement_handler"], f"{self.url}/bitrix24/second/settings")

    def test_its_openings_do_not_install_another(self):
        portal = events.Portal()
        self.stand_in.install(portal.member_id, client_id="local.second", with_page=True)

        answer = self.open_page("install", portal, client_id="local.second")

        self.assertEqual(answer.status, 503, shown(answer))
        self.assertIn("does not know this service’s client id or secret", shown(answer))
        self.assertEqual(ancestors(answer), "'none'")
        self.assertNotEqual(self.stack.portal_status(portal), "active")
        self.assertEqual(self.stack.get("/bitrix24/third/install").status, 404)


if __name__ == "__main__":
    unittest.main()
