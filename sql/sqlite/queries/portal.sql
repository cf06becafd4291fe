-- name: PortalFind
SELECT portal_id, status, revision, token_hash, previous_token_hash, installed_ts, application
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
-- An uninstalled portal's old token must not count again; a working one's does for a while. Where
-- the installation came without one (?2 is NULL), the portal keeps what it has of this application.
UPDATE portal SET
  previous_token_hash = CASE
    WHEN status NOT IN ('active', 'dead') THEN NULL
    WHEN ?2 IS NULL AND application <> ?13 THEN NULL
    WHEN ?2 IS NULL OR token_hash = ?2 THEN previous_token_hash
    ELSE token_hash END,
  token_hash = CASE
    WHEN ?2 IS NOT NULL THEN ?2
    WHEN status = 'uninstalled' OR application <> ?13 THEN NULL
    ELSE token_hash END,
  status = CASE WHEN length(?4) > 0 THEN 'active' ELSE 'dead' END,
  dead_reason = CASE WHEN length(?4) > 0 THEN NULL ELSE 'refresh_token_lost' END,
  access_token = ?3, refresh_token = nullif(?4, x''), token_expires_at = ?5,
  token_chain = token_chain + 1, tokens_granted_at = CASE WHEN length(?4) > 0 THEN ?11 END,
  domain = ?6, client_endpoint = ?7, scope = nullif(?8, ''), server_endpoint = nullif(?12, ''),
  application = ?13,
  installed_event_id = ?9, installed_ts = ?10, installed_at = ?11, uninstalled_at = NULL,
  registration_fingerprint = NULL, registered_at = NULL, registration_problem = NULL,
  upkeep_due_at = 0, offline_due_at = 0, offline_extended = NULL, revision = revision + 1
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

-- name: PortalCancelCalls
-- Nothing can be told to a portal that has uninstalled us.
UPDATE delivery SET state = 'cancelled', last_error = 'portal_uninstalled', finished_at = ?2,
  payload = NULL
WHERE delivery_id IN (
  SELECT delivery_id FROM delivery
  WHERE target = 2 AND state = 'pending' AND head = 0 AND portal_id = ?1
  UNION ALL
  SELECT delivery_id FROM delivery
  WHERE (target = 1 OR target = 2) AND state = 'pending' AND head = 1
    AND queue IN (SELECT line_key FROM line WHERE portal_id = ?1 UNION ALL SELECT -?1)
  UNION ALL
  SELECT delivery_id FROM delivery
  WHERE state = 'leased' AND (target = 1 OR target = 2) AND portal_id = ?1);

-- name: IncomingCancelDeletions
UPDATE incoming_message SET outcome = 'cancelled'
WHERE line_key IN (SELECT line_key FROM line WHERE portal_id = ?1) AND outcome = 'pending';

-- name: PortalAccessFind
-- What is waiting or rejected anyone may have posted, and a page a browser: only what Bitrix24's
-- servers posted tells that events come through.
SELECT portal_id, application, status, domain, client_endpoint, scope, server_endpoint,
  access_token, refresh_token, token_chain, token_expires_at, tokens_granted_at, dead_reason,
  installed_event_id,
  (SELECT e.received_at FROM event AS e
   WHERE e.portal_id = portal.portal_id AND e.status <> 'waiting' AND e.status <> 'rejected'
     AND e.event <> 'PAGE_OPENED'
   ORDER BY e.event_id DESC LIMIT 1)
FROM portal WHERE member_id = ?1;

-- name: PortalMembers
SELECT member_id FROM portal ORDER BY member_id;

-- name: PortalMembersDue
SELECT member_id FROM portal WHERE status = 'active' AND upkeep_due_at <= ?1
ORDER BY upkeep_due_at, portal_id LIMIT ?2;

-- name: PortalReplaceTokens
UPDATE portal SET access_token = ?3, refresh_token = ?4, token_expires_at = ?5,
  client_endpoint = ?6, domain = ?7, scope = nullif(?8, ''), server_endpoint = nullif(?9, ''),
  token_chain = token_chain + 1, tokens_granted_at = ?10, dead_reason = NULL,
  revision = revision + (status = 'dead'), status = 'active'
WHERE portal_id = ?1 AND token_chain = ?2 AND status IN ('active', 'dead');

-- name: PortalMarkDead
UPDATE portal SET status = 'dead', dead_reason = ?3, revision = revision + 1
WHERE portal_id = ?1 AND token_chain = ?2 AND status = 'active';

-- name: PortalHasChain
SELECT installed_ts FROM portal
WHERE portal_id = ?1 AND token_chain = ?2 AND status IN ('active', 'dead');

-- name: PortalRegistration
SELECT registration_fingerprint, registered_at, registration_problem FROM portal
WHERE portal_id = ?1;

-- name: PortalRecordRegistration
-- One that failed leaves what is known of the last that did not.
UPDATE portal SET
  registration_fingerprint = CASE WHEN ?3 = '' THEN ?2 ELSE registration_fingerprint END,
  registered_at = CASE WHEN ?3 = '' THEN ?4 ELSE registered_at END,
  registration_problem = nullif(?3, ''), upkeep_due_at = ?5
WHERE portal_id = ?1 AND coalesce(installed_event_id, 0) = ?6;

-- name: PortalScheduleUpkeep
UPDATE portal SET upkeep_due_at = ?2
WHERE portal_id = ?1 AND coalesce(installed_event_id, 0) = ?3;

-- name: PortalOutlook
-- Reads the mapping from its newest message on until it has found enough.
SELECT count(*), count(external_message_id), (
  SELECT max(m.deleted_at) FROM line AS l
  JOIN message AS m ON m.line_key = l.line_key AND m.deleted_at IS NOT NULL
  WHERE l.portal_id = ?1)
FROM (SELECT external_message_id FROM message
      WHERE direction = 0 AND created_at <= ?3 AND line_key IN (SELECT line_key FROM line WHERE portal_id = ?1)
      ORDER BY message_id DESC LIMIT ?2);

-- name: PortalCounts
SELECT status, count(*) FROM portal GROUP BY status;

-- name: PortalsSealed
SELECT portal_id, member_id, access_token, refresh_token FROM portal
WHERE access_token IS NOT NULL OR refresh_token IS NOT NULL;

-- name: PortalResealAccessToken
UPDATE portal SET access_token = ?3 WHERE portal_id = ?1 AND access_token = ?2;

-- name: PortalResealRefreshToken
UPDATE portal SET refresh_token = ?3 WHERE portal_id = ?1 AND refresh_token = ?2;
