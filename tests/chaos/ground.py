"""What every scenario stands on: a stack between two stand-ins, two portals, and the judge."""

import collections
import contextlib
import os
import pathlib
import signal
import unittest

from delivering import connect
from judge import Evidence, Judge, parse_post
from stack import BINARY, LONG, Stack, children, wait_for
from stand_ins import CHANNEL_SECRET, TREE, StandIn, StandInChannel
from traffic import Traffic

RELEASE = pathlib.Path(os.environ.get("IMRELAY_TEST_RELEASE", TREE / "build/release/imrelay"))
# An end is never far: what is tried again is tried within seconds here.
DRAINED_WITHIN = 600 if LONG else 180


def descendants(pid):
    for child in children(pid):
        yield child
        yield from descendants(child)


def name_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def has_ended(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def make_wrapper(path, binary, **environment):
    """A program that becomes `binary` with more in its environment than its callers have."""
    exports = " ".join(f"{name}='{value}'" for name, value in environment.items())
    path.write_text(f"#!/bin/sh\nexport {exports}\nexec '{binary}' \"$@\"\n")
    path.chmod(0o755)
    return path


class ChaosTest(unittest.TestCase):
    """A scenario. Its docstring's first line is the invariant, which is printed with the result."""

    workers = 1
    portals_count = 2
    binary = BINARY
    channel_secret = CHANNEL_SECRET  # that the channel looks for; None: it looks for none

    def setUp(self):
        self.stand_in = StandIn()
        self.addCleanup(self.stand_in.stop)
        self.channel = StandInChannel(secret=self.channel_secret)
        self.addCleanup(self.channel.stop)
        self.stack = self.make_stack()
        self.addCleanup(self.stack.remove)
        self.prepare()
        self.stack.start()
        self.addCleanup(self.stop_stack)
        self.portals = [self.connect_portal(i) for i in range(self.portals_count)]
        self.portals_beside = []  # without load
        self.installed = 0
        self.forgotten = set()  # member_ids of portals that the judge does not look at
        self.reopened = 0
        self.reopenings = []

    def connect_portal(self, index):
        """Each with a handler of its own, so that none waits for another's events."""
        return connect(self.stack, query=f"?p={index}")

    def settings(self):
        return {"bitrix24_calls_per_second": 1000, "bitrix24_call_burst": 1000}

    def make_stack(self):
        return Stack(self.stand_in, self.workers, channel=self.channel, binary=self.binary,
                     **self.settings())

    def prepare(self):
        """What has to be there before the stack starts."""

    def stop_stack(self):
        self.assertEqual(self.stack.stop(), 0, self.stack.printed()[-3000:])

    def traffic(self, **how):
        return Traffic(self.stack, self.portals, **how)

    # --- what happens

    def kill_workers(self, how=signal.SIGKILL):
        pids = self.stack.worker_pids()
        for pid in pids:
            os.kill(pid, how)
        return pids

    @contextlib.contextmanager
    def no_worker_reached(self):
        """nginx reaches the spooler alone; the worker lives on."""
        aside = self.stack.socket_path.with_name("aside.sock")
        self.stack.socket_path.rename(aside)
        try:
            yield
        finally:
            aside.rename(self.stack.socket_path)

    def kill_everybody(self):
        """Kills all of imrelay at once, their supervisors being held; those that were held."""
        everybody = list(descendants(self.stack.process.pid))
        supervisors = [pid for pid in everybody if name_of(pid) == "multiwatch"]
        for pid in supervisors:
            os.kill(pid, signal.SIGSTOP)
        killed = [pid for pid in descendants(self.stack.process.pid)
                  if pid not in supervisors and name_of(pid) in ("imrelay", "sh")]
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: all(map(has_ended, killed)), what="the end of everybody")
        return supervisors

    def await_new_worker(self, *former):
        wait_for(lambda: set(self.stack.worker_pids()) - set(former), 30, "a new worker")
        wait_for(self.stack.is_ready, 60, "readiness")

    def reopen_dead_portals(self):
        """A worker that died between the authorization server's answer and its own commit has used
        the tokens up; whoever opens the application there brings new ones."""
        for portal in self.portals + self.portals_beside:
            status = self.stack.portal_status(portal)
            if status == "dead" or (status == "pending"
                                    and self.stand_in.refreshes(portal.member_id)):
                portal.issued = self.stand_in.issue(portal.member_id)
                body = portal.install(client_endpoint=self.stand_in.client_endpoint)
                answer = self.stack.post(body)
                self.reopenings.append(parse_post(portal.member_id, "ONAPPINSTALL", body.decode(),
                                                  answer.status))
                self.reopened += 1

    # --- the end

    def spool_files(self):
        """What has not been taken in, the one being written as well."""
        spool = pathlib.Path(self.stack.environment.get("IMRELAY_SPOOL_DIRECTORY",
                                                        self.stack.database.parent / "spool"))
        return [*spool.glob("spooler/*.spool"), *spool.glob("worker/*.spool")]

    def is_quiet(self):
        self.reopen_dead_portals()
        if self.spool_files():
            return False
        if any(one["waiting"] + one["busy"] for one in self.stand_in.look("handlers")):
            return False
        [row] = self.stack.sql("SELECT (SELECT count(*) FROM deliveries WHERE state IN"
                               " ('pending', 'leased')) + (SELECT count(*) FROM events WHERE"
                               " status = 'waiting' AND event <> 'ONAPPINSTALL') AS n")
        return row["n"] == 0

    def let_end(self):
        try:
            wait_for(self.is_quiet, DRAINED_WITHIN, "the end of what is under way")
        except AssertionError as late:
            left = self.stack.sql("SELECT kind, state, attempts, last_error, max(due_at) AS due_at,"
                                  " count(*) AS n FROM deliveries WHERE state IN"
                                  " ('pending', 'leased') GROUP BY 1, 2, 3, 4 LIMIT 20")
            waiting = self.stack.sql("SELECT event, count(*) AS n FROM events WHERE"
                                     " status = 'waiting' GROUP BY 1")
            raise AssertionError(f"{late}: {left}, {waiting}") from None

    def evidence(self, traffic, ended=True):
        posts = traffic.posts + self.reopenings
        for sent in self.stand_in.look("events"):
            posts.append(parse_post(sent["member_id"], sent["event"], sent["body"],
                                    sent["status"]))
        shown = {(chat["portal"], message["im_message_id"]): [part["id"] for part
                                                              in message["parts"]]
                 for chat in self.channel.look("chats") for message in chat["messages"]}
        states = {portal.member_id: self.stand_in.state(portal.member_id)
                  for portal in self.portals + self.portals_beside}
        confirmed = [{"portal": member_id, "number": message["message_id"],
                      "chat": message["chat"], "external_ids": message["external_ids"]}
                     for member_id, state in states.items() for message in state["messages"]
                     if not message["system"] and not message["from_client"]]

        def rows(view):
            return [row for row in self.stack.sql(f"SELECT * FROM {view}")
                    if row["member_id"] not in self.forgotten]

        return Evidence(
            [post for post in posts if post.member_id not in self.forgotten],
            rows("events"), rows("messages"), rows("deliveries"),
            [call for call in self.channel.log() if call["portal"] not in self.forgotten],
            shown, confirmed,
            sum(state["stray_confirmations"] for state in states.values()),
            self.channel.violations(), ended)

    def judge(self, traffic, may_refuse=False, **figures):
        """Waits for the end of everything, and judges; prints the figures."""
        self.let_end()
        evidence = self.evidence(traffic)
        findings = Judge(evidence).judge()
        late = [finding for finding in findings if finding.kind == "overtaken"]
        if any(row["source"] == "spool" for row in evidence.events):
            findings = [finding for finding in findings if finding not in late]
        self.assertEqual(findings[:10], [], f"{len(findings)} in all")
        if not may_refuse:
            self.assertEqual(traffic.refused, {})
        self.assertEqual(self.stack.sql("PRAGMA integrity_check"), [{"integrity_check": "ok"}])
        stats = self.stack.command("stats")
        self.assertEqual(stats.returncode, 0, stats)
        acknowledged = sum(post.acknowledged for post in evidence.posts)
        self.assertGreater(acknowledged, 0)
        self.assertGreater(traffic.rounds, 0)
        kinds = collections.Counter(call["type"] for call in evidence.calls)
        figures = {**figures, "posted": len(evidence.posts), "acknowledged": acknowledged,
                   "spooled": traffic.spooled, "refused": sum(traffic.refused.values()),
                   "rounds": traffic.rounds, "put off": traffic.rounds_put_off,
                   "calls": dict(sorted(kinds.items())),
                   "opened again": self.reopened, "overtaken": len(late)}
        print("[" + ", ".join(f"{name} {value}" for name, value in figures.items()) + "] ", end="")
        return evidence
