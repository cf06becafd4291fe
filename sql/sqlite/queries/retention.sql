-- name: EventsAged
-- What is before ?2 is old; from ?3 on it comes from a clock that was wrong. By number, which is
-- about by age, so that no index has to tell it.
SELECT event_id, received_at < ?2, received_at < ?2 OR received_at >= ?3,
  status <> 'waiting'
FROM event WHERE event_id > ?1 ORDER BY event_id LIMIT ?4;

-- name: EventErase
-- Not what an installation names, and of each portal not the last that tells that events come
-- through. Nor the very last, so that no number is given twice.
DELETE FROM event
WHERE event_id = ?1 AND received_at < ?2 AND status <> 'waiting'
  AND event_id < (SELECT max(event_id) FROM event)
  AND NOT EXISTS (SELECT 1 FROM installation AS i WHERE i.event_id = event.event_id)
  AND event_id IS NOT (SELECT p.installed_event_id FROM portal AS p
                       WHERE p.portal_id = event.portal_id)
  AND (portal_id IS NULL OR EXISTS (
    SELECT 1 FROM event AS newer
    WHERE newer.portal_id = event.portal_id AND newer.event_id > event.event_id
      AND newer.status <> 'waiting' AND newer.status <> 'rejected'
      AND newer.event <> 'PAGE_OPENED'));

-- name: EventForget
-- Of what stays, the body goes.
UPDATE event SET body = NULL
WHERE event_id = ?1 AND received_at < ?2 AND status <> 'waiting' AND body IS NOT NULL;

-- name: DeliveriesAged
-- As EventsAged; nothing is to be done with what is still to be sent.
SELECT delivery_id, created_at < ?2, created_at < ?2 OR created_at >= ?3,
  state <> 'pending' AND state <> 'leased' AND coalesce(finished_at, created_at) < ?2
FROM delivery WHERE delivery_id > ?1 ORDER BY delivery_id LIMIT ?4;

-- name: DeliveryAged
-- The last column: that it was not sent is to be known as long as its message may be deleted.
SELECT kind, state, line_key, created_at,
  state <> 'done' AND (
    kind = 'message.created' AND EXISTS (
      SELECT 1 FROM message AS m
      WHERE m.message_id = delivery.message_id AND m.line_key = delivery.line_key
        AND m.external_message_id IS NULL AND +m.deleted_at IS NULL)
    OR kind = 'incoming.created' AND EXISTS (
      SELECT 1 FROM incoming_message AS i
      WHERE i.external_message_id = delivery.external_message_id
        AND i.chat_key = delivery.chat_key AND i.deleted_at IS NULL))
FROM delivery
WHERE delivery_id = ?1 AND state <> 'pending' AND state <> 'leased'
  AND coalesce(finished_at, created_at) < ?2;

-- name: DeliveryErase
DELETE FROM delivery WHERE delivery_id = ?1;

-- name: DeliveryForget
-- It can be sent no more.
UPDATE delivery SET state = 'cancelled', payload = NULL
WHERE delivery_id = ?1 AND (state = 'failed' OR payload IS NOT NULL);

-- name: AttemptsErase
DELETE FROM attempt WHERE delivery_id = ?1;

-- name: TallyErased
INSERT INTO tally (line_key, day, what, received) VALUES (?1, ?2, 'message ' || ?3, ?4)
ON CONFLICT DO UPDATE SET received = received + excluded.received;
