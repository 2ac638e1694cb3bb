-- Passkeys that open auditors' keys beside the passphrase: the private half wrapped
-- under what an authenticator gives, which never came here. Owned by package access.
-- Time is UTC.

-- +goose Up
CREATE TABLE auditor_passkeys (
    key_id     TEXT NOT NULL REFERENCES auditor_keys (id),
    credential TEXT NOT NULL, -- its id, base64url
    name       TEXT NOT NULL,
    wrapped    TEXT NOT NULL, -- JSON, see recordings/FORMAT.md
    made_at    TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (key_id, credential)
);
