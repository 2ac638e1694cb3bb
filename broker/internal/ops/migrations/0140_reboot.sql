-- The permission to restart the customer's computer, which who may do everything has. Owned by package access.
-- +goose Up
UPDATE profiles SET permissions = permissions || ' reboot'
WHERE name = 'Full support' AND ' ' || permissions || ' ' NOT LIKE '% reboot %';
