-- The work around the sessions. Owned by package desk. Times are Unix milliseconds, 0 if not yet.

-- +goose Up
CREATE TABLE ticket_steps (
    from_state TEXT NOT NULL,
    step       TEXT NOT NULL,
    to_state   TEXT NOT NULL,
    PRIMARY KEY (from_state, step)
);
-- The same table as desk.Next; a test compares them.
INSERT INTO ticket_steps (from_state, step, to_state) VALUES
    ('identified', 'log', 'logged'),
    ('logged', 'categorise', 'categorised'),
    ('categorised', 'prioritise', 'prioritised'),
    ('prioritised', 'diagnose', 'diagnosis'),
    ('diagnosis', 'escalate', 'escalated'), ('escalated', 'escalate', 'escalated'), ('investigation', 'escalate', 'escalated'),
    ('diagnosis', 'investigate', 'investigation'), ('escalated', 'investigate', 'investigation'),
    ('logged', 'resolve', 'resolved'), ('categorised', 'resolve', 'resolved'), ('prioritised', 'resolve', 'resolved'),
    ('diagnosis', 'resolve', 'resolved'), ('escalated', 'resolve', 'resolved'), ('investigation', 'resolve', 'resolved'),
    ('resolved', 'close', 'closed'),
    ('resolved', 'reopen', 'investigation'), ('closed', 'reopen', 'investigation'),
    ('categorised', 'categorise', 'categorised'), ('prioritised', 'categorise', 'prioritised'), ('diagnosis', 'categorise', 'diagnosis'),
    ('escalated', 'categorise', 'escalated'), ('investigation', 'categorise', 'investigation'),
    ('prioritised', 'prioritise', 'prioritised'), ('diagnosis', 'prioritise', 'diagnosis'),
    ('escalated', 'prioritise', 'escalated'), ('investigation', 'prioritise', 'investigation');

CREATE TABLE tickets (
    id          TEXT PRIMARY KEY,
    ref         TEXT NOT NULL UNIQUE,
    version     BIGINT NOT NULL,
    type        TEXT NOT NULL CHECK (type IN ('incident', 'request', 'maintenance')),
    state       TEXT NOT NULL CHECK (state IN ('identified', 'logged', 'categorised', 'prioritised', 'diagnosis', 'escalated', 'investigation', 'resolved', 'closed')),
    title       TEXT NOT NULL,
    text        TEXT NOT NULL,
    language    TEXT NOT NULL,
    requester   TEXT NOT NULL,
    email       TEXT NOT NULL,
    phone       TEXT NOT NULL,
    office      BOOLEAN NOT NULL, -- the whole office is affected
    channel     TEXT NOT NULL CHECK (channel IN ('portal', 'phone', 'mail', 'in_person', 'staff', 'program')),
    category    TEXT NOT NULL,
    area        TEXT NOT NULL,
    impact      BIGINT NOT NULL CHECK (impact BETWEEN 0 AND 3),
    urgency     BIGINT NOT NULL CHECK (urgency BETWEEN 0 AND 3),
    priority    BIGINT NOT NULL CHECK (priority BETWEEN 0 AND 4),
    team        TEXT NOT NULL REFERENCES teams (name),
    level       TEXT NOT NULL,
    assignee_id TEXT REFERENCES accounts (id),
    parent      TEXT REFERENCES tickets (id),
    waiting     TEXT NOT NULL CHECK (waiting IN ('', 'requester', 'vendor', 'appointment', 'parent')),
    appointment BIGINT NOT NULL,
    resolution  TEXT NOT NULL CHECK (resolution IN ('', 'solved', 'workaround', 'duplicate', 'withdrawn', 'not_found')),
    solution    TEXT NOT NULL,
    reopened    BIGINT NOT NULL,
    created     BIGINT NOT NULL,
    responded   BIGINT NOT NULL,
    resolved    BIGINT NOT NULL,
    closed      BIGINT NOT NULL,
    search      TEXT NOT NULL, -- folded: what it is found by
    CHECK ((state IN ('resolved', 'closed')) = (resolved > 0)),
    CHECK ((state = 'closed') = (closed > 0))
);
CREATE INDEX tickets_by_team ON tickets (team, state, created);
CREATE INDEX tickets_by_time ON tickets (created DESC, id);
CREATE INDEX tickets_by_parent ON tickets (parent) WHERE parent IS NOT NULL;

-- Which teams a ticket has been with: they may read it.
CREATE TABLE ticket_teams (
    ticket TEXT NOT NULL REFERENCES tickets (id),
    team   TEXT NOT NULL REFERENCES teams (name),
    PRIMARY KEY (ticket, team)
);
CREATE INDEX ticket_teams_by_team ON ticket_teams (team, ticket);

-- When others had their turn; until is 0 while they have.
CREATE TABLE ticket_pauses (
    ticket TEXT NOT NULL REFERENCES tickets (id),
    since  BIGINT NOT NULL,
    until  BIGINT NOT NULL,
    PRIMARY KEY (ticket, since)
);

-- Everything that was ever done with a ticket. It is only added to.
CREATE TABLE ticket_history (
    ticket TEXT NOT NULL REFERENCES tickets (id),
    number BIGINT NOT NULL, -- the ticket's version that it made
    at     BIGINT NOT NULL,
    by_id  TEXT NOT NULL,   -- account; '' the requester, or the broker
    by     TEXT NOT NULL,   -- name at that time
    kind   TEXT NOT NULL,
    data   TEXT NOT NULL,   -- JSON: the act
    PRIMARY KEY (ticket, number)
);

CREATE TABLE ticket_sessions (
    ticket  TEXT NOT NULL REFERENCES tickets (id),
    session TEXT NOT NULL,
    PRIMARY KEY (session, ticket)
);
CREATE INDEX ticket_sessions_by_ticket ON ticket_sessions (ticket);

-- What the office decides about its desk, each version whole. They are only added to.
CREATE TABLE desk_versions (
    what    TEXT NOT NULL CHECK (what IN ('matrix', 'hours')),
    number  BIGINT NOT NULL, -- from 1, in order
    at      BIGINT NOT NULL,
    by_id   TEXT NOT NULL,   -- account; '' the program itself
    by      TEXT NOT NULL,   -- name at that time
    data    TEXT NOT NULL,   -- JSON
    PRIMARY KEY (what, number)
);

-- What requesters are to be told by mail. It is written with what it tells of.
CREATE TABLE desk_notices (
    id      TEXT PRIMARY KEY,
    ticket  TEXT NOT NULL REFERENCES tickets (id),
    kind    TEXT NOT NULL,
    version BIGINT NOT NULL, -- of the ticket
    made    BIGINT NOT NULL,
    tries   BIGINT NOT NULL,
    next    BIGINT NOT NULL, -- when it is tried; 0: not any more
    sent    BIGINT NOT NULL,
    error   TEXT NOT NULL    -- of the last try
);
CREATE INDEX desk_notices_by_next ON desk_notices (next) WHERE next > 0;
CREATE INDEX desk_notices_by_ticket ON desk_notices (ticket);
