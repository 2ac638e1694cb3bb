-- What auditors look for. Owned by package evidence.

-- +goose Up
ALTER TABLE log_segments ADD COLUMN tracks BIGINT NOT NULL DEFAULT 0; -- bit n: track n has content
ALTER TABLE log_segments ADD COLUMN shred BIGINT; -- leaf; NULL: the key bag is not destroyed

CREATE TABLE holds (
    id       TEXT PRIMARY KEY, -- as on the log
    sid      TEXT NOT NULL,
    since    BIGINT NOT NULL,  -- Unix milliseconds
    by_id    TEXT NOT NULL,
    by_name  TEXT NOT NULL,
    released BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX holds_by_session ON holds (sid);

-- The last check of a recording; it can be made again at any time.
CREATE TABLE checks (
    sid     TEXT PRIMARY KEY,
    state   TEXT NOT NULL,
    checked BIGINT NOT NULL
);

-- What packages session and access let package evidence see of their tables: no content.
CREATE VIEW session_facts AS
    SELECT s.id, s.technician_id, s.technician, s.team, COALESCE(t.territory, '') AS territory,
           s.issued, s.ended, s.end_reason, s.test
    FROM sessions s LEFT JOIN teams t ON t.name = s.team;
