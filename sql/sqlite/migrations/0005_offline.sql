-- Events that Bitrix24 lost: the offline queues of the portals, what was taken from them, and which
-- source saw a deletion first.
ALTER TABLE portal ADD COLUMN offline_due_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE portal ADD COLUMN offline_begun_at INTEGER;  -- the last read, whatever came of it
ALTER TABLE portal ADD COLUMN offline_read_at INTEGER;   -- the last read that came to the end
ALTER TABLE portal ADD COLUMN offline_problem TEXT;      -- why the last one did not
ALTER TABLE portal ADD COLUMN offline_waiting INTEGER;   -- what it left there
-- Whether the plan has rest_offline_extended, and since when that is known.
ALTER TABLE portal ADD COLUMN offline_extended INTEGER CHECK (offline_extended IN (0, 1));
ALTER TABLE portal ADD COLUMN offline_extended_at INTEGER;

-- What was taken from the queues of late, by a hash of portal, event and data, without the time: the
-- same event may yet be posted, with a time of its own.
CREATE TABLE offline_event (
  content  BLOB NOT NULL CHECK (length(content) = 16),
  ts       INTEGER NOT NULL,
  event_id INTEGER NOT NULL,
  taken_at INTEGER NOT NULL,
  PRIMARY KEY (content, ts)
) STRICT, WITHOUT ROWID;
CREATE INDEX offline_event_by_age ON offline_event (taken_at);

-- The portal's time of the last edit: one that comes late must not take the place of a newer one.
ALTER TABLE message ADD COLUMN edited_ts INTEGER;
-- Which source saw the deletion first. NULL: the webhook; 1 the spool, 2 the offline queue, 3 reading
-- back; 4 more when the webhook brought it too, later.
ALTER TABLE message ADD COLUMN found_by INTEGER CHECK (found_by BETWEEN 1 AND 7);

-- The same in `tally`, where it outlives the rows: deletion_spool, deletion_offline,
-- deletion_readback, and deletion_late, what the webhook brought after one of the last two.
CREATE TRIGGER message_deletion_found AFTER UPDATE OF found_by ON message
WHEN OLD.found_by IS NULL AND NEW.found_by IS NOT NULL
BEGIN
  INSERT INTO tally VALUES (NEW.line_key, NEW.deleted_at / 86400, CASE NEW.found_by & 3
    WHEN 1 THEN 'deletion_spool' WHEN 2 THEN 'deletion_offline' ELSE 'deletion_readback' END, 1)
  ON CONFLICT DO UPDATE SET received = received + 1;
END;
CREATE TRIGGER message_deletion_came_late AFTER UPDATE OF found_by ON message
WHEN OLD.found_by < 4 AND NEW.found_by >= 4
BEGIN
  INSERT INTO tally VALUES (NEW.line_key, NEW.deleted_at / 86400, 'deletion_late', 1)
  ON CONFLICT DO UPDATE SET received = received + 1;
END;
CREATE TRIGGER message_tombstone_found AFTER INSERT ON message WHEN NEW.found_by IS NOT NULL
BEGIN
  INSERT INTO tally
  SELECT NEW.line_key, NEW.deleted_at / 86400, CASE NEW.found_by & 3
    WHEN 1 THEN 'deletion_spool' WHEN 2 THEN 'deletion_offline' ELSE 'deletion_readback' END, 1
  WHERE true
  ON CONFLICT DO UPDATE SET received = received + 1;
  INSERT INTO tally
  SELECT NEW.line_key, NEW.deleted_at / 86400, 'deletion_late', 1 WHERE NEW.found_by >= 4
  ON CONFLICT DO UPDATE SET received = received + 1;
END;
CREATE TRIGGER message_tombstone_unfound AFTER DELETE ON message WHEN OLD.found_by IS NOT NULL
BEGIN
  UPDATE tally SET received = received - 1
  WHERE line_key = OLD.line_key AND day = OLD.deleted_at / 86400
    AND (what = CASE OLD.found_by & 3 WHEN 1 THEN 'deletion_spool'
                WHEN 2 THEN 'deletion_offline' ELSE 'deletion_readback' END
         OR what = 'deletion_late' AND OLD.found_by >= 4);
END;

-- Messages that were confirmed and whose chat was not looked at since. One that was deleted before
-- its confirmation arrived gives no event at all.
CREATE TABLE readback (
  portal_id  INTEGER NOT NULL,
  chat_id    INTEGER NOT NULL,  -- Bitrix24's
  message_id INTEGER NOT NULL,
  line_key   INTEGER NOT NULL,
  due_at     INTEGER NOT NULL,
  PRIMARY KEY (portal_id, chat_id, message_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX readback_due ON readback (due_at);
-- Chats that may not be read by the user whose token we have.
CREATE TABLE readback_refused (
  portal_id  INTEGER NOT NULL,
  chat_id    INTEGER NOT NULL,
  refused_at INTEGER NOT NULL,
  PRIMARY KEY (portal_id, chat_id)
) STRICT, WITHOUT ROWID;

-- A few seconds later, so that one look serves several messages, and an event that is under way is
-- first. A chat that was refused is asked for again after a week.
CREATE TRIGGER delivery_confirmed AFTER UPDATE OF state ON delivery
WHEN NEW.kind = 'confirm' AND NEW.state = 'done' AND OLD.state <> 'done'
BEGIN
  INSERT INTO readback
  SELECT NEW.portal_id, c.chat_id, NEW.message_id, NEW.line_key, NEW.finished_at + 10
  FROM portal AS p JOIN chat AS c ON c.chat_key = NEW.chat_key
  WHERE p.portal_id = NEW.portal_id AND p.status = 'active' AND c.chat_id > 0
    AND ',' || replace(p.scope, ' ', '') || ',' LIKE '%,im,%'
    AND NEW.message_id IS NOT NULL AND NEW.line_key IS NOT NULL AND NEW.finished_at IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM readback_refused AS r WHERE r.portal_id = NEW.portal_id
                    AND r.chat_id = c.chat_id AND r.refused_at > NEW.finished_at - 604800)
  ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER portal_readback_removed AFTER DELETE ON portal
BEGIN
  DELETE FROM readback WHERE portal_id = OLD.portal_id;
  DELETE FROM readback_refused WHERE portal_id = OLD.portal_id;
END;
