"""What somebody may do to a server at the socket: raw requests, slow clients, decoys."""

import itertools
import selectors
import socket
import threading
import time

import events
from stack import wait_for

MARKS = itertools.count()

# Each is something else than it looks like to a part that decodes, joins or cuts it.
TRICKY_PATHS = (
    "//bitrix24/event", "/bitrix24//event", "/bitrix24/./event", "/bitrix24/x/../event",
    "/bitrix24/%2e%2e/bitrix24/event", "/bitrix24/%65vent", "/bitrix24/event%2f",
    "/bitrix24/event%20", "/bitrix24/event;a=b", "/bitrix24/event%3fx", "/Bitrix24/event",
    "/bitrix24/event/..", "/bitrix24\\event", "/bitrix24/%c0%aevent",
    "/bitrix24/%ff/event", "/bitrix24/nobody/event", "/bitrix24/'--/event",
    "/bitrix24/" + "n" * 7000 + "/event",
    "/bitrix24/" + "n/" * 3000 + "event", "/bitrix24/%0d%0aX-Evil:%201/event",
    "/channel/v1/../../bitrix24/event", "/metrics/../bitrix24/event",
    "/channel/v1/messages/../messages", "/channel/telegram/%2e%2e/x")


def all_printed(stack):
    """What was printed, with the lines of all events before: those may come after the answers."""
    mark = f"mark-{next(MARKS)}"
    stack.post(events.form({"event": "ONAPPTEST", "auth": {"member_id": mark}}))
    wait_for(lambda: f"member_id={mark} " in stack.log(), what=mark)  # the last that tee writes
    return stack.printed()


def send_raw(port, data, timeout=30, source="127.0.0.1"):
    """Sends bytes as they are; the whole answer, b"" when there was none."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout, (source, 0)) as connection:
        try:
            connection.sendall(data)
        except OSError:
            pass  # cut off before the end; there may be an answer all the same
        try:
            while chunk := connection.recv(65536):
                answer += chunk
        except ConnectionResetError:
            pass
    return answer


def status_of(answer):
    """Of a raw answer; None: there was none."""
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.") else None


def headers_of(answer):
    """The names of a raw answer's headers, in lower case."""
    head = answer.split(b"\r\n\r\n", 1)[0].split(b"\r\n")[1:]
    return [line.split(b":", 1)[0].strip().lower().decode("latin-1") for line in head]


class SlowClients:
    """Connections that begin a request and then send hardly anything."""

    def __init__(self, port):
        self.port = port
        self.open = []

    def begin(self, data, count):
        for _ in range(count):
            connection = socket.create_connection(("127.0.0.1", self.port), 30)
            connection.sendall(data)
            self.open.append(connection)

    def drip(self, data=b"x"):
        """One more byte over each that is still open."""
        for connection in self.open:
            try:
                connection.send(data)
            except OSError:
                pass

    def wait_until_cut(self, seconds, dripping=None):
        """Waits until the server closed all; how many it left open after `seconds`."""
        left = selectors.DefaultSelector()
        for connection in self.open:
            connection.setblocking(False)
            left.register(connection, selectors.EVENT_READ)
        deadline = time.monotonic() + seconds
        while left.get_map() and time.monotonic() < deadline:
            for key, _ in left.select(1):
                try:
                    ended = key.fileobj.recv(65536) == b""
                except BlockingIOError:
                    continue
                except OSError:
                    ended = True
                if ended:
                    left.unregister(key.fileobj)
            if dripping:
                self.drip(dripping)
        return len(left.get_map())

    def close(self):
        for connection in self.open:
            connection.close()


class Decoy:
    """Listens on the loopback where nobody may ever call; remembers what came all the same."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.authority = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.authority}"
        self.came = []  # the first bytes of each connection
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            connection.settimeout(5)
            try:
                self.came.append(connection.recv(4096))
            except OSError:
                self.came.append(b"")
            connection.close()

    def stop(self):
        # Wakes accept(), which close() alone does not.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
