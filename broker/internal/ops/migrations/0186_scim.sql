-- People and groups as a directory writes them here (SCIM, RFC 7643). Owned by package access.

-- +goose Up
CREATE TABLE scim_people (
    id          TEXT PRIMARY KEY,
    user_name   TEXT NOT NULL,
    user_key    TEXT NOT NULL UNIQUE, -- case-folded
    external_id TEXT NOT NULL,        -- '' for none
    email       TEXT NOT NULL,
    name        TEXT NOT NULL,
    given       TEXT NOT NULL,
    family      TEXT NOT NULL,
    active      BOOLEAN NOT NULL,
    version     BIGINT NOT NULL,
    created_at  TIMESTAMPTZ NOT NULL,
    changed_at  TIMESTAMPTZ NOT NULL
);
CREATE INDEX scim_people_by_external_id ON scim_people (external_id);

CREATE TABLE scim_groups (
    id          TEXT PRIMARY KEY,
    name        TEXT NOT NULL,
    name_key    TEXT NOT NULL UNIQUE, -- as central_rules.group_key
    external_id TEXT NOT NULL,
    version     BIGINT NOT NULL,
    created_at  TIMESTAMPTZ NOT NULL,
    changed_at  TIMESTAMPTZ NOT NULL
);

CREATE TABLE scim_members (
    group_id  TEXT NOT NULL REFERENCES scim_groups (id) ON DELETE CASCADE,
    person_id TEXT NOT NULL REFERENCES scim_people (id) ON DELETE CASCADE,
    PRIMARY KEY (group_id, person_id)
);
CREATE INDEX scim_members_by_person ON scim_members (person_id);
