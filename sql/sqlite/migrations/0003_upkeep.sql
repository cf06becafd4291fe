-- Several applications, the life of the tokens, and what is registered in Bitrix24.
ALTER TABLE portal ADD COLUMN application TEXT NOT NULL DEFAULT '';
-- The authorization server that granted the tokens.
ALTER TABLE portal ADD COLUMN server_endpoint TEXT;
-- Grows with each new pair of tokens, so that nobody overwrites a newer one.
ALTER TABLE portal ADD COLUMN token_chain INTEGER NOT NULL DEFAULT 0;
ALTER TABLE portal ADD COLUMN tokens_granted_at INTEGER;
ALTER TABLE portal ADD COLUMN dead_reason TEXT;
-- Of what was wanted when it was registered.
ALTER TABLE portal ADD COLUMN registration_fingerprint TEXT;
ALTER TABLE portal ADD COLUMN registered_at INTEGER;
ALTER TABLE portal ADD COLUMN registration_problem TEXT;
ALTER TABLE portal ADD COLUMN upkeep_due_at INTEGER NOT NULL DEFAULT 0;

ALTER TABLE installation ADD COLUMN application TEXT NOT NULL DEFAULT '';
-- A page may be opened without an application_token; token_hash is then a random value that nothing
-- has, and the portal keeps the one it has.
ALTER TABLE installation ADD COLUMN has_token INTEGER NOT NULL DEFAULT 1 CHECK (has_token IN (0, 1));
-- The authorization server that granted them; see granted_endpoint.
ALTER TABLE installation ADD COLUMN granted_server TEXT;

-- When something was deleted on a line last, without reading the mapping.
CREATE INDEX message_deleted ON message (line_key, deleted_at) WHERE deleted_at IS NOT NULL;

UPDATE portal SET tokens_granted_at = installed_at WHERE refresh_token IS NOT NULL;
UPDATE portal SET dead_reason = 'refresh_token_lost' WHERE status = 'dead';
