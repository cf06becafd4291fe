"""Several applications in one service, portals healed by their events, and the metrics."""

import http.client

import events
from stack import StackTest, wait_for
from stand_ins import CLIENT_ID

SHOP = "local.e2e.shop"
SHOP_SECRET = "shop-client-secret-9876543210"


class Applications(StackTest):
    applications = (f"shop:{SHOP}:{SHOP_SECRET}",)
    settings = {"application_shop_client_id": SHOP, "application_shop_client_secret": SHOP_SECRET}

    def post_installation(self, portal, path, client_id):
        portal.issued = self.stand_in.issue(portal.member_id, client_id=client_id)
        self.check_answer(self.stack.post(portal.install(), path=path), 200, "accepted")

    def install_at(self, path, client_id, portal=None):
        portal = portal or events.Portal()
        self.post_installation(portal, path, client_id)
        wait_for(lambda: self.stack.portal_status(portal) == "active")
        return portal

    def application_of(self, portal):
        [row] = self.stack.sql("SELECT application FROM portal"
                               f" WHERE member_id = '{portal.member_id}'")
        return row["application"]

    def test_each_is_proven_with_its_own_id_and_secret(self):
        first = self.install_at("/bitrix24/event", CLIENT_ID)
        second = self.install_at("/bitrix24/shop/event", SHOP)
        third = self.install_at("/bitrix24/shop/install", SHOP)

        self.assertEqual([self.application_of(p) for p in (first, second, third)],
                         ["", "shop", "shop"])
        shown = self.stack.command("portal", "show", second.member_id)
        self.assertIn("\napplication: shop\n", shown.stdout)
        self.assertNotIn(SHOP_SECRET, self.stack.log() + self.stack.printed())

    def test_an_installation_at_another_applications_path_is_not_proven(self):
        portal = events.Portal()
        self.post_installation(portal, "/bitrix24/event", SHOP)

        wait_for(lambda: any(portal.member_id in line and "wrong_client" in line
                             for line in self.stack.log().splitlines()),
                 what="the refusal of the other application's token")
        self.assertEqual(self.stack.portal_status(portal), "pending")

    def test_other_events_count_at_any_path(self):
        portal = self.install_at("/bitrix24/shop/event", SHOP)

        for number, path in enumerate(("/bitrix24/shop/event", "/bitrix24/event"), 1):
            answer = self.stack.post(portal.delete(number, f"shop-{number}"), path=path)
            self.check_answer(answer, 200, "accepted")
        stranger = events.Portal(portal.member_id)
        self.check_answer(self.stack.post(stranger.delete(3, "x"), path="/bitrix24/shop/event"),
                          403, "wrong_token")

        self.assertEqual(len(self.stack.messages(portal)), 2)

    def test_a_portal_belongs_to_the_application_installed_last(self):
        portal = self.install_at("/bitrix24/event", CLIENT_ID)
        other = events.Portal(portal.member_id)

        self.post_installation(other, "/bitrix24/shop/event", SHOP)

        wait_for(lambda: self.application_of(portal) == "shop")
        self.check_answer(self.stack.post(other.delete(1, "last-1")), 200, "accepted")
        self.check_answer(self.stack.post(portal.delete(2, "last-2")), 403, "wrong_token")

    def test_an_unknown_name_has_no_paths(self):
        portal = events.Portal()
        for path in ("/bitrix24/desk/event", "/bitrix24/desk/install", "/bitrix24/desk/settings",
                     "/bitrix24/shop", "/bitrix24/SHOP/event"):
            self.check_answer(self.stack.post(portal.install(), path=path), 404, "not_found")
        self.assertIsNone(self.stack.portal_row(portal))


class Healing(StackTest):
    def kill(self):
        """A portal whose refresh token was lost on its way."""
        self.stand_in.control("setting", former_access_lives=True)
        self.stand_in.fault("token", "drop_after", 1)
        portal = events.Portal()
        portal.issued = self.stand_in.issue(portal.member_id)
        self.stack.post(portal.install())
        wait_for(lambda: self.stack.portal_status(portal) == "dead", 90)
        return portal

    def test_a_dead_portals_event_with_tokens_brings_it_back_to_life(self):
        for event, data in (("ONOFFLINEEVENT", None), ("ONAPPTEST", {"QUERY": {"any": "data"}}),
                            ("ONAPPUPDATE", {"VERSION": 2, "PREVIOUS_VERSION": 1})):
            with self.subTest(event):
                portal = self.kill()
                portal.issued = self.stand_in.issue(portal.member_id)

                answer = self.stack.post(events.form(portal.tree(event, data, tokens=True)))

                self.check_answer(answer, 200, "accepted")
                wait_for(lambda: self.stack.portal_status(portal) == "active")
                self.assertEqual([(e["event"], e["status"]) for e in self.stack.events(portal)],
                                 [("ONAPPINSTALL", "applied"), (event, "applied")])

    def test_a_forged_one_does_not(self):
        portal = self.kill()
        forger = events.Portal(portal.member_id)
        forger.issued = self.stand_in.issue(portal.member_id)

        answer = self.stack.post(events.form(forger.tree("ONOFFLINEEVENT", None, tokens=True)))

        self.check_answer(answer, 403, "wrong_token")
        # Its own token, with tokens that nobody gave out.
        portal.issued = {}
        answer = self.stack.post(events.form(portal.tree("ONOFFLINEEVENT", None, tokens=True)))
        self.check_answer(answer, 200, "accepted")
        wait_for(lambda: self.stack.events(portal)[-1]["status"] == "rejected")
        self.assertEqual(self.stack.portal_status(portal), "dead")

    def test_metrics_count_portals_by_status(self):
        self.kill()

        answer = self.stack.get("/metrics")

        self.assertEqual(answer.status, 200)
        self.assertTrue(answer.headers["Content-Type"].startswith("text/plain; version=0.0.4"))
        [row] = self.stack.sql("SELECT count(*) AS dead FROM portals WHERE status = 'dead'")
        self.assertIn(f'imrelay_portals{{status="dead"}} {row["dead"]}\n', answer.body.decode())

    def test_only_this_machine_reads_what_is_for_operators(self):
        for path in ("/metrics", "/healthz", "/readyz"):
            for source, status in (("127.0.0.1", 200), ("127.0.0.2", 403)):
                connection = http.client.HTTPConnection("127.0.0.1", self.stack.port, timeout=30,
                                                        source_address=(source, 0))
                connection.request("GET", path)
                self.assertEqual(connection.getresponse().status, status, (path, source))
                connection.close()
