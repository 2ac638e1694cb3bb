-- In which language somebody who works here gets mails. Owned by package access.

-- +goose Up
ALTER TABLE accounts ADD COLUMN language TEXT NOT NULL DEFAULT ''; -- BCP 47; '': the office's
