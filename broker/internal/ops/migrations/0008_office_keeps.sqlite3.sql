-- Versions of the texts, and who changed what, are never changed or deleted.
-- PostgreSQL has triggers of its own.

-- +goose Up
-- +goose StatementBegin
CREATE TRIGGER text_versions_no_update BEFORE UPDATE ON text_versions
BEGIN
    SELECT RAISE(ABORT, 'text_versions is only added to');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER text_versions_no_delete BEFORE DELETE ON text_versions
BEGIN
    SELECT RAISE(ABORT, 'text_versions is only added to');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER version_texts_no_update BEFORE UPDATE ON version_texts
BEGIN
    SELECT RAISE(ABORT, 'version_texts is only added to');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER version_texts_no_delete BEFORE DELETE ON version_texts
BEGIN
    SELECT RAISE(ABORT, 'version_texts is only added to');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER office_changes_no_update BEFORE UPDATE ON office_changes
BEGIN
    SELECT RAISE(ABORT, 'office_changes is only added to');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER office_changes_no_delete BEFORE DELETE ON office_changes
BEGIN
    SELECT RAISE(ABORT, 'office_changes is only added to');
END;
-- +goose StatementEnd
