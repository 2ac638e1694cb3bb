-- Auditors' search over what stands encrypted in recordings. Owned by package evidence,
-- and made anew from log and recordings.

-- +goose Up
ALTER TABLE log_segments ADD COLUMN summary BIGINT; -- where the summary lies in the file; -1: there is none, NULL: not looked for

-- Which search leaves name a session.
CREATE TABLE log_searched (
    sid    TEXT NOT NULL,
    number BIGINT NOT NULL, -- of the leaf
    PRIMARY KEY (sid, number)
);
