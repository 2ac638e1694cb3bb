-- What a restarted broker needs to go on with a session: consents, what was
-- confirmed, who helps. JSON of package session; no content.

-- +goose Up
ALTER TABLE sessions ADD COLUMN memory TEXT NOT NULL DEFAULT '';
