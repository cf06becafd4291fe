"""Load for the scenarios: operators at work in the stand-in portals, whose events are posted by
those themselves, and clients that post deletions of their own as fast as they may."""

import collections
import itertools
import threading
import time

from judge import DELETE, parse_post

FIRST_NUMBER = 10_000_000  # of messages that the portals never had


class Traffic:
    """Between `with` and its end. The same message numbers are posted for every portal, so that
    what goes to the wrong one is seen."""

    def __init__(self, stack, portals, clients=3, pause=0.01, operators=True, post=None):
        self.stack = stack
        self.portals = portals
        self.pause = pause
        self.post = post or stack.post  # how a body is posted; gives an Answer or raises OSError
        self.posts = []
        self.answers = collections.Counter()
        self.spooled = 0  # of those that were answered 200
        self.rounds = 0   # of the operators
        self.rounds_put_off = 0
        self.lock = threading.Lock()
        self.numbers = itertools.count(FIRST_NUMBER)
        self.stopped = threading.Event()
        self.threads = [threading.Thread(target=self.post_deletions) for _ in range(clients)]
        if operators:
            self.threads.append(threading.Thread(target=self.let_operators_act))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        for thread in self.threads:
            thread.join()

    @property
    def acknowledged(self):
        return self.answers[200]

    @property
    def refused(self):
        """What was answered, or happened, instead of 200, and how often."""
        return {what: count for what, count in self.answers.items() if what != 200}

    def post_deletions(self):
        while not self.stopped.wait(self.pause):
            number = next(self.numbers)
            for portal in self.portals:
                if self.stopped.is_set():
                    break
                # Both portals have channel-1; each names the message as no other does.
                self.post_one(portal, DELETE, portal.delete(
                    number, f"{portal.member_id[:8]}-{number}", chat=f"channel-{number % 20}",
                    im_chat=2000 + number % 20))

    def post_one(self, portal, event, body):
        """Posts an event and writes down what was answered."""
        try:
            answer = self.post(body)
            result = answer.status
            spooled = result == 200 and b'"spooled"' in answer.body
        except OSError as error:
            answer, result, spooled = None, type(error).__name__, False
        post = parse_post(portal.member_id, event, body.decode(), result)
        with self.lock:
            self.answers[result] += 1
            self.spooled += spooled
            self.posts.append(post)
        return answer

    def let_operators_act(self):
        stand_in = self.stack.stand_in
        while not self.stopped.wait(0.2):
            # What a busy machine has not posted yet stands before everything that comes after it.
            if sum(handler["waiting"] for handler in stand_in.look("handlers")) > 300:
                self.rounds_put_off += 1
                continue
            self.rounds += 1
            for portal in self.portals:
                stand_in.control(
                    "traffic", member_id=portal.member_id, connector="myconnector", line=107,
                    messages=4, chats=10, edits=0.2, deletions=0.3)

    def go_on_until(self, condition, seconds, what):
        """Lets the load run until `condition` holds, `seconds` at most."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"{seconds} s of load in vain for {what}"
            time.sleep(0.02)
