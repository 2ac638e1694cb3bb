-- Devices of customers' networks that technicians sign in to by SSH: which ones a profile
-- allows (package access), and their keys, as a technician of the office trusted them last
-- (package session).

-- +goose Up
ALTER TABLE profiles ADD COLUMN ssh_hosts TEXT NOT NULL DEFAULT ''; -- networks and names, separated by spaces; none: private addresses
CREATE TABLE device_keys (
	device TEXT NOT NULL PRIMARY KEY, -- host:port
	algorithm TEXT NOT NULL,
	fingerprint TEXT NOT NULL, -- SHA256:...
	seen BIGINT NOT NULL -- Unix milliseconds
);
CREATE INDEX device_keys_seen ON device_keys (seen);
