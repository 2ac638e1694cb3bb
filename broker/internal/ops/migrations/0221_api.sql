-- Answers of the API to requests that may be sent again. Owned by package api.

-- +goose Up
CREATE TABLE api_answers (
    account  TEXT NOT NULL,   -- whose key it is
    key      TEXT NOT NULL,   -- Idempotency-Key
    print    TEXT NOT NULL,   -- SHA-256 of what was asked
    made     BIGINT NOT NULL, -- Unix milliseconds
    status   BIGINT NOT NULL, -- 0: not answered yet
    etag     TEXT NOT NULL,
    location TEXT NOT NULL,
    body     TEXT NOT NULL,
    PRIMARY KEY (account, key)
);
CREATE INDEX api_answers_by_age ON api_answers (made);
