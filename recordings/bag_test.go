package recordings

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
)

// newHybrid makes an identity with ML-KEM-768 and P-256.
func newHybrid(t testing.TB) Identity {
	t.Helper()
	id, err := NewHybridIdentity()
	must(t, err)
	return id
}

func recipients(ids ...Identity) []Recipient {
	to := make([]Recipient, len(ids))
	for i, id := range ids {
		to[i] = id.Recipient()
	}
	return to
}

// TestWhoOpens: each kind of stanza opens for whom it is, and for nobody else.
func TestWhoOpens(t *testing.T) {
	s := newSetup(t)
	a, b, customer := newTestIdentity(t), newTestIdentity(t), newTestIdentity(t)
	escrow := []Identity{newHybrid(t), newHybrid(t), newHybrid(t)}
	s.conf.Recipients = nil
	s.conf.Stanzas = Pairs(ClassAuditor, recipients(a, b)...)
	s.conf.Stanzas = append(s.conf.Stanzas, Pairs(ClassEscrow, recipients(escrow...)...)...)
	s.conf.Stanzas = append(s.conf.Stanzas, Alone(ClassCustomer, customer.Recipient())...)
	w := s.create(t)
	want := w.keys.key
	bag, err := ReadBag(DefaultBag(w.Path()))
	must(t, err)
	if got := len(bag.Stanzas()); got != 1+3+1 {
		t.Fatalf("%d stanzas", got)
	}
	for name, c := range map[string]struct {
		ids []Identity
		err error
	}{
		"nobody":                    {nil, ErrNotForYou},
		"an empty identity":         {[]Identity{{}}, ErrNotForYou},
		"a stranger":                {[]Identity{s.id}, ErrNotForYou},
		"one of two auditors":       {[]Identity{a}, ErrMoreKeys},
		"the same auditor twice":    {[]Identity{b, b}, ErrMoreKeys},
		"both auditors":             {[]Identity{b, a}, nil},
		"escrow 1":                  {escrow[:1], ErrMoreKeys},
		"escrow 2":                  {escrow[1:2], ErrMoreKeys},
		"escrow 3":                  {escrow[2:], ErrMoreKeys},
		"escrow 1 and a stranger":   {[]Identity{escrow[0], s.id}, ErrMoreKeys},
		"escrow 1 and one auditor":  {[]Identity{escrow[0], a}, ErrMoreKeys},
		"escrow 1 and 2":            {escrow[:2], nil},
		"escrow 3 and 1":            {[]Identity{escrow[2], escrow[0]}, nil},
		"escrow 2 and 3":            {escrow[1:], nil},
		"all three of the escrow":   {escrow, nil},
		"the customer":              {[]Identity{customer}, nil},
		"a stranger and both again": {[]Identity{s.id, a, b}, nil},
	} {
		k, err := bag.open(w.open, c.ids)
		if !errors.Is(err, c.err) || (err == nil) != (k == want) || (err != nil && k != contentKey{}) {
			t.Errorf("%s: %v, want %v", name, err, c.err)
		}
	}
}

// TestSharesTellNothing: one share of a pair is not the key, and is another one
// in each stanza.
func TestSharesTellNothing(t *testing.T) {
	s := newSetup(t)
	ids := []Identity{newTestIdentity(t), newTestIdentity(t), newTestIdentity(t)}
	s.conf.Recipients, s.conf.Stanzas = nil, Pairs(ClassEscrow, recipients(ids...)...)
	w := s.create(t)
	bag, err := ReadBag(DefaultBag(w.Path()))
	must(t, err)
	seen := map[[32]byte]bool{w.keys.key: true}
	for _, st := range bag.stanzas {
		for _, p := range st.Parts {
			id, ok := p.identity(ids)
			if !ok {
				t.Fatal("a part for a stranger")
			}
			share, err := p.unwrap(id, bagInfo(2, s.conf.Session, 0), partAAD(st.Class, p.ID))
			must(t, err)
			if seen[share] {
				t.Error("a share is the key or was used before")
			}
			seen[share] = true
			// The class is bound: an escrow part does not pass as an auditor's.
			if _, err := p.unwrap(id, bagInfo(2, s.conf.Session, 0), partAAD(ClassAuditor, p.ID)); err == nil {
				t.Error("a part opens under another class")
			}
		}
	}
}

// TestBagForms: what a bag must not be.
func TestBagForms(t *testing.T) {
	s := newSetup(t)
	for name, c := range map[string][]Stanza{
		"nobody":         {{Class: ClassAuditor}},
		"twice the same": {{ClassAuditor, recipients(s.id, s.id)}},
		"an empty key":   {{ClassAuditor, []Recipient{{}}}},
		"no class":       {{"", recipients(s.id)}},
		"too many":       Alone(ClassAuditor, make([]Recipient, 101)...),
		"too many parts": {{ClassAuditor, recipients(s.id, newTestIdentity(t), newTestIdentity(t), newTestIdentity(t))}},
	} {
		if _, err := newBag(newContentKey(), s.conf.Session, 0, c); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	good, err := newBag(newContentKey(), s.conf.Session, 0, Alone(ClassAuditor, s.id.Recipient()))
	must(t, err)
	id := s.id.Recipient().ID()
	for name, bad := range map[string]string{
		"another version":  strings.Replace(string(good), `"v":2`, `"v":3`, 1),
		"v1 in v2's form":  strings.Replace(string(good), `"v":2`, `"v":1`, 1),
		"another class":    strings.Replace(string(good), "auditor", "owner", 1),
		"another spelling": strings.Replace(string(good), `"v":2`, `"v": 2`, 1),
		"id in capitals":   strings.Replace(string(good), id, "ABCDEF0123456789", 1),
		"no stanzas":       string(good[:bytes.Index(good, []byte("[{"))]) + "[]}",
		"too long":         string(good) + strings.Repeat("\n", maxBag),
	} {
		if _, err := ParseBag([]byte(bad)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ParseBag(append(good, '\n')); err != nil {
		t.Error(err)
	}
}

// TestReplaceBag: what was before is gone, whole or not at all.
func TestReplaceBag(t *testing.T) {
	s := newSetup(t)
	w := s.create(t)
	path := DefaultBag(w.Path())
	must(t, os.WriteFile(path+".new", []byte("left by a crash"), 0o600))
	next := newTestIdentity(t)
	raw, err := newBag(w.keys.key, s.conf.Session, 0, Alone(ClassAuditor, next.Recipient()))
	must(t, err)
	bag, err := ParseBag(raw)
	must(t, err)
	must(t, ReplaceBag(path, bag))
	if _, err := OpenSession(w.Path(), next); err != nil {
		t.Error(err)
	}
	if _, err := OpenSession(w.Path(), s.id); !errors.Is(err, ErrNotForYou) {
		t.Errorf("the old recipient: %v", err)
	}
	if _, err := os.Stat(path + ".new"); !errors.Is(err, os.ErrNotExist) {
		t.Error("something is left behind")
	}
}
