-- What customers and technicians are asked after a session, each version whole, and what they answered. Versions are only
-- added to; answers go with their session's row. Owned by package figures. Times are Unix milliseconds.

-- +goose Up
CREATE TABLE survey_versions (
    survey  TEXT NOT NULL CHECK (survey IN ('customer', 'technician')),
    number  BIGINT NOT NULL, -- from 1, in order
    at      BIGINT NOT NULL,
    by_id   TEXT NOT NULL,   -- account; '' the program itself
    by      TEXT NOT NULL,   -- name at that time
    data    TEXT NOT NULL,   -- JSON: the questions
    PRIMARY KEY (survey, number)
);
CREATE TABLE survey_answers (
    session TEXT NOT NULL,
    survey  TEXT NOT NULL CHECK (survey IN ('customer', 'technician')),
    version BIGINT NOT NULL,
    at      BIGINT NOT NULL,
    data    TEXT NOT NULL,   -- JSON: question to answer
    PRIMARY KEY (session, survey)
);
