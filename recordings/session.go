package recordings

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Item is one record of a track, decrypted.
type Item struct {
	Index    uint64
	Track    Track
	Flags    Flags
	At       time.Duration // since the start of the session
	Duration time.Duration
	Body     []byte // valid during the callback only
}

// Session is one segment opened for decrypted reading.
type Session struct {
	open Open
	path string
	keys trackKeys
}

// OpenSession opens a segment with its key bag (the same name with ".key") by
// one of the identities.
//
// Errors: [ErrNotForYou], [ErrBagMismatch], [ErrMalformed], and those of
// [ReadOpen].
func OpenSession(path string, ids ...Identity) (*Session, error) {
	return OpenSessionBag(path, DefaultBag(path), ids...)
}

// DefaultBag is where the key bag of a segment lies: the same name with ".key".
func DefaultBag(path string) string { return strings.TrimSuffix(path, ".rec") + ".key" }

// OpenSessionBag is [OpenSession] with the key bag in another place.
func OpenSessionBag(path, bag string, ids ...Identity) (*Session, error) {
	o, err := ReadOpen(path)
	if err != nil {
		return nil, err
	}
	b, err := readBag(bag)
	if err != nil {
		return nil, fmt.Errorf("recordings: %w", err)
	}
	k, err := b.open(o, ids)
	if err != nil {
		return nil, fmt.Errorf("recordings: %w", err)
	}
	return &Session{open: o, path: path, keys: trackKeys{sid: o.Session, key: k}}, nil
}

// ReadOpen reads the first record of a segment. Nothing is verified but its form.
//
// Errors: [ErrNothing], [ErrTampered], those of the file system.
func ReadOpen(path string) (Open, error) {
	enough := errors.New("enough")
	rep, err := ScanFile(path, ScanOptions{Each: func(Record) error { return enough }})
	switch {
	case errors.Is(err, enough):
		return rep.Open, nil
	case err != nil:
		return Open{}, err
	case rep.Verdict == Tampered:
		return Open{}, fmt.Errorf("recordings: %w: %w", ErrTampered, rep.Fault)
	case rep.Fault != nil:
		return Open{}, fmt.Errorf("recordings: %w: %s", ErrNothing, rep.Fault.Reason)
	}
	return Open{}, fmt.Errorf("recordings: %w", ErrNothing)
}

// Open returns what the first record says.
func (s *Session) Open() Open { return s.open }

// Read verifies the segment as [Scan] does and calls fn with each decrypted
// record of the tracks (all when there are none), in order. Records of which the
// key opens nothing count as tampering, as the seal covers what the writer
// encrypted. An error of fn ends it and is returned. opts.Each is ignored.
func (s *Session) Read(opts ScanOptions, fn func(Item) error, tracks ...Track) (Report, error) {
	wanted := map[Track]bool{}
	for _, t := range tracks {
		wanted[t] = true
	}
	var plain []byte
	opts.Each = func(r Record) error {
		if r.Kind != KindData || (len(wanted) > 0 && !wanted[r.Track]) {
			return nil
		}
		aead, err := s.keys.of(r.Header)
		if err != nil {
			return err
		}
		if plain, err = aead.Open(plain[:0], nil, r.Body, dataAAD(s.open.Session, r.Header)); err != nil {
			return fmt.Errorf("recordings: %w: record %d does not open with the session's key", ErrTampered, r.Index)
		}
		return fn(Item{Index: r.Index, Track: r.Track, Flags: r.Flags, At: r.At(), Duration: r.Header.Duration(), Body: plain})
	}
	return ScanFile(s.path, opts)
}

// Close erases the keys.
func (s *Session) Close() error {
	s.keys.erase()
	return nil
}
