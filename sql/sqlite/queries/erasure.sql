-- What is erased of one portal, ?1. Tables that may be long are erased from the row behind ?2 to ?3,
-- so that no commit takes long.

-- name: ErasureBegin
INSERT INTO erasure (portal_id) VALUES (?1) ON CONFLICT DO NOTHING;

-- name: ErasureNext
SELECT portal_id FROM erasure LIMIT 1;

-- name: ErasureFind
SELECT 1 FROM erasure WHERE portal_id = ?1;

-- name: ErasureChain
-- None where it is installed. The number is another after each installation.
SELECT token_chain FROM portal WHERE portal_id = ?1 AND status = 'uninstalled';

-- name: ErasureEnd
DELETE FROM erasure WHERE portal_id = ?1;

-- name: ErasedCount
-- What is erased stays counted.
INSERT INTO setting (name, value) VALUES ('erased_messages', ?1), ('erased_deletions', ?2)
ON CONFLICT (name) DO UPDATE SET value = value + excluded.value;

-- name: EraseOpenDeliveries
-- What would still be sent. A deletion that is still to be sent holds ids only, and the client is
-- owed it. What is being sent tells the deletion that waits behind it the ids.
-- Whatever waits does so behind a head in its lane.
WITH heads (delivery_id, target, lane) AS MATERIALIZED (
  SELECT delivery_id, target, lane FROM delivery INDEXED BY delivery_ready
  WHERE (target = 0 OR target = 1 OR target = 2) AND state = 'pending' AND head = 1
    AND queue IN (SELECT line_key FROM line WHERE portal_id = ?1 UNION ALL SELECT -?1)
  UNION ALL
  SELECT delivery_id, target, lane FROM delivery INDEXED BY delivery_leased
  WHERE state = 'leased' AND portal_id = ?1)
DELETE FROM delivery WHERE delivery_id IN (
  SELECT delivery_id FROM heads
  UNION ALL
  SELECT d.delivery_id FROM heads AS h CROSS JOIN delivery AS d INDEXED BY delivery_next
    ON d.target = h.target AND d.lane = h.lane
  WHERE d.state = 'pending' AND d.head = 0)
  AND kind <> 'message.deleted' AND kind <> 'portal.uninstalled'
  AND NOT (kind = 'message.created' AND state = 'leased' AND EXISTS (
    SELECT 1 FROM delivery AS d
    WHERE d.message_id = delivery.message_id AND d.line_key = delivery.line_key
      AND d.kind = 'message.deleted' AND d.state = 'pending'));

-- name: ErasePayloads
-- Of what is left to be sent.
UPDATE delivery SET payload = NULL
WHERE delivery_id IN (SELECT delivery_id FROM delivery INDEXED BY delivery_leased
                      WHERE state = 'leased' AND portal_id = ?1 AND kind = 'message.created');

-- name: EraseChannelRequests
DELETE FROM channel_request WHERE EXISTS (
  SELECT 1 FROM delivery AS d
  WHERE d.delivery_id = channel_request.delivery_id AND d.portal_id = ?1);

-- name: MessageBound
SELECT message_id FROM message WHERE message_id > ?2 ORDER BY message_id LIMIT 1 OFFSET ?3;

-- name: EraseMessages
-- A message that is being sent, or whose ids come later, needs its tombstone, to be deleted by them; so
-- does a client's own one, because not every channel wants that deletion. It holds ids and times only.
-- In RETURNING, SQLite 3.40 takes IS NOT NULL for always true.
DELETE FROM message WHERE message_id > ?2 AND message_id <= ?3 AND line_key IN (SELECT line_key FROM line WHERE portal_id = ?1)
  AND NOT (+deleted_at IS NOT NULL AND EXISTS (
    SELECT 1 FROM delivery AS d
    WHERE d.message_id = message.message_id AND d.line_key = message.line_key
      AND (d.kind = 'message.created' AND d.state = 'leased' OR d.kind = 'message.deleted'
           AND d.state IN ('pending', 'leased')
           AND (message.direction = 1 OR message.external_message_id IS NULL))))
