-- API tokens have a name, an end, and may be narrowed. Owned by package access.

-- +goose Up
ALTER TABLE api_tokens ADD COLUMN id TEXT NOT NULL DEFAULT '';
ALTER TABLE api_tokens ADD COLUMN name TEXT NOT NULL DEFAULT '';
ALTER TABLE api_tokens ADD COLUMN scopes TEXT NOT NULL DEFAULT ''; -- separated by spaces; '' everything a token may
ALTER TABLE api_tokens ADD COLUMN expires_at TIMESTAMPTZ;
ALTER TABLE api_tokens ADD COLUMN used_at TIMESTAMPTZ; -- to the minute
UPDATE api_tokens SET id = 'old-' || substr(token_hash, 1, 12), name = 'consento-broker token add';
CREATE UNIQUE INDEX api_tokens_by_id ON api_tokens (id);
CREATE INDEX api_tokens_by_account ON api_tokens (account_id, created_at);
