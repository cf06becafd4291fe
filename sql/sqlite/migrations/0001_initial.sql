-- Times are unix seconds (…_at), in one case milliseconds (…_ms). `ts` is the portal's own clock.
-- The views at the end are for people and stay stable; the tables are the program's own.

-- Single values: the fingerprint of the key file, counts of what was erased.
CREATE TABLE setting (
  name  TEXT PRIMARY KEY,
  value ANY NOT NULL
) STRICT, WITHOUT ROWID;

-- AUTOINCREMENT: the number of a removed portal must never mean another one.
CREATE TABLE portal (
  portal_id           INTEGER PRIMARY KEY AUTOINCREMENT,
  member_id           TEXT NOT NULL UNIQUE,
  status              TEXT NOT NULL DEFAULT 'pending'
                      CHECK (status IN ('pending', 'active', 'dead', 'uninstalled')),
  revision            INTEGER NOT NULL DEFAULT 1,
  domain              TEXT,
  client_endpoint     TEXT,
  scope               TEXT,
  token_hash          BLOB CHECK (length(token_hash) = 32),
  previous_token_hash BLOB CHECK (length(previous_token_hash) = 32),
  access_token        BLOB,     -- sealed
  refresh_token       BLOB,     -- sealed
  token_expires_at    INTEGER,
  installed_event_id  INTEGER,  -- the proven installation
  installed_ts        INTEGER,
  installed_at        INTEGER,
  uninstalled_at      INTEGER
) STRICT;

CREATE TABLE line (
  line_key   INTEGER PRIMARY KEY,
  portal_id  INTEGER NOT NULL REFERENCES portal,
  connector  TEXT NOT NULL,  -- lower case; '' where only the line is known
  line_id    INTEGER NOT NULL,
  status     TEXT NOT NULL CHECK (status IN ('active', 'disconnected', 'deleted')),
  status_ts  INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  UNIQUE (portal_id, connector, line_id)
) STRICT;

CREATE TABLE chat (
  chat_key         INTEGER PRIMARY KEY,
  line_key         INTEGER NOT NULL REFERENCES line,
  external_chat_id TEXT NOT NULL,
  chat_id          INTEGER NOT NULL,  -- 0 where only the external one is known
  UNIQUE (line_key, external_chat_id, chat_id)
) STRICT;

-- The mapping. One row an external message id; '' stands for the id that is not known yet.
-- No foreign keys here: ten million rows are a normal year, and every write goes through one place.
CREATE TABLE message (
  line_key            INTEGER NOT NULL,
  message_id          INTEGER NOT NULL,
  external_message_id TEXT NOT NULL,
  chat_key            INTEGER NOT NULL,
  direction           INTEGER CHECK (direction IN (0, 1)),  -- 0 out, 1 in
  created_at          INTEGER NOT NULL,
  updated_at          INTEGER,
  deleted_at          INTEGER,
  outcome             TEXT CHECK (outcome IN ('pending', 'done', 'gone', 'too_old', 'unsupported',
                                              'failed', 'cancelled')),
  PRIMARY KEY (message_id, line_key, external_message_id),
  CHECK ((deleted_at IS NULL) = (outcome IS NULL))
) STRICT, WITHOUT ROWID;
-- The very expression of the view, so that queries of the view use it.
CREATE INDEX message_by_external_id ON message (nullif(external_message_id, ''), chat_key);

-- The journal. event_key is NULL once an event is rejected, so that it may come again.
CREATE TABLE event (
  event_id        INTEGER PRIMARY KEY,
  event_key       BLOB UNIQUE,
  received_at     INTEGER NOT NULL,
  ts              INTEGER,
  portal_id       INTEGER REFERENCES portal,
  member_id       TEXT,     -- the claimed one, where there is no portal
  event           TEXT NOT NULL,
  status          TEXT NOT NULL CHECK (status IN ('applied', 'waiting', 'ignored', 'rejected')),
  source          TEXT NOT NULL CHECK (source IN ('webhook', 'spool', 'offline', 'readback')),
  reason          TEXT,
  installation_id INTEGER,  -- whose proof it waits for
  body            BLOB      -- without its tokens
) STRICT;
CREATE INDEX event_waiting ON event (installation_id) WHERE status = 'waiting';
CREATE INDEX event_by_portal ON event (portal_id);
CREATE INDEX event_rejected ON event (event_id) WHERE status = 'rejected';

