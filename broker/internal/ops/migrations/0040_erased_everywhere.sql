-- Where an erasure is carried out: here first, then at every witness. Owned by
-- package evidence.

-- +goose Up
ALTER TABLE erasures ADD COLUMN here BIGINT NOT NULL DEFAULT 0; -- keys destroyed on this machine, Unix milliseconds; done: everywhere
UPDATE erasures SET here = done;
