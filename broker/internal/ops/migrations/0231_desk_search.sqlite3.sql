-- Words within tickets are found by their trigrams. What is taken out of a ticket leaves the index at once
-- (secure-delete). PostgreSQL has trigram indexes of its own (pg_trgm) for the same LIKE. Owned by package desk.

-- +goose Up
CREATE TABLE ticket_numbers (
    number INTEGER PRIMARY KEY, -- row in the index: it outlives VACUUM, as a rowid does not
    ticket TEXT NOT NULL UNIQUE REFERENCES tickets (id) ON DELETE CASCADE
);
CREATE VIRTUAL TABLE ticket_search USING fts5 (search, tokenize = 'trigram');
INSERT INTO ticket_search (ticket_search, rank) VALUES ('secure-delete', 1);
INSERT INTO ticket_numbers (ticket) SELECT id FROM tickets ORDER BY created;
INSERT INTO ticket_search (rowid, search) SELECT n.number, t.search FROM ticket_numbers n JOIN tickets t ON t.id = n.ticket;
-- +goose StatementBegin
CREATE TRIGGER tickets_found AFTER INSERT ON tickets
BEGIN
    INSERT INTO ticket_numbers (ticket) VALUES (NEW.id);
    INSERT INTO ticket_search (rowid, search) SELECT number, NEW.search FROM ticket_numbers WHERE ticket = NEW.id;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER tickets_found_anew AFTER UPDATE OF search ON tickets WHEN OLD.search <> NEW.search
BEGIN
    UPDATE ticket_search SET search = NEW.search WHERE rowid = (SELECT number FROM ticket_numbers WHERE ticket = NEW.id);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER tickets_found_no_more BEFORE DELETE ON tickets
BEGIN
    DELETE FROM ticket_search WHERE rowid = (SELECT number FROM ticket_numbers WHERE ticket = OLD.id);
END;
-- +goose StatementEnd
