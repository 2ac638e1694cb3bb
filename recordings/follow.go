package recordings

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// trusted is how much of a record must have come before room is made for all of it.
const trusted = 1 << 20

// Follower verifies a segment as its bytes come, with the rules of [Scan]. It is
// meant for one goroutine. Memory is bounded by one record, and grows beyond a
// megabyte only when a megabyte really came.
type Follower struct {
	s   verifier
	buf []byte // behind the last good record
	err error  // what ended it
}

// NewFollower begins before the first byte of a segment.
func NewFollower(opts ScanOptions) *Follower {
	return &Follower{s: verifier{opts: opts, rep: Report{Verdict: Unanchored, Tracks: map[Track]TrackReport{}}}}
}

// Write takes the next bytes; they may end anywhere in a record. A record is good
// when it is whole and follows from all before it, and only then is it counted in
// [Report.GoodBytes] and shown to opts.Each. Whoever keeps the bytes keeps
// GoodBytes of them.
//
// Errors: a [*Fault] that wraps [ErrTampered], that of opts.Each. After an error
// every call returns it again: nothing good can follow.
func (f *Follower) Write(p []byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	f.s.rep.Bytes += int64(len(p))
	rest := p
	if len(f.buf) > 0 {
		if len(f.buf) >= trusted {
			// Enough came to believe what the header says, and to spare the copies.
			if h, err := parseHeader(f.buf); err == nil {
				f.buf = slices.Grow(f.buf, max(HeaderSize+int(h.Length)-len(f.buf), 0)+len(p))
			}
		}
		f.buf = append(f.buf, p...)
		rest = f.buf
	}
	before := f.s.rep.Records
	rest, err := f.records(rest)
	f.keep(rest, f.s.rep.Records > before && f.s.rep.last.Length < trusted)
	switch {
	case err != nil:
		f.err = err
	case f.s.rep.Fault != nil:
		f.err = fmt.Errorf("%w: %w", ErrTampered, f.s.rep.Fault)
	}
	if f.err != nil {
		return 0, f.err
	}
	return len(p), nil
}

// records takes all whole records off the front of b.
func (f *Follower) records(b []byte) ([]byte, error) {
	for len(b) >= HeaderSize {
		h, err := parseHeader(b)
		if err != nil {
			f.s.broken(strings.TrimPrefix(err.Error(), errTorn.Error()+": "))
			return b, nil
		}
		size := HeaderSize + int(h.Length)
		if len(b) < size {
			return b, nil
		}
		if checksum(b[:size]) != h.Checksum {
			f.s.broken("the checksum is wrong")
			return b, nil
		}
		good, err := f.s.take(b[:size], h)
		if !good {
			return b, err
		}
		if b = b[size:]; err != nil {
			return b, err
		}
	}
	return b, nil
}

// keep moves what is no whole record yet to the front of the buffer, and gives a
// buffer back that a single large record needed when a small one followed.
func (f *Follower) keep(rest []byte, small bool) {
	switch {
	case len(rest) > 0 && len(rest) == len(f.buf): // nothing was taken
	case small && cap(f.buf) > 2*trusted && len(rest) < trusted:
		f.buf = slices.Clone(rest)
	default:
		f.buf = append(f.buf[:0], rest...)
	}
}

// Pending is how many bytes came that are no whole record yet.
func (f *Follower) Pending() int { return len(f.buf) }

// Report tells what is known at this moment; it stays as it is. A segment that
// goes on is [Incomplete], and bytes that are no whole record yet are no fault.
// What opts.Known asks for is checked as far as the segment came.
func (f *Follower) Report() Report {
	r := f.s.rep
	r.Tracks, r.Cosignatures = maps.Clone(r.Tracks), slices.Clone(r.Cosignatures)
	r.edge.edge = slices.Clone(r.edge.edge)
	switch {
	case errors.Is(f.err, ErrTampered):
		r.Verdict = Tampered
	case !r.Final:
		r.Verdict = Incomplete
	}
	return r
}
