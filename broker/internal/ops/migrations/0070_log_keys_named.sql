-- Which leaf names the file of the log's own keys of a segment. Owned by package
-- evidence, and made anew from the log.
-- +goose Up
ALTER TABLE log_segments ADD COLUMN log_keys BIGINT; -- the newest; NULL: none does
