"""Mutated bodies through nginx: they end no process and change no row of another portal."""

import collections
import http.client
import os
import pathlib
import random
import threading
import time

from mutations import Mutator
from stack import LONG, StackTest, children
from stand_ins import Answer

COUNT = 100_000 if LONG else 5_000
CLIENTS = 4
# Everything a body alone can bring about. A 429 only where too many installations wait.
ALLOWED = {200, 400, 403, 413, 415}


class Client(threading.Thread):
    """Posts its share over one connection at a time, and counts the answers."""

    def __init__(self, port, mutator, count):
        super().__init__()
        self.port = port
        self.mutator = mutator
        self.count = count
        self.answers = collections.Counter()
        self.wrong = []  # what was posted and what came of it

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        for _ in range(self.count):
            body, kind = self.mutator.body()
            try:
                connection.request("POST", "/bitrix24/event", body,
                                   {"Content-Type": kind} if kind else {})
                answer = Answer(connection.getresponse())
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                self.wrong.append((body, kind, error))
                continue
            self.answers[answer.status] += 1
            limited = answer.status == 429 and answer.json["error"] == "rate_limited"
            if answer.status not in ALLOWED and not limited:
                self.wrong.append((body, kind, answer))
        connection.close()


class Mutations(StackTest):
    def processes(self):
        """The pid and name of each part of the running stack."""
        found, left = {}, [self.stack.process.pid]
        while left:
            for pid in children(left.pop()):
                left.append(pid)
                try:
                    found[pid] = pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
                except (FileNotFoundError, ProcessLookupError):
                    pass
        parts = ("imrelay", "multiwatch", "nginx")
        return {pid: name for pid, name in found.items() if name in parts}

    def populate(self, portal):
        """Rows with the ids that the recorded bodies name."""
        place = {"chat": "channel-123", "im_chat": 1807}
        for body in (portal.add(86497, **place), portal.add(86499, **place),
                     portal.update(86501, ["ext-msg-005", "ext-msg-006"], **place),
                     portal.delete(86502, "ext-msg-007", **place)):
            self.check_answer(self.stack.post(body), 200, "accepted")

    def rows(self, portal):
        """All that is a portal's. Anyone may post an installation in its name and what would wait
        for the proof of that; both are journalled, and rejected then."""
        of_it = f"WHERE member_id = '{portal.member_id}'"
        rows = {view: self.stack.sql(f"SELECT * FROM {view} {of_it}")
                for view in ("portals", "lines", "messages", "deliveries")}
        rows["events"] = self.stack.sql(
            f"SELECT * FROM events {of_it} AND status NOT IN ('waiting', 'rejected')")
        return rows

    def attack(self, attacked, bystander, doomed):
        seed = int(os.environ.get("IMRELAY_TEST_SEED", random.randrange(1 << 32)))
        print(f"[IMRELAY_TEST_SEED={seed}: ", end="", flush=True)
        clients = [Client(self.stack.port,
                          Mutator(random.Random(f"{seed}/{number}"), attacked, bystander, doomed),
                          COUNT // CLIENTS) for number in range(CLIENTS)]
        began = time.monotonic()
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        answers = sum((client.answers for client in clients), collections.Counter())
        print(f"{COUNT} bodies in {time.monotonic() - began:.0f} s, {dict(answers)}] ", end="")
        return answers, [wrong for client in clients for wrong in client.wrong]

    def test_mutated_bodies_end_no_process_and_change_no_row_of_another_portal(self):
        attacked, bystander, doomed = (self.stack.install() for _ in range(3))
        for portal in (attacked, bystander):
            self.populate(portal)
        rows, processes, workers = self.rows(bystander), self.processes(), self.stack.worker_pids()
        self.assertTrue(all(rows.values()), rows)

        answers, wrong = self.attack(attacked, bystander, doomed)

        self.assertEqual(wrong[:3], [])
        self.assertEqual(self.stack.worker_pids(), workers)
        self.assertEqual(self.processes(), processes)
        self.assertEqual(self.rows(bystander), rows)
        self.assertEqual(self.stack.sql("PRAGMA integrity_check"), [{"integrity_check": "ok"}])
        self.assertEqual(self.stack.sql("PRAGMA foreign_key_check"), [])
        # It came to the rows at all, and both portals work as before.
        self.assertGreater(answers[200], COUNT // 5)
        self.assertGreater(len(self.stack.messages(attacked)), 4)
        for portal in (attacked, bystander):
            self.check_answer(self.stack.post(portal.delete(1, "after")), 200, "accepted")
