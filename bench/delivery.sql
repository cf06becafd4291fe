-- :count deletions in 500 chats that are still to be sent, as events would leave them.
INSERT INTO line (line_key, portal_id, connector, line_id, status, status_ts, updated_at)
SELECT 1, portal_id, 'myconnector', 107, 'active', 1770000000, 1770000000 FROM portal;

WITH RECURSIVE number (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM number WHERE n + 1 < 500)
INSERT INTO chat (chat_key, line_key, external_chat_id, chat_id)
SELECT 1 + n, 1, printf('channel-%d', 1800 + n), 1800 + n FROM number;

WITH RECURSIVE number (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM number WHERE i + 1 < :count)
INSERT INTO message (line_key, message_id, part, external_message_id, chat_key, direction,
                     created_at, deleted_at, outcome)
SELECT 1, 1000000 + i, 0, printf('ext-msg-%d', i), 1 + i % 500, 0, 1770000000, 1770000001,
       'pending' FROM number;

INSERT INTO delivery (portal_id, line_key, chat_key, message_id, external_message_id, kind,
                      due_at_ms, created_at)
SELECT l.portal_id, 1, m.chat_key, m.message_id, m.external_message_id, 'message.deleted', 0,
       1770000001 FROM message AS m JOIN line AS l USING (line_key) ORDER BY m.message_id;
