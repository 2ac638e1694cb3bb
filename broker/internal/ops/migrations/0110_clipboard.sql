-- The clipboard goes each way by a permission of its own. Owned by package access.

-- +goose Up
UPDATE profiles SET permissions = TRIM(REPLACE(' ' || permissions || ' ', ' clipboard ', ' send_clipboard fetch_clipboard '));
