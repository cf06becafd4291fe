-- What waits for a time that the clock, which went back, has left again. ?1 is now, in ms. What is
-- due further ahead than anything is ever put off was put off from there, or was tried there last.

-- name: AheadDeliveries
-- Longest is what a channel may ask for, a day. What a channel was to get and was not tried is due
-- at once, but for a deletion that waits for its ids; calls to Bitrix24 are put off untried, too.
SELECT delivery_id FROM delivery AS d INDEXED BY delivery_ready
WHERE d.state = 'pending' AND d.head = 1 AND d.due_at_ms > ?1
  AND (d.due_at_ms > ?1 + 90000000
       OR coalesce((SELECT a.begun_at_ms FROM attempt AS a WHERE a.delivery_id = d.delivery_id
                    ORDER BY a.number DESC LIMIT 1),
                   CASE WHEN d.target = 0 AND d.kind <> 'message.deleted' THEN d.due_at_ms
                        ELSE d.created_at * 1000 END) > ?1 + 60000)
LIMIT ?2;

-- name: AheadDelivery
UPDATE delivery SET due_at_ms = ?2
WHERE delivery_id = ?1 AND state = 'pending' AND due_at_ms > ?2;

-- name: AheadInstallations
UPDATE installation SET due_at_ms = ?1
WHERE proven = 0 AND due_at_ms > ?1
  AND (due_at_ms > ?1 + 7200000 OR received_at > ?1 / 1000 + 60);

-- name: AheadOfflineReads
UPDATE portal SET offline_due_at = ?1 / 1000, offline_begun_at = NULL
WHERE offline_due_at > ?1 / 1000 + 900 OR offline_begun_at > ?1 / 1000 + 60;

-- name: AheadReadbacks
UPDATE readback SET due_at = ?1 / 1000 WHERE due_at > ?1 / 1000 + 90000;

-- name: AheadAny
SELECT EXISTS (SELECT 1 FROM installation WHERE proven = 0 AND due_at_ms > ?1
               AND (due_at_ms > ?1 + 7200000 OR received_at > ?1 / 1000 + 60))
  OR EXISTS (SELECT 1 FROM portal
             WHERE offline_due_at > ?1 / 1000 + 900 OR offline_begun_at > ?1 / 1000 + 60)
  OR EXISTS (SELECT 1 FROM readback WHERE due_at > ?1 / 1000 + 90000);