RETURNING deleted_at;

-- name: EraseIncoming
DELETE FROM incoming_message WHERE (external_message_id, chat_key) IN (
  SELECT external_message_id, chat_key FROM incoming_message INDEXED BY incoming_message_by_line
  WHERE line_key IN (SELECT line_key FROM line WHERE portal_id = ?1) LIMIT ?2)
RETURNING deleted_at;

-- name: EventBound
SELECT event_id FROM event WHERE portal_id = ?1 AND event_id > ?2
ORDER BY event_id LIMIT 1 OFFSET ?3;

-- name: EraseEventBodies
-- What still waits belongs to an installation that is not proven yet, perhaps the next one.
UPDATE event SET body = NULL
WHERE portal_id = ?1 AND event_id > ?2 AND event_id <= ?3 AND status <> 'waiting'
  AND body IS NOT NULL;

-- name: EraseEvents
DELETE FROM event WHERE portal_id = ?1 AND event_id > ?2 AND event_id <= ?3;

-- name: DeliveryBound
SELECT delivery_id FROM delivery WHERE delivery_id > ?2 ORDER BY delivery_id LIMIT 1 OFFSET ?3;

-- name: EraseDeliveries
-- Those that ended; EraseOpenDeliveries left what is owed.
DELETE FROM delivery
WHERE delivery_id > ?2 AND delivery_id <= ?3 AND portal_id = ?1
  AND state <> 'pending' AND state <> 'leased';

-- name: EraseAllDeliveries
DELETE FROM delivery WHERE delivery_id > ?2 AND delivery_id <= ?3 AND portal_id = ?1;

-- name: EraseTally
-- After what it counts: what is kept stays counted.
DELETE FROM tally WHERE line_key IN (SELECT line_key FROM line WHERE portal_id = ?1) AND (received <= 0 OR what LIKE 'message _%');

-- name: ChatBound
SELECT chat_key FROM chat WHERE chat_key > ?2 ORDER BY chat_key LIMIT 1 OFFSET ?3;

-- name: EraseChats
-- After the rest: what is left of it is open or a tombstone.
WITH heads (target, chat_key, lane) AS MATERIALIZED (
  SELECT target, chat_key, lane FROM delivery INDEXED BY delivery_ready
  WHERE (target = 0 OR target = 1 OR target = 2) AND state = 'pending' AND head = 1
    AND queue IN (SELECT line_key FROM line WHERE portal_id = ?1 UNION ALL SELECT -?1)
  UNION ALL
  SELECT target, chat_key, lane FROM delivery INDEXED BY delivery_leased
  WHERE state = 'leased' AND portal_id = ?1),
open (chat_key, lane) AS (
  SELECT chat_key, lane FROM heads
  UNION ALL
  SELECT d.chat_key, d.lane FROM heads AS h CROSS JOIN delivery AS d INDEXED BY delivery_next
    ON d.target = h.target AND d.lane = h.lane
  WHERE d.state = 'pending' AND d.head = 0)
DELETE FROM chat WHERE chat_key > ?2 AND chat_key <= ?3 AND +line_key IN (SELECT line_key FROM line WHERE portal_id = ?1)
  AND chat_key NOT IN (
    SELECT chat_key FROM open WHERE chat_key IS NOT NULL
    UNION ALL
    SELECT lane FROM open WHERE lane IS NOT NULL
    UNION ALL
    SELECT chat_key FROM message INDEXED BY message_deleted
    WHERE deleted_at IS NOT NULL AND line_key IN (SELECT line_key FROM line WHERE portal_id = ?1));

-- name: EraseLines
DELETE FROM line WHERE portal_id = ?1;

-- name: EraseRefusals
DELETE FROM readback_refused WHERE portal_id = ?1;

-- name: EraseInstallations
DELETE FROM installation WHERE portal_id = ?1;
