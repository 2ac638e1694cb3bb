package recordings

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"os"
	"strings"
	"testing"
	"time"
)

// officePolicy is a policy with two territories, one of them under dual control.
type officePolicy struct {
	root               ed25519.PrivateKey
	berlin, roma, dpo  Identity
	escrow             [3]Identity
	policy             Policy
	signed             SignedPolicy
	chain              PolicyChain
	outsider, customer Identity
}

func newOfficePolicy(t testing.TB) *officePolicy {
	t.Helper()
	_, root := newLogKey(t)
	o := &officePolicy{root: root, berlin: newTestIdentity(t), roma: newTestIdentity(t), dpo: newTestIdentity(t),
		escrow: [3]Identity{newHybrid(t), newHybrid(t), newHybrid(t)}, outsider: newTestIdentity(t), customer: newTestIdentity(t)}
	o.policy = Policy{Number: 1, Made: time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC), Root: root.Public().(ed25519.PublicKey),
		Teams: []PolicyTeam{
			{Name: "", Territory: "Berlin", Recipients: recipients(o.berlin)},
			{Name: "Assistenza", Territory: "Città di Roma", Dual: true, Recipients: recipients(o.roma, o.dpo)},
		},
		Escrow: recipients(o.escrow[:]...), Customer: true}
	o.signed = o.sign(t, o.policy)
	var err error
	o.chain, err = NewPolicyChain(o.policy.Root, o.signed)
	must(t, err)
	return o
}

func (o *officePolicy) sign(t testing.TB, p Policy) SignedPolicy {
	t.Helper()
	s, err := p.Sign(o.root, nil)
	must(t, err)
	return s
}

// next is the policy after the last, changed.
func (o *officePolicy) next(change func(*Policy)) Policy {
	p := o.policy
	p.Number, p.Prev, p.Made = 2, o.signed.Hash(), p.Made.Add(time.Hour)
	change(&p)
	return p
}

func TestPolicyReadsAsWritten(t *testing.T) {
	o := newOfficePolicy(t)
	back, err := ParsePolicy(o.signed.Bytes())
	must(t, err)
	if back.Hash() != o.signed.Hash() || !bytes.Equal(back.Bytes(), o.signed.Bytes()) {
		t.Error("another policy came back")
	}
	if back.Teams[1].Territory != "Città di Roma" || !back.Teams[1].Dual || len(back.Escrow) != 3 || !back.Customer {
		t.Errorf("%+v", back.Policy)
	}
	// Every single bit counts.
	b := o.signed.Bytes()
	for n := range b {
		c := bytes.Clone(b)
		c[n] ^= 1 << (n % 8)
		if p, err := ParsePolicy(c); err == nil {
			t.Fatalf("bit %d of byte %d (%q): not noticed, policy %d", n%8, n, b[n], p.Number)
		}
	}
}

func TestPolicyForms(t *testing.T) {
	o := newOfficePolicy(t)
	for name, change := range map[string]func(*Policy){
		"number 0":                   func(p *Policy) { p.Number = 0 },
		"number 2 without prev":      func(p *Policy) { p.Number = 2 },
		"number 1 with prev":         func(p *Policy) { p.Prev[0] = 1 },
		"no team":                    func(p *Policy) { p.Teams = nil },
		"a team twice":               func(p *Policy) { p.Teams = append(p.Teams, p.Teams[0]) },
		"a team of nobody":           func(p *Policy) { p.Teams = []PolicyTeam{{}} },
		"dual control by one":        func(p *Policy) { p.Teams = []PolicyTeam{{Dual: true, Recipients: recipients(o.roma)}} },
		"dual control by one, twice": func(p *Policy) { p.Teams = []PolicyTeam{{Dual: true, Recipients: recipients(o.roma, o.roma)}} },
		"two keys of an escrow":      func(p *Policy) { p.Escrow = p.Escrow[:2] },
		"one key of an escrow twice": func(p *Policy) { p.Escrow = recipients(o.escrow[0], o.escrow[0], o.escrow[1]) },
		"escrow is an auditor":       func(p *Policy) { p.Escrow = recipients(o.escrow[0], o.escrow[1], o.berlin) },
		"an empty recipient":         func(p *Policy) { p.Teams = []PolicyTeam{{Recipients: []Recipient{{}}}} },
		"a quote in a name":          func(p *Policy) { p.Teams = []PolicyTeam{{Name: `a"b`, Recipients: recipients(o.roma)}} },
		"a line in a name":           func(p *Policy) { p.Teams = []PolicyTeam{{Name: "a\nb", Recipients: recipients(o.roma)}} },
		"another's root":             func(p *Policy) { p.Root = mustKey(t).Public().(ed25519.PublicKey) },
	} {
		p := o.policy
		change(&p)
		if _, err := p.Sign(o.root, nil); err == nil {
			t.Errorf("%s: signed", name)
		}
	}
}

