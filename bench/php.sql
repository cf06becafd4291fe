PRAGMA journal_mode=WAL;
CREATE TABLE portal (member_id TEXT PRIMARY KEY, token TEXT);
CREATE TABLE event (event_id INTEGER PRIMARY KEY, event_key BLOB UNIQUE, received_at INTEGER,
  event TEXT, body TEXT);
CREATE TABLE message (connector TEXT, line INTEGER, chat INTEGER, message INTEGER,
  external_chat TEXT, external_message TEXT, deleted_at INTEGER,
  PRIMARY KEY (connector, line, message, external_message));
CREATE TABLE delivery (delivery_id INTEGER PRIMARY KEY, connector TEXT, line INTEGER, chat INTEGER,
  message INTEGER, external_chat TEXT, external_message TEXT, created_at INTEGER);
