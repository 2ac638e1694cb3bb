-- Accounts of people whom a provider, a directory or SCIM vouches for. Owned by package access.

-- +goose Up
ALTER TABLE accounts ADD COLUMN central BOOLEAN NOT NULL DEFAULT FALSE;   -- signs in elsewhere: has no password here
ALTER TABLE accounts ADD COLUMN suspended BOOLEAN NOT NULL DEFAULT FALSE; -- disabled by its groups, which can bring it back
ALTER TABLE accounts ADD COLUMN emergency BOOLEAN NOT NULL DEFAULT FALSE; -- signs in by password although its role may not

CREATE TABLE central_rules (
    id         TEXT PRIMARY KEY,
    position   BIGINT NOT NULL, -- the first that fits counts
    group_name TEXT NOT NULL,
    group_key  TEXT NOT NULL UNIQUE, -- the one spelling
    role       TEXT NOT NULL CHECK (role IN ('technician', 'lead', 'auditor', 'administrator', 'maintainer', 'dpo')),
    team       TEXT REFERENCES teams (name),
    territory  TEXT NOT NULL,
    level      TEXT NOT NULL CHECK (level IN ('', 'L1', 'L2', 'L3', 'LX')),
    profile    TEXT REFERENCES profiles (name),
    made_by    TEXT NOT NULL, -- account
    made_at    TIMESTAMPTZ NOT NULL,
    CHECK (role NOT IN ('technician', 'lead') OR (team IS NOT NULL AND profile IS NOT NULL AND level <> ''))
);

CREATE TABLE central_links (
    issuer       TEXT NOT NULL,
    subject      TEXT NOT NULL,
    account_id   TEXT NOT NULL REFERENCES accounts (id),
    group_names  TEXT NOT NULL, -- as they were last: JSON array
    inactive     BOOLEAN NOT NULL DEFAULT FALSE, -- SCIM says that the person is not active
    seen_at      TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (issuer, subject)
);
CREATE INDEX central_links_by_account ON central_links (account_id);

CREATE TABLE central_awaited ( -- accounts with a password that the next central sign-in with their e-mail takes over
    account_id TEXT PRIMARY KEY REFERENCES accounts (id),
    made_by    TEXT NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE central_roles ( -- whose accounts do not sign in by password
    role TEXT PRIMARY KEY
);
