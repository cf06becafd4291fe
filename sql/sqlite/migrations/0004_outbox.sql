-- The outbox. Of the open deliveries of one chat and target, the oldest is the head, and only heads
-- are taken up: an index allows one head at a time, and triggers hand it on, whoever ends, erases or
-- revives a delivery. So order does not depend on the program that writes, and the release before
-- goes on writing deliveries that know nothing of it.
ALTER TABLE delivery ADD COLUMN target INTEGER NOT NULL DEFAULT 0
  CHECK (target = 0 OR target = 1 OR target = 2);  -- channel, confirmation, portal
ALTER TABLE delivery ADD COLUMN queue INTEGER;  -- the line; less than 0: the portal's, of no line
ALTER TABLE delivery ADD COLUMN lane INTEGER;   -- what keeps its order; NULL: nothing does
ALTER TABLE delivery ADD COLUMN head INTEGER NOT NULL DEFAULT 0 CHECK (head = 0 OR head = 1);
ALTER TABLE delivery ADD COLUMN leased_by INTEGER;
ALTER TABLE delivery ADD COLUMN leased_until_ms INTEGER;
ALTER TABLE delivery ADD COLUMN first_attempt_at INTEGER;
-- The other side may have done it, although no attempt was told so.
ALTER TABLE delivery ADD COLUMN maybe_done INTEGER NOT NULL DEFAULT 0;
-- External ids that attempts have made so far, one a line.
ALTER TABLE delivery ADD COLUMN made TEXT;

-- A chat may have several rows, one without Bitrix24's number of it; they share their lane. What a
-- line has of no chat keeps its order in a lane of the line's, away from the numbers of portals.
UPDATE delivery SET
  queue = coalesce(line_key, -portal_id),
  lane = coalesce((SELECT min(same.chat_key) FROM chat AS c JOIN chat AS same
                     ON same.line_key = c.line_key AND same.external_chat_id = c.external_chat_id
                   WHERE c.chat_key = delivery.chat_key),
                  -(line_key + 1099511627776), -portal_id);
CREATE UNIQUE INDEX delivery_head ON delivery (target, lane) WHERE head = 1;
UPDATE delivery SET head = 1 WHERE delivery_id IN (
  SELECT min(delivery_id) FROM delivery WHERE state = 'pending' OR state = 'leased'
  GROUP BY target, lane);
CREATE INDEX delivery_next ON delivery (target, lane, delivery_id)
WHERE state = 'pending' AND head = 0;
CREATE INDEX delivery_ready ON delivery (target, queue, due_at_ms)
WHERE state = 'pending' AND head = 1;
CREATE INDEX delivery_leased ON delivery (leased_until_ms, target, queue) WHERE state = 'leased';
CREATE INDEX delivery_failed ON delivery (delivery_id) WHERE state = 'failed';
CREATE INDEX delivery_by_message ON delivery (message_id) WHERE message_id IS NOT NULL;
-- The accounts are held against the last days alone.
CREATE INDEX delivery_of_created ON delivery (line_key, created_at)
WHERE kind = 'message.created';
-- The operator is told once of a message.
CREATE UNIQUE INDEX delivery_notice ON delivery (line_key, message_id)
WHERE kind = 'operator.notice';

-- A delivery of the release before: it sends to the channel only.
CREATE TRIGGER delivery_placed AFTER INSERT ON delivery WHEN NEW.queue IS NULL
BEGIN
  UPDATE delivery SET
    queue = coalesce(line_key, -portal_id),
    lane = coalesce((SELECT min(same.chat_key) FROM chat AS c JOIN chat AS same
                       ON same.line_key = c.line_key AND same.external_chat_id = c.external_chat_id
                     WHERE c.chat_key = delivery.chat_key),
                    -(line_key + 1099511627776), -portal_id)
  WHERE delivery_id = NEW.delivery_id;
  UPDATE delivery SET head = 1
  WHERE delivery_id = NEW.delivery_id AND NOT EXISTS (
    SELECT 1 FROM delivery AS other
    WHERE other.target = delivery.target AND other.lane = delivery.lane AND other.head = 1);
END;

