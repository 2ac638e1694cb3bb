-- What of the global log people look for by kind, session and person. Owned by
-- package evidence, and made anew from the log.

-- +goose Up
CREATE TABLE log_entries (
    number BIGINT PRIMARY KEY, -- of the leaf
    at     BIGINT NOT NULL,    -- Unix milliseconds
    kind   TEXT NOT NULL,
    what   TEXT NOT NULL,      -- of admin leaves: the act; of others: the step, way or state
    by_id  TEXT NOT NULL,      -- account, '' nobody's
    sid    TEXT NOT NULL,      -- session, '' none
    body   TEXT NOT NULL       -- hash of what is sealed beside the log, '' nothing
);
CREATE INDEX log_entries_by_session ON log_entries (sid, number) WHERE sid <> '';

-- Erasures under way and decided.
CREATE TABLE erasures (
    id          TEXT PRIMARY KEY, -- as on the log
    sid         TEXT NOT NULL,
    asked       BIGINT NOT NULL,  -- Unix milliseconds
    asked_by    TEXT NOT NULL,    -- account
    asked_name  TEXT NOT NULL,
    asked_role  TEXT NOT NULL CHECK (asked_role IN ('auditor', 'dpo')),
    decided     BIGINT NOT NULL DEFAULT 0,
    decided_by  TEXT NOT NULL DEFAULT '',
    decided_name TEXT NOT NULL DEFAULT '',
    approved    BOOLEAN NOT NULL DEFAULT FALSE,
    done        BIGINT NOT NULL DEFAULT 0 -- keys destroyed
);
CREATE INDEX erasures_by_session ON erasures (sid);

DELETE FROM log_index; -- leaves are read once more

CREATE INDEX sessions_by_time ON sessions (issued DESC, id);
CREATE INDEX sessions_by_team_time ON sessions (team, technician_id, issued);
