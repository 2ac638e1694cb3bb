-- What comes from a session and is named on its ticket: the content is on the session's evidence alone. Owned by package desk.

-- +goose Up
ALTER TABLE desk_attachments ADD COLUMN session TEXT NOT NULL DEFAULT ''; -- '' the content lies in attachments/
ALTER TABLE desk_attachments ADD COLUMN item TEXT NOT NULL DEFAULT '';    -- of that session's evidence
CREATE UNIQUE INDEX desk_attachments_sealed ON desk_attachments (session, item) WHERE session <> '' AND removed = 0;
