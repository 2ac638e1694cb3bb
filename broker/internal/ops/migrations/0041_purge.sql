-- What becomes of the ciphertext of a session whose keys are destroyed. Owned by
-- package evidence.

-- +goose Up
ALTER TABLE log_segments ADD COLUMN purged BIGINT; -- leaf; NULL: the file is not deleted
ALTER TABLE erasures ADD COLUMN purged BIGINT NOT NULL DEFAULT 0; -- files deleted, Unix milliseconds

DELETE FROM log_index; -- leaves are read once more
