-- name: ReportPortals
SELECT member_id, domain, status, installed_at, uninstalled_at, token_expires_at FROM portals
ORDER BY member_id LIMIT ?1;

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
