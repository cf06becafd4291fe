"""What nginx hands to the spooler, and what it leaves to the worker."""

import unittest

from events import Portal
from nginx_front import Front, ScriptedWorker

answer = ScriptedWorker.answer


class Nginx(unittest.TestCase):
    def setUp(self):
        self.front = Front()
        self.addCleanup(self.front.stop)
        self.worker = self.front.worker
        self.portal = Portal()

    def delete(self, number, **more):
        return self.portal.delete(number, f"id-{number}", **more)

    def check(self, answer, status, word):
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(answer.json.get("status", answer.json.get("error")), word, answer)

    def check_spooled(self, body, *paths):
        """Each path gives it to the spooler, which keeps it."""
        for path in paths or ("/bitrix24/event",):
            before = self.front.spooled().count(body)
            self.check(self.front.post(body, path), 200, "spooled")
            self.assertEqual(self.front.spooled().count(body), before + 1, path)

    def test_the_worker_answers_as_long_as_it_does(self):
        for number in range(1, 21):
            self.check(self.front.post(self.delete(number)), 200, "accepted")
        self.assertEqual(self.worker.asked, 20)
        self.assertEqual(self.front.spooled(), b"")

    def test_its_own_503_goes_to_the_spooler(self):
        self.worker.act = answer(503, b'{"error":"unavailable"}')
        self.check_spooled(self.delete(1), "/bitrix24/event", "/bitrix24/shop/event")

    def test_a_pages_own_503_is_the_browsers(self):
        """It tells in its own words what is away, and the next page is the worker's again."""
        self.worker.act = answer(503, b'{"error":"what is away"}')
        for path in ("/bitrix24/install", "/bitrix24/shop/install", "/bitrix24/settings"):
            self.check(self.front.post(b"AUTH_ID=a&member_id=b", path), 503, "what is away")
        self.worker.act = answer(200, b'{"status":"a page"}')
        self.check(self.front.post(b"AUTH_ID=a&member_id=b", "/bitrix24/install"), 200, "a page")

    def test_every_other_answer_is_the_senders(self):
        for status in (400, 403, 404, 405, 411, 413, 415, 429, 500):
            self.worker.act = answer(status, b'{"error":"mine"}')
            for path in ("/bitrix24/event", "/bitrix24/install"):
                self.check(self.front.post(self.delete(status), path), status, "mine")
        self.assertEqual(self.front.spooled(), b"")
        self.worker.act = answer(200, b'{"status":"accepted"}')
        self.check(self.front.post(self.delete(1)), 200, "accepted")  # none of them was a failure

    def test_a_worker_that_dies_over_a_request(self):
        self.worker.act = self.worker.die
        self.check_spooled(self.delete(1))
        self.assertEqual(self.worker.asked, 1)

    def test_a_worker_that_hangs(self):
        self.worker.act = self.worker.hang
        body = self.delete(1)
        self.check_spooled(body)
        self.check_spooled(self.delete(2), "/bitrix24/shop/event")
        # It has the very bytes that were spooled, so both are one event.
        self.assertIn(body, self.worker.requests[0])

    def test_a_worker_that_reads_nothing_of_a_long_body(self):
        self.worker.act = self.worker.hang
        self.worker.reads = False
        self.check_spooled(self.portal.add(1, "long " * 200_000))

    def test_after_a_failure_the_worker_is_left_alone_and_then_asked_again(self):
        self.worker.act = self.worker.die
        self.check_spooled(self.delete(1))
        self.worker.act = answer(200, b'{"status":"accepted"}')

        self.check_spooled(self.delete(2))

        self.assertEqual(self.worker.asked, 1)
        self.check(self.front.post_well(self.delete(3)), 200, "accepted")

    def test_a_failed_page_sends_no_event_to_the_spooler(self):
        self.worker.act = self.worker.die
        page = self.front.post(b"AUTH_ID=a&member_id=b", "/bitrix24/install")
        self.check(page, 503, "unavailable")
        self.worker.act = answer(200, b'{"status":"accepted"}')

        self.check(self.front.post(self.delete(1)), 200, "accepted")

        self.assertEqual(self.front.spooled(), b"")

    def test_without_a_worker_events_are_spooled_and_nothing_else_is(self):
        self.worker.stop()
        self.addCleanup(self.front.worker.__init__, self.front.home / "imrelay.sock")
        self.check_spooled(self.delete(1), "/bitrix24/event", "/bitrix24/shop/event")
        self.check_spooled(self.portal.install(), "/bitrix24/install", "/bitrix24/shop/install")
        before = self.front.spooled()
        for path in ("/bitrix24/settings", "/bitrix24/shop/settings", "/bitrix24/nothing",
                     "/channel/v1/messages", "/channel/telegram"):
            answered = self.front.post(self.delete(2), path)
            self.check(answered, 503, "unavailable")
            self.assertEqual(answered.headers["Retry-After"], "1")
        self.check(self.front.post(b"AUTH_ID=a&member_id=b", "/bitrix24/install"), 503,
                   "unavailable")
        self.check(self.front.post(b"a=1"), 400, "no_event")
        self.check(self.front.post(self.delete(3), content_type="text/plain"), 415,
                   "unsupported_media_type")
        self.assertEqual(self.front.post(b"x" * 1_200_000).status, 413)
        self.assertEqual(self.front.post(b"event=X&a=" + b"x" * 1_048_576).status, 413)
        self.assertEqual(self.front.spooled(), before)

    def test_without_a_spooler_the_worker_goes_on(self):
        self.front.stop_spooler()
        for number in range(1, 6):
            self.check(self.front.post(self.delete(number)), 200, "accepted")
        self.worker.act = self.worker.die
        answered = self.front.post(self.delete(6))
        self.check(answered, 503, "unavailable")
        self.assertEqual(answered.headers["Retry-After"], "1")

        self.worker.act = answer(200, b'{"status":"accepted"}')
        self.check(self.front.post_well(self.delete(7)), 200, "accepted")
