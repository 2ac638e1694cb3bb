-- What package session lets package figures see of its table: no content. Times are Unix milliseconds, 0 if not yet.

-- +goose Up
CREATE VIEW session_figures AS
    SELECT id, team, technician_id, issued, active, ended, stars FROM sessions WHERE NOT test;
-- Everything that is counted stands in an index, in order of time: a year is counted without reading the tables.
CREATE INDEX sessions_counted ON sessions (issued, team, technician_id, active, ended, stars, test, id);
CREATE INDEX tickets_counted ON tickets (resolved, created, team, category, priority, responded, turn, reopened, assignee_id, id) WHERE resolved > 0;
CREATE INDEX tickets_categories ON tickets (id, created, category);

-- Whether figures by person are shown. Owned by package figures.
CREATE TABLE figures_setting (
    id        TEXT PRIMARY KEY CHECK (id = 'office'),
    version   BIGINT NOT NULL,
    by_person BOOLEAN NOT NULL,
    told      TEXT NOT NULL,   -- what the people concerned are told
    since     BIGINT NOT NULL, -- when it was switched on: what was before is nobody's figure
    by        TEXT NOT NULL    -- name of who decided
);
