"""The commands about deliveries: what they print, what they do, and their exit status."""

import json

from stack import StackTest


class DeliveryCommands(StackTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.portal = cls.stack.install()
        cls.stack.post(cls.portal.update(11, ["d-1", "d-2"], chat="d-chat", line=5))
        cls.stack.post(cls.portal.delete(12, "d-3", chat="d-chat", line=5))

    def run_ok(self, *words):
        done = self.stack.command(*words)
        self.assertEqual((done.returncode, done.stderr), (0, ""), words)
        return done.stdout

    def rows(self, *words):
        return json.loads(self.run_ok(*words, "--json"))

    def deliveries(self, *words):
        return self.rows("delivery", "list", "--portal", self.portal.member_id, *words)

    def check_refused(self, status, *words):
        done = self.stack.command(*words)
        self.assertEqual((done.returncode, done.stdout), (status, ""), (words, done))
        self.assertTrue(done.stderr.startswith("imrelay: "), done)
        return done.stderr

    def test_list_takes_every_filter(self):
        for words, found in ((("--line", 5), 3), (("--line", 9), 0), (("--message", 11), 2),
                             (("--external-message", "d-3"), 1), (("--state", "failed"), 0),
                             (("--kind", "message.deleted", "--state", "pending"), 1),
                             (("--line", 5, "--limit", 2), 2)):
            self.assertEqual(len(self.deliveries(*words)), found, words)
        self.assertIn("message.updated", self.run_ok("delivery", "list"))

    def test_show_has_the_row_and_the_attempts(self):
        [row] = self.deliveries("--message", 12)
        shown = self.rows("delivery", "show", row["id"])
        self.assertEqual({**shown["delivery"], **row}, shown["delivery"])
        self.assertEqual(shown["attempts"], [])
        self.assertIn("kind: message.deleted", self.run_ok("delivery", "show", row["id"]))

    def test_cancel_ends_one_and_no_other(self):
        self.stack.post(self.portal.delete(21, "d-21", chat="e-chat", line=6))
        [row] = self.deliveries("--message", 21)

        self.assertIn("cancelled", self.run_ok("delivery", "cancel", row["id"]))

        [after] = self.deliveries("--message", 21)
        self.assertEqual(after["state"], "cancelled")
        [message] = self.rows("message", "find", "--message", 21)
        self.assertEqual(message["outcome"], "cancelled")
        self.assertIn("has ended", self.check_refused(1, "delivery", "cancel", row["id"]))
        self.assertIn("only a failed one", self.check_refused(1, "delivery", "retry", row["id"]))

    def test_what_is_not_there_is_1(self):
        for words in (("delivery", "retry", 999999), ("delivery", "cancel", 999999),
                      ("event", "replay", 999999)):
            self.assertIn("no ", self.check_refused(1, *words))
        self.assertEqual(self.stack.command("delivery", "show", 999999).returncode, 1)

    def test_wrong_usage_is_2(self):
        for words in (("delivery",), ("delivery", "retry"), ("delivery", "retry", "x"),
                      ("delivery", "retry", 1, "--failed"), ("delivery", "retry", "--line", 5),
                      ("delivery", "list", "--state", "nosuch"), ("stats", "--days", 0),
                      ("event", "replay"), ("delivery", "cancel", "-1")):
            self.check_refused(2, *words)

    def test_retry_all_failed_says_how_many(self):
        self.assertEqual(self.rows("delivery", "retry", "--failed", "--line", 99), {"retried": 0})

    def test_replay_says_what_it_did(self):
        [event] = [row for row in self.rows("event", "list", "--portal", self.portal.member_id)
                   if row["event"] == "ONIMCONNECTORMESSAGEDELETE"][-1:]
        before = self.deliveries()

        told = self.rows("event", "replay", event["id"])

        self.assertEqual(told, {"event": event["id"], "result": "unchanged",
                                "reason": "already_deleted"})
        self.assertEqual(self.deliveries(), before)
        [install] = self.rows("event", "list", "--portal", self.portal.member_id,
                              "--event", "ONAPPINSTALL")
        self.assertIn("installation", self.check_refused(1, "event", "replay", install["id"]))

    def test_stats_adds_up(self):
        told = self.rows("stats", "--portal", self.portal.member_id)
        self.assertTrue(told["balanced"])
        self.assertEqual({row["member_id"] for row in told["rows"]}, {self.portal.member_id})
        totals = told["totals"]
        self.assertGreaterEqual(totals["deletions"], 1)
        self.assertEqual(totals["deletions"], sum(
            value for name, value in totals.items() if name.startswith("deletions_")))
        self.assertIn("received is the sum of its ends everywhere", self.run_ok("stats"))

    def test_metrics_tell_the_queue_and_the_events(self):
        body = self.stack.get("/metrics").body.decode()
        labels = f'member_id="{self.portal.member_id}",target="channel"'
        self.assertIn(f"imrelay_queue_length{{{labels}}} ", body)
        for name in ("imrelay_events_total{", "imrelay_event_commit_seconds_count",
                     "imrelay_commit_batch_size_count", "imrelay_deliveries_failed 0",
                     "imrelay_portal_token_expires_seconds{"):
            self.assertIn(name, body)
