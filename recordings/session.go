package recordings

import (
	"crypto/cipher"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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

// Session is one segment opened for decrypted reading, all of it or, by a share,
// a part.
type Session struct {
	open Open
	scan func(ScanOptions) (Report, error)
	keys keyring
}

// keyring gives the keys of records.
type keyring interface {
	// of returns nil for a record that is not to be read.
	of(Header) (cipher.AEAD, error)
	erase()
}

// OpenSession opens a segment with its key bag (where [FindBag] finds it) by the
// identities: one of them, or two together where the bag asks for two.
//
// Errors: [ErrNotForYou], [ErrMoreKeys], [ErrBagMismatch], [ErrMalformed], and those of
// [ReadOpen].
func OpenSession(path string, ids ...Identity) (*Session, error) {
	return OpenSessionBag(path, FindBag(path), ids...)
}

// DefaultBag is where the key bag of a segment lies: the same name with ".key".
func DefaultBag(path string) string { return strings.TrimSuffix(path, ".rec") + ".key" }

// FindBag is where a segment's key bag lies: beside it, or in the folder "bags" beside
// that of the recordings, as brokers and witnesses keep them. Where there is none in
// either place it is [DefaultBag].
func FindBag(path string) string {
	beside := DefaultBag(path)
	apart := filepath.Join(filepath.Dir(path), "..", "bags", filepath.Base(beside))
	for _, bag := range []string{beside, apart} {
		if st, err := os.Stat(bag); err == nil && st.Mode().IsRegular() {
			return bag
		}
	}
	return beside
}

// OpenSessionBag is [OpenSession] with the key bag in another place.
func OpenSessionBag(path, bag string, ids ...Identity) (*Session, error) {
	src, err := fileSource(path)
	if err != nil {
		return nil, err
	}
	b, err := ReadBag(bag)
	if err != nil {
		return nil, fmt.Errorf("recordings: %w", err)
	}
	return src.open(b, ids)
}

// OpenExcerpt opens an excerpt with the key bag of its segment. [Session.Read]
// then gives the records of the excerpt.
//
// Errors: as for [OpenSession].
func OpenExcerpt(e Excerpt, b Bag, ids ...Identity) (*Session, error) {
	return source{e.Open, e.scan}.open(b, ids)
}

// source is where the records of a session come from.
type source struct {
	first Open
	scan  func(ScanOptions) (Report, error)
}

func fileSource(path string) (source, error) {
	o, err := ReadOpen(path)
	return source{o, func(opts ScanOptions) (Report, error) { return ScanFile(path, opts) }}, err
}

func (s source) open(b Bag, ids []Identity) (*Session, error) {
	k, err := b.open(s.first, ids)
	if err != nil {
		return nil, fmt.Errorf("recordings: %w", err)
	}
	return &Session{open: s.first, scan: s.scan, keys: &trackKeys{sid: s.first.Session, key: k}}, nil
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
		i, err := s.decrypt(plain[:0], r)
		if err != nil || i.Body == nil {
			return err
		}
		plain = i.Body
		return fn(i)
	}
	return s.scan(opts)
}

// decrypt appends the plaintext to plain. The body is nil when the record is no
// content, or not part of the share.
func (s *Session) decrypt(plain []byte, r Record) (Item, error) {
	if r.Kind != KindData {
		return Item{}, nil
	}
	aead, err := s.keys.of(r.Header)
	if err != nil || aead == nil {
		return Item{}, err
	}
	if plain, err = aead.Open(plain, nil, r.Body, dataAAD(s.open.Session, r.Header)); err != nil {
		return Item{}, fmt.Errorf("recordings: %w: record %d does not open with the session's key", ErrTampered, r.Index)
	}
	if plain == nil {
		plain = []byte{}
	}
	return Item{Index: r.Index, Track: r.Track, Flags: r.Flags, At: r.At(), Duration: r.Header.Duration(), Body: plain}, nil
}

// Rewrap makes a key bag of the same content for other recipients, as an auditor
// does who lets a new team or key read, on the auditors' own machine. The bag
// takes the place of the old one ([ReplaceBag]), so that whom it does not name
// reads no more.
//
// Errors: [ErrNotForYou] when only a part was opened, by a share.
func (s *Session) Rewrap(to []Stanza) (Bag, error) {
	all, ok := s.keys.(*trackKeys)
	if !ok {
		return Bag{}, fmt.Errorf("recordings: %w: a share cannot be handed on", ErrNotForYou)
	}
	raw, err := newBag(all.key, s.open.Session, s.open.Segment, to)
	if err != nil {
		return Bag{}, fmt.Errorf("recordings: key bag: %w", err)
	}
	return ParseBag(raw)
}

// Close erases the keys.
func (s *Session) Close() error {
	s.keys.erase()
	return nil
}
