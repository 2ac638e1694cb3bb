-- Passkeys that sign in. Owned by package access. (auditor_passkeys open auditors' keys, and sign nobody in.)

-- +goose Up
CREATE TABLE sign_in_passkeys (
    credential TEXT PRIMARY KEY, -- base64url
    account_id TEXT NOT NULL REFERENCES accounts (id),
    name       TEXT NOT NULL,    -- as its owner calls it
    data       TEXT NOT NULL,    -- JSON: public key, flags, counter; nothing secret
    made_at    TIMESTAMPTZ NOT NULL,
    used_at    TIMESTAMPTZ
);
CREATE INDEX sign_in_passkeys_by_account ON sign_in_passkeys (account_id);
