-- What was seen of promises is never changed or deleted. PostgreSQL has triggers of its own.

-- +goose Up
-- +goose StatementBegin
CREATE TRIGGER ticket_alerts_no_update BEFORE UPDATE ON ticket_alerts
BEGIN
    SELECT RAISE(ABORT, 'ticket_alerts is only added to');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER ticket_alerts_no_delete BEFORE DELETE ON ticket_alerts
BEGIN
    SELECT RAISE(ABORT, 'ticket_alerts is only added to');
END;
-- +goose StatementEnd
