-- name: OfflineDue
SELECT member_id FROM portal WHERE status = 'active' AND offline_due_at <= ?1
ORDER BY offline_due_at, portal_id LIMIT 1;

-- name: OfflineDueAll
UPDATE portal SET offline_due_at = min(offline_due_at, ?1);

-- name: OfflineDueSoon
-- At ?2, but not sooner than ?3 seconds after the last read began.
UPDATE portal SET offline_due_at = max(?2, coalesce(offline_begun_at, 0) + ?3)
WHERE portal_id = ?1 AND offline_due_at > max(?2, coalesce(offline_begun_at, 0) + ?3);

-- name: OfflineBegin
UPDATE portal SET offline_begun_at = ?2, offline_due_at = ?3 WHERE portal_id = ?1;

-- name: OfflineQueueFind
SELECT offline_read_at, offline_problem, offline_waiting, offline_extended, offline_extended_at
FROM portal WHERE portal_id = ?1;

-- name: OfflineSetExtended
UPDATE portal SET offline_extended = ?2, offline_extended_at = ?3 WHERE portal_id = ?1;

-- name: OfflineRecordRead
UPDATE portal SET
  offline_read_at = CASE WHEN ?2 = '' THEN ?3 ELSE offline_read_at END,
  offline_problem = nullif(?2, ''), offline_waiting = ?4,
  offline_due_at = coalesce(?5, offline_due_at)
WHERE portal_id = ?1;

-- name: OfflineEventInsert
INSERT INTO offline_event (content, ts, event_id, taken_at) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT DO UPDATE SET event_id = excluded.event_id, taken_at = excluded.taken_at;

-- name: OfflineEventFind
-- The last of them: the queue keeps the time of the last of several that are alike.
SELECT ts, event_id FROM offline_event WHERE content = ?1 AND ts BETWEEN ?2 - ?3 AND ?2 + ?3
ORDER BY ts DESC LIMIT 1;

-- name: OfflineEventsPrune
DELETE FROM offline_event WHERE taken_at < ?1;

-- name: EventsOfKeyRange
-- The keys of one second and one message lie together.
SELECT event_id, event_key, portal_id, event FROM event WHERE event_key BETWEEN ?1 AND ?2;

-- name: MessageLastEdit
SELECT max(edited_ts) FROM message WHERE message_id = ?1 AND line_key = ?2;

-- name: MessageDeletionCameLate
-- The webhook brings a deletion that another source had seen before.
UPDATE message SET found_by = found_by + 4
WHERE message_id = ?4 AND line_key = (SELECT line_key FROM line
  WHERE portal_id = ?1 AND connector = ?2 AND line_id = ?3) AND (found_by = 2 OR found_by = 3);
