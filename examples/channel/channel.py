"""A channel's service. Run: pip install standardwebhooks
IMRELAY_SECRET=whsec_… python3 channel.py 8090  (in imrelay.toml: url = "http://127.0.0.1:8090/")
"""
import http.server
import json
import os
import sqlite3
import sys

from standardwebhooks import Webhook, WebhookVerificationError

webhook = Webhook(os.environ["IMRELAY_SECRET"])
database = sqlite3.connect(os.environ.get("CHANNEL_STATE", "channel.db"))
database.executescript("""
    CREATE TABLE IF NOT EXISTS message (id INTEGER PRIMARY KEY, chat TEXT, text TEXT, im INTEGER);
    CREATE TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY, answer TEXT);""")


def act(kind, data):
    """Does what the call says, here in a table; returns the status and the answer."""
    message, im = data.get("message", {}), data.get("im", {}).get("message_id")
    if kind == "message.created":  # the text and each file become a message of their own
        parts = [message["text"]] if message["text"] else []
        parts += [file["url"] for file in message.get("files", []) if "url" in file]
        rows = [database.execute("INSERT INTO message (chat, text, im) VALUES (?, ?, ?)",
                                 (data["chat"]["id"], part, im)) for part in parts]
        return 200, {"message": {"ids": [str(row.lastrowid) for row in rows]}}
    if kind == "message.updated":
        done = database.execute("UPDATE message SET text = ? WHERE id = ?",
                                (message["text"], message.get("id")))
    elif kind == "message.deleted":  # without an id: whatever Bitrix24's number became
        done = database.execute("DELETE FROM message WHERE id = ?1 OR (?1 IS NULL AND im = ?2)",
                                (message.get("id"), im))
    else:
        return 200, {}
    return (200 if done.rowcount else 404), {}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status, answer = 503, {}  # a 4xx is final: a secret not set up yet must lose nothing
        try:
            call = webhook.verify(body, dict(self.headers))
            with database:  # one transaction: what was done, and that it was
                seen = database.execute("SELECT answer FROM seen WHERE id = ?",
                                        (self.headers["webhook-id"],)).fetchone()
                status, answer = json.loads(seen[0]) if seen else act(call["type"], call["data"])
                if status < 400:  # what was refused may come again, to be carried out
                    database.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)",
                                     (self.headers["webhook-id"], json.dumps([status, answer])))
        except WebhookVerificationError as error:
            print(error, file=sys.stderr)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())


http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
