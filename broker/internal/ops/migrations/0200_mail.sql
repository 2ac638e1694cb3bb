-- Letters to people, see package mail. What requesters are told of their tickets stands in desk_notices.
-- Times are Unix milliseconds, 0 if not yet.

-- +goose Up
CREATE TABLE mail_letters (
    id      TEXT PRIMARY KEY,
    made    BIGINT NOT NULL,
    subject TEXT NOT NULL,
    letter  TEXT NOT NULL,   -- JSON; '' once it was sent
    tries   BIGINT NOT NULL,
    next    BIGINT NOT NULL, -- when it is tried; 0: not any more
    sent    BIGINT NOT NULL,
    error   TEXT NOT NULL    -- of the last try
);
CREATE INDEX mail_letters_by_next ON mail_letters (next) WHERE next > 0;
CREATE INDEX mail_letters_by_made ON mail_letters (made);
