-- name: RequestFind
SELECT content, delivery_id FROM channel_request WHERE request_key = ?1;

-- name: RequestInsert
INSERT INTO channel_request (request_key, content, delivery_id, created_at)
VALUES (?1, ?2, ?3, ?4);

-- name: RequestsPrune
-- A few at each new one: more than come, so that what is old goes.
DELETE FROM channel_request WHERE request_key IN (
  SELECT request_key FROM channel_request WHERE created_at < ?1 ORDER BY created_at LIMIT 4);

-- name: ClientMessageFind
-- In any row of its chat.
SELECT i.chat_key, i.delivery_id, i.deleted_at IS NOT NULL, d.state, d.maybe_done
FROM incoming_message AS i JOIN chat AS c ON c.chat_key = i.chat_key
LEFT JOIN delivery AS d ON d.delivery_id = i.delivery_id
WHERE i.external_message_id = ?3 AND i.line_key = ?1 AND c.external_chat_id = ?2;

-- name: IncomingOfMapping
-- The same in the mapping proper.
SELECT m.direction, m.deleted_at IS NOT NULL
FROM message AS m JOIN chat AS c ON c.chat_key = m.chat_key
WHERE m.external_message_id = ?3 AND m.line_key = ?1 AND c.external_chat_id = ?2;

-- name: IncomingInsert
INSERT INTO incoming_message (external_message_id, chat_key, line_key, delivery_id, created_at)
VALUES (?1, ?2, ?3, ?4, ?5);

-- name: IncomingSetUpdated
UPDATE incoming_message SET updated_at = ?3 WHERE external_message_id = ?1 AND chat_key = ?2;

-- name: IncomingSetDeleted
UPDATE incoming_message SET deleted_at = ?3, outcome = ?4, delivery_id = ?5
WHERE external_message_id = ?1 AND chat_key = ?2;

-- name: DeliveryFind
SELECT d.kind, d.state, d.line_key, d.message_id, d.external_message_id, d.chat_key, d.target,
  p.status = 'uninstalled'
FROM delivery AS d JOIN portal AS p ON p.portal_id = d.portal_id WHERE d.delivery_id = ?1;

-- name: DeliveryOfNaming
-- What tells of the ids of a message: its confirmation, or else its deletion.
SELECT delivery_id FROM delivery
WHERE message_id = ?2 AND line_key = ?1 AND (kind = 'confirm' OR kind = 'message.deleted')
ORDER BY kind, delivery_id LIMIT 1;

-- name: DeliveryCancel
UPDATE delivery SET state = 'cancelled', last_error = ?2, payload = NULL, finished_at = ?3
WHERE delivery_id = ?1 AND (state = 'pending' OR state = 'failed');

-- name: DeliveryRetry
UPDATE delivery SET state = 'pending', due_at_ms = ?2, first_attempt_at = NULL, finished_at = NULL
WHERE delivery_id = ?1 AND state = 'failed';

-- name: DeliveriesOfMessageOpen
SELECT delivery_id FROM delivery
WHERE message_id = ?2 AND line_key = ?1 AND kind = ?3 AND state = 'pending';

-- name: DeliveriesFailed
SELECT d.delivery_id
FROM delivery AS d JOIN portal AS p ON p.portal_id = d.portal_id
LEFT JOIN line AS l ON l.line_key = d.line_key
WHERE d.state = 'failed' AND d.delivery_id > ?1
  AND (?2 IS NULL OR p.member_id = ?2) AND (?3 IS NULL OR l.line_id = ?3)
  AND (?4 IS NULL OR l.connector = ?4) AND (?5 IS NULL OR d.kind = ?5)
ORDER BY d.delivery_id LIMIT ?6;

-- name: IncomingIsAlive
SELECT 1 FROM incoming_message
WHERE external_message_id = ?1 AND chat_key = ?2 AND deleted_at IS NULL;

-- name: LevelsOfQueues
-- The indexes of what is open, one after the other, instead of the whole table.
SELECT p.member_id, d.target, count(*), min(d.created_at), l.connector, l.line_id FROM (
  SELECT portal_id, target, queue, created_at FROM delivery INDEXED BY delivery_next
  WHERE state = 'pending' AND head = 0
  UNION ALL
  SELECT portal_id, target, queue, created_at FROM delivery INDEXED BY delivery_ready
  WHERE state = 'pending' AND head = 1
  UNION ALL
  SELECT portal_id, target, queue, created_at FROM delivery INDEXED BY delivery_leased
  WHERE state = 'leased') AS d
JOIN portal AS p ON p.portal_id = d.portal_id
LEFT JOIN line AS l ON l.line_key = d.queue
GROUP BY d.portal_id, d.target, d.queue;

-- name: LevelsOfEnds
SELECT (SELECT count(*) FROM delivery INDEXED BY delivery_failed WHERE state = 'failed'),
  (SELECT count(*) FROM message INDEXED BY message_undeletable WHERE undeletable = 1);

-- name: IncomingOpenAfter
-- What is open of a kind and of the message that a delivery created, in its lane.
SELECT e.delivery_id FROM delivery AS d JOIN delivery AS e INDEXED BY delivery_next
  ON e.target = d.target AND e.lane = d.lane
WHERE d.delivery_id = ?1 AND e.state = 'pending' AND e.head = 0
  AND e.kind = ?2 AND e.external_message_id = d.external_message_id
UNION ALL
SELECT e.delivery_id FROM delivery AS d JOIN delivery AS e INDEXED BY delivery_head
  ON e.target = d.target AND e.lane = d.lane
WHERE d.delivery_id = ?1 AND e.state = 'pending' AND e.head = 1
  AND e.kind = ?2 AND e.external_message_id = d.external_message_id;
