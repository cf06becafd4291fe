-- name: ChatLane
-- Its rows with and without Bitrix24's number of it share one.
SELECT min(same.chat_key) FROM chat AS c
JOIN chat AS same ON same.line_key = c.line_key AND same.external_chat_id = c.external_chat_id
WHERE c.chat_key = ?1;

-- name: DeliveryInsert
-- Takes its place in the order as the trigger delivery_placed would give it.
-- Its number is one that was never given; see the trigger delivery_number_used.
INSERT INTO delivery (delivery_id, portal_id, line_key, chat_key, message_id, external_message_id,
                      kind, payload, due_at_ms, created_at, target, queue, lane, head)
VALUES (1 + max(coalesce((SELECT max(delivery_id) FROM delivery), 0),
                coalesce((SELECT value FROM setting WHERE name = 'delivery_used'), 0)),
        ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, coalesce(?2, -?1), ?11,
        NOT EXISTS (SELECT 1 FROM delivery AS other
                    WHERE other.target = ?10 AND other.lane = ?11 AND other.head = 1));

-- name: OutboxReady
-- From one queue's first to the next, so that a long queue costs no more than a short one. What is
-- leased is due when its lease runs out.
WITH RECURSIVE queues (queue) AS (
  SELECT min(queue) FROM delivery WHERE target = ?1 AND state = 'pending' AND head = 1
  UNION ALL
  SELECT (SELECT min(d.queue) FROM delivery AS d
          WHERE d.target = ?1 AND d.state = 'pending' AND d.head = 1 AND d.queue > queues.queue)
  FROM queues WHERE queues.queue IS NOT NULL),
ready (queue, due_at_ms) AS (
  SELECT queue, (SELECT min(d.due_at_ms) FROM delivery AS d
                 WHERE d.target = ?1 AND d.state = 'pending' AND d.head = 1
                   AND d.queue = queues.queue)
  FROM queues WHERE queue IS NOT NULL
  UNION ALL
  SELECT queue, min(leased_until_ms) FROM delivery WHERE state = 'leased' AND target = ?1
  GROUP BY queue)
SELECT r.queue, min(r.due_at_ms), p.portal_id, p.member_id, l.connector, l.line_id
FROM ready AS r
LEFT JOIN line AS l ON l.line_key = r.queue
JOIN portal AS p ON p.portal_id = coalesce(l.portal_id, -r.queue)
GROUP BY r.queue;

-- name: OutboxDue
SELECT delivery_id FROM delivery
WHERE target = ?1 AND queue = ?2 AND state = 'pending' AND head = 1 AND due_at_ms <= ?3
ORDER BY due_at_ms, delivery_id LIMIT ?4;

-- name: OutboxLeaseRanOut
SELECT 1 FROM delivery WHERE state = 'leased' AND leased_until_ms <= ?1 LIMIT 1;

-- name: OutboxTakeBack
-- Whoever held them may have sent them.
UPDATE delivery SET state = 'pending', leased_by = NULL, leased_until_ms = NULL, maybe_done = 1
WHERE state = 'leased' AND leased_until_ms <= ?1;

-- name: OutboxRelease
UPDATE delivery SET state = 'pending', leased_by = NULL, leased_until_ms = NULL, maybe_done = 1
WHERE state = 'leased' AND leased_by = ?1;

-- name: OutboxLease
UPDATE delivery SET state = 'leased', leased_by = ?2, leased_until_ms = ?3 WHERE delivery_id = ?1;

-- name: OutboxRead
-- Of a message with several ids, the row of the delivery's own, or else the first.
SELECT d.queue, d.kind, d.created_at, d.portal_id, p.member_id, p.status, l.connector, l.line_id,
  c.external_chat_id, c.chat_id, d.message_id, d.external_message_id, d.payload, d.made,
  d.attempts, d.first_attempt_at, m.created_at, m.direction,
  CASE d.kind
    WHEN 'message.created' THEN EXISTS (
      SELECT 1 FROM message AS any_row
      WHERE any_row.message_id = d.message_id AND any_row.line_key = d.line_key
        AND +any_row.deleted_at IS NOT NULL)
    ELSE m.deleted_at IS NOT NULL END,
  d.maybe_done, d.line_key,
  coalesce((SELECT s.database_id FROM delivery_series AS s
            WHERE s.first_delivery <= d.delivery_id ORDER BY s.first_delivery DESC LIMIT 1),
           (SELECT value FROM setting WHERE name = 'database_id')) || '-' || d.delivery_id || '-' ||
    d.created_at
