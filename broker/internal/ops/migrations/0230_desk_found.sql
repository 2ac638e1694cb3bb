-- Lists of tickets in the order in which they are shown: all, and those that are open. Owned by package desk.

-- +goose Up
DROP INDEX tickets_by_time;
CREATE INDEX tickets_by_time ON tickets (created DESC, id DESC);
CREATE INDEX tickets_open ON tickets (created DESC, id DESC) WHERE resolved = 0;
