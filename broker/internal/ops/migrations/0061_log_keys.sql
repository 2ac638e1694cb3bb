-- Keys of a session's events, which outlive those of its recording. They are files
-- beside it; the log has them as a share. Owned by package evidence.
-- +goose Up
CREATE TABLE log_keys (
    sid  TEXT PRIMARY KEY,
    id   TEXT NOT NULL,            -- of the share, as on the log
    made BIGINT NOT NULL,          -- Unix milliseconds, as gone
    gone BIGINT NOT NULL DEFAULT 0 -- destroyed
);
-- What an erasure is about: everything, or all but the log, which goes when its period is over.
ALTER TABLE erasures ADD COLUMN scope TEXT NOT NULL DEFAULT 'all' CHECK (scope IN ('all', 'contents'));
