"""The installed service, as its callers see it."""

import http.client
import json
import os
import socket
import ssl
import subprocess
import sys
import unittest

from guide import CLIENT_ID, CLIENT_SECRET, NAME
from resolver import Resolver
from root import CHECKOUT, TREE, Root

sys.path.append(str(TREE / "tests" / "e2e"))

import events  # noqa: E402
from stack import FORM, wait_for  # noqa: E402
from stand_ins import Answer

DATABASE = "/var/lib/imrelay/imrelay.db"
STAND_IN_PORT = 8090
SETTINGS = ("IMRELAY_BITRIX24_OAUTH_URL=https://oauth.bare.test"
            " IMRELAY_SECURITY_ALLOW_INSECURE_LOOPBACK=true")
PREPARE = f"""
echo nameserver 127.0.0.1 >/etc/resolv.conf
cat >/etc/nginx/conf.d/oauth.conf <<'NGINX'
server {{
  listen 443 ssl;
  server_name oauth.bare.test;
  ssl_certificate /etc/letsencrypt/live/{NAME}/fullchain.pem;
  ssl_certificate_key /etc/letsencrypt/live/{NAME}/privkey.pem;
  location / {{ proxy_pass http://127.0.0.1:{STAND_IN_PORT}; }}
}}
NGINX
systemctl reload nginx
cp /etc/letsencrypt/live/{NAME}/fullchain.pem /usr/local/share/ca-certificates/test.crt
update-ca-certificates >/dev/null
mkdir -p /etc/systemd/system/imrelay.service.d
printf '[Service]\nEnvironment={SETTINGS}\n' >/etc/systemd/system/imrelay.service.d/test.conf
systemctl daemon-reload
systemctl restart imrelay.service
"""


class Https(http.client.HTTPSConnection):
    """Asks 127.0.0.1 for NAME, whatever the resolver says."""

    def connect(self):
        plain = socket.create_connection(("127.0.0.1", self.port), self.timeout)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = self._context.wrap_socket(plain, server_hostname=self.host)


class Site:
    """What tests/e2e's Stack is to scripts/stack, this is to the installed units."""

    def __init__(self, home):
        self.root = Root(home)
        certificate = self.root.path / f"etc/letsencrypt/live/{NAME}/fullchain.pem"
        self.tls = ssl.create_default_context(cadata=certificate.read_text())

    def request(self, method, path, body=None, headers=None):
        connection = Https(NAME, 443, timeout=60, context=self.tls)
        try:
            connection.request(method, path, body, headers or {})
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def post(self, body, content_type=FORM):
        return self.request("POST", "/bitrix24/event", body, {"Content-Type": content_type})

    def is_ready(self):
        return self.root.ask("curl -s -o /dev/null -w '%{http_code}'"
                             " http://127.0.0.1:8081/readyz || true") == "200"

    def sql(self, query):
        shell = self.root.shell(f"sqlite3 -readonly -json {DATABASE} \"$(cat)\"", stdin=None,
                                input=query, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert not shell.stderr, shell.stderr
        return json.loads(shell.stdout) if shell.stdout.strip() else []

    def wait_for_intake(self):
        """Until everything that was spooled is taken in."""
        spool = self.root.path / "var/lib/imrelay/spool"
        wait_for(lambda: not [*spool.glob("spooler/*.spool"), *spool.glob("worker/*.spool")], 60,
                 "the spool's intake")

    def worker(self):
        """The main process, as the root numbers it; 0 while there is none."""
        return int(self.root.ask("systemctl show --value --property MainPID imrelay.service"))

    # --- the stand-in for Bitrix24, inside

    def control(self, what, **values):
        answer = self.plain(STAND_IN_PORT, "POST", f"/control/{what}", json.dumps(values))
        assert answer.status == 200, answer
        return answer.json

    @staticmethod
    def plain(port, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"})
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def start_stand_in(self):
        """The worker comes to it by a name server and TLS, as it does to the real one."""
        self.resolver = Resolver()
        self.root.ask(PREPARE)
        self.root.shell(
            "systemctl is-active --quiet stand-in || systemd-run --quiet --unit stand-in"
            f" {CHECKOUT}/build/release/imrelay-portal --listen 127.0.0.1:{STAND_IN_PORT}"
            f" --client-id {CLIENT_ID} --client-secret {CLIENT_SECRET}")
        wait_for(lambda: self.answers(STAND_IN_PORT), what="the stand-in")

    def answers(self, port):
        try:
            return self.plain(port, "GET", "/control/log").status == 200
        except OSError:
            return False

    def install(self):
        """Posts a portal's installation and waits for its proof."""
        portal = events.Portal()
        portal.issued = self.control("issue", member_id=portal.member_id, admin=True)
        answer = self.post(portal.install())
        assert answer.status == 200 and answer.json["status"] == "accepted", answer
        wait_for(lambda: self.portal_status(portal) == "active", 60, "a proven installation")
        return portal

    def portal_status(self, portal):
        rows = self.sql(f"SELECT status FROM portals WHERE member_id = '{portal.member_id}'")
        return rows and rows[0]["status"]


class SiteTest(unittest.TestCase):
    """Tests that share the installed service and one proven portal."""

    site = None

    @classmethod
    def setUpClass(cls):
        if SiteTest.site is None:
            SiteTest.site = Site(os.environ["IMRELAY_INSTALL_HOME"])
            SiteTest.site.start_stand_in()
            SiteTest.portal = SiteTest.site.install()

    def ask(self, script):
        return self.site.root.ask(script)
