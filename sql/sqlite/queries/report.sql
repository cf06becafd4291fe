-- name: ReportPortals
SELECT member_id, domain, status, installed_at, uninstalled_at, token_expires_at FROM portals
ORDER BY member_id LIMIT ?1;

-- name: ReportInstalledPortals
SELECT member_id FROM portal WHERE status = 'active' OR status = 'dead' ORDER BY member_id LIMIT ?1;

-- name: ReportPortal
SELECT v.*,
  CASE v.status
    WHEN 'dead' THEN 'open the application in Bitrix24 once more, so that it gets new tokens'
    WHEN 'pending' THEN coalesce('installation not proven yet: ' ||
      (SELECT last_error FROM installation AS i WHERE i.portal_id = p.portal_id AND proven = 0
       ORDER BY installation_id DESC LIMIT 1), 'installation not proven yet')
  END AS to_do,
  p.dead_reason, nullif(p.application, '') AS application,
  strftime('%Y-%m-%dT%H:%M:%SZ', p.tokens_granted_at, 'unixepoch') AS tokens_granted_at,
  strftime('%Y-%m-%dT%H:%M:%SZ', p.registered_at, 'unixepoch') AS registered_at,
  p.registration_problem,
  (SELECT count(*) FROM installation AS i WHERE i.portal_id = p.portal_id AND proven = 0)
    AS installations_waiting,
  (SELECT count(*) FROM event AS e WHERE e.portal_id = p.portal_id) AS events,
  (SELECT strftime('%Y-%m-%dT%H:%M:%SZ', received_at, 'unixepoch') FROM event AS e
   WHERE e.portal_id = p.portal_id AND e.event <> 'PAGE_OPENED' ORDER BY event_id DESC LIMIT 1) AS last_event_at
FROM portals AS v JOIN portal AS p USING (member_id) WHERE member_id = ?1;

-- name: ReportLines
SELECT connector, line_id, status, updated_at FROM lines WHERE member_id = ?1
ORDER BY status, line_id LIMIT ?2;

-- name: ReportDeletions
-- Walks the index of deletions from its end, so that a line with many costs no more.
SELECT m.message_id, m.external_message_id,
  strftime('%Y-%m-%dT%H:%M:%SZ', m.deleted_at, 'unixepoch') AS deleted_at, m.outcome
FROM message AS m
WHERE m.line_key = (SELECT line_key FROM line JOIN portal USING (portal_id)
                    WHERE member_id = ?1 AND connector = ?2 AND line_id = ?3)
  AND m.deleted_at IS NOT NULL
ORDER BY m.deleted_at DESC LIMIT ?4;

-- name: ReportWaitingInstallations
SELECT strftime('%Y-%m-%dT%H:%M:%SZ', i.received_at, 'unixepoch') AS received_at, i.attempts,
  i.last_error
FROM installation AS i JOIN portal AS p USING (portal_id)
WHERE p.member_id = ?1 AND i.proven = 0 ORDER BY i.installation_id DESC LIMIT ?2;

-- name: ReportMessages
SELECT * FROM messages
WHERE (?1 IS NULL OR member_id = ?1) AND (?2 IS NULL OR connector = ?2)
  AND (?3 IS NULL OR line_id = ?3) AND (?4 IS NULL OR chat_id = ?4)
  AND (?5 IS NULL OR message_id = ?5) AND (?6 IS NULL OR external_chat_id = ?6)
  AND (?7 IS NULL OR external_message_id = ?7)
ORDER BY created_at DESC, message_id DESC, external_message_id LIMIT ?8;

-- name: ReportMessagesById
-- The same where the message is named: an index probe instead of a scan.
SELECT * FROM messages
WHERE (?1 IS NULL OR member_id = ?1) AND (?2 IS NULL OR connector = ?2)
  AND (?3 IS NULL OR line_id = ?3) AND (?4 IS NULL OR chat_id = ?4)
  AND message_id = ?5 AND (?6 IS NULL OR external_chat_id = ?6)
  AND (?7 IS NULL OR external_message_id = ?7)
ORDER BY created_at DESC, message_id DESC, external_message_id LIMIT ?8;

-- name: ReportMessagesByExternalId
-- The same where the external message is named.
SELECT * FROM messages
WHERE (?1 IS NULL OR member_id = ?1) AND (?2 IS NULL OR connector = ?2)
  AND (?3 IS NULL OR line_id = ?3) AND (?4 IS NULL OR chat_id = ?4)
  AND (?5 IS NULL OR message_id = ?5) AND (?6 IS NULL OR external_chat_id = ?6)
  AND external_message_id = ?7