// TestWhoReads: which stanzas a session of a team and territory gets.
func TestWhoReads(t *testing.T) {
	o := newOfficePolicy(t)
	for _, c := range []struct {
		team, territory string
		open            [][]Identity
		closed          [][]Identity
	}{
		{"any", "Berlin", [][]Identity{{o.berlin}, {o.escrow[0], o.escrow[2]}}, [][]Identity{{o.roma, o.dpo}, {o.escrow[1]}}},
		{"Assistenza", "Città di Roma", [][]Identity{{o.roma, o.dpo}, {o.escrow[1], o.escrow[2]}}, [][]Identity{{o.berlin}, {o.roma}, {o.dpo}}},
	} {
		s := newSetup(t)
		to, err := o.signed.Stanzas(c.team, c.territory)
		must(t, err)
		s.conf.Recipients, s.conf.Stanzas, s.conf.Policy = nil, to, o.signed.Hash()
		w := s.create(t)
		for _, ids := range c.open {
			if _, err := OpenSession(w.Path(), ids...); err != nil {
				t.Errorf("%s in %s: %v", c.team, c.territory, err)
			}
		}
		for _, ids := range c.closed {
			if _, err := OpenSession(w.Path(), ids...); err == nil {
				t.Errorf("%s in %s: opens for a wrong one", c.team, c.territory)
			}
		}
		bag, err := ReadBag(DefaultBag(w.Path()))
		must(t, err)
		if n, err := o.chain.Check(w.Open(), bag); n != 1 || err != nil {
			t.Errorf("%s in %s: %d, %v", c.team, c.territory, n, err)
		}
	}
	for _, c := range [][2]string{{"any", "Roma"}, {"other", "Città di Roma"}, {"", ""}} {
		if _, err := o.signed.Stanzas(c[0], c[1]); !errors.Is(err, ErrNotForYou) {
			t.Errorf("%q in %q: %v", c[0], c[1], err)
		}
	}
}

