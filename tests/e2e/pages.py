"""The pages that Bitrix24 opens in a frame: a stack that is reached where it says it is, and what
a browser posts to it."""

import html
import re
from urllib.parse import urlencode

import events
from stack import FORM, Stack, StackTest, wait_for
from stand_ins import StandIn, request

CONNECTOR = "relay_chat"
NAME = "Relay & Chat"
LINE = 107
HOSTILE = "\"'><script>alert(1)</script>"


def field(page, name):
    """The value of a form's hidden field."""
    return html.unescape(re.search(rf'name="{name}" value="([^"]*)"', page).group(1))


def shown(answer):
    """What of a page is not the same in all of them."""
    return answer.body.decode().split("<main>")[-1]


def ancestors(answer):
    policy = answer.headers["Content-Security-Policy"]
    return re.search(r"frame-ancestors ([^;]*)$", policy).group(1)


class PagesTest(StackTest):
    """One stack and a stand-in portal that know each other's addresses."""

    applications = {}

    @classmethod
    def setUpClass(cls):
        cls.stand_in = StandIn(applications=[
            f"{name}:{client}:secret-of-{name}" for name, client in cls.applications.items()])
        cls.addClassCleanup(cls.stand_in.stop)
        cls.stack = Stack(cls.stand_in, connector_id=CONNECTOR, connector_name=NAME)
        cls.url = f"http://127.0.0.1:{cls.stack.port}"
        cls.stack.environment["IMRELAY_BITRIX24_PUBLIC_URL"] = cls.url
        for name, client in cls.applications.items():
            prefix = f"IMRELAY_APPLICATION_{name.upper()}"
            cls.stack.environment[f"{prefix}_CLIENT_ID"] = client
            cls.stack.environment[f"{prefix}_CLIENT_SECRET"] = f"secret-of-{name}"
        cls.addClassCleanup(cls.stack.remove)
        cls.addClassCleanup(cls.stop_stack)
        cls.stack.start()

    def check_page(self, answer, status):
        self.assertEqual(answer.status, status, shown(answer))
        self.assertEqual(answer.headers["Content-Type"], "text/html; charset=utf-8")
        policy = answer.headers["Content-Security-Policy"]
        self.assertIn("default-src 'none'", policy)
        self.assertIn("form-action 'self'", policy)
        self.assertNotIn("unsafe", policy)
        self.assertIsNone(answer.headers["X-Frame-Options"])
        self.assertIsNone(answer.headers["Set-Cookie"])
        self.assertEqual(answer.headers["Referrer-Policy"], "no-referrer")
        self.assertEqual(answer.headers["Cache-Control"], "no-store")
        return shown(answer)

    def check_refused(self, answer, status, text, framed_by="'none'"):
        page = self.check_page(answer, status)
        self.assertIn(text, page)
        self.assertEqual(ancestors(answer), framed_by)
        self.assertNotIn("<form", page)
        self.assertNotIn("<script", page)

    def opening(self, portal, **values):
        """What the browser of a user there would post: query and body."""
        return self.stand_in.control("placement", member_id=portal.member_id, **values)

    def post_page(self, page, query=None, body=None, application=""):
        path = f"/bitrix24/{application + '/' if application else ''}{page}"
        if query:
            path += "?" + urlencode(query)
        return request(self.stack.port, "POST", path, urlencode(body or {}),
                       {"Content-Type": FORM}, timeout=60)

    def open_page(self, page, portal, application="", **values):
        opening = self.opening(portal, **values)
        return self.post_page(page, opening["query"], opening["body"], application)

    def open_settings(self, portal, line=LINE, **values):
        return self.open_page("settings", portal, placement="SETTING_CONNECTOR",
                              connector=CONNECTOR, line=line, **values)

    def act(self, page, answer, action, application="", **fields):
        """Presses a button of a page."""
        page_text = answer.body.decode()
        body = {"page_token": field(page_text, "page_token"),
                "member_id": field(page_text, "member_id"), "action": action, **fields}
        return self.post_page(page, {"LANG": "en"}, body, application)

    def new_portal(self, **values):
        """A portal where the application was added and its installation page not opened yet."""
        portal = events.Portal()
        self.stand_in.install(portal.member_id, with_page=True, **values)
        return portal

    def installed_portal(self):
        """A portal whose installation page was opened and has finished."""
        portal = self.new_portal()
        answer = self.open_page("install", portal)
        self.assertEqual(answer.status, 200, shown(answer))
        self.assertIn("BX24.installFinish", shown(answer))
        self.stand_in.control("finish", member_id=portal.member_id)
        return portal

    def line_of(self, portal):
        lines = self.stand_in.state(portal.member_id)["lines"]
        return next((one for one in lines if one["line"] == LINE), None)

    def wait_for_log(self, *parts):
        """A line of the worker's log with all of the parts."""
        def find():
            return next((line for line in self.stack.printed().splitlines()
                         if all(part in line for part in parts)), None)
        return wait_for(find, what=f"a log line with {parts}")
