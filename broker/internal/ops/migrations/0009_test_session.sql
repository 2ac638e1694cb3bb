-- A session that a technician marked as a test: in everything else it is like any other. Owned by package session.

-- +goose Up
ALTER TABLE sessions ADD COLUMN test BOOLEAN NOT NULL DEFAULT FALSE;
