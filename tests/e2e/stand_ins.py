"""The stand-ins for Bitrix24's servers and for a channel's service, and how they and imrelay are
asked over HTTP."""

import http.client
import json
import os
import pathlib
import subprocess
import urllib.parse

TREE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("IMRELAY_TEST_BUILD", TREE / "build" / "asan")).resolve()
PORTAL = BUILD / "imrelay-portal"
CHANNEL = BUILD / "imrelay-channel"
CLIENT_ID = "local.e2e.client"
CLIENT_SECRET = "e2e-client-secret-0123456789"
CHANNEL_SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1u"


class Answer:
    """An HTTP answer, read whole. nginx, which waits for the end of a worker's connection, tells the
    status alone where the worker stands still between its answer and that end."""

    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        try:
            self.body = response.read()
        except http.client.IncompleteRead as cut:
            self.body = cut.partial

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.body[:200]!r}>"


def request(port, method, path, body=None, headers=None, timeout=30):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        return Answer(connection.getresponse())
    finally:
        connection.close()


class StandIn:
    """imrelay-portal: an authorization server and the portals it knows. See tests/portal/README.md
    for what the controls take."""

    def __init__(self, port=0, applications=()):
        more = [word for one in applications for word in ("--application", one)]
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", "--", PORTAL, "--listen", f"127.0.0.1:{port}",
             "--client-id", CLIENT_ID, "--client-secret", CLIENT_SECRET, *more],
            stdout=subprocess.PIPE, text=True)
        self.url = self.read_address("listening on http://127.0.0.1:")
        self.port = int(self.url.rsplit(":", 1)[1])
        self.client_endpoint = self.read_address("portals at http://127.0.0.1:") + "/"
        self.portals_url = self.client_endpoint.removesuffix("/rest/")

    def read_address(self, expected):
        line = self.process.stdout.readline()
        assert line.startswith(expected), line
        return line.split()[-1].rstrip("/")

    def control(self, what, **values):
        answer = self.try_control(what, **values)
        assert answer.status == 200, answer
        return answer.json

    def try_control(self, what, **values):
        return request(self.port, "POST", f"/control/{what}", json.dumps(values),
                       {"Content-Type": "application/json"})

    def look(self, what):
        """GET /control/…: "log", "events", "handlers", "faults"."""
        return request(self.port, "GET", f"/control/{what}").json

    def rest(self, token, method, endpoint=None, **parameters):
        """A REST call to a portal, as JSON; the answer whatever its status."""
        url = urllib.parse.urlsplit(endpoint or self.client_endpoint)
        return request(url.port, "POST", f"{url.path}{method}",
                       json.dumps({**parameters, "auth": token}),
                       {"Content-Type": "application/json", "Host": url.netloc})

    # --- the authorization server

    def issue(self, member_id, admin=True, **values):
        """A fresh pair of tokens, as the authorization server gives them."""
        return self.control("issue", member_id=member_id, admin=admin, **values)

    def expire(self, member_id):
        self.control("expire", member_id=member_id)

    def revoke(self, member_id):
        """All tokens of a portal are good for nothing from now on."""
        self.control("revoke", member_id=member_id)

    def refreshes(self, member_id):
        return self.state(member_id)["refreshes"]

    # --- what goes wrong

    def fault(self, endpoint, mode, count=100000, **values):
        """Spoils the next calls of an endpoint: "token", "app.info", a REST method, "rest" (all of
        them), or the next events: "event", or an event's name."""
        self.control("fault", endpoint=endpoint, mode=mode, count=count, **values)

    # --- portals

    def state(self, member_id):
        return request(self.port, "GET", f"/control/portal?member_id={member_id}").json

    def portal(self, member_id, **values):
        return self.control("portal", member_id=member_id, **values)

    def install(self, member_id, handler="", **values):
        """Installs the application anew, and posts ONAPPINSTALL to the handler."""
        return self.control("install", member_id=member_id, handler=handler, **values)

    def rename(self, member_id, address="localhost"):
        self.control("rename", member_id=member_id, address=address)

    def connector(self, member_id, connector, line=107, **values):
        """Registers a connector and activates it on a line, as the application's REST calls do."""
        self.control("connector", member_id=member_id, connector=connector, line=line, **values)

    def bind(self, member_id, event, handler="", offline=False):
        self.control("bind", member_id=member_id, event=event, handler=handler, offline=offline)

    # --- the operator

    def send(self, member_id, connector, text, line=107, **values):
        """An operator's message; returns its id."""
        return self.control("send", member_id=member_id, connector=connector, line=line,
                            text=text, **values)["message_id"]

    def confirm(self, member_id, message_id, *ids):
        self.control("confirm", member_id=member_id, message_id=message_id, ids=ids)

    def edit(self, member_id, message_id, text, **values):
        self.control("edit", member_id=member_id, message_id=message_id, text=text, **values)

    def delete(self, member_id, message_id, **values):
        self.control("delete", member_id=member_id, message_id=message_id, **values)

    def log(self):
        return self.look("log")

    def events(self, name=None):
        """The events that were posted, and what was answered."""
        return [e for e in self.look("events") if name in (None, e["event"])]

    def stop(self):
        self.process.terminate()
        self.process.wait(10)
        self.process.stdout.close()


class StandInChannel:
    """imrelay-channel: a channel's service. See tests/channel_service/README.md."""

    def __init__(self, port=0, secret=CHANNEL_SECRET, seed=1):
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", "--", CHANNEL, "--listen", f"127.0.0.1:{port}",
             "--seed", str(seed), *(["--secret", secret] if secret else [])],
            stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        assert line.startswith("listening on http://127.0.0.1:"), line
        self.url = line.split()[-1]
        self.port = int(self.url.rsplit(":", 1)[1])

    def control(self, what, **values):
        answer = request(self.port, "POST", f"/control/{what}", json.dumps(values),
                         {"Content-Type": "application/json"})
        assert answer.status == 200, answer

    def look(self, what):
        return request(self.port, "GET", f"/control/{what}").json

    def fault(self, mode, type="", count=100000, **values):
        """Spoils the next calls of a type, or of any."""
        self.control("fault", mode=mode, type=type, count=count, **values)

    def clear(self):
        self.control("clear")

    def setting(self, **values):
        self.control("setting", **values)

    def incoming(self, portal, id, chat="channel-1", connector="myconnector", line=107):
        """A message of a client's, as the channel knows it."""
        self.control("incoming", portal=portal.member_id, connector=connector, line=line, chat=chat,
                     id=id)

    def log(self, portal=None, type=None):
        """The calls as they came, of a portal, of a type."""
        return [call for call in self.look("log")
                if (portal is None or call["portal"] == portal.member_id)
                and type in (None, call["type"])]

    def chats(self, portal):
        """The chats by their ids."""
        return {chat["chat"]: chat for chat in self.look("chats")
                if chat["portal"] == portal.member_id}

    def message(self, portal, number):
        """A message by Bitrix24's number of it, as the channel has it; None: it never came."""
        for chat in self.chats(portal).values():
            for message in chat["messages"]:
                if message["im_message_id"] == number:
                    return message
        return None

    def violations(self):
        return self.look("summary")["violations"]

    def stop(self):
        self.process.terminate()
        self.process.wait(10)
        self.process.stdout.close()
