package recordings

import (
	"errors"
	"fmt"
	"os"
)

// ErrNoSpace: the disk is full. What was sealed stays; a reserve still takes
// small events and the final seal.
var ErrNoSpace = errors.New("no space left for the recording")

// errNoReserve: this file system cannot reserve space ahead.
var errNoReserve = errors.New("space cannot be reserved here")

const (
	aheadBytes   = 1 << 20   // kept reserved beyond what is written
	growBytes    = 1 << 20   // reserved more at a time
	closingBytes = 64 << 10  // of the reserve, for the last seals alone
	smallBytes   = 128 << 10 // greatest record that the reserve takes
)

// space keeps room reserved on the disk beyond the end of a file, so that a full
// disk never costs the last events and the final seal.
type space struct {
	f   *os.File
	end int64 // reserved up to here
	off bool  // the file system cannot
}

type need uint8

const (
	bulk  need = iota // content: takes no reserve
	small             // events and control: take the reserve, but for the closing part
	last              // seals: take all of it
)

// take makes sure that n bytes can be written at off.
func (s *space) take(off, n int64, w need) error {
	if s.off {
		return nil
	}
	want := off + n + aheadBytes
	if s.end >= want {
		return nil
	}
	err := reserve(s.f, s.end, want+growBytes-s.end)
	switch {
	case err == nil:
		s.end = want + growBytes
		return nil
	case errors.Is(err, errNoReserve):
		s.off = true
		return nil
	case !isFull(err):
		return err
	}
	// Full. Is the reserve for this one?
	switch left := s.end - off - n; {
	case w == last && left >= 0:
		return nil
	case w == small && n <= smallBytes && left >= closingBytes:
		return nil
	}
	return fmt.Errorf("%w: %w", ErrNoSpace, err)
}
