-- name: InstallationInsert
INSERT INTO installation (event_id, portal_id, token_hash, access_token, refresh_token,
                          server_endpoint, received_at, ts, due_at_ms, application, has_token)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11);

-- name: InstallationCounts
-- Of all; of the portal of this member_id; the bytes that wait for all.
SELECT count(*),
  coalesce(sum(portal_id = (SELECT portal_id FROM portal WHERE member_id = ?1)), 0),
  coalesce(sum(waiting_bytes), 0)
FROM installation;

-- name: InstallationFind
SELECT installation_id, event_id, portal_id, token_hash, received_at, ts, waiting_events,
       waiting_bytes, application, has_token
FROM installation WHERE installation_id = ?1 AND proven = 0;

-- name: InstallationDue
SELECT 1 FROM installation WHERE proven = 0 AND due_at_ms <= ?1 LIMIT 1;

-- name: InstallationTake
UPDATE installation SET attempts = attempts + 1
WHERE installation_id = (SELECT installation_id FROM installation
                         WHERE proven = 0 AND due_at_ms <= ?1
                         ORDER BY due_at_ms LIMIT 1)
RETURNING installation_id, (SELECT member_id FROM portal WHERE portal_id = installation.portal_id),
  token_hash, access_token, refresh_token, server_endpoint, ts, attempts - 1, received_at,
  refresh_sent_at IS NOT NULL, (SELECT domain FROM portal WHERE portal_id = installation.portal_id),
  granted_endpoint, granted_domain, granted_scope, granted_expires_at, granted_server,
  application,
  EXISTS (SELECT 1 FROM portal WHERE portal_id = installation.portal_id
          AND token_hash = installation.token_hash AND status IN ('active', 'dead'));

-- name: InstallationSetGrant
UPDATE installation SET access_token = ?2, refresh_token = ?3, granted_endpoint = ?4,
  granted_domain = ?5, granted_scope = ?6, granted_expires_at = ?7, granted_server = ?8
WHERE installation_id = ?1 AND proven = 0;

-- name: InstallationSetRefreshSent
UPDATE installation SET refresh_sent_at = ?2 WHERE installation_id = ?1 AND proven = 0;

-- name: InstallationPostpone
UPDATE installation SET due_at_ms = ?2, last_error = ?3
WHERE installation_id = ?1 AND proven = 0;

-- name: InstallationAddWaiting
UPDATE installation SET waiting_events = waiting_events + ?2, waiting_bytes = waiting_bytes + ?3
WHERE installation_id = ?1;

-- name: InstallationGatherWaiting
-- Events that wait for another installation of the portal with the same token are proven too.
UPDATE event SET installation_id = ?1
WHERE status = 'waiting' AND installation_id IN (
  SELECT installation_id FROM installation WHERE portal_id = ?2 AND token_hash = ?3);

-- name: InstallationProven
UPDATE installation SET proven = 1, access_token = x'', refresh_token = x''
WHERE installation_id = ?1;

-- name: InstallationSibling
-- Another outstanding or proven installation of the portal with the same token.
SELECT installation_id FROM installation
WHERE portal_id = ?2 AND token_hash = ?3 AND installation_id <> ?1 LIMIT 1;

-- name: InstallationHandOver
UPDATE event SET installation_id = ?2 WHERE status = 'waiting' AND installation_id = ?1;

-- name: InstallationsBefore
SELECT installation_id FROM installation
WHERE portal_id = ?1 AND proven = 0 AND coalesce(ts, received_at) < ?2;

-- name: InstallationRemove
DELETE FROM installation WHERE installation_id = ?1;

-- name: InstallationsRemoveDone
DELETE FROM installation WHERE proven = 1 AND NOT EXISTS (
  SELECT 1 FROM event WHERE event.installation_id = installation.installation_id
                        AND event.status = 'waiting');

-- name: PortalOfInstallation
SELECT member_id, token_hash, installed_event_id, status FROM portal WHERE portal_id = ?1;

-- name: InstallationStateFind
-- Of the event that posted it.
SELECT e.status, e.reason, i.last_error FROM event AS e LEFT JOIN installation AS i USING (event_id)
WHERE e.event_id = ?1;

-- name: InstallationsSealed
SELECT i.installation_id, p.member_id, i.access_token, i.refresh_token
FROM installation AS i JOIN portal AS p USING (portal_id)
WHERE length(i.access_token) > 0 OR length(i.refresh_token) > 0;

-- name: InstallationResealAccessToken
UPDATE installation SET access_token = ?3 WHERE installation_id = ?1 AND access_token = ?2;

-- name: InstallationResealRefreshToken
UPDATE installation SET refresh_token = ?3 WHERE installation_id = ?1 AND refresh_token = ?2;
