package evidence

import (
	"context"
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"consento/broker/internal/access"
	"consento/recordings"
	"consento/recordings/translog"
)

// signer makes policies as auditors do.
type signer struct {
	root ed25519.PrivateKey
	last recordings.SignedPolicy
}

func newSigner(t testing.TB) *signer {
	t.Helper()
	_, root, err := ed25519.GenerateKey(nil)
	must(0, err)(t)
	return &signer{root: root}
}

// next signs the policy that follows; change may spoil it.
func (s *signer) next(t testing.TB, change func(*recordings.Policy), to ...recordings.Recipient) recordings.SignedPolicy {
	t.Helper()
	p := recordings.Policy{Number: 1, Made: time.UnixMilli(1000).UTC(), Root: s.root.Public().(ed25519.PublicKey), Customer: true,
		Teams: []recordings.PolicyTeam{{Recipients: to}}}
	if s.last.Number > 0 {
		p.Number, p.Prev = s.last.Number+1, s.last.Hash()
	}
	if change != nil {
		change(&p)
	}
	return must(p.Sign(s.root, nil))(t)
}

var keyAuditor = access.Account{ID: "4b8a0c1e-0000-4000-8000-000000000001", Name: "Giulia Verdi", Role: access.Auditor}

// TestPolicy: only who follows from the auditors' first word says who reads, the log
// has it before it counts, and what is sealed follows.
func TestPolicy(t *testing.T) {
	n := newEnv(t)
	var root ed25519.PublicKey
	n.config.PolicyChanged = func(r ed25519.PublicKey) error { root = r; return nil }
	n.reopen(t)
	if _, ok := n.e.Policy(); ok {
		t.Fatal("a policy from nowhere")
	}
	s, other := newSigner(t), newSigner(t)
	to := must(recordings.NewIdentity())(t)
	first := s.next(t, nil, to.Recipient())
	for _, role := range []access.Role{access.Administrator, access.Maintainer, access.Technician, access.Lead, access.DPO} {
		if _, err := n.e.AddPolicy(t.Context(), access.Account{ID: "x", Role: role}, first.Bytes()); !errors.Is(err, ErrForbidden) {
			t.Errorf("%s: %v", role, err)
		}
	}
	size := n.size(t)
	must(n.e.AddPolicy(t.Context(), keyAuditor, first.Bytes()))(t)
	leaf, ok := n.entry(t, size).(translog.Policy)
	if !ok || leaf.Number != 1 || leaf.Hash != translog.Hash(first.Hash()) || leaf.Root != translog.Hash(first.Root) {
		t.Errorf("leaf %+v", leaf)
	}
	if !root.Equal(first.Root) {
		t.Error("nobody heard of the root key")
	}
	if got := must(n.e.readers(t.Context()))(t); len(got) != 1 || got[0].ID() != to.Recipient().ID() {
		t.Errorf("what is sealed is read by %v", got)
	}
	s.last = first
	good := s.next(t, func(p *recordings.Policy) { p.Teams[0].Dual = true }, to.Recipient(), n.identity.Recipient())
	other.last = first
	for name, file := range map[string][]byte{
		"again":          first.Bytes(),
		"another's key":  other.next(t, nil, to.Recipient()).Bytes(),
		"a gap":          s.next(t, func(p *recordings.Policy) { p.Number = 3 }, to.Recipient()).Bytes(),
		"another before": s.next(t, func(p *recordings.Policy) { p.Prev[0]++ }, to.Recipient()).Bytes(),
		"no policy":      []byte("{}\n"),
		"one bit":        append(append([]byte{}, good.Bytes()[:40]...), append([]byte{good.Bytes()[40] ^ 1}, good.Bytes()[41:]...)...),
	} {
		size := n.size(t)
		_, err := n.e.AddPolicy(t.Context(), keyAuditor, file)
		if !errors.Is(err, recordings.ErrPolicy) && !errors.Is(err, recordings.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
		if n.size(t) != size {
			t.Errorf("%s is on the log", name)
		}
	}
	must(n.e.AddPolicy(t.Context(), keyAuditor, good.Bytes()))(t)
	n.reopen(t)
	if p, ok := n.e.Policy(); !ok || p.Hash() != good.Hash() {
		t.Error("forgotten over a restart")
	}
	if file, ok := n.e.PolicyFile(first.Hash()); !ok || string(file) != string(first.Bytes()) {
		t.Error("the first policy is gone")
	}
	chain := must(recordings.ReadPolicies(n.config.Policies, must(n.e.policies.root())(t)))(t)
	if chain.Len() != 2 {
		t.Errorf("a verifier finds %d policies", chain.Len())
	}
}

// TestPolicyLeft: a command leaves a policy while nobody serves, or a crash does.
func TestPolicyLeft(t *testing.T) {
	n := newEnv(t)
	s, other := newSigner(t), newSigner(t)
	to := n.identity.Recipient()
	first := s.next(t, nil, to)
	must(0, n.e.Close())(t)
	must(LeavePolicy(n.config.Policies, first.Bytes()))(t)
	if has := must(HasPolicy(n.config.Policies))(t); has {
		t.Error("it counts before the log has it")
	}
	n.open(t)
	must(0, n.e.takePolicies(t.Context()))(t)
	if has := must(HasPolicy(n.config.Policies))(t); !has {
		t.Error("it does not count")
	}
	s.last, other.last = first, first
	if _, err := LeavePolicy(n.config.Policies, other.next(t, nil, to).Bytes()); !errors.Is(err, recordings.ErrPolicy) {
		t.Errorf("a stranger's: %v", err)
	}
	// Somebody with the disk leaves it all the same.
	must(0, os.WriteFile(n.e.policies.path(2)+waitingEnd, other.next(t, nil, to).Bytes(), 0o600))(t)
	size := n.size(t)
	n.reopen(t)
	if p, _ := n.e.Policy(); p.Number != 1 || n.size(t) != size {
		t.Error("a stranger's policy counts")
	}
	// A crash between leaf and file: it counts after the next start, with one leaf.
	second := s.next(t, nil, to)
	must(n.e.add(t.Context(), translog.Policy{Number: 2, Hash: second.Hash(), Prev: second.Prev, Root: translog.Hash(second.Root)}))(t)
	must(LeavePolicy(n.config.Policies, second.Bytes()))(t)
	size = n.size(t)
	n.reopen(t)
	if p, _ := n.e.Policy(); p.Number != 2 || n.size(t) != size {
		t.Errorf("policy %d, %d leaves more", p.Number, n.size(t)-size)
	}
	// Without the auditors' key nothing begins anew with another one.
	must(0, os.Remove(filepath.Join(n.config.Policies, recordings.PolicyFile(2))))(t)
	must(0, os.Remove(filepath.Join(n.config.Policies, recordings.PolicyFile(1))))(t)
	if _, err := LeavePolicy(n.config.Policies, newSigner(t).next(t, nil, to).Bytes()); !errors.Is(err, recordings.ErrPolicy) {
		t.Errorf("another beginning: %v", err)
	}
}

// TestVerdictByPolicy: a bag for others than the policy names is found out.
func TestVerdictByPolicy(t *testing.T) {
	n := newEnv(t)
	s := newSigner(t)
	first := s.next(t, nil, n.identity.Recipient())
	must(n.e.AddPolicy(t.Context(), keyAuditor, first.Bytes()))(t)
	p, _ := n.e.Policy()
	stanzas := must(p.Stanzas("any", ""))(t)
	for name, c := range map[string]struct {
		config recordings.Config
		want   string
	}{
		"by the policy": {recordings.Config{Stanzas: stanzas, Policy: p.Hash()}, ""},
		"a stranger":    {recordings.Config{Stanzas: append(stanzas, recordings.Alone(recordings.ClassAuditor, must(recordings.NewIdentity())(t).Recipient())...), Policy: p.Hash()}, "foreign_recipient"},
		"no policy":     {recordings.Config{Stanzas: stanzas}, "no_policy"},
	} {
		c.config.Dir, c.config.BagDir, c.config.Session, c.config.Origin, c.config.Started, c.config.Retention = n.config.Recordings, n.config.Bags, recordings.NewSessionID(), "test", time.Now(), "standard"
		w := must(recordings.Create(c.config))(t)
		must(n.e.Opened(t.Context(), w.Path(), w.Head()))(t)
		must(w.Close())(t)
		must(0, n.e.Closed(t.Context(), w.Path()))(t)
		id := w.Open().Session.String()
		n.fact(t, id, "t1", "South desk", 9)
		v := must(n.e.Verdict(t.Context(), keyAuditor, id))(t)
		found := ""
		for _, r := range v.Reasons {
			if r.Code == "foreign_recipient" || r.Code == "no_policy" {
				found = r.Code
			}
		}
		if found != c.want {
			t.Errorf("%s: %v", name, v.Reasons)
		}
	}
}

func (n *env) entry(t testing.TB, index uint64) translog.Leaf {
	t.Helper()
	b := must(n.e.log.Entry(context.WithoutCancel(t.Context()), index))(t)
	leaf, _, err := translog.ParseLeaf(b)
	must(0, err)(t)
	return leaf
}
