-- Webhooks: where events go, and what is on its way. Owned by package hooks. Times are Unix
-- milliseconds, 0 if not (yet).

-- +goose Up
CREATE TABLE hook_targets (
    id            TEXT PRIMARY KEY,
    name          TEXT NOT NULL,
    url           TEXT NOT NULL,
    events        TEXT NOT NULL,   -- types separated by spaces
    secret        TEXT NOT NULL,   -- sealed under the server's key
    secret_before TEXT NOT NULL,   -- likewise: signs as well until before_until
    before_until  BIGINT NOT NULL,
    made          BIGINT NOT NULL,
    active        BOOLEAN NOT NULL,
    stopped       TEXT NOT NULL,   -- why the broker switched it off, '' if it did not
    failing       BIGINT NOT NULL  -- since when nothing arrives
);

-- Written in the transaction of what they tell of.
CREATE TABLE hook_deliveries (
    id     TEXT PRIMARY KEY, -- webhook-id: stays the same however often it is sent
    target TEXT NOT NULL REFERENCES hook_targets (id) ON DELETE CASCADE,
    event  TEXT NOT NULL,
    body   TEXT NOT NULL,    -- JSON, as it is signed
    made   BIGINT NOT NULL,
    tries  BIGINT NOT NULL,
    next   BIGINT NOT NULL,  -- when it is sent; 0: not any more
    done   BIGINT NOT NULL,  -- when it arrived, or was given up
    tried  BIGINT NOT NULL,  -- the last time
    status BIGINT NOT NULL,  -- of the last answer, 0 without one
    error  TEXT NOT NULL     -- of the last try, one of a closed set; '' it arrived
);
CREATE INDEX hook_deliveries_by_next ON hook_deliveries (target, next) WHERE next > 0;
CREATE INDEX hook_deliveries_by_target ON hook_deliveries (target, made);
CREATE INDEX hook_deliveries_by_done ON hook_deliveries (done) WHERE done > 0;
