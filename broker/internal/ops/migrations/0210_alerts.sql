-- What was seen of promises that run out. Owned by package desk. Times are Unix milliseconds.

-- +goose Up
-- Each is seen once, whoever looks and however often; they are only added to.
CREATE TABLE ticket_alerts (
    ticket TEXT NOT NULL REFERENCES tickets (id),
    clock  TEXT NOT NULL CHECK (clock IN ('response', 'resolution', 'hand_on')),
    kind   TEXT NOT NULL CHECK (kind IN ('warned', 'breached')),
    round  BIGINT NOT NULL, -- of hand_on: the number in the history since which the level has it; else 0
    due    BIGINT NOT NULL, -- when it was so
    seen   BIGINT NOT NULL, -- when the broker saw it
    PRIMARY KEY (ticket, clock, kind, round)
);
