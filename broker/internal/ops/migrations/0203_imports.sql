-- Tickets that are read from a file: what was looked at before, and what came of it, so that it can be undone. Owned by package desk.

-- +goose Up
CREATE TABLE desk_imports (
    id     TEXT PRIMARY KEY,
    by_id  TEXT NOT NULL REFERENCES accounts (id),
    at     BIGINT NOT NULL,
    rows   TEXT NOT NULL, -- JSON: what becomes tickets; '' once it is done
    made   TEXT NOT NULL, -- JSON: ids of tickets
    undone BIGINT NOT NULL
);