ORDER BY created_at DESC, message_id DESC, external_message_id LIMIT ?8;

-- name: ReportDeliveriesOfMessage
SELECT v.* FROM deliveries AS v JOIN delivery AS d ON d.delivery_id = v.id
WHERE d.message_id = ?2 AND (?1 IS NULL OR v.member_id = ?1) ORDER BY v.id LIMIT ?3;

-- name: ReportEvents
SELECT v.*, e.reason FROM events AS v JOIN event AS e ON e.event_id = v.id
WHERE (?1 IS NULL OR v.member_id = ?1) AND (?2 IS NULL OR v.event = upper(?2))
  AND (?3 IS NULL OR v.status = ?3)
ORDER BY v.id DESC LIMIT ?4;

-- name: ReportEventsAfter
-- Those of a name that came after an event.
SELECT v.*, e.reason FROM events AS v JOIN event AS e ON e.event_id = v.id
WHERE v.id > ?3 AND v.member_id = ?1 AND v.event = upper(?2) AND v.status <> 'rejected'
ORDER BY v.id DESC LIMIT ?4;

-- name: ReportEvent
SELECT v.*, e.reason, e.ts, e.body FROM events AS v JOIN event AS e ON e.event_id = v.id
WHERE v.id = ?1;

-- name: ReportDeliveries
SELECT v.* FROM deliveries AS v JOIN delivery AS d ON d.delivery_id = v.id
WHERE (?5 IS NULL OR d.message_id = ?5)
  AND (?1 IS NULL OR v.member_id = ?1) AND (?2 IS NULL OR v.line_id = ?2)
  AND (?3 IS NULL OR v.kind = ?3) AND (?4 IS NULL OR v.state = ?4)
  AND (?6 IS NULL OR v.external_message_id = ?6)
ORDER BY v.id DESC LIMIT ?7;

-- name: ReportDeliveriesByMessage
-- The same where the message is named.
SELECT v.* FROM deliveries AS v JOIN delivery AS d ON d.delivery_id = v.id
WHERE d.message_id = ?5
  AND (?1 IS NULL OR v.member_id = ?1) AND (?2 IS NULL OR v.line_id = ?2)
  AND (?3 IS NULL OR v.kind = ?3) AND (?4 IS NULL OR v.state = ?4)
  AND (?6 IS NULL OR v.external_message_id = ?6)
ORDER BY v.id DESC LIMIT ?7;

-- name: ReportDeliveriesFailed
-- The same of the dead letters alone, which are few among many.
SELECT v.* FROM deliveries AS v JOIN delivery AS d ON d.delivery_id = v.id
WHERE d.state = 'failed' AND (?5 IS NULL OR d.message_id = ?5)
  AND (?1 IS NULL OR v.member_id = ?1) AND (?2 IS NULL OR v.line_id = ?2)
  AND (?3 IS NULL OR v.kind = ?3) AND (?4 IS NULL OR v.state = ?4)
  AND (?6 IS NULL OR v.external_message_id = ?6)
ORDER BY v.id DESC LIMIT ?7;

-- name: ReportDeliveriesOpen
-- The same of those that are not sent yet.
SELECT v.* FROM deliveries AS v JOIN delivery AS d ON d.delivery_id = v.id
WHERE v.id IN (SELECT delivery_id FROM delivery WHERE state = 'pending' AND head = 0
               UNION ALL SELECT delivery_id FROM delivery WHERE state = 'pending' AND head = 1
               UNION ALL SELECT delivery_id FROM delivery WHERE state = 'leased')
  AND (?5 IS NULL OR d.message_id = ?5)
  AND (?1 IS NULL OR v.member_id = ?1) AND (?2 IS NULL OR v.line_id = ?2)
  AND (?3 IS NULL OR v.kind = ?3) AND (?4 IS NULL OR v.state = ?4)
  AND (?6 IS NULL OR v.external_message_id = ?6)
ORDER BY v.id DESC LIMIT ?7;

-- name: ReportDelivery
SELECT v.*, d.message_id,
  CASE d.target WHEN 0 THEN 'channel' WHEN 1 THEN 'confirmation' ELSE 'portal' END AS target,
  d.payload
FROM deliveries AS v JOIN delivery AS d ON d.delivery_id = v.id WHERE v.id = ?1;

-- name: ReportAttempts
SELECT number, strftime('%Y-%m-%dT%H:%M:%SZ', begun_at_ms / 1000, 'unixepoch') AS begun_at,
  took_ms, http_status, result, answer
FROM attempt WHERE delivery_id = ?1 ORDER BY number LIMIT ?2;

