-- The words a column may have are compared one by one. For an IN of more than two, SQLite makes a
-- table in memory each time a row is written, which took a quarter of the writer's time. Only the
-- text of the two tables changes and nothing of their rows, so it is edited in place, as
-- sqlite.org/lang_altertable.html, section 8, allows for constraints.
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(replace(sql,
  'status IN (''applied'', ''waiting'', ''ignored'', ''rejected'')',
  'status = ''applied'' OR status = ''waiting'' OR status = ''ignored'' OR status = ''rejected'''),
  'source IN (''webhook'', ''spool'', ''offline'', ''readback'')',
  'source = ''webhook'' OR source = ''spool'' OR source = ''offline'' OR source = ''readback''')
WHERE type = 'table' AND name = 'event';
UPDATE sqlite_schema SET sql = replace(sql,
  'state IN (''pending'', ''leased'', ''done'', ''failed'', ''cancelled'')',
  'state = ''pending'' OR state = ''leased'' OR state = ''done'' OR state = ''failed'' OR '
  || 'state = ''cancelled''')
WHERE type = 'table' AND name = 'delivery';
PRAGMA writable_schema = RESET;

-- The external ids of a message are told apart by a number, so that the index by external id holds
-- each id once instead of twice, and an unknown id is NULL. A fifth less on disk.
CREATE TABLE message_anew (
  message_id          INTEGER NOT NULL,
  line_key            INTEGER NOT NULL,
  part                INTEGER NOT NULL,  -- tells the external ids of one message apart
  external_message_id TEXT CHECK (external_message_id <> ''),  -- NULL: not known yet
  chat_key            INTEGER NOT NULL,
  direction           INTEGER CHECK (direction IN (0, 1)),  -- 0 out, 1 in
  created_at          INTEGER NOT NULL,
  updated_at          INTEGER,
  deleted_at          INTEGER,
  outcome             TEXT CHECK (outcome = 'pending' OR outcome = 'done' OR outcome = 'gone'
                                  OR outcome = 'too_old' OR outcome = 'unsupported'
                                  OR outcome = 'failed' OR outcome = 'cancelled'),
  PRIMARY KEY (message_id, line_key, part),
  CHECK ((deleted_at IS NULL) = (outcome IS NULL))
) STRICT, WITHOUT ROWID;

INSERT INTO message_anew
SELECT message_id, line_key,
  row_number() OVER (PARTITION BY message_id, line_key ORDER BY external_message_id) - 1,
  nullif(external_message_id, ''), chat_key, direction, created_at, updated_at, deleted_at, outcome
FROM message ORDER BY 1, 2, 3;

DROP VIEW messages;
DROP TABLE message;
ALTER TABLE message_anew RENAME TO message;
CREATE UNIQUE INDEX message_by_external_id
ON message (external_message_id, chat_key, message_id, line_key);

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
JOIN chat AS c USING (chat_key);

-- A program that knows version 1 only cannot write this.
INSERT INTO setting (name, value) VALUES ('schema_works_from', 2)
ON CONFLICT (name) DO UPDATE SET value = excluded.value;
