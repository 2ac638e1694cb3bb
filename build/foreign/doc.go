// Package foreign holds tests in which other people's programs check our formats:
// the fsck of transparency-dev/tessera reads our log, and its note formats read our
// cosignatures.
package foreign
