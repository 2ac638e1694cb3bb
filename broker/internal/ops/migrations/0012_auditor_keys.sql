-- Auditors' keys as their browsers made them: the public half, and the private half
-- wrapped under a passphrase that never came here. Owned by package access. Time is UTC.

-- +goose Up
CREATE TABLE auditor_keys (
    id         TEXT PRIMARY KEY, -- of the public key, as in key bags
    account_id TEXT NOT NULL REFERENCES accounts (id),
    name       TEXT NOT NULL,
    public_key TEXT NOT NULL,
    wrapped    TEXT NOT NULL, -- JSON, see recordings/FORMAT.md
    made_at    TIMESTAMPTZ NOT NULL
);

CREATE INDEX auditor_keys_account ON auditor_keys (account_id);
