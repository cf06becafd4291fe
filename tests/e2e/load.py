"""Clients that post distinct deletions as fast as they can, and remember what was answered."""

import collections
import itertools
import threading


class Load:
    def __init__(self, stack, portal, clients=4, prefix="load"):
        self.stack = stack
        self.portal = portal
        self.prefix = prefix
        self.acknowledged = []  # external ids answered 200
        self.refused = []       # what came instead
        self.words = collections.Counter()  # how the acknowledged were answered
        self.lock = threading.Lock()
        self.numbers = itertools.count(1)
        self.stopped = threading.Event()
        self.threads = [threading.Thread(target=self.run) for _ in range(clients)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        for thread in self.threads:
            thread.join()

    def run(self):
        while not self.stopped.is_set():
            with self.lock:
                number = next(self.numbers)
                body = self.portal.delete(number, f"{self.prefix}-{number}")
            try:
                answer = self.stack.post(body)
            except OSError as error:
                answer = error
            with self.lock:
                if getattr(answer, "status", None) == 200:
                    self.acknowledged.append(f"{self.prefix}-{number}")
                    self.words[answer.json["status"] if answer.body else "cut off"] += 1
                else:
                    self.refused.append(answer)

    def lost(self):
        """What was acknowledged and is not in the database, once the spool was taken in."""
        self.stack.wait_for_intake()
        kept = {r["external_message_id"] for r in self.stack.sql(
            "SELECT external_message_id FROM messages WHERE deleted_at IS NOT NULL"
            f" AND member_id = '{self.portal.member_id}'")}
        return set(self.acknowledged) - kept

    def twice(self):
        """What stands in the database more than once."""
        return self.stack.sql(
            "SELECT external_message_id, count(*) AS n FROM messages"
            f" WHERE member_id = '{self.portal.member_id}' GROUP BY 1 HAVING n > 1"
            " UNION ALL SELECT external_message_id, count(*) AS n FROM deliveries"
            f" WHERE member_id = '{self.portal.member_id}' GROUP BY 1 HAVING n > 1")

    def journalled(self):
        """How many deletions of the portal the journal has."""
        [row] = self.stack.sql(
            "SELECT count(*) AS n FROM events WHERE event = 'ONIMCONNECTORMESSAGEDELETE'"
            f" AND status = 'applied' AND member_id = '{self.portal.member_id}'")
        return row["n"]
