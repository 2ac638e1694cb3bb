-- What auditors' browsers made beside their own keys. Owned by package access. Time is UTC.

-- The key that signs recipient policies, locked: each auditor may keep a copy, under
-- a passphrase of their own.

-- +goose Up
CREATE TABLE auditor_roots (
    account_id TEXT NOT NULL REFERENCES accounts (id),
    public_key TEXT NOT NULL, -- Ed25519, hexadecimal
    wrapped    TEXT NOT NULL, -- JSON, see recordings/FORMAT.md
    made_at    TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (account_id, public_key)
);

-- The public halves of the three printed keys that the next policy is to name. Only
-- the newest set is kept.
CREATE TABLE escrow_keys (
    number     BIGINT PRIMARY KEY CHECK (number BETWEEN 1 AND 3),
    public_key TEXT NOT NULL,
    made_by    TEXT NOT NULL REFERENCES accounts (id),
    made_at    TIMESTAMPTZ NOT NULL
);
