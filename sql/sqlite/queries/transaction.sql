-- name: Begin
-- IMMEDIATE: a write that begins as a read would be refused when another process wrote meanwhile.
BEGIN IMMEDIATE;

-- name: Commit
COMMIT;

-- name: Rollback
ROLLBACK;

-- name: SavepointBegin
SAVEPOINT job;

-- name: SavepointRelease
RELEASE job;

-- name: SavepointRollback
ROLLBACK TO job;
