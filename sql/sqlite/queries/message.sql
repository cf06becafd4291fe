-- name: LineFind
SELECT line_key, status, status_ts FROM line
WHERE portal_id = ?1 AND connector = ?2 AND line_id = ?3;

-- name: LineInsert
INSERT INTO line (portal_id, connector, line_id, status, status_ts, updated_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6);

-- name: LineSetStatus
UPDATE line SET status = ?2, status_ts = ?3, updated_at = ?4 WHERE line_key = ?1;

-- name: LineDeleteAll
-- Every connector's line of that number; a deleted one stays as it is.
UPDATE line SET status = 'deleted', status_ts = ?3, updated_at = ?4
WHERE portal_id = ?1 AND line_id = ?2 AND status <> 'deleted' RETURNING line_key;

-- name: LineOfAnyConnector
SELECT line_key FROM line WHERE portal_id = ?1 AND line_id = ?2 LIMIT 1;

-- name: ChatFind
SELECT chat_key FROM chat WHERE line_key = ?1 AND external_chat_id = ?2 AND chat_id = ?3;

-- name: ChatInsert
INSERT INTO chat (line_key, external_chat_id, chat_id) VALUES (?1, ?2, ?3);

-- name: MessageRows
SELECT external_message_id, part, direction, created_at, deleted_at IS NOT NULL FROM message
WHERE line_key = ?1 AND message_id = ?2;

-- name: MessageFind
-- The same with its place, in one go, where that is known and in use: at least one row then.
SELECT m.external_message_id, m.part, m.direction, m.created_at, m.deleted_at IS NOT NULL,
  l.line_key, c.chat_key
FROM line AS l
JOIN chat AS c ON c.line_key = l.line_key AND c.external_chat_id = ?4 AND c.chat_id = ?5
LEFT JOIN message AS m ON m.message_id = ?6 AND m.line_key = l.line_key
WHERE l.portal_id = ?1 AND l.connector = ?2 AND l.line_id = ?3 AND l.status = 'active';

-- name: MessageInsert
INSERT INTO message (line_key, message_id, part, external_message_id, chat_key, direction,
                     created_at, updated_at, deleted_at, outcome, edited_ts, found_by)
VALUES (?1, ?2, ?3, nullif(?4, ''), ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12);

-- name: MessageRemove
DELETE FROM message WHERE line_key = ?1 AND message_id = ?2 AND part = ?3;

-- name: MessageSetUpdated
UPDATE message SET updated_at = ?4,
  edited_ts = CASE WHEN ?5 > coalesce(edited_ts, 0) THEN ?5 ELSE edited_ts END
WHERE line_key = ?1 AND message_id = ?2 AND part = ?3 AND deleted_at IS NULL;

-- name: MessageSetDeleted
UPDATE message SET deleted_at = ?4, outcome = 'pending', found_by = ?5
WHERE line_key = ?1 AND message_id = ?2 AND part = ?3 AND deleted_at IS NULL;

-- name: IncomingFind
-- The client's message of a name in a chat, whichever of the chat's rows it is kept with.
SELECT i.chat_key, i.created_at, i.updated_at, i.deleted_at IS NOT NULL, i.delivery_id
FROM chat AS c
JOIN chat AS same ON same.line_key = c.line_key AND same.external_chat_id = c.external_chat_id
JOIN incoming_message AS i ON i.external_message_id = ?2 AND i.chat_key = same.chat_key
WHERE c.chat_key = ?1 LIMIT 1;

-- name: IncomingRemove
DELETE FROM incoming_message WHERE external_message_id = ?1 AND chat_key = ?2;
