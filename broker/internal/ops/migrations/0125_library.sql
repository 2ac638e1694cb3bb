-- What the office wrote for its technicians: prepared answers, templates of summaries,
-- scripts. A version never changes; what was deleted keeps its versions. Owned by package access.

-- +goose Up
CREATE TABLE library (
    id       TEXT PRIMARY KEY,
    kind     TEXT NOT NULL CHECK (kind IN ('answer', 'template', 'script')),
    position BIGINT NOT NULL,
    version  BIGINT NOT NULL, -- in force
    gone     BOOLEAN NOT NULL DEFAULT FALSE
);
CREATE INDEX library_by_kind ON library (kind, gone, position);

CREATE TABLE library_versions (
    id          TEXT NOT NULL REFERENCES library (id),
    version     BIGINT NOT NULL,
    name        TEXT NOT NULL,
    description TEXT NOT NULL,
    language    TEXT NOT NULL, -- '': every one
    team        TEXT NOT NULL, -- '': shared
    platform    TEXT NOT NULL, -- of scripts
    interpreter TEXT NOT NULL,
    read_only   BOOLEAN NOT NULL, -- as its author says
    body        TEXT NOT NULL,
    sha256      TEXT NOT NULL,
    author      TEXT NOT NULL,
    made        BIGINT NOT NULL, -- Unix milliseconds
    PRIMARY KEY (id, version)
);
