-- A team may want a summary of each session. A session's column says where its own
-- stands; while it is missing, the technician's draft stays in the column note.

-- +goose Up
ALTER TABLE teams ADD COLUMN summary BOOLEAN NOT NULL DEFAULT FALSE; -- package access
ALTER TABLE sessions ADD COLUMN summary TEXT NOT NULL DEFAULT '' CHECK (summary IN ('', 'wanted', 'missing', 'done')); -- package session
CREATE INDEX sessions_by_summary ON sessions (summary) WHERE summary = 'missing';
