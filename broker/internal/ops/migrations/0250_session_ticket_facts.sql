-- The number of the ticket that a session belongs to, for who looks for its recording. It is made by chance and tells nothing.

-- +goose Up
DROP VIEW session_facts;
CREATE VIEW session_facts AS
    SELECT s.id, s.technician_id, s.technician, s.team, COALESCE(t.territory, '') AS territory,
           s.issued, s.ended, s.end_reason, s.test, s.retention, s.keep_days, s.desk_ref AS ticket
    FROM sessions s LEFT JOIN teams t ON t.name = s.team;
CREATE INDEX sessions_by_desk_ref ON sessions (desk_ref) WHERE desk_ref <> '';