-- name: ReportAccounts
-- In one statement, so that all of it is of one moment. What is not known of a day is 0.
WITH deletion AS (
  SELECT m.line_key, m.deleted_at / 86400 AS day, sum(m.outcome = 'done') AS done,
    sum(m.outcome = 'gone') AS gone, sum(m.outcome = 'too_old') AS too_old,
    sum(m.outcome = 'unsupported') AS unsupported, sum(m.outcome = 'failed') AS failed,
    sum(m.outcome = 'cancelled') AS cancelled, sum(m.outcome = 'pending') AS pending
  FROM line AS l CROSS JOIN message AS m ON m.line_key = l.line_key AND m.deleted_at IS NOT NULL
  WHERE m.deleted_at >= ?2 * 86400 GROUP BY 1, 2
), created AS (
  SELECT d.line_key, d.created_at / 86400 AS day, sum(d.state = 'done') AS done,
    sum(d.state = 'failed') AS failed, sum(d.state = 'cancelled') AS cancelled,
    sum(d.state = 'pending' OR d.state = 'leased') AS pending
  FROM line AS l CROSS JOIN delivery AS d
    ON d.line_key = l.line_key AND d.kind = 'message.created'
  WHERE d.created_at >= ?2 * 86400 GROUP BY 1, 2
), undeletable AS (
  SELECT m.line_key, m.created_at / 86400 AS day, count(*) AS messages
  FROM line AS l CROSS JOIN message AS m ON m.line_key = l.line_key AND m.undeletable = 1
  WHERE m.created_at >= ?2 * 86400 GROUP BY 1, 2
), received AS (
  SELECT line_key, day, sum(CASE what WHEN 'deletion' THEN received END) AS deletions,
    sum(CASE WHEN what = 'message' OR what LIKE 'message %' THEN received END) AS messages,
    sum(CASE what WHEN 'message done' THEN received END) AS done,
    sum(CASE what WHEN 'message failed' THEN received END) AS failed,
    sum(CASE what WHEN 'message cancelled' THEN received END) AS cancelled,
    coalesce(sum(CASE what WHEN 'deletion_spool' THEN received END), 0) AS spool,
    coalesce(sum(CASE what WHEN 'deletion_offline' THEN received END), 0) AS offline,
    coalesce(sum(CASE what WHEN 'deletion_readback' THEN received END), 0) AS readback,
    coalesce(sum(CASE what WHEN 'deletion_late' THEN received END), 0) AS late
  FROM tally WHERE day >= ?2 GROUP BY 1, 2
), known AS (
  SELECT line_key, day FROM received UNION SELECT line_key, day FROM deletion
  UNION SELECT line_key, day FROM created UNION SELECT line_key, day FROM undeletable)
SELECT p.member_id, nullif(l.connector, '') AS connector, l.line_id,
  date(k.day * 86400, 'unixepoch') AS day,
  coalesce(r.deletions, 0) AS deletions, coalesce(d.done, 0) AS deletions_done,
  coalesce(d.gone, 0) AS deletions_gone, coalesce(d.too_old, 0) AS deletions_too_old,
  coalesce(d.unsupported, 0) AS deletions_unsupported,
  coalesce(d.failed, 0) AS deletions_failed, coalesce(d.cancelled, 0) AS deletions_cancelled,
  coalesce(d.pending, 0) AS deletions_pending,
  coalesce(r.messages, 0) AS messages,
  coalesce(c.done, 0) + coalesce(r.done, 0) AS messages_done,
  coalesce(c.failed, 0) + coalesce(r.failed, 0) AS messages_failed,
  coalesce(c.cancelled, 0) + coalesce(r.cancelled, 0) AS messages_cancelled,
  coalesce(c.pending, 0) AS messages_pending, coalesce(u.messages, 0) AS undeletable,
  coalesce(r.deletions, 0) AS first_seen,
  coalesce(r.deletions - r.spool - r.offline - r.readback, 0) AS first_seen_webhook,
  coalesce(r.spool, 0) AS first_seen_spool, coalesce(r.offline, 0) AS first_seen_offline,
  coalesce(r.readback, 0) AS first_seen_readback,
  coalesce(r.offline + r.readback - r.late, 0) AS webhook_missed
FROM known AS k JOIN line AS l USING (line_key) JOIN portal AS p USING (portal_id)
LEFT JOIN received AS r USING (line_key, day) LEFT JOIN deletion AS d USING (line_key, day)
LEFT JOIN created AS c USING (line_key, day) LEFT JOIN undeletable AS u USING (line_key, day)
WHERE ?1 IS NULL OR p.member_id = ?1
ORDER BY k.day, p.member_id, l.connector, l.line_id;
