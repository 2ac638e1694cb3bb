package recordings

import (
	"fmt"
	"time"
)

// Verdict is what can be said about a recording.
type Verdict uint8

// Verdicts, from best to worst.
const (
	// Unanchored: whole, closed and untouched as far as the file itself can
	// show; nothing outside the file was there to compare it with.
	Unanchored Verdict = iota + 1
	// Incomplete: no final seal, or a torn tail. So looks a recording that is
	// still being written, or one that a crash interrupted.
	Incomplete
	// Tampered: something that no crash explains.
	Tampered
)

func (v Verdict) String() string {
	switch v {
	case Unanchored:
		return "closed and untouched"
	case Incomplete:
		return "incomplete"
	case Tampered:
		return "tampered"
	}
	return "unknown"
}

// Fault is the first thing wrong with a file.
type Fault struct {
	Offset int64         // byte at which the record begins
	Index  uint64        // number that the record there should have
	From   time.Duration // time of the session that the fault may touch: from the last good seal
	To     time.Duration // to the seal that uncovered it, or to the last record read
	Reason string
}

func (f *Fault) Error() string {
	return fmt.Sprintf("record %d at byte %d: %s", f.Index, f.Offset, f.Reason)
}

// Report is what [Scan] found.
type Report struct {
	Open    Open // zero when not even the first record reads
	Verdict Verdict
	Fault   *Fault // nil when every byte is accounted for

	Head    Head   // of the last good seal
	Final   bool   // it closed the segment
	Seals   int    // good seals
	Records uint64 // good records, seals included
	Sealed  uint64 // of these, up to and with the last seal

	Bytes       int64 // read
	GoodBytes   int64 // up to the end of the last good record
	SealedBytes int64 // up to the end of the last good seal

	LongestGap   time.Duration // between two seals, by the session's clock
	LongestGapAt time.Duration // where it begins
	Length       time.Duration // latest end of any content

	// Recovered is set when a crash was found and closed. RecoveryChecked tells
	// that the seal behind it is by one of the log keys that were given; without
	// any log key it cannot be checked.
	Recovered       *Recovered
	RecoveryChecked bool

	Tracks       map[Track]TrackReport
	Cosigned     uint64        // COSIG records, all of them
	Cosignatures []Cosignature // the last few; whom to trust is the caller's to know

	edge   tree // of the good records
	last   Header
	sealAt uint32 // time field of the last seal
}

// TrackReport counts the content of one track.
type TrackReport struct {
	Records uint64
	Bytes   int64 // of ciphertext
}

// UnsealedRecords is how many good records follow the last seal.
func (r Report) UnsealedRecords() uint64 { return r.Records - r.Sealed }

// TornBytes is how much of the file's end is no whole record.
func (r Report) TornBytes() int64 { return r.Bytes - r.GoodBytes }
