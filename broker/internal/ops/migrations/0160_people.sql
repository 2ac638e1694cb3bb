-- Links by which people choose their first, or a new, password. Owned by package access.

-- +goose Up
CREATE TABLE invitations (
    token_hash TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    made_by    TEXT NOT NULL, -- account
    made_at    TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX invitations_by_account ON invitations (account_id);
ALTER TABLE accounts ADD COLUMN joined BOOLEAN NOT NULL DEFAULT TRUE; -- FALSE until the first password was chosen
