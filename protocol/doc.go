// Package protocol is what broker, agent and console say to each other: the
// wire messages and their limits, the version, session states and their
// transitions, permissions, end reasons, event codes and the session key.
//
// It promises: every name and number here is stable within a major version;
// decoding never panics and never allocates more than the stated limits,
// whatever the bytes; Next is pure. It imports nothing of the rest of the
// project, opens no socket and holds no state.
//
// PROTOCOL.md beside this file describes the flow for people and is checked
// against this package by a test.
package protocol
