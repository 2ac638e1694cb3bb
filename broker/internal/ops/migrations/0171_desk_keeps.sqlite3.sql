-- A ticket's state follows its steps, and its history is never changed or deleted.
-- PostgreSQL has triggers of its own.

-- +goose Up
-- +goose StatementBegin
CREATE TRIGGER tickets_steps BEFORE UPDATE OF state ON tickets
WHEN OLD.state <> NEW.state AND NOT EXISTS (SELECT 1 FROM ticket_steps WHERE from_state = OLD.state AND to_state = NEW.state)
BEGIN
    SELECT RAISE(ABORT, 'no step of a ticket leads there');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER ticket_history_no_update BEFORE UPDATE ON ticket_history
BEGIN
    SELECT RAISE(ABORT, 'ticket_history is only added to');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER ticket_history_no_delete BEFORE DELETE ON ticket_history
BEGIN
    SELECT RAISE(ABORT, 'ticket_history is only added to');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER desk_versions_no_update BEFORE UPDATE ON desk_versions
BEGIN
    SELECT RAISE(ABORT, 'desk_versions is only added to');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER desk_versions_no_delete BEFORE DELETE ON desk_versions
BEGIN
    SELECT RAISE(ABORT, 'desk_versions is only added to');
END;
-- +goose StatementEnd
