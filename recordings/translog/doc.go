// Package translog is the office's one log of everything that happened to the
// evidence: a transparency log in the form of C2SP tlog-tiles, with signed
// checkpoints (tlog-checkpoint), cosignatures of witnesses (tlog-cosignature) and
// the logic of a witness (tlog-witness). FORMAT.md beside package recordings
// describes leaves, files and proofs.
//
// It promises:
//   - [Log.Add] returns when the leaves and a checkpoint that covers them are on
//     the disk. Every checkpoint that was returned is extended by all later ones,
//     through kill -9, power cut and full disk.
//   - [Audit] recomputes everything from the entries, so whoever keeps a checkpoint,
//     a proof or a cosignature notices a leaf that was removed, changed or moved,
//     and a log that was set back or forked.
//   - A [Cosigner] never signs two checkpoints of which one does not extend the other.
//   - Memory is bounded: the right edge of the tree is kept, the rest is read from
//     tiles and checked against the root when it is needed. An audit also keeps a
//     few words for each session.
//
// It does not promise that a leaf is true, that a leaf was written, or that whoever
// holds the log key and all witnesses cannot begin another log.
//
// The package opens no connection; package tlogwitness below it does.
package translog
