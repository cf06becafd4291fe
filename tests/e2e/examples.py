"""The example services of examples/channel, each with the library it verifies signatures with:
npm's own for Node; for PHP and Python a stand-in of what they use of theirs."""

import base64
import hashlib
import hmac
import json
import os
import pathlib
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import time

from stack import free_port, wait_for
from stand_ins import TREE, request

LANGUAGES = ("php", "py", "mjs")
LIBRARIES = TREE / "tests" / "e2e" / "standard_webhooks"


def signed(secret, call_id, body):
    """The headers of a call, signed as Standard Webhooks says."""
    stamp = str(int(time.time()))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{call_id}.{stamp}.{body}".encode(), hashlib.sha256).digest()
    return {"Content-Type": "application/json", "webhook-id": call_id, "webhook-timestamp": stamp,
            "webhook-signature": "v1," + base64.b64encode(digest).decode()}


class Example:
    def __init__(self, language, secret):
        self.language, self.secret = language, secret
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="imrelay-example."))
        self.state = self.home / "state"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        file = f"channel.{language}"
        shutil.copy(TREE / "examples" / "channel" / file, self.home)
        commands = {"php": ["php", "-S", f"127.0.0.1:{self.port}", file],
                    "py": ["python3", file, str(self.port)], "mjs": ["node", file, str(self.port)]}
        (self.home / "vendor").symlink_to(LIBRARIES / "php" / "vendor")
        (self.home / "node_modules").symlink_to(TREE / "tests" / "npm" / "node_modules")
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", "--", *commands[language]], cwd=self.home,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, "IMRELAY_SECRET": secret, "CHANNEL_STATE": str(self.state),
                 "PYTHONPATH": str(LIBRARIES / "python"), "PYTHONDONTWRITEBYTECODE": "1"})
        wait_for(self.listens, what=f"the example in {language}")

    def listens(self):
        assert self.process.poll() is None, "the example has ended"
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def call(self, call_id, kind, data, secret=None):
        body = json.dumps({"type": kind, "timestamp": "2026-03-17T15:16:17Z", "data": data})
        return request(self.port, "POST", "/", body,
                       signed(secret or self.secret, call_id, body))

    def texts(self, chat):
        """What the chat shows."""
        if not self.state.exists():
            return []
        if self.language == "py":
            rows = sqlite3.connect(self.state)
            try:
                return [text for text, in rows.execute("SELECT text FROM message WHERE chat = ?",
                                                       (chat,))]
            finally:
                rows.close()
        messages = json.loads(self.state.read_text())["messages"]
        return [one["text"] for one in (messages or {}).values() if one["chat"] == chat]

    def stop(self):
        self.process.terminate()
        self.process.wait(10)
        shutil.rmtree(self.home, ignore_errors=True)
