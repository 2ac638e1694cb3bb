package web_test

import (
	"context"
	"crypto/ed25519"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/web"
	"consento/recordings"

	"github.com/chromedp/chromedp"
)

// policyShelf follows the rules of package recordings, in memory.
type policyShelf struct {
	mu    sync.Mutex
	chain recordings.PolicyChain
}

func (s *policyShelf) Policy() (recordings.SignedPolicy, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.chain.Current()
}

func (s *policyShelf) AddPolicy(_ context.Context, _ access.Account, file []byte) (recordings.SignedPolicy, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := recordings.ParsePolicy(file)
	if err != nil {
		return p, err
	}
	chain, err := s.chain.Add(p.Root, p)
	if err == nil {
		s.chain = chain
	}
	return p, err
}

func (s *policyShelf) Independent() bool { return false }

// firstPolicy is signed by somebody.
func firstPolicy(t testing.TB) recordings.SignedPolicy {
	t.Helper()
	_, root, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	var keys []recordings.Recipient
	for range 5 {
		id, err := recordings.NewIdentity()
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, id.Recipient())
	}
	policy := recordings.Policy{Number: 1, Made: time.UnixMilli(0).UTC(), Root: root.Public().(ed25519.PublicKey), Escrow: keys[2:],
		Teams: []recordings.PolicyTeam{{Recipients: keys[:1]}, {Name: "Service desk", Dual: true, Recipients: keys[:2]}}}
	signed, err := policy.Sign(root, nil)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// TestPolicyPage: auditors see who may read and bring what they signed; nobody else does.
func TestPolicyPage(t *testing.T) {
	policies := &policyShelf{}
	h := newHouse(t, withShelf(newShelf(t)), func(c *web.Config, _ *house) { c.Audit.Policies = policies })
	p, _ := auditing(t, h, "dino@esempio.example")
	p.get("/audit/keys").shows(t, `href="/audit/policy"`)
	p.get("/audit/policy").shows(t, "There is no signed policy yet", "two of the three emergency sheets")

	signed := firstPolicy(t)
	keys := append(signed.Teams[0].Recipients, signed.Escrow...)
	bring := func(v *person, file []byte) seen { return v.upload("/audit/policy", "policy", file) }
	for what, file := range map[string][]byte{"no signed policy": nil, "is no signed": []byte("{}")} {
		if got := bring(p, file); got.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", what, got.StatusCode)
		}
	}
	bring(p, signed.Bytes()).shows(t, "on the log and in force", keys[0].ID(), keys[3].ID(), "Any two of these keys together", "Service desk")
	if got := bring(p, signed.Bytes()); got.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("the same again: %d", got.StatusCode)
	}
	if got := bring(h.visitor(t), signed.Bytes()); got.StatusCode != http.StatusForbidden {
		t.Errorf("nobody: %d", got.StatusCode)
	}
}

// TestPolicyPageInBrowser looks at it without and with a policy.
func TestPolicyPageInBrowser(t *testing.T) {
	for _, language := range []string{"en", "it", "fr", "de", "es", "ja"} {
		t.Run(language, func(t *testing.T) {
			policies := &policyShelf{}
			h := builtHouse(t, withShelf(newShelf(t)), func(c *web.Config, _ *house) { c.Audit.Policies = policies })
			staff(t, h, access.Auditor, "dino@esempio.example")
			b := newChromium(t, h, language)
			b.open("/signin?next=/audit/policy", "#email")
			b.signInWith("dino@esempio.example", goodPassword)
			b.until(`location.pathname === "/audit/policy" && document.querySelector("#draft:not([hidden])")`)
			b.glance("policy-none")
			file := filepath.Join(t.TempDir(), "1.policy")
			if err := os.WriteFile(file, firstPolicy(t).Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			b.do(chromedp.SetUploadFiles("#policy", []string{file}))
			evaluate[bool](b, `document.querySelector("#bring").closest("details").open = true`)
			b.click("#bring button")
			b.until(`document.querySelector("dl.facts") && document.querySelector("#draft:not([hidden])")`)
			b.look("policy")
		})
	}
}
