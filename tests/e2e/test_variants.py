"""Every spelling of one deletion that Bitrix24 was seen to send, or that PHP would read."""

import json
import subprocess
from urllib.parse import quote, quote_plus

import events
from stack import StackTest


class Variants(StackTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.portal = cls.stack.install()

    def setUp(self):
        self.number = self.portal.new_number()
        self.external = f"ext {self.number}+[1]"
        self.tree = self.portal.message("DELETE", self.number, self.external)

    def deleted(self):
        return [m["external_message_id"] for m in self.stack.messages(self.portal)
                if m["message_id"] == self.number and m["deleted_at"]]

    def check_deletes(self, body, expected=None, **options):
        self.check_answer(self.stack.post(body, **options), 200, "accepted")
        self.assertEqual(self.deleted(), expected or [self.external])

    def test_encoded_brackets(self):
        self.check_deletes(events.form(self.tree))

    def test_raw_brackets(self):
        body = "&".join(f"{k}={quote_plus(v)}" for k, v in events.pairs(self.tree))
        self.check_deletes(body.encode())

    def test_blanks_as_percent_20(self):
        self.check_deletes(events.form(self.tree, lambda text: quote(text, safe="")))

    def test_lower_case_hexadecimal(self):
        def lower(text):
            return "".join(c if c.isalnum() else "".join(f"%{b:02x}" for b in c.encode())
                           for c in text)
        self.check_deletes(events.form(self.tree, lower))

    def test_everything_encoded(self):
        self.check_deletes(events.form(
            self.tree, lambda text: "".join(f"%{b:02X}" for b in text.encode())))

    def test_a_list_of_ids_in_one_element(self):
        self.tree["data"]["MESSAGES"][0]["message"]["id"] = ["l-1", "l-2"]
        self.check_deletes(events.form(self.tree), ["l-1", "l-2"])

    def test_ids_without_indexes(self):
        self.tree["data"]["MESSAGES"][0]["message"]["id"] = None
        body = events.form(self.tree)
        key = quote_plus("data[MESSAGES][0][message][id][]")
        self.check_deletes(body + f"&{key}=e-1&{key}=e-2".encode(), ["e-1", "e-2"])

    def test_several_elements_of_different_messages(self):
        other = self.portal.new_number()
        elements = [{"im": {"chat_id": 7, "message_id": n}, "message": {"id": f"s-{n}"},
                     "chat": {"id": "c"}} for n in (self.number, other)]
        self.tree["data"]["MESSAGES"] = elements
        self.check_deletes(events.form(self.tree), [f"s-{self.number}"])
        self.number = other
        self.assertEqual(self.deleted(), [f"s-{other}"])

    def test_elements_whose_indexes_have_gaps(self):
        [element] = self.tree["data"]["MESSAGES"]
        self.tree["data"]["MESSAGES"] = {"7": element}
        self.check_deletes(events.form(self.tree))

    def test_data_instead_of_messages(self):
        self.tree["data"]["DATA"] = self.tree["data"].pop("MESSAGES")
        self.check_deletes(events.form(self.tree))

    def test_lower_case_keys(self):
        self.tree["data"] = {k.lower(): v for k, v in self.tree["data"].items()}
        self.check_deletes(events.form(self.tree))

    def test_a_lower_case_event_name(self):
        self.tree["event"] = "OnImConnectorMessageDelete"
        self.check_deletes(events.form(self.tree))

    def test_all_tokens_present(self):
        self.tree["auth"] = self.portal.auth(tokens=True)
        self.check_deletes(events.form(self.tree))

    def test_missing_tokens_scope_and_status(self):
        self.assertNotIn("access_token", self.tree["auth"])
        self.check_deletes(events.form(self.tree))

    def test_nothing_in_auth_but_what_is_needed(self):
        self.tree["auth"] = {k: self.tree["auth"][k] for k in ("member_id", "application_token")}
        self.check_deletes(events.form(self.tree))

    def test_unknown_keys_everywhere(self):
        self.tree["eventId"] = {"a": ["b"]}
        self.tree["auth"]["client_id"] = "x"
        self.tree["data"]["NEW"] = {"deep": {"er": "1"}}
        self.tree["data"]["MESSAGES"][0]["extra"] = ["1", "2"]
        self.check_deletes(events.form(self.tree))

    def test_of_duplicate_keys_the_last_wins(self):
        key = quote_plus("data[MESSAGES][0][message][id]")
        self.check_deletes(events.form(self.tree) + f"&{key}=last".encode(), ["last"])

    def test_a_missing_ts(self):
        del self.tree["ts"]
        self.check_deletes(events.form(self.tree))

    def test_a_json_body(self):
        self.check_deletes(json.dumps(self.tree).encode(), content_type="application/json")

    def test_a_json_body_after_the_same_form_is_its_duplicate(self):
        self.check_deletes(events.form(self.tree))
        answer = self.stack.post(json.dumps(self.tree).encode(),
                                 content_type="application/json; charset=utf-8")
        self.check_answer(answer, 200, "duplicate")

    def test_a_content_type_with_parameters_and_capitals(self):
        self.check_deletes(events.form(self.tree),
                           content_type="Application/X-WWW-Form-Urlencoded; charset=UTF-8")

    def test_a_chunked_body(self):
        body = events.form(self.tree)
        self.check_deletes(iter([body[:100], body[100:]]))

    def test_a_query_string_and_an_empty_pair_change_nothing(self):
        self.check_deletes(b"&&" + events.form(self.tree) + b"&=&a", path="/bitrix24/event?x[]=1")

    def test_a_body_of_nearly_one_mebibyte(self):
        body = events.form(self.tree) + b"&filler="
        self.check_deletes(body + b"x" * ((1 << 20) - len(body)))

    def test_invalid_utf_8_in_a_text_becomes_replacement_characters(self):
        self.tree = self.portal.message("UPDATE", self.number, ["u-1"], text="T")
        body = events.form(self.tree).replace(b"text%5D=T", b"text%5D=a%FF%C3b")

        self.check_answer(self.stack.post(body), 200, "accepted")

        dump = subprocess.run(["sqlite3", "-readonly", self.stack.database, ".dump"],
                              capture_output=True, timeout=60, check=True).stdout
        self.assertIn("a\ufffd\ufffdb", dump.decode())  # decode() fails on invalid UTF-8

    def test_invalid_utf_8_in_an_id_is_journalled_and_ignored(self):
        body = events.form(self.tree) + b"&" + quote_plus(
            "data[MESSAGES][0][message][id]").encode() + b"=ext%FF"

        self.check_answer(self.stack.post(body), 200, "ignored", "invalid_id")

        self.assertEqual(self.deleted(), [])
        last = self.stack.events(self.portal)[-1]
        self.assertEqual(last["status"], "ignored")
        shown = self.stack.command("event", "show", last["id"])
        self.assertEqual(shown.returncode, 0, shown.stderr)
        self.assertIn("%FF", shown.stdout)

    def test_an_authentic_event_is_never_refused_for_its_content(self):
        for data in (None, "107", {}, {"CONNECTOR": "x"}, {"CONNECTOR": "x", "LINE": "y"},
                     {"CONNECTOR": "x", "LINE": 1, "MESSAGES": "no list"},
                     {"CONNECTOR": "x", "LINE": 1, "MESSAGES": [{"im": {"message_id": "86x"}}]}):
            answer = self.stack.post(events.form(
                self.portal.tree("ONIMCONNECTORMESSAGEDELETE", data)))
            self.check_answer(answer, 200, "ignored")
            self.assertTrue(answer.json["reason"], data)
            self.assertEqual(self.stack.events(self.portal)[-1]["status"], "ignored")
        answer = self.stack.post(events.form(self.portal.tree("ONSOMETHINGNEW", {"a": 1})))
        self.check_answer(answer, 200, "ignored", "unknown_event")
