-- Files beside tickets. Their content lies encrypted in the folder attachments/. Owned by package desk. Times are Unix milliseconds.

-- +goose Up
CREATE TABLE desk_attachments (
    id      TEXT PRIMARY KEY,
    ticket  TEXT NOT NULL REFERENCES tickets (id),
    at      BIGINT NOT NULL,
    by_id   TEXT NOT NULL,   -- account; '' the requester
    by      TEXT NOT NULL,
    name    TEXT NOT NULL,   -- cleaned
    type    TEXT NOT NULL,   -- as found in the content
    size    BIGINT NOT NULL,
    sha256  TEXT NOT NULL,   -- of what is kept
    shown   BOOLEAN NOT NULL, -- to the requester
    removed BIGINT NOT NULL  -- 0: it is there
);
CREATE INDEX desk_attachments_by_ticket ON desk_attachments (ticket, at);