CREATE TRIGGER delivery_ended AFTER UPDATE OF state ON delivery
WHEN OLD.head = 1 AND NEW.state <> 'pending' AND NEW.state <> 'leased'
BEGIN
  UPDATE delivery SET head = 0, leased_by = NULL, leased_until_ms = NULL
  WHERE delivery_id = NEW.delivery_id AND head = 1;
  UPDATE delivery SET head = 1 WHERE delivery_id = (
    SELECT delivery_id FROM delivery
    WHERE target = NEW.target AND lane = NEW.lane AND state = 'pending' AND head = 0
    ORDER BY delivery_id LIMIT 1);
END;

CREATE TRIGGER delivery_revived AFTER UPDATE OF state ON delivery
WHEN NEW.state = 'pending' AND OLD.state <> 'pending' AND OLD.state <> 'leased'
BEGIN
  UPDATE delivery SET head = 1
  WHERE delivery_id = NEW.delivery_id AND NOT EXISTS (
    SELECT 1 FROM delivery AS other
    WHERE other.target = NEW.target AND other.lane = NEW.lane AND other.head = 1);
END;

CREATE TRIGGER delivery_erased AFTER DELETE ON delivery WHEN OLD.head = 1
BEGIN
  UPDATE delivery SET head = 1 WHERE delivery_id = (
    SELECT delivery_id FROM delivery
    WHERE target = OLD.target AND lane = OLD.lane AND state = 'pending' AND head = 0
    ORDER BY delivery_id LIMIT 1);
END;

-- The numbers of deliveries are never given again: an answer may come for one that was erased, and
-- repeats are told by them. DeliveryInsert goes on above the greatest that was.
CREATE TRIGGER delivery_number_used AFTER DELETE ON delivery
WHEN OLD.delivery_id > coalesce((SELECT max(delivery_id) FROM delivery), 0)
BEGIN
  INSERT INTO setting (name, value) VALUES ('delivery_used', OLD.delivery_id)
  ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value);
END;

