-- Classes of retention: how long recordings are kept, by the technician's team. The
-- period is that of the day on which the session began, as it was shown then.

-- +goose Up
ALTER TABLE office_settings ADD COLUMN short_days BIGINT NOT NULL DEFAULT 30; -- class short; package access
ALTER TABLE office_settings ADD COLUMN long_days BIGINT NOT NULL DEFAULT 365;
ALTER TABLE teams ADD COLUMN retention TEXT NOT NULL DEFAULT 'standard' CHECK (retention IN ('standard', 'short', 'long'));
ALTER TABLE sessions ADD COLUMN retention TEXT NOT NULL DEFAULT 'standard'; -- package session
ALTER TABLE sessions ADD COLUMN keep_days BIGINT NOT NULL DEFAULT 0; -- 0: from before there were classes, as the settings say now

DROP VIEW session_facts;
CREATE VIEW session_facts AS
    SELECT s.id, s.technician_id, s.technician, s.team, COALESCE(t.territory, '') AS territory,
           s.issued, s.ended, s.end_reason, s.test, s.retention, s.keep_days
    FROM sessions s LEFT JOIN teams t ON t.name = s.team;
