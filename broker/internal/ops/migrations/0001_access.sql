-- Accounts, sign-in, first set-up, recipients. Owned by package access.
-- Time is UTC; ids are UUIDv4; a *_hash is SHA-256 in base64url of a random 256 bit value.

-- +goose Up
CREATE TABLE office (
    id              TEXT PRIMARY KEY CHECK (id = 'office'), -- one broker, one office
    name            TEXT NOT NULL,
    phone           TEXT NOT NULL,
    controller      TEXT NOT NULL,
    privacy_contact TEXT NOT NULL,
    changed_at      TIMESTAMPTZ NOT NULL
);

CREATE TABLE profiles (
    name        TEXT PRIMARY KEY,
    permissions TEXT NOT NULL, -- names of permissions, separated by spaces
    created_at  TIMESTAMPTZ NOT NULL
);

CREATE TABLE teams (
    name       TEXT PRIMARY KEY,
    territory  TEXT NOT NULL, -- '' for an office without territories
    level      TEXT NOT NULL CHECK (level IN ('L1', 'L2', 'L3', 'LX')),
    created_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE accounts (
    id            TEXT PRIMARY KEY,
    email         TEXT NOT NULL UNIQUE, -- case-folded
    name          TEXT NOT NULL,
    role          TEXT NOT NULL CHECK (role IN ('technician', 'lead', 'auditor', 'administrator', 'maintainer', 'dpo')),
    team          TEXT REFERENCES teams (name),
    territory     TEXT NOT NULL,
    level         TEXT NOT NULL CHECK (level IN ('', 'L1', 'L2', 'L3', 'LX')),
    profile       TEXT REFERENCES profiles (name),
    password_hash TEXT NOT NULL, -- PHC string
    epoch         BIGINT NOT NULL DEFAULT 0, -- grows when every sign-in of the account ends
    created_at    TIMESTAMPTZ NOT NULL,
    disabled_at   TIMESTAMPTZ,
    CHECK (role NOT IN ('technician', 'lead') OR (team IS NOT NULL AND profile IS NOT NULL AND level <> ''))
);
CREATE INDEX accounts_by_role ON accounts (role);
CREATE INDEX accounts_by_team ON accounts (team);

CREATE TABLE sign_ins (
    token_hash TEXT PRIMARY KEY,
    data       TEXT NOT NULL, -- base64
    expires_at TIMESTAMPTZ NOT NULL,
    ended      BOOLEAN NOT NULL DEFAULT FALSE -- kept until expires_at, so that a late request cannot revive it
);
CREATE INDEX sign_ins_by_expiry ON sign_ins (expires_at);

CREATE TABLE sign_in_failures (
    subject_hash TEXT PRIMARY KEY, -- of the e-mail that was typed, whether there is such an account or not
    failures     BIGINT NOT NULL,
    last_at      TIMESTAMPTZ NOT NULL,
    next_at      TIMESTAMPTZ NOT NULL
);
CREATE INDEX sign_in_failures_by_age ON sign_in_failures (last_at);

CREATE TABLE api_tokens (
    token_hash TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    created_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE setup_tokens (
    token_hash TEXT PRIMARY KEY,
    expires_at TIMESTAMPTZ NOT NULL,
    used_at    TIMESTAMPTZ
);

CREATE TABLE recipients (
    id          TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL UNIQUE,
    name        TEXT NOT NULL,
    team        TEXT REFERENCES teams (name), -- NULL: every team of the territory
    territory   TEXT NOT NULL,                -- '': every territory
    public_key  TEXT NOT NULL,
    added_by    TEXT REFERENCES accounts (id), -- NULL: from the command line, or the first set-up
    added_at    TIMESTAMPTZ NOT NULL
);
