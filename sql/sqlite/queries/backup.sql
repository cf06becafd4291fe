-- name: SeriesKeep
-- What was queued so far keeps its key, so that a channel knows a repeat of it.
INSERT INTO delivery_series (first_delivery, database_id)
SELECT 0, value FROM setting
WHERE name = 'database_id' AND NOT EXISTS (SELECT 1 FROM delivery_series);

-- name: SeriesBegin
INSERT INTO delivery_series (first_delivery, database_id)
VALUES (1 + max(coalesce((SELECT max(delivery_id) FROM delivery), 0),
                coalesce((SELECT value FROM setting WHERE name = 'delivery_used'), 0)),
        lower(hex(randomblob(8))))
ON CONFLICT DO UPDATE SET database_id = excluded.database_id;

-- name: SeriesSetOwn
-- For the release before, which knows no series.
UPDATE setting SET value = (
  SELECT database_id FROM delivery_series ORDER BY first_delivery DESC LIMIT 1)
WHERE name = 'database_id';

-- name: SaneViews
-- Fails where one of the views cannot be read.
SELECT (SELECT count(*) FROM (SELECT * FROM portals LIMIT 1))
  + (SELECT count(*) FROM (SELECT * FROM lines LIMIT 1))
  + (SELECT count(*) FROM (SELECT * FROM messages LIMIT 1))
  + (SELECT count(*) FROM (SELECT * FROM deliveries LIMIT 1))
  + (SELECT count(*) FROM (SELECT * FROM events LIMIT 1));

-- name: SaneHeads
-- Deliveries that wait behind none, so that nobody would ever take them up.
SELECT count(*) FROM delivery AS d INDEXED BY delivery_next
WHERE d.state = 'pending' AND d.head = 0 AND NOT EXISTS (
  SELECT 1 FROM delivery AS h INDEXED BY delivery_head
  WHERE h.target = d.target AND h.lane = d.lane AND h.head = 1);

-- name: SaneTally
-- What was counted as received against what is there: deletions, messages.
SELECT coalesce(sum(CASE what WHEN 'deletion' THEN received END), 0)
    - (SELECT count(*) FROM message INDEXED BY message_deleted WHERE deleted_at IS NOT NULL),
  coalesce(sum(CASE what WHEN 'message' THEN received END), 0)
    - (SELECT count(*) FROM delivery INDEXED BY delivery_of_created WHERE kind = 'message.created')
FROM tally;
