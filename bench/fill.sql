-- A mapping as years of use leave it: :messages messages, 100 a chat. This is the one place of
-- bench/ that knows the tables. Message i, counted from 0, has the message_id 1000000 + 3 * i and
-- an external id that says nothing of its neighbours, as hashes do, so that an index of external
-- ids is touched all over. post.lua and mapping.py count on the very same ids.
INSERT INTO line (line_key, portal_id, connector, line_id, status, status_ts, updated_at)
SELECT 1, portal_id, 'myconnector', 107, 'active', 1770000000, 1770000000 FROM portal;

WITH RECURSIVE number (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM number
                              WHERE n + 1 < :messages / 100)
INSERT INTO chat (chat_key, line_key, external_chat_id, chat_id)
SELECT 1 + n, 1, printf('channel-%d', 1800 + n), 1800 + n FROM number;

-- In the order of the primary key.
WITH RECURSIVE number (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM number
                              WHERE i + 1 < :messages)
INSERT INTO message (line_key, message_id, part, external_message_id, chat_key, direction,
                     created_at)
SELECT 1, 1000000 + 3 * i, 0,
       printf('%08x%08x', i * 362436069 % 4294967296, i * 521288629 % 4294967296),
       1 + i * 7919 % (:messages / 100), i % 2, 1770000000 + i / 10
FROM number;
