-- A session moves only along session_steps, and no session is taken out of the
-- table while it is open. PostgreSQL has triggers of its own.

-- +goose Up
-- +goose StatementBegin
CREATE TRIGGER sessions_step BEFORE UPDATE OF state ON sessions
WHEN OLD.state <> NEW.state AND NOT EXISTS
    (SELECT 1 FROM session_steps WHERE from_state = OLD.state AND to_state = NEW.state)
BEGIN
    SELECT RAISE(ABORT, 'a session cannot take this step');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER sessions_begin BEFORE INSERT ON sessions
WHEN NEW.state <> 'Issued'
BEGIN
    SELECT RAISE(ABORT, 'a session begins as Issued');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER sessions_keep BEFORE DELETE ON sessions
WHEN OLD.state <> 'Closed'
BEGIN
    SELECT RAISE(ABORT, 'an open session cannot be deleted');
END;
-- +goose StatementEnd
