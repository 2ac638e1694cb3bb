-- A ticket that has been closed for long is deleted whole, with its history: nothing else is ever taken out of one.
-- The office decides for how long; less than this it never is. PostgreSQL has triggers of its own.

-- +goose Up
DROP TRIGGER ticket_history_no_delete;
DROP TRIGGER ticket_alerts_no_delete;
-- +goose StatementBegin
CREATE TRIGGER ticket_history_no_delete BEFORE DELETE ON ticket_history
WHEN NOT EXISTS (SELECT 1 FROM tickets WHERE id = OLD.ticket AND closed > 0 AND closed < (unixepoch() - 30 * 86400) * 1000)
BEGIN
    SELECT RAISE(ABORT, 'ticket_history is only added to');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER ticket_alerts_no_delete BEFORE DELETE ON ticket_alerts
WHEN NOT EXISTS (SELECT 1 FROM tickets WHERE id = OLD.ticket AND closed > 0 AND closed < (unixepoch() - 30 * 86400) * 1000)
BEGIN
    SELECT RAISE(ABORT, 'ticket_alerts is only added to');
END;
-- +goose StatementEnd
