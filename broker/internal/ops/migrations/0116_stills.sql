-- The permission stills, which the built-in profiles have. Owned by package access.
-- +goose Up
UPDATE profiles SET permissions = permissions || ' stills'
WHERE name IN ('View only', 'Full support') AND ' ' || permissions || ' ' NOT LIKE '% stills %';