// TestForeignRecipient: who reads beyond the policy is found, and named.
func TestForeignRecipient(t *testing.T) {
	o := newOfficePolicy(t)
	good, err := o.signed.Stanzas("any", "Berlin")
	must(t, err)
	foreign := o.outsider.Recipient()
	silent := o.next(func(p *Policy) { p.Customer = false })
	chain, err := o.chain.Add(nil, o.sign(t, silent))
	must(t, err)
	for name, c := range map[string]struct {
		more  []Stanza
		under int // the policy that OPEN names; 0: none
		want  error
	}{
		"nobody":                       {nil, 1, nil},
		"the customer":                 {Alone(ClassCustomer, o.customer.Recipient()), 1, nil},
		"the customer, not any more":   {Alone(ClassCustomer, o.customer.Recipient()), 2, ErrForeign},
		"two customers":                {Alone(ClassCustomer, o.customer.Recipient(), foreign), 1, ErrForeign},
		"the administrator":            {Alone(ClassAuditor, foreign), 1, ErrForeign},
		"the administrator, no policy": {Alone(ClassAuditor, foreign), 0, ErrForeign},
		"nobody, no policy":            {nil, 0, nil},
		"one of the two":               {Alone(ClassAuditor, o.roma.Recipient()), 1, ErrForeign},
		"the two, apart":               {Pairs(ClassAuditor, o.roma.Recipient(), o.berlin.Recipient()), 1, ErrForeign},
		"auditor and administrator":    {Pairs(ClassAuditor, o.berlin.Recipient(), foreign), 1, ErrForeign},
		"one of the escrow":            {Alone(ClassEscrow, o.escrow[0].Recipient()), 1, ErrForeign},
		"escrow and administrator":     {Pairs(ClassEscrow, o.escrow[0].Recipient(), foreign), 1, ErrForeign},
		"one of the escrow as auditor": {Alone(ClassAuditor, o.escrow[0].Recipient()), 1, ErrForeign},
	} {
		s := newSetup(t)
		s.conf.Recipients, s.conf.Stanzas = nil, append(good[:len(good):len(good)], c.more...)
		switch c.under {
		case 1:
			s.conf.Policy = o.signed.Hash()
		case 2:
			current, _ := chain.Current()
			s.conf.Policy = current.Hash()
		}
		w := s.create(t)
		bag, err := ReadBag(DefaultBag(w.Path()))
		must(t, err)
		n, err := chain.Check(w.Open(), bag)
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil && (n == 0) != (c.under == 0) {
			t.Errorf("%s: by policy %d", name, n)
		}
		if err != nil && strings.Contains(name, "administrator") && !strings.Contains(err.Error(), foreign.ID()) {
			t.Errorf("%s: %v does not name the key", name, err)
		}
	}
}

// TestPolicyChain: no policy but by the root, none skipped, none exchanged.
func TestPolicyChain(t *testing.T) {
	o := newOfficePolicy(t)
	two := o.sign(t, o.next(func(p *Policy) { p.Customer = false }))
	_, newRoot := newLogKey(t)
	rotated := o.next(func(p *Policy) { p.Root = newRoot.Public().(ed25519.PublicKey) })
	by := func(p Policy, root, old ed25519.PrivateKey) SignedPolicy {
		s, err := p.Sign(root, old)
		must(t, err)
		return s
	}
	three := rotated
	three.Number, three.Prev = 3, by(rotated, newRoot, o.root).Hash()
	stranger := o.policy
	_, other := newLogKey(t)
	stranger.Root = other.Public().(ed25519.PublicKey)
	late := o.next(func(p *Policy) { p.Number = 3 })
	forked := o.next(func(p *Policy) { p.Prev[5] ^= 1 })

	for name, c := range map[string]struct {
		policies []SignedPolicy
		good     bool
	}{
		"none":                           {nil, true},
		"two, in any order":              {[]SignedPolicy{two, o.signed}, true},
		"new root, signed by the old":    {[]SignedPolicy{o.signed, by(rotated, newRoot, o.root)}, true},
		"then one by the new root":       {[]SignedPolicy{o.signed, by(rotated, newRoot, o.root), by(three, newRoot, nil)}, true},
		"another root":                   {[]SignedPolicy{by(stranger, other, nil)}, false},
		"new root, not signed":           {[]SignedPolicy{o.signed, by(rotated, newRoot, nil)}, false},
		"new root, signed by a stranger": {[]SignedPolicy{o.signed, by(rotated, newRoot, other)}, false},
		"the second alone":               {[]SignedPolicy{two}, false},
		"one left out":                   {[]SignedPolicy{o.signed, by(late, o.root, nil)}, false},
		"not after the first":            {[]SignedPolicy{o.signed, by(forked, o.root, nil)}, false},
		"twice the same":                 {[]SignedPolicy{o.signed, o.signed}, false},
		"two of one number":              {[]SignedPolicy{o.signed, two, by(rotated, newRoot, o.root)}, false},
		"two signatures, one root":       {[]SignedPolicy{o.signed, by(o.next(func(*Policy) {}), o.root, o.root)}, false},
		"the first signed by two":        {[]SignedPolicy{by(o.policy, o.root, other)}, false},
		"unsigned":                       {[]SignedPolicy{{Policy: o.policy}}, false},
	} {
		_, err := NewPolicyChain(o.policy.Root, c.policies...)
		if (err == nil) != c.good || (err != nil && !errors.Is(err, ErrPolicy)) {
			t.Errorf("%s: %v", name, err)
		}
	}

	dir := t.TempDir()
	must(t, WritePolicy(dir, o.signed))
	must(t, WritePolicy(dir, two))
	if err := WritePolicy(dir, two); !errors.Is(err, os.ErrExist) {
		t.Errorf("written twice: %v", err)
	}
	chain, err := ReadPolicies(dir, o.policy.Root)
	must(t, err)
	if p, ok := chain.Current(); !ok || p.Number != 2 || chain.Len() != 2 {
		t.Errorf("%+v", p)
	}
	if p, ok := chain.ByHash(o.signed.Hash()); !ok || p.Number != 1 {
		t.Errorf("%+v", p)
	}
}

