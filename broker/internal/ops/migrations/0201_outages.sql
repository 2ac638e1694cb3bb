-- What is said on the portal of incidents that others hang on. Owned by package desk. Times are Unix milliseconds.

-- +goose Up
CREATE TABLE desk_outages (
    ticket TEXT PRIMARY KEY REFERENCES tickets (id),
    spread TEXT NOT NULL CHECK (spread IN ('local', 'everyone')),
    place  TEXT NOT NULL, -- whom it hits, if not everyone
    texts  TEXT NOT NULL, -- JSON: language to text
    since  BIGINT NOT NULL,
    until  BIGINT NOT NULL -- 0: as long as the incident is open
);

-- When who asked is best called back, in their words.
ALTER TABLE tickets ADD COLUMN reach TEXT NOT NULL DEFAULT '';
