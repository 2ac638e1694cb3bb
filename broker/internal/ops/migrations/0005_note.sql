-- What the technician noted during a session, for the list of the day. The
-- evidence keeps it; here it is emptied a day after the end.

-- +goose Up
ALTER TABLE sessions ADD COLUMN note TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN noted BIGINT NOT NULL DEFAULT 0; -- Unix milliseconds
