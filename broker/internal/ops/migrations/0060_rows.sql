-- How long a session's own row is kept: the period of logs that was promised when it
-- began. Owned by package session; package evidence reads the view.
-- +goose Up
ALTER TABLE sessions ADD COLUMN log_months BIGINT NOT NULL DEFAULT 0; -- 0: from before it was kept, as the settings say now
ALTER TABLE sessions ADD COLUMN emptied BOOLEAN NOT NULL DEFAULT FALSE; -- the period is over, but its recording is still there
CREATE VIEW session_ends AS
    SELECT id, ended, keep_days, log_months, emptied FROM sessions WHERE state = 'Closed' AND ended > 0;
CREATE INDEX sessions_by_end ON sessions (ended) WHERE state = 'Closed';
