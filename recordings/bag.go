package recordings

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

var (
	// ErrNotForYou: the key bag names none of the identities that were given.
	ErrNotForYou = errors.New("the recording was not made for this identity")
	// ErrMoreKeys: the identities that were given open it together with another
	// one only (dual control, or one of the three keys of the escrow).
	ErrMoreKeys = errors.New("a second key is needed together with this one")
	// ErrBagMismatch: the key bag does not belong to this segment, or was changed.
	ErrBagMismatch = errors.New("the key bag does not belong to this recording")
)

const (
	bagVersion = 2
	maxBag     = 64 << 10
)

// bagJSON is the one byte form of a key bag, as openJSON is of OPEN.
type bagJSON struct {
	Version int          `json:"v"`
	Session string       `json:"sid"`
	Segment int          `json:"segment"`
	Stanzas []stanzaJSON `json:"stanzas"`
}

// bagV1 is the form of the first recordings: each stanza opens alone.
type bagV1 struct {
	Version int        `json:"v"`
	Session string     `json:"sid"`
	Segment int        `json:"segment"`
	Stanzas []partJSON `json:"stanzas"`
}

func bagInfo(version int, sid SessionID, segment int) string {
	return fmt.Sprintf("consento-bag/v%d %s %d", version, sid, segment)
}

// Bag is a key bag: the content key of a segment, wrapped for everybody who may
// read it.
type Bag struct {
	raw     []byte
	version int
	session SessionID
	segment int
	stanzas []stanzaJSON
}

// BagStanza tells for whom one stanza of a bag is. Whether the key in it is right
// only their identities can tell.
type BagStanza struct {
	Class Class
	IDs   []string // Recipient.ID of those who open it together
}

// newBag wraps the content key for everybody.
func newBag(k contentKey, sid SessionID, segment int, to []Stanza) ([]byte, error) {
	if err := checkStanzas(to); err != nil {
		return nil, err
	}
	j := bagJSON{Version: bagVersion, Session: sid.String(), Segment: segment}
	for _, s := range to {
		w, err := wrapStanza(k, s, bagInfo(bagVersion, sid, segment))
		if err != nil {
			return nil, err
		}
		j.Stanzas = append(j.Stanzas, w)
	}
	b, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	_, err = ParseBag(b)
	return b, err
}

// ParseBag reads a key bag of any version; its form is checked, nothing is opened.
//
// Errors: [ErrMalformed].
func ParseBag(b []byte) (Bag, error) {
	bad := func(what string) (Bag, error) {
		return Bag{}, fmt.Errorf("%w: key bag: %s", ErrMalformed, what)
	}
	if len(b) > maxBag {
		return bad("too long")
	}
	raw := slices.Clone(oneLine(b))
	var v struct {
		Version int `json:"v"`
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		return bad("not the expected JSON")
	}
	var j bagJSON
	switch v.Version {
	case 1:
		var old bagV1
		if err := strictJSON(raw, &old); err != nil {
			return bad(err.Error())
		}
		j = bagJSON{old.Version, old.Session, old.Segment, nil}
		for _, p := range old.Stanzas {
			j.Stanzas = append(j.Stanzas, stanzaJSON{ClassAuditor, []partJSON{p}})
		}
	case bagVersion:
		if err := strictJSON(raw, &j); err != nil {
			return bad(err.Error())
		}
	default:
		return bad(fmt.Sprintf("version %d is unknown", v.Version))
	}
	sid, err := ParseSessionID(j.Session)
	if err != nil || j.Segment < 0 || j.Segment > maxSegment {
		return bad("session id or segment")
	}
	if len(j.Stanzas) == 0 || len(j.Stanzas) > maxStanzas {
		return bad("number of stanzas")
	}
	for _, s := range j.Stanzas {
		if s.Class != ClassAuditor && s.Class != ClassEscrow && s.Class != ClassCustomer {
			return bad("a class that is unknown")
		}
		if err := s.check(); err != nil {
			return bad(err.Error())
		}
	}
	return Bag{raw, j.Version, sid, j.Segment, j.Stanzas}, nil
}

// ReadBag is [ParseBag] of a file.
func ReadBag(path string) (Bag, error) {
	b, err := readLimited(path, maxBag)
	if err != nil {
		return Bag{}, err
	}
	return ParseBag(b)
}

// Session and Segment say what the bag belongs to.
func (b Bag) Session() SessionID { return b.session }

// Segment is the number of the segment that the bag belongs to.
func (b Bag) Segment() int { return b.segment }

// Bytes is the bag as it stands in its file, without a line feed behind it.
func (b Bag) Bytes() []byte { return slices.Clone(b.raw) }

// Hash is SHA-256 over [Bag.Bytes].
func (b Bag) Hash() [32]byte { return sha256.Sum256(b.raw) }

// Stanzas tells who can read.
func (b Bag) Stanzas() []BagStanza { return stanzasOf(b.stanzas) }

func stanzasOf(stanzas []stanzaJSON) []BagStanza {
	all := make([]BagStanza, len(stanzas))
	for i, s := range stanzas {
		all[i].Class = s.Class
		for _, p := range s.Parts {
			all[i].IDs = append(all[i].IDs, p.ID)
		}
	}
	return all
}

// For checks that the bag belongs to the segment that begins with o.
func (b Bag) For(o Open) error {
	if b.session != o.Session || b.segment != o.Segment {
		return fmt.Errorf("%w: it is for segment %d of session %s", ErrBagMismatch, b.segment, b.session)
	}
	return nil
}

// open unwraps the content key with the identities and checks it against the
// commitment in OPEN.
func (b Bag) open(o Open, ids []Identity) (contentKey, error) {
	if err := b.For(o); err != nil {
		return contentKey{}, err
	}
	right := func(k [32]byte) bool {
		c, err := contentKey(k).commitment(o.Session)
		return err == nil && subtle.ConstantTimeCompare(c[:], o.Commit[:]) == 1
	}
	info := bagInfo(b.version, b.session, b.segment)
	if b.version == 1 {
		return b.openV1(ids, info, right)
	}
	return openStanzas(b.stanzas, ids, info, right)
}

// openV1 opens parts that are bound to no class.
func (b Bag) openV1(ids []Identity, info string, right func([32]byte) bool) (contentKey, error) {
	err := ErrNotForYou
	for _, s := range b.stanzas {
		p := s.Parts[0]
		id, ok := p.identity(ids)
		if !ok {
			continue
		}
		if k, uerr := p.unwrap(id, info, p.ID); uerr == nil && right(k) {
			return k, nil
		}
		err = fmt.Errorf("%w: the key in it is not the one that the recording commits to", ErrBagMismatch)
	}
	return contentKey{}, err
}

// ReplaceBag puts another bag in the place of one, as a re-wrapping for other
// recipients does. At every moment the file is the old or the new one; what the
// old one was is not kept.
func ReplaceBag(path string, b Bag) error {
	next := path + ".new"
	if err := os.Remove(next); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := writeDurable(next, b.raw); err != nil {
		return full(err)
	}
	if err := os.Rename(next, path); err != nil {
		return errors.Join(err, os.Remove(next))
	}
	return syncDir(filepath.Dir(path))
}
