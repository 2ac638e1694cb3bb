-- What of a recording somebody else may see: customers' copies, and what auditors
-- shared. Owned by package evidence; the log has each of them. Their keys are files,
-- so that no backup of this database keeps any.

-- +goose Up
CREATE TABLE shares (
    id              TEXT PRIMARY KEY, -- as on the log
    sid             TEXT NOT NULL,
    kind            TEXT NOT NULL CHECK (kind IN ('customer', 'account', 'team')),
    addressee       TEXT NOT NULL,    -- account id or team; '' the customer
    addressee_name  TEXT NOT NULL,
    token           TEXT NOT NULL,    -- SHA-256 in hex of what the customer's browser shows; '' of others
    by_id           TEXT NOT NULL,    -- account; '' the customer
    by_name         TEXT NOT NULL,
    made            BIGINT NOT NULL,  -- Unix milliseconds, as all times
    until           BIGINT NOT NULL,
    tracks          TEXT NOT NULL,    -- numbers with commas between; '' the log alone
    from_ms         BIGINT NOT NULL,
    to_ms           BIGINT NOT NULL,
    revoked         BIGINT NOT NULL DEFAULT 0,
    revoked_by_name TEXT NOT NULL DEFAULT '',
    cleared         BOOLEAN NOT NULL DEFAULT FALSE -- its keys are destroyed
);
CREATE INDEX shares_by_session ON shares (sid);
CREATE INDEX shares_by_addressee ON shares (kind, addressee);

-- Whether customers get the recording, and for how many days their link works.
ALTER TABLE office_settings ADD COLUMN customer_recording TEXT NOT NULL DEFAULT 'give';
ALTER TABLE office_settings ADD COLUMN customer_days BIGINT NOT NULL DEFAULT 7;
