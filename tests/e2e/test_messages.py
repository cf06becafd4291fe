"""Add, Update and Delete: what becomes of the mapping, the journal and the deliveries."""

import events
from stack import StackTest


class Messages(StackTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.portal = cls.stack.install()

    def rows(self, number):
        return [m for m in self.stack.messages(self.portal) if m["message_id"] == number]

    def deliveries(self, external_ids, kind):
        return [d for d in self.stack.deliveries(self.portal)
                if d["kind"] == kind and d["external_message_id"] in external_ids]

    def counts(self):
        return [self.stack.sql(f"SELECT count(*) AS n FROM {view}")[0]["n"]
                for view in ("messages", "deliveries", "events", "lines", "portals")]

    def accept(self, body):
        self.check_answer(self.stack.post(body), 200, "accepted")

    def test_add_makes_one_row_without_external_id_and_one_delivery(self):
        number = self.portal.new_number()
        before = len(self.stack.deliveries(self.portal))

        self.accept(self.portal.add(number))

        [row] = self.rows(number)
        self.assertEqual(
            {k: row[k] for k in ("member_id", "connector", "line_id", "chat_id", "message_id",
                                 "external_chat_id", "external_message_id", "direction")},
            {"member_id": self.portal.member_id, "connector": "myconnector", "line_id": 107,
             "chat_id": 1807, "message_id": number, "external_chat_id": "channel-1",
             "external_message_id": None, "direction": "out"})
        self.assertRegex(row["created_at"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertEqual((row["deleted_at"], row["outcome"]), (None, None))
        self.assertEqual(len(self.stack.deliveries(self.portal)), before + 1)
        last = self.stack.deliveries(self.portal)[-1]
        self.assertEqual((last["kind"], last["state"], last["attempts"], last["external_chat_id"]),
                         ("message.created", "pending", 0, "channel-1"))

    def test_update_replaces_the_row_without_external_id_by_one_row_an_id(self):
        number = self.portal.new_number()
        ids = [f"up-{number}-a", f"up-{number}-b"]
        self.accept(self.portal.add(number))

        self.accept(self.portal.update(number, ids))

        self.assertEqual([r["external_message_id"] for r in self.rows(number)], ids)
        self.assertTrue(all(r["updated_at"] for r in self.rows(number)))
        self.assertEqual(len(self.deliveries(ids, "message.updated")), 2)

    def test_delete_of_several_ids_deletes_each_row_and_delivers_each(self):
        number = self.portal.new_number()
        ids = [f"del-{number}-a", f"del-{number}-b"]
        self.accept(self.portal.update(number, ids))
        element = {"im": {"chat_id": 1807, "message_id": number}, "chat": {"id": "channel-1"}}

        self.accept(self.portal.delete(
            number, elements=[{**element, "message": {"id": i}} for i in ids]))

        rows = self.rows(number)
        self.assertEqual([r["external_message_id"] for r in rows], ids)
        self.assertTrue(all(r["deleted_at"] and r["outcome"] == "pending" for r in rows), rows)
        self.assertEqual(len(self.deliveries(ids, "message.deleted")), 2)

    def test_delete_of_one_id_leaves_the_others_of_the_message(self):
        number = self.portal.new_number()
        ids = [f"one-{number}-a", f"one-{number}-b"]
        self.accept(self.portal.update(number, ids))

        self.accept(self.portal.delete(number, ids[0]))

        self.assertEqual([bool(r["deleted_at"]) for r in self.rows(number)], [True, False])

    def test_delete_without_ids_deletes_every_known_row(self):
        number = self.portal.new_number()
        self.accept(self.portal.update(number, [f"all-{number}-a", f"all-{number}-b"]))

        self.accept(self.portal.delete(number))

        self.assertEqual([bool(r["deleted_at"]) for r in self.rows(number)], [True, True])

    def test_delete_of_an_unknown_message_inserts_a_tombstone(self):
        number = self.portal.new_number()

        self.accept(self.portal.delete(number, f"unknown-{number}"))

        [row] = self.rows(number)
        self.assertTrue(row["deleted_at"])
        self.assertEqual((row["external_message_id"], row["direction"]),
                         (f"unknown-{number}", None))

    def test_a_tombstone_replaces_the_row_without_external_id(self):
        number = self.portal.new_number()
        self.accept(self.portal.add(number))

        self.accept(self.portal.delete(number, f"late-{number}"))

        [row] = self.rows(number)
        self.assertEqual(row["external_message_id"], f"late-{number}")
        self.assertTrue(row["deleted_at"])

    def test_nothing_undoes_a_deletion(self):
        number = self.portal.new_number()
        external = f"gone-{number}"
        self.accept(self.portal.delete(number, external))
        [before] = self.rows(number)
        deliveries = len(self.stack.deliveries(self.portal))

        update = self.stack.post(self.portal.update(number, [external]))
        add = self.stack.post(self.portal.add(number))
        again = self.stack.post(self.portal.delete(number, external))

        self.check_answer(update, 200, "ignored", "message_deleted")
        self.check_answer(add, 200, "ignored", "message_deleted")
        self.check_answer(again, 200, "ignored", "already_deleted")
        self.assertEqual(self.rows(number), [before])
        self.assertEqual(len(self.stack.deliveries(self.portal)), deliveries)
        self.assertEqual([e["status"] for e in self.stack.events(self.portal)[-3:]],
                         ["ignored"] * 3)

    def test_the_same_post_again_changes_nothing_and_says_duplicate(self):
        number = self.portal.new_number()
        for body in (self.portal.add(number), self.portal.update(number, [f"dup-{number}"]),
                     self.portal.delete(number, f"dup-{number}")):
            self.accept(body)
            before = self.counts(), self.rows(number)

            self.check_answer(self.stack.post(body), 200, "duplicate")
            self.check_answer(self.stack.post(body, path="/bitrix24/event?second=binding"), 200,
                              "duplicate")

            self.assertEqual((self.counts(), self.rows(number)), before)

    def test_a_second_binding_or_other_tokens_make_no_other_event(self):
        number = self.portal.new_number()
        tree = self.portal.message("DELETE", number, f"bind-{number}", ts=1773770000)
        self.accept(events.form(tree))

        tree["event_handler_id"] = 777
        tree["auth"]["access_token"] = "00000000000000000000000000000000"
        self.check_answer(self.stack.post(events.form(tree)), 200, "duplicate")

    def test_an_edit_there_and_back_is_three_events(self):
        number = self.portal.new_number()
        external = f"aba-{number}"
        for text in ("A", "B", "A"):
            self.accept(self.portal.update(number, [external], text=text))

        self.assertEqual(len(self.deliveries([external], "message.updated")), 3)
        self.assertEqual(len(self.rows(number)), 1)

    def test_a_second_add_of_a_known_message_is_ignored(self):
        number = self.portal.new_number()
        self.accept(self.portal.add(number))

        self.check_answer(self.stack.post(self.portal.add(number)), 200, "ignored",
                          "already_known")

        self.assertEqual(len(self.rows(number)), 1)

    def test_connectors_compare_in_lower_case(self):
        number = self.portal.new_number()
        self.accept(self.portal.update(number, [f"case-{number}"], connector="MyConnector"))

        self.accept(self.portal.delete(number, f"case-{number}", connector="MYCONNECTOR"))

        [row] = self.rows(number)
        self.assertEqual(row["connector"], "myconnector")
        self.assertTrue(row["deleted_at"])

    def test_lines_connectors_and_portals_do_not_mix(self):
        number = self.portal.new_number()
        other = self.stack.install()
        external = f"mix-{number}"
        self.accept(self.portal.update(number, [external]))
        self.accept(self.portal.update(number, [external], line=108))
        self.accept(self.portal.update(number, [external], connector="another"))
        self.accept(other.update(number, [external]))

        self.accept(self.portal.delete(number, external))

        deleted = self.stack.sql(
            "SELECT member_id, connector, line_id FROM messages"
            f" WHERE external_message_id = '{external}' AND deleted_at IS NOT NULL")
        self.assertEqual(deleted, [{"member_id": self.portal.member_id,
                                    "connector": "myconnector", "line_id": 107}])

    def test_emoji_and_markup_reach_the_delivery_and_ids_stay_what_they_are(self):
        number = self.portal.new_number()
        external = "Ünï/'\";--|" + str(number)
        self.accept(self.portal.update(number, [external], text="[b]👍[/b] \"x\" <br>"))
        self.accept(self.portal.delete(number, external, chat="chat 'ß' & Co"))

        self.assertEqual([r["external_message_id"] for r in self.rows(number)], [external])
        quoted = external.replace("'", "''")
        [row] = self.stack.sql(
            f"SELECT deleted_at FROM messages WHERE external_message_id = '{quoted}'")
        self.assertTrue(row["deleted_at"])

    def test_the_columns_of_the_views_are_the_contracts(self):
        views = {
            "lines": "member_id connector line_id status updated_at",
            "portals": "member_id domain client_endpoint status scope installed_at"
                       " uninstalled_at token_expires_at",
            "messages": "member_id connector line_id chat_id message_id external_chat_id"
                        " external_message_id direction created_at updated_at deleted_at outcome",
            "deliveries": "id member_id connector line_id kind external_chat_id"
                          " external_message_id state attempts due_at last_error created_at"
                          " finished_at",
            "events": "id received_at member_id event status source",
        }
        for view, columns in views.items():
            found = [c["name"] for c in self.stack.sql(f"PRAGMA table_info({view})")]
            self.assertEqual(" ".join(found), columns)
        types = self.stack.sql("SELECT DISTINCT typeof(chat_id) AS a, typeof(message_id) AS b,"
                               " typeof(line_id) AS c FROM messages")
        self.assertEqual(types, [{"a": "integer", "b": "integer", "c": "integer"}])
