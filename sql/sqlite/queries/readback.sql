-- name: ReadbackDue
-- CROSS JOIN keeps to the order of the index.
SELECT p.member_id, r.chat_id, r.line_key, l.connector, l.line_id
FROM readback AS r CROSS JOIN portal AS p ON p.portal_id = r.portal_id AND p.status = 'active'
JOIN line AS l ON l.line_key = r.line_key
WHERE r.due_at <= ?1 ORDER BY r.due_at LIMIT 1;

-- name: ReadbackMessages
-- The newest of a chat; with what the mapping has alive of each, one row an external id.
SELECT r.message_id, m.external_message_id, c.external_chat_id
FROM (SELECT message_id, line_key FROM readback
      WHERE portal_id = ?1 AND chat_id = ?2 AND line_key = ?3 ORDER BY message_id DESC LIMIT ?4) AS r
LEFT JOIN message AS m ON m.message_id = r.message_id AND m.line_key = r.line_key
  AND +m.deleted_at IS NULL
LEFT JOIN chat AS c ON c.chat_key = m.chat_key
ORDER BY r.message_id, m.part;

-- name: ReadbackEnd
DELETE FROM readback WHERE portal_id = ?1 AND chat_id = ?2 AND message_id = ?3;

-- name: ReadbackEndPortal
DELETE FROM readback WHERE portal_id = ?1;

-- name: ReadbackPostpone
UPDATE readback SET due_at = ?2 WHERE portal_id = ?1 AND due_at < ?2;

-- name: ReadbackRefuse
INSERT INTO readback_refused (portal_id, chat_id, refused_at) VALUES (?1, ?2, ?3)
ON CONFLICT DO UPDATE SET refused_at = excluded.refused_at;

-- name: ReadbackEndChat
DELETE FROM readback WHERE portal_id = ?1 AND chat_id = ?2;

-- name: ReadbackCounts
SELECT (SELECT count(*) FROM readback WHERE portal_id = ?1),
  (SELECT count(*) FROM readback_refused WHERE portal_id = ?1);
