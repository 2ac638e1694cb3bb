-- Files go each way by a permission of its own, and within the limits of the profile.
-- Owned by package access.

-- +goose Up
UPDATE profiles SET permissions = TRIM(REPLACE(' ' || permissions || ' ', ' files ', ' send_files fetch_files '));
ALTER TABLE profiles ADD COLUMN file_bytes BIGINT NOT NULL DEFAULT 4294967296; -- of one file
ALTER TABLE profiles ADD COLUMN total_bytes BIGINT NOT NULL DEFAULT 17179869184; -- of one session, both ways
ALTER TABLE profiles ADD COLUMN folders BOOLEAN NOT NULL DEFAULT TRUE; -- folders, not single files only
