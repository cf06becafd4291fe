"""Tokens are nowhere in clear, and keys belong to their owner alone."""

import os
import stat

from stack import StackTest
from stand_ins import CLIENT_SECRET


class Secrets(StackTest):
    def everything_kept(self):
        """Every file of the state directory, with its bytes."""
        for folder, _, files in os.walk(self.stack.state):
            for name in files:
                path = os.path.join(folder, name)
                if not stat.S_ISSOCK(os.stat(path).st_mode):
                    with open(path, "rb") as file:
                        yield path, file.read()

    def test_no_token_is_kept_or_logged_in_clear(self):
        portal = self.stack.install()
        tokens = [portal.application_token, portal.issued["access_token"],
                  portal.issued["refresh_token"], CLIENT_SECRET]
        self.stack.post(portal.delete(1, "ext-1", access_token="operator-token-0123456789"))
        self.stack.post(portal.add(2))
        self.stack.post(portal.delete(3, "ext-3", application_token="wrong-token-0123456789"))
        self.stack.post(b"garbage&auth[access_token]=garbage-token-0123456789")
        tokens += ["operator-token-0123456789", "wrong-token-0123456789",
                   "garbage-token-0123456789"]
        self.assertEqual(len(self.stack.messages(portal)), 2)

        for path, content in self.everything_kept():
            for token in tokens:
                self.assertNotIn(token.encode(), content, path)
        for token in tokens:
            self.assertNotIn(token, self.stack.printed())

    def test_no_message_text_is_logged(self):
        portal = self.stack.install()
        self.stack.post(portal.add(1, text="very private words"))
        self.stack.post(portal.update(1, ["x"], text="very private words"))

        self.assertNotIn("very private", self.stack.log())
        self.assertIn("ONIMCONNECTORMESSAGEUPDATE", self.stack.log())

    def test_commands_show_no_token(self):
        portal = self.stack.install()
        self.stack.post(portal.delete(1, "ext-1", access_token="operator-token-0123456789"))
        last = self.stack.events(portal)[-1]["id"]
        for words in (["portal", "list"], ["portal", "show", portal.member_id],
                      ["event", "list"], ["event", "show", last]):
            shown = self.stack.command(*words)
            self.assertEqual(shown.returncode, 0, shown.stderr)
            for token in (portal.application_token, "operator-token-0123456789"):
                self.assertNotIn(token, shown.stdout)

    def test_key_database_and_state_belong_to_their_owner(self):
        def mode(path):
            return stat.S_IMODE(os.stat(path).st_mode)

        self.assertEqual(mode(self.stack.state), 0o700)
        self.assertEqual(mode(self.stack.state / "imrelay.key"), 0o600)
        self.assertEqual(mode(self.stack.socket_path) & 0o007, 0)

    def test_a_hostile_value_cannot_forge_a_log_line(self):
        self.stack.post(b"event=X%0Alevel=info forged=1&auth[member_id]=a%0Ab%1b[31m")

        for line in self.stack.log().splitlines():
            self.assertNotRegex(line, r"^level=info forged")
            self.assertNotIn("\x1b", line)
