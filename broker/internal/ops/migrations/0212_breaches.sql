-- Suspected data breaches. breaches and breach_alerts are owned by package desk, holds by evidence. Times are Unix milliseconds, 0 if not yet.

-- +goose Up
CREATE TABLE breaches (
    ticket          TEXT PRIMARY KEY REFERENCES tickets (id),
    begun           BIGINT NOT NULL, -- when the ticket got its category
    by_id           TEXT NOT NULL,   -- who gave it; 'broker': the category was made one of these later
    by              TEXT NOT NULL,   -- name at that time
    aware           BIGINT NOT NULL, -- from when the law counts
    acknowledged    BIGINT NOT NULL,
    acknowledged_by TEXT NOT NULL,
    outcome         TEXT NOT NULL CHECK (outcome IN ('', 'notified', 'no_risk', 'no_breach')),
    notified        BIGINT NOT NULL, -- when the authority was told
    decided         BIGINT NOT NULL,
    decided_by      TEXT NOT NULL,
    why             TEXT NOT NULL,
    CHECK ((outcome = '') = (decided = 0)),
    CHECK ((outcome = 'notified') = (notified > 0))
);
-- What the data-protection officer was told of one, each once.
CREATE TABLE breach_alerts (
    ticket TEXT NOT NULL REFERENCES breaches (ticket),
    kind   TEXT NOT NULL CHECK (kind IN ('begun', 'first_warned', 'first_over', 'last_warned', 'last_over')),
    seen   BIGINT NOT NULL,
    PRIMARY KEY (ticket, kind)
);

ALTER TABLE holds ADD COLUMN until BIGINT NOT NULL DEFAULT 0;           -- a preliminary one lapses then; 0: it holds until it is released
ALTER TABLE holds ADD COLUMN about TEXT NOT NULL DEFAULT '';            -- ticket for which it was put by the broker itself
ALTER TABLE holds ADD COLUMN auditor_name TEXT NOT NULL DEFAULT '';     -- who confirmed it
ALTER TABLE holds ADD COLUMN dpo_name TEXT NOT NULL DEFAULT '';
