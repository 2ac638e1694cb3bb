-- What an administrator decides about the office's pages, and every version of
-- its terms and privacy notice. Owned by package access. Time is UTC.

-- +goose Up
CREATE TABLE office_settings (
    id             TEXT PRIMARY KEY CHECK (id = 'office'),
    languages      TEXT NOT NULL, -- tags separated by spaces; '': every language there is
    recording_days BIGINT NOT NULL CHECK (recording_days > 0),
    log_months     BIGINT NOT NULL CHECK (log_months > 0),
    logo           TEXT NOT NULL, -- PNG in base64; '': none
    logo_hash      TEXT NOT NULL, -- of the PNG; '': none
    changed_at     TIMESTAMPTZ NOT NULL
);

-- A version is both documents in every language together with the facts that
-- are filled in: so it says for ever what it said to who accepted it.
CREATE TABLE text_versions (
    number          BIGINT PRIMARY KEY, -- from 1, in order
    id              TEXT NOT NULL UNIQUE, -- as on the evidence
    made_at         TIMESTAMPTZ NOT NULL,
    account_id      TEXT REFERENCES accounts (id), -- NULL: the program itself
    author          TEXT NOT NULL, -- name of that account, '': the program itself
    why             TEXT NOT NULL CHECK (why IN ('start', 'program', 'office', 'texts', 'restored')),
    about           TEXT NOT NULL, -- texts: the language; restored: the version
    own             BOOLEAN NOT NULL, -- the office's texts; FALSE: those that came with the program
    texts_hash      TEXT NOT NULL,
    office          TEXT NOT NULL,
    phone           TEXT NOT NULL,
    controller      TEXT NOT NULL,
    privacy_contact TEXT NOT NULL,
    recording_days  BIGINT NOT NULL,
    log_months      BIGINT NOT NULL
);

CREATE TABLE version_texts (
    version  TEXT NOT NULL REFERENCES text_versions (id),
    name     TEXT NOT NULL, -- document and language: terms.en
    text     TEXT NOT NULL,
    PRIMARY KEY (version, name)
);

CREATE TABLE office_changes (
    number     BIGINT PRIMARY KEY,
    at         TIMESTAMPTZ NOT NULL,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    account    TEXT NOT NULL, -- name at that time
    what       TEXT NOT NULL,
    before     TEXT NOT NULL,
    after      TEXT NOT NULL
);
