-- The order in which tickets are worked on, and what is known of the sessions that belong to one. Owned by package desk.

-- +goose Up
-- turn is the place in the queue: when the clock that runs is due, in Unix milliseconds; of a ticket whose clocks stand
-- still, or that has none yet, a number above all of those; 0: not counted yet. warn is when people are warned, 0 if they are not.
ALTER TABLE tickets ADD COLUMN turn BIGINT NOT NULL DEFAULT 0;
ALTER TABLE tickets ADD COLUMN warn BIGINT NOT NULL DEFAULT 0;
CREATE INDEX tickets_by_turn ON tickets (turn, id) WHERE resolved = 0;
CREATE INDEX tickets_by_team_turn ON tickets (team, turn, id) WHERE resolved = 0;
CREATE INDEX tickets_by_assignee ON tickets (assignee_id, turn, id) WHERE assignee_id IS NOT NULL;

ALTER TABLE ticket_sessions ADD COLUMN by_id TEXT NOT NULL DEFAULT '';     -- account of the technician
ALTER TABLE ticket_sessions ADD COLUMN by TEXT NOT NULL DEFAULT '';        -- name at that time
ALTER TABLE ticket_sessions ADD COLUMN started BIGINT NOT NULL DEFAULT 0;  -- when its key was issued
ALTER TABLE ticket_sessions ADD COLUMN shared BIGINT NOT NULL DEFAULT 0;   -- when the customer began to share; 0: never
ALTER TABLE ticket_sessions ADD COLUMN ended BIGINT NOT NULL DEFAULT 0;    -- 0: it goes on
ALTER TABLE ticket_sessions ADD COLUMN reason TEXT NOT NULL DEFAULT '';    -- why it ended
