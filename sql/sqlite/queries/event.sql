-- name: EventInsert
INSERT INTO event (event_key, received_at, ts, portal_id, event, status, source, reason,
                   installation_id, body)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
ON CONFLICT (event_key) DO NOTHING;

-- name: EventFind
SELECT event_id FROM event WHERE event_key = ?1;

-- name: EventSetStatus
UPDATE event SET status = ?2, reason = ?3 WHERE event_id = ?1;

-- name: EventApplyWaited
-- The waiting event takes the key it would have had; when another copy has it, nothing changes.
UPDATE OR IGNORE event SET event_key = ?2, status = 'applied', installation_id = NULL
WHERE event_id = ?1 AND status = 'waiting';

-- name: EventStatus
SELECT status FROM event WHERE event_id = ?1;

-- name: EventDropWaited
UPDATE event SET event_key = NULL, status = 'ignored', reason = ?2, installation_id = NULL,
  body = NULL
WHERE event_id = ?1;

-- name: EventsWaiting
-- CROSS JOIN keeps SQLite to this order of tables. For the sake of ORDER BY and LIMIT it would
-- rather read the whole journal, several times a second.
SELECT e.event_id, p.member_id, e.event, e.source, e.received_at, e.ts, e.body
FROM installation AS i
CROSS JOIN event AS e ON e.installation_id = i.installation_id AND e.status = 'waiting'
CROSS JOIN portal AS p ON p.portal_id = i.portal_id
WHERE i.proven = 1 ORDER BY e.event_id LIMIT ?1;

-- name: EventsReject
UPDATE event SET status = 'rejected', reason = ?2, event_key = NULL, body = NULL,
  installation_id = NULL
WHERE installation_id = ?1 AND status = 'waiting';

-- name: EventRejectInstallation
UPDATE event SET status = 'rejected', reason = ?2, event_key = NULL, body = NULL
WHERE event_id = ?1;

-- name: EventsUnlinkPendingPortal
-- Before a portal that was only claimed goes: its events keep the claimed name.
UPDATE event SET member_id = ?2, portal_id = NULL WHERE portal_id = ?1;

-- name: EventsPruneRejected
-- Anyone can post a forged installation, so only the newest refused events are kept.
-- One that an installation still names stays until that is done.
DELETE FROM event WHERE status = 'rejected'
  AND event_id NOT IN (SELECT event_id FROM installation) AND event_id <= (
  SELECT event_id FROM event WHERE status = 'rejected' ORDER BY event_id DESC LIMIT 1 OFFSET ?1);

-- name: EventShow
SELECT p.member_id, e.event, e.status, e.source, e.received_at, e.ts, e.body, e.reason
FROM event AS e LEFT JOIN portal AS p ON p.portal_id = e.portal_id WHERE e.event_id = ?1;

-- name: EventSetApplied
UPDATE event SET status = 'applied', reason = NULL WHERE event_id = ?1;

-- name: EventLastEdit
SELECT max(m.updated_at) FROM line AS l JOIN message AS m ON m.line_key = l.line_key
WHERE l.portal_id = ?1 AND l.connector = ?2 AND l.line_id = ?3 AND m.message_id = ?4;