FROM delivery AS d
JOIN portal AS p USING (portal_id)
LEFT JOIN line AS l ON l.line_key = d.line_key
LEFT JOIN chat AS c ON c.chat_key = d.chat_key
LEFT JOIN message AS m
  ON m.message_id = d.message_id AND m.line_key = d.line_key AND m.part = coalesce(
    (SELECT own.part FROM message AS own
     WHERE own.message_id = d.message_id AND own.line_key = d.line_key
       AND +own.external_message_id IS d.external_message_id),
    (SELECT min(part) FROM message AS own
     WHERE own.message_id = d.message_id AND own.line_key = d.line_key))
WHERE d.delivery_id = ?1;

-- name: OutboxState
SELECT state, kind, portal_id, line_key, chat_key, message_id, external_message_id, leased_by,
  attempts, maybe_done, made
FROM delivery WHERE delivery_id = ?1;

-- name: OutboxEnd
-- What was sent, or need not be, is in the journal; a dead letter may be sent again.
-- ?5: the attempts since it was taken up, ?6: when the first of them began. What the trigger
-- delivery_ended would set is set along, because each UPDATE costs.
UPDATE delivery SET state = ?2, last_error = nullif(?3, ''), finished_at = ?4,
  payload = CASE ?2 WHEN 'failed' THEN payload END,
  attempts = attempts + ?5, first_attempt_at = coalesce(first_attempt_at, ?6),
  head = 0, leased_by = NULL, leased_until_ms = NULL
WHERE delivery_id = ?1;

-- name: OutboxPostpone
-- Without a reason it was not tried, and what went wrong before is still the last error.
UPDATE delivery SET state = 'pending', due_at_ms = ?2,
  last_error = coalesce(nullif(?3, ''), last_error), leased_by = NULL, leased_until_ms = NULL
WHERE delivery_id = ?1;

-- name: OutboxLearn
-- What attempts brought about stays known, whatever becomes of the delivery.
UPDATE delivery SET maybe_done = max(maybe_done, ?2), made = nullif(?3, '')
WHERE delivery_id = ?1;

-- name: OutboxCountAttempt
UPDATE delivery SET attempts = attempts + 1, first_attempt_at = coalesce(first_attempt_at, ?2)
WHERE delivery_id = ?1;

-- name: AttemptInsert
INSERT INTO attempt (delivery_id, number, begun_at_ms, took_ms, http_status, result, answer)
VALUES (?1, (SELECT coalesce(max(number), 0) + 1 FROM attempt WHERE delivery_id = ?1), ?2, ?3,
        nullif(?4, 0), ?5, nullif(?6, ''));

-- name: EndpointsFind
SELECT name, fingerprint, state, failures, since, probe_at_ms, reason FROM endpoint;

-- name: EndpointSet
INSERT INTO endpoint (name, fingerprint, state, failures, since, probe_at_ms, reason)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
ON CONFLICT (name) DO UPDATE SET fingerprint = excluded.fingerprint, state = excluded.state,
  failures = excluded.failures, since = excluded.since, probe_at_ms = excluded.probe_at_ms,
  reason = excluded.reason;

-- name: EndpointReplace
-- As EndpointSet, where the row is what its writer knows.
INSERT INTO endpoint (name, fingerprint, state, failures, since, probe_at_ms, reason)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
ON CONFLICT (name) DO UPDATE SET fingerprint = excluded.fingerprint, state = excluded.state,
  failures = excluded.failures, since = excluded.since, probe_at_ms = excluded.probe_at_ms,
  reason = excluded.reason
WHERE endpoint.fingerprint <> excluded.fingerprint
  OR (endpoint.state = ?8 AND endpoint.since = ?9 AND endpoint.probe_at_ms = ?10);

-- name: MessageCreatedFind
-- The sending of a message.
SELECT delivery_id, state, maybe_done, made FROM delivery
WHERE message_id = ?1 AND line_key = ?2 AND kind = 'message.created'
ORDER BY delivery_id DESC LIMIT 1;

