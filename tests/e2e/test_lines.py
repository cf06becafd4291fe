"""What is known of lines."""

import events
from stack import StackTest


class Lines(StackTest):
    def setUp(self):
        self.portal = self.stack.install()

    def post(self, event, data):
        self.check_answer(self.stack.post(events.form(self.portal.tree(event, data))), 200,
                          "accepted")

    def lines(self):
        return [(r["connector"], r["line_id"], r["status"]) for r in self.stack.sql(
            "SELECT connector, line_id, status FROM lines"
            f" WHERE member_id = '{self.portal.member_id}' ORDER BY line_id, connector")]

    def test_an_event_of_a_line_makes_it_known(self):
        self.stack.post(self.portal.add(1, line=12, connector="Chat"))
        self.assertEqual(self.lines(), [("chat", 12, "active")])

    def test_status_delete_disconnects_one_connector_of_a_line(self):
        self.stack.post(self.portal.add(1, line=12, connector="one"))
        self.stack.post(self.portal.add(2, line=12, connector="two"))
        self.post("ONIMCONNECTORSTATUSDELETE", {"connector": "ONE", "line": 12})
        self.assertEqual(self.lines(), [("one", 12, "disconnected"), ("two", 12, "active")])

    def test_line_delete_marks_every_connector_of_the_line_and_no_other_line(self):
        for number, (connector, line) in enumerate((("one", 12), ("two", 12), ("one", 13))):
            self.stack.post(self.portal.add(number + 1, line=line, connector=connector))
        self.post("ONIMCONNECTORLINEDELETE", "12")
        self.assertEqual(self.lines(), [("one", 12, "deleted"), ("two", 12, "deleted"),
                                        ("one", 13, "active")])

    def test_line_delete_of_an_unknown_line_is_kept_without_connector(self):
        self.post("ONIMCONNECTORLINEDELETE", "77")
        self.assertEqual(self.lines(), [(None, 77, "deleted")])

    def test_lines_of_another_portal_stay(self):
        self.stack.post(self.portal.add(1, line=12))
        first, self.portal = self.portal, self.stack.install()
        self.stack.post(self.portal.add(1, line=12))
        self.post("ONIMCONNECTORLINEDELETE", "12")
        self.portal = first
        self.assertEqual(self.lines(), [("myconnector", 12, "active")])
