package recordings

import (
	"crypto/ed25519"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// PolicyChain is all policies of an office from number 1 on, each following from
// the one before. The zero value is an office without any.
type PolicyChain struct{ all []SignedPolicy }

// NewPolicyChain checks that the policies, in any order, are number 1 to n, that
// root signed the first, and each the next one's root.
//
// Errors: [ErrPolicy].
func NewPolicyChain(root ed25519.PublicKey, policies ...SignedPolicy) (PolicyChain, error) {
	all := slices.SortedFunc(slices.Values(policies), func(a, b SignedPolicy) int { return a.Number - b.Number })
	var c PolicyChain
	for _, p := range all {
		var err error
		if c, err = c.Add(root, p); err != nil {
			return PolicyChain{}, err
		}
	}
	return c, nil
}

// Add appends the next policy; root counts for the first one alone. The chain
// itself stays as it is.
//
// Errors: [ErrPolicy].
func (c PolicyChain) Add(root ed25519.PublicKey, p SignedPolicy) (PolicyChain, error) {
	bad := func(format string, args ...any) (PolicyChain, error) {
		return PolicyChain{}, fmt.Errorf("%w: policy %d %s", ErrPolicy, p.Number, fmt.Sprintf(format, args...))
	}
	if p.text == nil {
		return bad("is not signed")
	}
	n := len(c.all)
	if p.Number != n+1 {
		return bad("stands where number %d belongs", n+1)
	}
	if n == 0 {
		if !p.Root.Equal(root) {
			return bad("is signed by another root key than the office's")
		}
		if p.old != nil {
			return bad("has a second signature, but no root key came before")
		}
		return PolicyChain{[]SignedPolicy{p}}, nil
	}
	last := c.all[n-1]
	if p.Prev != last.Hash() {
		return bad("does not follow from number %d", n)
	}
	switch changed := !p.Root.Equal(last.Root); {
	case changed && p.old == nil:
		return bad("brings a new root key that the one before did not sign")
	case changed && !ed25519.Verify(last.Root, policyMessage(p.text), p.old):
		return bad("brings a new root key under a wrong signature of the one before")
	case !changed && p.old != nil:
		return bad("has a second signature, but keeps its root key")
	}
	return PolicyChain{append(slices.Clip(c.all), p)}, nil
}

// Len is how many policies there are.
func (c PolicyChain) Len() int { return len(c.all) }

// Current is the last policy; false when there is none.
func (c PolicyChain) Current() (SignedPolicy, bool) {
	if len(c.all) == 0 {
		return SignedPolicy{}, false
	}
	return c.all[len(c.all)-1], true
}

// ByHash finds the policy that OPEN names.
func (c PolicyChain) ByHash(h [32]byte) (SignedPolicy, bool) {
	i := slices.IndexFunc(c.all, func(p SignedPolicy) bool { return p.Hash() == h })
	if i < 0 {
		return SignedPolicy{}, false
	}
	return c.all[i], true
}

// Check tells which policy lets exactly those read whom the bag names: that under
// which the segment was recorded or, after a re-wrapping, a later one. 0: OPEN
// names no policy, and the bag is in order by one of the chain.
//
// Errors: [ErrForeign], [ErrPolicy] (OPEN names a policy that is not in the
// chain), [ErrBagMismatch].
func (c PolicyChain) Check(o Open, b Bag) (number int, err error) {
	if err := b.For(o); err != nil {
		return 0, err
	}
	from := c.all
	if o.Policy != ([32]byte{}) {
		p, ok := c.ByHash(o.Policy)
		if !ok {
			return 0, fmt.Errorf("%w: the recording names policy %x, which is not among those given", ErrPolicy, o.Policy[:8])
		}
		from = c.all[p.Number-1:]
	}
	err = fmt.Errorf("%w: there is no policy", ErrPolicy)
	for i := len(from) - 1; i >= 0; i-- {
		// What is said in the end is by the policy that the recording names.
		if err = from[i].Allows(b); err == nil && o.Policy == ([32]byte{}) {
			return 0, nil
		} else if err == nil {
			return from[i].Number, nil
		}
	}
	return 0, err
}

// Allows checks that the policy names everybody whom the bag names, in this class
// and combination, and that no auditor's stanza gives more than one team's rule.
//
// Errors: [ErrForeign], in words.
func (p Policy) Allows(b Bag) error {
	foreign := func(s BagStanza, why string) error {
		return fmt.Errorf("%w: the key bag of segment %d lets %s %s read; by policy %d %s",
			ErrForeign, b.segment, s.Class, strings.Join(s.IDs, " with "), p.Number, why)
	}
	customers := 0
	for _, s := range b.Stanzas() {
		switch s.Class {
		case ClassAuditor:
			if why := p.allowsAuditor(s.IDs); why != "" {
				return foreign(s, why)
			}
		case ClassEscrow:
			if len(s.IDs) != 2 || !named(p.Escrow, s.IDs) {
				return foreign(s, "these are no two keys of the escrow")
			}
		case ClassCustomer:
			if customers++; !p.Customer || customers > 1 || len(s.IDs) != 1 {
				return foreign(s, "that is more than the customer's own copy")
			}
		}
	}
	return nil
}

// allowsAuditor says why not.
func (p Policy) allowsAuditor(ids []string) string {
	known := true
	for _, id := range ids {
		known = known && slices.ContainsFunc(p.Teams, func(t PolicyTeam) bool { return named(t.Recipients, []string{id}) })
	}
	if !known {
		return "nobody named them"
	}
	for _, t := range p.Teams {
		if named(t.Recipients, ids) && len(ids) == map[bool]int{false: 1, true: 2}[t.Dual] {
			return ""
		}
	}
	return "they do not read in this combination (dual control)"
}

// named tells whether all ids are of these recipients.
func named(to []Recipient, ids []string) bool {
	for _, id := range ids {
		if !slices.ContainsFunc(to, func(r Recipient) bool { return r.ID() == id }) {
			return false
		}
	}
	return true
}

// PolicyFile is the file name of a policy.
func PolicyFile(number int) string { return fmt.Sprintf("%d.policy", number) }

// ReadPolicies reads all files of a folder that end in ".policy". None is an
// empty chain.
//
// Errors: [ErrPolicy], [ErrMalformed], those of the file system.
func ReadPolicies(dir string, root ed25519.PublicKey) (PolicyChain, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return PolicyChain{}, err
	}
	var all []SignedPolicy
	for _, e := range entries {
		if filepath.Ext(e.Name()) != ".policy" {
			continue
		}
		p, err := ReadPolicy(filepath.Join(dir, e.Name()))
		if err != nil {
			return PolicyChain{}, err
		}
		all = append(all, p)
	}
	return NewPolicyChain(root, all...)
}

// ReadPolicy is [ParsePolicy] of a file.
func ReadPolicy(path string) (SignedPolicy, error) {
	b, err := readLimited(path, maxPolicy+1000)
	if err != nil {
		return SignedPolicy{}, err
	}
	p, err := ParsePolicy(b)
	if err != nil {
		return SignedPolicy{}, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return p, nil
}

// WritePolicy writes a policy into a folder under its [PolicyFile] name; it is on
// the disk on return. None is replaced.
func WritePolicy(dir string, p SignedPolicy) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	return writeDurable(filepath.Join(dir, PolicyFile(p.Number)), p.Bytes())
}
