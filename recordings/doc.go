// Package recordings is the evidence: it writes, verifies and reads the sealed
// recording of a session.
//
// A session is one or more append-only segment files "<sid>-<n>.rec", each with
// a key bag "<sid>-<n>.key". FORMAT.md describes every byte; a second verifier
// can be written from it alone.
//
// # What it promises
//
//   - What a seal covers cannot be changed, dropped, reordered or inserted
//     without detection, by whoever holds the disk, and not even by whoever
//     takes the process over later: the signing key is replaced and erased at
//     each seal.
//   - A head that [Writer.Seal] returned is on the disk. Whatever was appended
//     after it is with the operating system and survives the end of the process.
//   - Contents open only with an [Identity] that the key bag names, or with two
//     of them together where it says so (dual control, escrow). A share
//     ([ShareTerms]) opens its tracks and minutes and nothing else. Content and
//     signing keys exist in the memory of the writing process alone.
//   - A bag that lets somebody read whom the signed policy does not name is found
//     ([PolicyChain.Check]); what it says of itself is all there is to go by.
//   - Verification ([Scan], [Follower]) needs no secret, no network and bounded
//     memory, and survives any input.
//
// # What it does not promise
//
// A file alone cannot show that it was not cut at an earlier seal while it was
// open, nor that the whole session was not recorded again: that takes the heads
// which others keep ([ScanOptions.Known]). That a
// share has ended is kept by readers, and by who deletes the file, not by
// cryptography.
//
// # Compatibility
//
// Files of version 1 stay readable. A version, a kind of record or a field of
// OPEN that a reader does not know is refused; unknown tracks are verified and
// left unread. The package works with GODEBUG=fips140=only.
package recordings
