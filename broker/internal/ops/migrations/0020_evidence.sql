-- What finds the global log's leaves again. Owned by package evidence; made anew
-- from the log where it is missing, and never believed by who verifies.

-- +goose Up
CREATE TABLE log_index (
    id   TEXT PRIMARY KEY CHECK (id = 'log'),
    size BIGINT NOT NULL -- leaves that are indexed
);

CREATE TABLE log_segments (
    sid     TEXT NOT NULL,
    segment BIGINT NOT NULL,
    opened  BIGINT NOT NULL, -- number of the leaf
    closed  BIGINT,          -- of the leaf closed or recovered; NULL: it lives, or nobody said yet
    bytes   BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (sid, segment)
);
CREATE INDEX log_segments_open ON log_segments (closed) WHERE closed IS NULL;

-- The trail of administration, on its way to the log: written in the same
-- transaction as what was done, by whatever process did it. The broker that
-- serves puts it on the log, sealed, and keeps no more than the leaf's number.
CREATE TABLE trail (
    id   TEXT PRIMARY KEY,
    at   BIGINT NOT NULL, -- Unix milliseconds
    what TEXT NOT NULL,
    by   TEXT NOT NULL,   -- account id, or 'command'
    body TEXT NOT NULL,   -- JSON; '' once it is on the log
    leaf BIGINT           -- NULL: not on the log yet
);
CREATE INDEX trail_waiting ON trail (at) WHERE leaf IS NULL;
