-- How people sign in: what an office asks of each role, how old a password is, and whose each sign-in is. Owned by package access.

-- +goose Up
CREATE TABLE sign_in_rules (
    role          TEXT PRIMARY KEY,
    second_factor BOOLEAN NOT NULL,
    password_days BIGINT NOT NULL CHECK (password_days >= 0) -- 0: a password does not grow old
);
ALTER TABLE accounts ADD COLUMN password_at TIMESTAMPTZ; -- when it was chosen
UPDATE accounts SET password_at = created_at;
ALTER TABLE sign_ins ADD COLUMN account_id TEXT NOT NULL DEFAULT ''; -- '' for nobody's
CREATE INDEX sign_ins_by_account ON sign_ins (account_id);
