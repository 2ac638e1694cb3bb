-- What was written about a session stands in the database while it goes on; with its
-- end it is emptied (package session), here for those that ended before.

-- +goose Up
UPDATE sessions SET reason = '', note = '', noted = 0, memory = '' WHERE state = 'Closed';
