// Package session is the life of a session on the broker: key, ticket, terms,
// consents, picture, end, and the evidence of all of it.
//
// It promises, for each change of state and each consent: decide (pure,
// protocol.Next), then evidence on disk, then the database, then the effect.
// What is not on the evidence does not happen. Only an end waits for nothing:
// the picture stops first, the evidence is told at once after.
//
// One goroutine owns one session; every method of Manager may be called from
// anywhere. Rights of accounts are the caller's to check (package access);
// state, ownership and consent are checked here, for each call.
package session