-- One row a try. `answer` is cut and redacted; NULL for a success.
CREATE TABLE attempt (
  delivery_id INTEGER NOT NULL,
  number      INTEGER NOT NULL,
  begun_at_ms INTEGER NOT NULL,
  took_ms     INTEGER NOT NULL,
  http_status INTEGER,  -- NULL: no answer
  result      TEXT NOT NULL,
  answer      TEXT,
  PRIMARY KEY (delivery_id, number)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER delivery_attempts_erased AFTER DELETE ON delivery
BEGIN
  DELETE FROM attempt WHERE delivery_id = OLD.delivery_id;
END;

-- Channels in trouble; see EndpointState.
CREATE TABLE endpoint (
  name        TEXT PRIMARY KEY,
  fingerprint TEXT NOT NULL,
  state       TEXT NOT NULL CHECK (state = 'closed' OR state = 'open' OR state = 'off'),
  failures    INTEGER NOT NULL,
  since       INTEGER NOT NULL,
  probe_at_ms INTEGER NOT NULL,
  reason      TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Requests of channels that were answered, so that a repeat gets the same answer.
CREATE TABLE channel_request (
  request_key BLOB PRIMARY KEY,
  content     BLOB NOT NULL,
  delivery_id INTEGER NOT NULL,
  created_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX channel_request_by_age ON channel_request (created_at);

-- Messages of clients, whose number in Bitrix24 nobody tells. When a deletion of one comes, which
-- names both, the row goes over into `message`.
CREATE TABLE incoming_message (
  external_message_id TEXT NOT NULL CHECK (external_message_id <> ''),
  chat_key            INTEGER NOT NULL,
  line_key            INTEGER NOT NULL,
  delivery_id         INTEGER NOT NULL,  -- of its creation, later of its deletion
  created_at          INTEGER NOT NULL,
  updated_at          INTEGER,
  deleted_at          INTEGER,  -- by the client
  outcome             TEXT CHECK (outcome = 'pending' OR outcome = 'done' OR outcome = 'failed'
                                  OR outcome = 'cancelled'),
  PRIMARY KEY (external_message_id, chat_key),
  CHECK ((deleted_at IS NULL) = (outcome IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX incoming_message_by_line ON incoming_message (line_key);

-- 1: it was confirmed without ids, so Bitrix24 never tells of its edits and its deletion.
ALTER TABLE message ADD COLUMN undeletable INTEGER CHECK (undeletable = 1);
CREATE INDEX message_undeletable ON message (line_key, created_at) WHERE undeletable = 1;

-- What was received, by day (of unix days) and line, against which the end states are held.
-- what: deletion (rows of `message`), message (deliveries message.created).
CREATE TABLE tally (
  line_key INTEGER NOT NULL,
  day      INTEGER NOT NULL,
  what     TEXT NOT NULL,
  received INTEGER NOT NULL,
  PRIMARY KEY (line_key, day, what)
) STRICT, WITHOUT ROWID;
INSERT INTO tally
SELECT line_key, deleted_at / 86400, 'deletion', count(*) FROM message
WHERE deleted_at IS NOT NULL GROUP BY 1, 2
UNION ALL
SELECT line_key, created_at / 86400, 'message', count(*) FROM delivery
WHERE kind = 'message.created' GROUP BY 1, 2;

CREATE TRIGGER message_deleted_received AFTER UPDATE OF deleted_at ON message
WHEN OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL
BEGIN
  INSERT INTO tally VALUES (NEW.line_key, NEW.deleted_at / 86400, 'deletion', 1)
  ON CONFLICT DO UPDATE SET received = received + 1;
END;
CREATE TRIGGER message_tombstone_received AFTER INSERT ON message WHEN NEW.deleted_at IS NOT NULL
BEGIN
  INSERT INTO tally VALUES (NEW.line_key, NEW.deleted_at / 86400, 'deletion', 1)
  ON CONFLICT DO UPDATE SET received = received + 1;
END;
CREATE TRIGGER message_tombstone_removed AFTER DELETE ON message WHEN OLD.deleted_at IS NOT NULL
BEGIN
  UPDATE tally SET received = received - 1
  WHERE line_key = OLD.line_key AND day = OLD.deleted_at / 86400 AND what = 'deletion';
END;
CREATE TRIGGER delivery_message_received AFTER INSERT ON delivery
WHEN NEW.kind = 'message.created'
BEGIN
  INSERT INTO tally VALUES (NEW.line_key, NEW.created_at / 86400, 'message', 1)
  ON CONFLICT DO UPDATE SET received = received + 1;
END;
CREATE TRIGGER delivery_message_erased AFTER DELETE ON delivery WHEN OLD.kind = 'message.created'
BEGIN
  UPDATE tally SET received = received - 1
  WHERE line_key = OLD.line_key AND day = OLD.created_at / 86400 AND what = 'message';
END;

-- Makes the keys of deliveries this database's own.
INSERT INTO setting (name, value) VALUES ('database_id', lower(hex(randomblob(8))));

DROP VIEW messages;
CREATE VIEW messages AS
SELECT p.member_id, l.connector, l.line_id, c.chat_id, m.message_id, c.external_chat_id,
       m.external_message_id,
       CASE m.direction WHEN 0 THEN 'out' WHEN 1 THEN 'in' END AS direction,
       strftime('%Y-%m-%dT%H:%M:%SZ', m.created_at, 'unixepoch') AS created_at,
       strftime('%Y-%m-%dT%H:%M:%SZ', m.updated_at, 'unixepoch') AS updated_at,
       strftime('%Y-%m-%dT%H:%M:%SZ', m.deleted_at, 'unixepoch') AS deleted_at,
       m.outcome
FROM message AS m
JOIN line AS l USING (line_key)
JOIN portal AS p USING (portal_id)
JOIN chat AS c USING (chat_key)
UNION ALL
SELECT p.member_id, l.connector, l.line_id, nullif(c.chat_id, 0), NULL, c.external_chat_id,
       i.external_message_id, 'in',
       strftime('%Y-%m-%dT%H:%M:%SZ', i.created_at, 'unixepoch'),
       strftime('%Y-%m-%dT%H:%M:%SZ', i.updated_at, 'unixepoch'),
       strftime('%Y-%m-%dT%H:%M:%SZ', i.deleted_at, 'unixepoch'),
       i.outcome
FROM incoming_message AS i
JOIN line AS l USING (line_key)
JOIN portal AS p USING (portal_id)
JOIN chat AS c USING (chat_key);