// TestRewrap: another bag of the same content lets the new one read and the old
// one not, and stands under the later policy.
func TestRewrap(t *testing.T) {
	o := newOfficePolicy(t)
	s := newSetup(t)
	to, err := o.signed.Stanzas("any", "Berlin")
	must(t, err)
	s.conf.Recipients, s.conf.Stanzas, s.conf.Policy = nil, to, o.signed.Hash()
	s.recording(t, 2)
	path := s.conf.Dir + "/" + SegmentName(s.conf.Session, 0)

	later := o.next(func(p *Policy) { p.Teams = []PolicyTeam{{Recipients: recipients(o.outsider)}} })
	chain, err := o.chain.Add(nil, o.sign(t, later))
	must(t, err)
	opened, err := OpenSession(path, o.escrow[0], o.escrow[1])
	must(t, err)
	to, err = later.Stanzas("any", "Berlin")
	must(t, err)
	bag, err := opened.Rewrap(to)
	must(t, err)
	if n, err := chain.Check(opened.Open(), bag); n != 2 || err != nil {
		t.Errorf("by policy %d: %v", n, err)
	}
	if _, err := o.chain.Check(opened.Open(), bag); !errors.Is(err, ErrForeign) {
		t.Errorf("under the old policy alone: %v", err)
	}
	must(t, ReplaceBag(DefaultBag(path), bag))
	if _, err := OpenSession(path, o.berlin); !errors.Is(err, ErrNotForYou) {
		t.Errorf("the old team: %v", err)
	}
	read, err := OpenSession(path, o.outsider)
	must(t, err)
	n := 0
	_, err = read.Read(ScanOptions{}, func(Item) error { n++; return nil })
	must(t, err)
	if n != 4 {
		t.Errorf("%d records", n)
	}
	// Under a later policy, an earlier one's bag is not in order any more.
	foreign := s.conf
	foreign.Dir, foreign.Session, foreign.Policy = t.TempDir(), NewSessionID(), o.sign(t, later).Hash()
	w, err := Create(foreign)
	must(t, err)
	b, err := ReadBag(DefaultBag(w.Path()))
	must(t, err)
	if _, err := chain.Check(w.Open(), b); !errors.Is(err, ErrForeign) {
		t.Errorf("recipients of a policy that was replaced: %v", err)
	}
}

// FuzzPolicy: there is one spelling of each policy, and only signed ones pass.
func FuzzPolicy(f *testing.F) {
	o := newOfficePolicy(f)
	f.Add(o.signed.Bytes())
	_, root := newLogKey(f)
	p := o.next(func(p *Policy) { p.Root = root.Public().(ed25519.PublicKey) })
	s, err := p.Sign(root, o.root)
	must(f, err)
	f.Add(s.Bytes())
	f.Fuzz(func(t *testing.T, in []byte) {
		if line, _, ok := bytes.Cut(in, []byte("\n")); ok {
			if p, err := ParsePolicyText(line); err == nil {
				text, err := p.Text()
				must(t, err)
				if !bytes.Equal(text, line) {
					t.Fatalf("%q\n%q", line, text)
				}
			}
		}
		s, err := ParsePolicy(in)
		if err == nil && !bytes.Equal(s.Bytes(), in) {
			t.Fatalf("%q\n%q", in, s.Bytes())
		}
	})
}
