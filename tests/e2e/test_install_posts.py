"""What browsers, and those who pretend to be one, post to the installation page."""

import os
import secrets
import signal
import threading
import unittest

import events
from pages import CONNECTOR, HOSTILE, NAME, PagesTest, ancestors, field, shown
from stack import wait_for
from stand_ins import StandIn


class InstallPosts(PagesTest):
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
            answer = self.post_page("install", None, body)
            self.assertIn("Everything is set up", self.check_page(answer, 200))
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
        self.check_refused(reloaded, 200, "open the application again from Bitrix24",
                           self.stand_in.portals_url)
        self.assertIn("The application is installed", reloaded.body.decode())
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
        issued = evil.issue(stranger)
        random = {"AUTH_ID": secrets.token_hex(16), "REFRESH_ID": secrets.token_hex(16)}
        forgeries = {
            "random tokens, unknown portal": {**random, "member_id": stranger},
            "random tokens, a portal that installed": {**random, "member_id": victim.member_id},
            "tokens of another portal": {**tokens, "member_id": victim.member_id},
            "an authorization server of one's own": {
                "AUTH_ID": issued["access_token"], "REFRESH_ID": issued["refresh_token"],
                "member_id": stranger, "SERVER_ENDPOINT": evil.url + "/rest/"},
        }
        for name, body in forgeries.items():
            with self.subTest(name):
                query = {"DOMAIN": f"127.0.0.1:{evil.port}", "PROTOCOL": "0", "LANG": "en"}
                answer = self.post_page("install", query, body)
                page = self.check_page(answer, 403)
                self.assertEqual(ancestors(answer), "'none'")
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
                    self.check_refused(answer, 400, "Something is missing that Bitrix24 sends")

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

    def test_russian(self):
        answer = self.open_page("install", self.new_portal(), language="ru")

        self.assertIn("Всё настроено", self.check_page(answer, 200))
        self.assertIn(b'<html lang="ru">', answer.body)


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

    def test_a_token_of_another_application_or_portal_at_the_address_is_refused(self):
        portal, other = self.installed_portal(), self.installed_portal()
        self.stand_in.install(portal.member_id, client_id="local.second", with_page=True)
        of_other = self.opening(other)["body"]
        of_second = self.opening(portal, client_id="local.second")["body"]
        for name, tokens, text in (
                ("portal", of_other, "These tokens belong to another Bitrix24."),
                ("application", of_second, "has installed another application")):
            with self.subTest(name):
                body = {**tokens, "member_id": portal.member_id}
                self.check_refused(self.post_page("settings", {"LANG": "en"}, body), 403, text)
        self.assertIn("Connect line 107", shown(self.open_settings(portal)))

    def test_a_form_of_one_application_is_none_of_another(self):
        opened = self.open_settings(self.installed_portal())

        answer = self.act("settings", opened, "connect", "second")

        self.check_refused(answer, 403, "This form belongs to another page of this service.",
                           self.stand_in.portals_url)

    def test_a_page_ends_when_another_application_takes_the_portal(self):
        portal = self.installed_portal()
        opened = self.open_settings(portal)
        self.stand_in.install(portal.member_id, client_id="local.second", with_page=True)
        taken = self.open_page("install", portal, "second", client_id="local.second")
        self.assertEqual(taken.status, 200, shown(taken))

        answer = self.act("settings", opened, "connect")

        self.check_refused(answer, 403, "has installed another application",
                           self.stand_in.portals_url)

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
