"""What sending costs: deliveries a second beside a plain sender of the same bodies, the time from
an event's answer to its receipt, and what a slow channel does to another one."""

import http.client
import json
import signal
import sqlite3
import statistics
import subprocess
import threading
import time

import events
import fcgi
import stack
import tables
from rig import BUILD, TREE, Rig

COUNT = 20000       # deliveries of a round
CONCURRENCY = 32    # as SenderLimits::under_way_a_channel
RATE = 100          # events a second
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="
FAST, SLOW, OTHER = 107, 108, 109  # lines


class Sink:
    """bench/sink.cc on a port of its own."""

    def __init__(self, rig):
        self.file = rig.home / "sink.txt"
        self.port = stack.free_port()
        self.process = rig.spawn(BUILD / "imrelay-sink", self.port, self.file)
        stack.wait_for(self.listens, 10, "the sink")

    def listens(self):
        try:
            http.client.HTTPConnection("127.0.0.1", self.port).connect()
            return True
        except OSError:
            return False

    def url(self, path="/"):
        return f"http://127.0.0.1:{self.port}{path}"

    def receipts(self):
        """Ends it. The time in seconds and the body of each call."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        lines = self.file.read_text().splitlines()
        return [(int(at) / 1e6, body) for at, body in (line.split("\t", 1) for line in lines)]


def rate_of(receipts):
    return (len(receipts) - 1) / (receipts[-1][0] - receipts[0][0])


def settings(sink, **more):
    return {"channel_url": sink.url(), "channel_secret": SECRET,
            "bitrix24_calls_per_second": 1000, "bitrix24_call_burst": 10000, **more}


# --- deliveries a second


def filled(rig, name):
    """A database with COUNT deliveries and no worker."""
    worker = rig.worker(name)
    rig.portal = events.Portal()
    rig.install(worker)
    rig.remove(worker)
    connection = sqlite3.connect(worker.database)
    text = (TREE / "bench" / "delivery.sql").read_text()
    connection.executescript(text.replace(":count", str(COUNT)))
    connection.close()
    return worker.database


def send_own(rig, name):
    database = filled(rig, f"{name}-filler")
    sink = Sink(rig)
    worker = rig.worker(name, database=database, **settings(sink))
    stack.wait_for(lambda: worker.query(
        "SELECT count(*) FROM deliveries WHERE state <> 'done'") == (0,), 300, "the deliveries")
    rig.remove(worker)
    # The installation is delivered too.
    receipts = [one for one in sink.receipts() if '"message.deleted"' in one[1]]
    assert len(receipts) == COUNT, len(receipts)
    return receipts


def send_plainly(rig, receipts):
    bodies = rig.home / "bodies.txt"
    bodies.write_text("".join(body + "\n" for _, body in receipts))
    sink = Sink(rig)
    subprocess.run([BUILD / "imrelay-plain-sender", sink.url(), bodies, str(CONCURRENCY)],
                   check=True, stdout=subprocess.DEVNULL)
    plain = sink.receipts()
    assert len(plain) == COUNT, len(plain)
    return plain


def throughput(options):
    own, plain = [], []
    for number in range(options.rounds):
        with Rig(options.seconds) as rig:
            receipts = send_own(rig, f"own{number}")
            own.append(rate_of(receipts))
            plain.append(rate_of(send_plainly(rig, receipts)))
    ratios = [a / b for a, b in zip(own, plain)]
    print(f"{COUNT:,} deletions over 500 chats to a local sink, {CONCURRENCY} under way; "
          f"medians of {options.rounds} alternating rounds\n")
    tables.table(["", "deliveries/s", "of each round"],
                 [[name, f"{statistics.median(rates):,.0f}",
                   " ".join(f"{rate:,.0f}" for rate in rates)]
                  for name, rates in (("imrelay", own), ("plain libcurl multi", plain))])
    print(f"imrelay/plain: {statistics.median(ratios):.2f} "
          f"({' '.join(f'{one:.2f}' for one in ratios)})\n")


# --- times


class Poster(threading.Thread):
    """Posts messages of one line at a steady rate, over 100 chats, for some seconds."""

    def __init__(self, rig, worker, line, rate, seconds, first):
        super().__init__()
        self.rig, self.worker, self.line, self.rate = rig, worker, line, rate
        self.numbers = range(first, first + int(rate * seconds))
        self.answered = {}

    def run(self):
        begun = time.monotonic()
        for i, number in enumerate(self.numbers):
            time.sleep(max(0, begun + i / self.rate - time.monotonic()))
            body = self.rig.portal.add(number, line=self.line, chat=f"channel-{i % 100}",
                                       im_chat=self.line * 1000 + i % 100)
            status = self.rig.answer(self.worker, fcgi.head(length=len(body)) + fcgi.body(body))
            assert status == 200, status
            self.answered[number] = time.time()


def times(received, poster):
    """Milliseconds from each answer to its receipt."""
    return [1000 * (received[number] - at) for number, at in poster.answered.items()]


def first_receipts(receipts):
    received = {}
    for at, body in receipts:
        data = json.loads(body)
        if data["type"] == "message.created":
            received.setdefault(data["data"]["im"]["message_id"], at)
    return received


def p99(values):
    return sorted(values)[min(len(values) - 1, int(0.99 * len(values)))]


def bare(sink, seconds):
    """Milliseconds of round trips to the sink at the same rate."""
    connection = http.client.HTTPConnection("127.0.0.1", sink.port)
    found = []
    for i in range(int(RATE * seconds)):
        time.sleep(1 / RATE)
        begun = time.monotonic()
        connection.request("POST", "/", b'{"type":"bare"}')
        connection.getresponse().read()
        found.append(1000 * (time.monotonic() - begun))
    return found


def with_other(rig, worker, other, seconds, first):
    """Both lines at once: 4 s ahead on the other one, so that what it holds up is held up."""
    posters = [Poster(rig, worker, other, RATE / 5, seconds + 4, first + 100000),
               Poster(rig, worker, FAST, RATE, seconds, first)]
    posters[0].start()
    time.sleep(4)
    posters[1].start()
    for poster in posters:
        poster.join()
    return posters[1]


def latency(options):
    with Rig(options.seconds) as rig:
        sink = Sink(rig)
        worker = rig.worker("times", **settings(
            sink, line_slow_url=sink.url("/slow"), line_slow_line=SLOW, line_slow_secret=SECRET,
            line_other_url=sink.url("/other"), line_other_line=OTHER, line_other_secret=SECRET))
        rig.install(worker)
        trips = bare(sink, options.seconds)
        alone = Poster(rig, worker, FAST, RATE, options.seconds, 1000)
        alone.start()
        alone.join()
        beside = {OTHER: [], SLOW: []}
        for number in range(options.rounds):
            for other in beside:
                first = 1000000 * (2 * number + other - 106)
                beside[other].append(with_other(rig, worker, other, options.seconds, first))
        time.sleep(2)
        received = first_receipts(sink.receipts())
    rows = [["bare round trip", trips], [f"answer to receipt, {RATE} events/s",
                                         times(received, alone)]]
    print("milliseconds\n")
    tables.table(["", "median", "p99"], [[name, f"{statistics.median(found):.2f}",
                                          f"{p99(found):.2f}"] for name, found in rows])
    found = {other: [p99(times(received, poster)) for poster in posters]
             for other, posters in beside.items()}
    print(f"a channel's p99 beside another one that gets {RATE // 5} events/s; medians of "
          f"{options.rounds} alternating rounds\n")
    tables.table(["the other one", "p99 ms", "of each round"],
                 [[name, f"{statistics.median(found[other]):.2f}",
                   " ".join(f"{one:.2f}" for one in found[other])]
                  for name, other in (("answers at once", OTHER), ("takes 5 s", SLOW))])
    ratio = statistics.median(found[SLOW]) / statistics.median(found[OTHER])
    print(f"slow/quick: {ratio:.2f} of the p99\n")


def run(options):
    throughput(options)
    latency(options)
