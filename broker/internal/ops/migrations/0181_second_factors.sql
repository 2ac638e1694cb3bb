-- Second factors: authenticator apps, and the codes for who has lost theirs. Owned by package access.

-- +goose Up
CREATE TABLE totp (
    account_id TEXT PRIMARY KEY REFERENCES accounts (id),
    secret     TEXT NOT NULL,   -- sealed under the server's key, which is not in the database
    made_at    TIMESTAMPTZ NOT NULL,
    used_at    TIMESTAMPTZ,
    last_step  BIGINT NOT NULL, -- RFC 6238 time step of the last code that was taken: none is taken twice
    failures   BIGINT NOT NULL  -- in a row
);
CREATE TABLE recovery_codes (
    code_hash  TEXT PRIMARY KEY, -- under a key of the server's
    account_id TEXT NOT NULL REFERENCES accounts (id),
    made_at    TIMESTAMPTZ NOT NULL,
    used_at    TIMESTAMPTZ
);
CREATE INDEX recovery_codes_by_account ON recovery_codes (account_id);
