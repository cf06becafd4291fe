-- name: PortalFind
SELECT portal_id, status, revision, token_hash, previous_token_hash, installed_ts
FROM portal WHERE member_id = ?1;

-- name: PortalWaiting
SELECT installation_id, token_hash FROM installation
WHERE portal_id = ?1 AND proven = 0 ORDER BY installation_id DESC;

-- name: PortalRevision
SELECT revision FROM portal WHERE portal_id = ?1;

-- name: PortalClaim
-- The portal of a member_id, made as pending when it is new.
INSERT INTO portal (member_id) VALUES (?1) ON CONFLICT (member_id) DO NOTHING;

-- name: PortalTouch
UPDATE portal SET revision = revision + 1 WHERE portal_id = ?1;

-- name: PortalForgetPreviousToken
UPDATE portal SET previous_token_hash = NULL, revision = revision + 1 WHERE portal_id = ?1;

-- name: PortalAccept
-- An uninstalled portal's old token must not count again; a working one's does for a while.
UPDATE portal SET
  previous_token_hash = CASE
    WHEN status NOT IN ('active', 'dead') THEN NULL
    WHEN token_hash = ?2 THEN previous_token_hash
    ELSE token_hash END,
  token_hash = ?2,
  status = CASE WHEN length(?4) > 0 THEN 'active' ELSE 'dead' END,
  access_token = ?3, refresh_token = nullif(?4, x''), token_expires_at = ?5,
  domain = ?6, client_endpoint = ?7, scope = nullif(?8, ''),
  installed_event_id = ?9, installed_ts = ?10, installed_at = ?11, uninstalled_at = NULL,
  revision = revision + 1
WHERE portal_id = ?1;

-- name: PortalUninstall
-- token_hash stays, to know the same post again; an uninstalled portal's events are refused.
UPDATE portal SET status = 'uninstalled', uninstalled_at = ?2, previous_token_hash = NULL,
  revision = revision + 1
WHERE portal_id = ?1;

-- name: PortalEraseTokens
UPDATE portal SET access_token = NULL, refresh_token = NULL, token_expires_at = NULL
WHERE portal_id = ?1;

-- name: PortalIsUnused
-- A portal that only a refused installation claimed leaves nothing behind.
SELECT 1 FROM portal WHERE portal_id = ?1 AND status = 'pending' AND installed_event_id IS NULL
  AND NOT EXISTS (SELECT 1 FROM installation WHERE portal_id = ?1);

-- name: PortalRemove
DELETE FROM portal WHERE portal_id = ?1;

-- name: EraseCounts
-- What is erased stays counted.
WITH erased AS MATERIALIZED (
  SELECT count(*) AS messages, count(deleted_at) AS deletions FROM message
  WHERE line_key IN (SELECT line_key FROM line WHERE portal_id = ?1))
INSERT INTO setting (name, value)
SELECT 'erased_messages', messages FROM erased WHERE true
UNION ALL SELECT 'erased_deletions', deletions FROM erased WHERE true
ON CONFLICT (name) DO UPDATE SET value = value + excluded.value;

-- name: EraseMessages
DELETE FROM message WHERE line_key IN (SELECT line_key FROM line WHERE portal_id = ?1);

-- name: EraseEventBodies
-- What still waits belongs to an installation that is not proven yet, perhaps the next one.
UPDATE event SET body = NULL WHERE portal_id = ?1 AND status <> 'waiting';

-- name: EraseDeliveries
-- A deletion that is still to be sent holds ids only, and the client is owed it.
DELETE FROM delivery WHERE portal_id = ?1
  AND NOT (kind IN ('message.deleted', 'portal.uninstalled') AND state IN ('pending', 'leased'));

-- name: EraseAllDeliveries
DELETE FROM delivery WHERE portal_id = ?1;

-- name: EraseChats
DELETE FROM chat WHERE line_key IN (SELECT line_key FROM line WHERE portal_id = ?1)
  AND chat_key NOT IN (SELECT chat_key FROM delivery
                       WHERE portal_id = ?1 AND chat_key IS NOT NULL);

-- name: EraseLines
DELETE FROM line WHERE portal_id = ?1;

-- name: EraseInstallations
DELETE FROM installation WHERE portal_id = ?1;

-- name: EraseEvents
DELETE FROM event WHERE portal_id = ?1;
