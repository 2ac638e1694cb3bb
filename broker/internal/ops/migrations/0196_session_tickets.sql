-- Which ticket a session belongs to, and whether each has to belong to one.

-- +goose Up
ALTER TABLE sessions ADD COLUMN desk_ticket TEXT NOT NULL DEFAULT ''; -- id; '': none; package session
ALTER TABLE sessions ADD COLUMN desk_ref TEXT NOT NULL DEFAULT '';    -- what people call it
ALTER TABLE office_settings ADD COLUMN session_tickets TEXT NOT NULL DEFAULT 'made' CHECK (session_tickets IN ('made', 'none')); -- what is done where a session belongs to none yet; package access