-- Installations whose proof is outstanding; a proven one stays until its events are applied.
CREATE TABLE installation (
  installation_id INTEGER PRIMARY KEY AUTOINCREMENT,
  event_id        INTEGER NOT NULL REFERENCES event,
  portal_id       INTEGER NOT NULL REFERENCES portal,
  proven          INTEGER NOT NULL DEFAULT 0 CHECK (proven IN (0, 1)),
  token_hash      BLOB NOT NULL CHECK (length(token_hash) = 32),
  access_token    BLOB NOT NULL,  -- sealed
  refresh_token   BLOB NOT NULL,  -- sealed
  server_endpoint TEXT NOT NULL,
  received_at     INTEGER NOT NULL,
  ts              INTEGER,
  attempts        INTEGER NOT NULL DEFAULT 0,
  due_at_ms       INTEGER NOT NULL,
  refresh_sent_at INTEGER,
  -- What a refresh gave, before the portal confirmed it; the sealed tokens are then the new ones.
  granted_endpoint   TEXT,
  granted_domain     TEXT,
  granted_scope      TEXT,
  granted_expires_at INTEGER,
  last_error      TEXT,
  waiting_events  INTEGER NOT NULL DEFAULT 0,
  waiting_bytes   INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX installation_by_event ON installation (event_id);
CREATE INDEX installation_by_portal ON installation (portal_id);

-- No foreign keys here either: without an index for each, the removal of one portal or chat would
-- read all of the table.
CREATE TABLE delivery (
  delivery_id         INTEGER PRIMARY KEY,
  portal_id           INTEGER NOT NULL,
  line_key            INTEGER,
  chat_key            INTEGER,
  message_id          INTEGER,
  external_message_id TEXT,
  kind                TEXT NOT NULL,
  payload             TEXT,  -- JSON for the channel, besides the ids
  state               TEXT NOT NULL DEFAULT 'pending'
                      CHECK (state IN ('pending', 'leased', 'done', 'failed', 'cancelled')),
  attempts            INTEGER NOT NULL DEFAULT 0,
  due_at_ms           INTEGER NOT NULL,
  last_error          TEXT,
  created_at          INTEGER NOT NULL,
  finished_at         INTEGER
) STRICT;

CREATE VIEW portals AS
SELECT member_id, domain, client_endpoint, status, scope,
       strftime('%Y-%m-%dT%H:%M:%SZ', installed_at, 'unixepoch') AS installed_at,
       strftime('%Y-%m-%dT%H:%M:%SZ', uninstalled_at, 'unixepoch') AS uninstalled_at,
       strftime('%Y-%m-%dT%H:%M:%SZ', token_expires_at, 'unixepoch') AS token_expires_at
FROM portal;

CREATE VIEW lines AS
SELECT p.member_id, nullif(l.connector, '') AS connector, l.line_id, l.status,
       strftime('%Y-%m-%dT%H:%M:%SZ', l.updated_at, 'unixepoch') AS updated_at
FROM line AS l JOIN portal AS p USING (portal_id);

CREATE VIEW messages AS
SELECT p.member_id, l.connector, l.line_id, c.chat_id, m.message_id, c.external_chat_id,
       nullif(m.external_message_id, '') AS external_message_id,
       CASE m.direction WHEN 0 THEN 'out' WHEN 1 THEN 'in' END AS direction,
       strftime('%Y-%m-%dT%H:%M:%SZ', m.created_at, 'unixepoch') AS created_at,
       strftime('%Y-%m-%dT%H:%M:%SZ', m.updated_at, 'unixepoch') AS updated_at,
       strftime('%Y-%m-%dT%H:%M:%SZ', m.deleted_at, 'unixepoch') AS deleted_at,
       m.outcome
FROM message AS m
JOIN line AS l USING (line_key)
JOIN portal AS p USING (portal_id)
JOIN chat AS c USING (chat_key);

CREATE VIEW deliveries AS
SELECT d.delivery_id AS id, p.member_id, nullif(l.connector, '') AS connector, l.line_id, d.kind,
       c.external_chat_id, d.external_message_id, d.state, d.attempts,
       strftime('%Y-%m-%dT%H:%M:%SZ', d.due_at_ms / 1000, 'unixepoch') AS due_at, d.last_error,
       strftime('%Y-%m-%dT%H:%M:%SZ', d.created_at, 'unixepoch') AS created_at,
       strftime('%Y-%m-%dT%H:%M:%SZ', d.finished_at, 'unixepoch') AS finished_at
FROM delivery AS d
JOIN portal AS p USING (portal_id)
LEFT JOIN line AS l USING (line_key)
LEFT JOIN chat AS c USING (chat_key);

CREATE VIEW events AS
SELECT e.event_id AS id,
       strftime('%Y-%m-%dT%H:%M:%SZ', e.received_at, 'unixepoch') AS received_at,
       coalesce(p.member_id, e.member_id) AS member_id, e.event, e.status, e.source
FROM event AS e LEFT JOIN portal AS p USING (portal_id);
