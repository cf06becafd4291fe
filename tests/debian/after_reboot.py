"""After a reboot everything is there again by itself."""

import os
import unittest

from installed import Site, events, wait_for


class Rebooted(unittest.TestCase):
    def test_the_service_is_back_with_everything(self):
        site = Site(os.environ["IMRELAY_INSTALL_HOME"])

        wait_for(site.is_ready, what="readiness")

        self.assertEqual(site.root.ask("systemctl --failed --plain --no-legend"), "")
        self.assertEqual(site.root.ask("stat -c '%a %U:%G' /run/imrelay/imrelay.sock"),
                         "660 imrelay:www-data")
        self.assertEqual(site.request("GET", "/bitrix24/event").status, 200)
        answer = site.post(events.Portal().delete(1))
        self.assertEqual((answer.status, answer.json["error"]), (403, "unknown_portal"))
        [count] = site.sql("SELECT count(*) AS n FROM messages")
        self.assertGreater(count["n"], 1000)
