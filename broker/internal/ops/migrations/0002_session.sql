-- The operational side of sessions: no content. Owned by package session.
-- Times are Unix milliseconds, 0 if not yet. A *_hash is an HMAC under a key of the broker, in base64url.

-- +goose Up
CREATE TABLE session_steps (
    from_state TEXT NOT NULL,
    to_state   TEXT NOT NULL,
    PRIMARY KEY (from_state, to_state)
);
-- The same table as protocol.Next; a test compares them.
INSERT INTO session_steps (from_state, to_state) VALUES
    ('Issued', 'Joined'), ('Joined', 'Waiting'), ('Waiting', 'Active'),
    ('Issued', 'Ending'), ('Joined', 'Ending'), ('Waiting', 'Ending'), ('Active', 'Ending'),
    ('Ending', 'Closed');

CREATE TABLE sessions (
    id            TEXT PRIMARY KEY,
    state         TEXT NOT NULL CHECK (state IN ('Issued', 'Joined', 'Waiting', 'Active', 'Ending', 'Closed')),
    technician_id TEXT NOT NULL,
    technician    TEXT NOT NULL,
    team          TEXT NOT NULL,
    key_hash      TEXT, -- null once the key is used or expired
    key_expires   BIGINT NOT NULL,
    ticket_hash   TEXT,
    ticket_used   BIGINT NOT NULL DEFAULT 0,
    issued        BIGINT NOT NULL,
    active        BIGINT NOT NULL DEFAULT 0,
    ended         BIGINT NOT NULL DEFAULT 0,
    end_reason    TEXT NOT NULL DEFAULT '',
    steps         TEXT NOT NULL DEFAULT '', -- what the customer has done, names separated by spaces
    removed       BOOLEAN
);
CREATE UNIQUE INDEX sessions_by_key ON sessions (key_hash);
CREATE UNIQUE INDEX sessions_by_ticket ON sessions (ticket_hash);
CREATE INDEX sessions_by_technician ON sessions (technician_id, ended);
CREATE INDEX sessions_by_state ON sessions (state);
