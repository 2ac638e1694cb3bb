-- Whose a session is now: who began it (technician_id, technician, team) stays, since the
-- evidence goes by that. Owned by package session.

-- +goose Up
ALTER TABLE sessions ADD COLUMN owner_id TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN owner TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN owner_team TEXT NOT NULL DEFAULT '';
UPDATE sessions SET owner_id = technician_id, owner = technician, owner_team = team;
CREATE INDEX sessions_by_owner ON sessions (owner_id, ended);