-- name: DeliveryOfMessage
-- The last delivery of a kind, and whether it is still to be sent.
SELECT delivery_id, state = 'pending' FROM delivery
WHERE message_id = ?1 AND line_key = ?2 AND kind = ?3
ORDER BY delivery_id DESC LIMIT 1;

-- name: UnnamedDeletionFind
-- A deletion that names no id and has not ended.
SELECT delivery_id, state FROM delivery
WHERE message_id = ?1 AND line_key = ?2 AND kind = 'message.deleted'
  AND external_message_id IS NULL AND (state = 'pending' OR state = 'leased')
ORDER BY delivery_id LIMIT 1;

-- name: DeliverySetDue
UPDATE delivery SET due_at_ms = ?2 WHERE delivery_id = ?1 AND state = 'pending';

-- name: DeliveryName
-- The id is known now, so nothing is waited for any more.
UPDATE delivery SET external_message_id = ?2,
  due_at_ms = CASE state WHEN 'pending' THEN ?3 ELSE due_at_ms END
WHERE delivery_id = ?1;

-- name: UpdatesName
UPDATE delivery SET external_message_id = ?3
WHERE message_id = ?1 AND line_key = ?2 AND kind = 'message.updated' AND state = 'pending'
  AND external_message_id IS NULL;

-- name: UpdatesOpen
-- The edits of an id that are still to be sent.
SELECT payload FROM delivery
WHERE message_id = ?1 AND line_key = ?2 AND kind = 'message.updated' AND state = 'pending'
  AND external_message_id = ?3
ORDER BY delivery_id;

-- name: UpdatesCancel
-- Of an id, and those that name none.
UPDATE delivery SET state = 'cancelled', last_error = 'message_deleted', finished_at = ?4,
  payload = NULL
WHERE message_id = ?1 AND line_key = ?2 AND kind = 'message.updated' AND state = 'pending'
  AND (external_message_id IS NULL OR external_message_id = nullif(?3, ''));

-- name: DeliveryRemoveUnnamedDeletion
-- The deletions that name the ids take its place.
DELETE FROM delivery WHERE line_key = ?1 AND message_id = ?2 AND kind = 'message.deleted'
  AND external_message_id IS NULL AND state = 'pending';

-- name: MessageNamingRows
SELECT part, external_message_id, chat_key, direction, created_at, deleted_at, outcome, found_by
FROM message WHERE message_id = ?1 AND line_key = ?2 ORDER BY part;

-- name: MessageName
UPDATE message SET external_message_id = ?4
WHERE message_id = ?1 AND line_key = ?2 AND part = ?3;

-- name: MessageSetUndeletable
UPDATE message SET undeletable = ?3
WHERE message_id = ?1 AND line_key = ?2 AND (?3 IS NULL OR +external_message_id IS NULL);

-- name: MessageIsDeleted
-- The + keeps SQLite from reading all deletions of the line instead.
SELECT 1 FROM message WHERE message_id = ?1 AND line_key = ?2 AND +deleted_at IS NOT NULL LIMIT 1;

-- name: MessageIdIsDeleted
-- The same of one id; NULL: of any.
SELECT 1 FROM message
WHERE message_id = ?1 AND line_key = ?2 AND +deleted_at IS NOT NULL
  AND (?3 IS NULL OR +external_message_id = ?3) LIMIT 1;

-- name: MessageSetOutcome
UPDATE message SET outcome = ?4
WHERE message_id = ?1 AND line_key = ?2 AND +external_message_id IS ?3
  AND +deleted_at IS NOT NULL;

-- name: IncomingSetOutcome
UPDATE incoming_message SET outcome = ?3
WHERE external_message_id = ?1 AND chat_key = ?2 AND deleted_at IS NOT NULL;

-- name: ConfirmSetIds
-- Only the first confirmation counts, so one that is not sent yet takes the ids along.
UPDATE delivery SET payload = ?2
WHERE delivery_id = ?1 AND state = 'pending' AND payload LIKE '{"ids":[],%';

-- name: PortalIsUninstalled
SELECT 1 FROM portal WHERE portal_id = ?1 AND status = 'uninstalled';

-- name: ChatNumber
SELECT chat_id FROM chat WHERE chat_key = ?1;
