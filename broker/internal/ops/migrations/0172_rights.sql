-- What a profile lets its people do around sessions. Those that are there keep what everybody
-- could do so far. Owned by package access.

-- +goose Up
ALTER TABLE profiles ADD COLUMN rights TEXT NOT NULL DEFAULT 'issue_keys queue transfer escalate'; -- names of rights, separated by spaces
UPDATE profiles SET rights = 'issue_keys queue join take_over transfer escalate invite export statistics' WHERE name = 'Full support';
