-- Why the technician says a session is needed, how the customer rated it, and
-- when the customer's one-time way to its log was used.

-- +goose Up
ALTER TABLE sessions ADD COLUMN reason TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN stars BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN log_opened BIGINT NOT NULL DEFAULT 0; -- Unix milliseconds
