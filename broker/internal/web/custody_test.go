package web_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/evidence"
	"consento/broker/internal/web"
	"consento/protocol"
	"consento/recordings"
	"consento/recordings/translog"
)

// safe is a broker's real evidence, with a witness of its own, in a house that notes
// everything that browsers send.
type safe struct {
	*evidence.Evidence
	t             testing.TB
	h             *house
	folder        string
	policies      string // folder, as verifiers get it
	mu            sync.Mutex
	sent          bytes.Buffer
	before        func(*http.Request) // what stands before each request, nil nothing
	verifier      string
	verifierBuilt error
	once          sync.Once
}

func newSafe(t testing.TB, options ...option) *safe {
	t.Helper()
	s := &safe{t: t, folder: t.TempDir(), policies: t.TempDir()}
	open := func(c *web.Config, h *house) {
		s.h = h
		h.front = s.note
		public, key, err := ed25519.GenerateKey(nil)
		s.check(err)
		own, witness, err := ed25519.GenerateKey(nil)
		s.check(err)
		s.publish("log.pub", public)
		s.publish("witness-embedded.pub", own)
		s.Evidence, err = evidence.Open(t.Context(), evidence.Config{Database: h.db, Folder: filepath.Join(s.folder, "log"), Recordings: s.folder,
			Policies: s.policies, Origin: "help.esempio.example/evidence", Key: key, Logger: slog.New(slog.DiscardHandler),
			Readers:   func(ctx context.Context) ([]recordings.Recipient, error) { return h.access.TrailReaders(ctx) },
			Witness:   evidence.WitnessConfig{Own: witness, OwnState: filepath.Join(s.folder, "witness")},
			Keys:      func() (translog.Keys, error) { return translog.ReadKeys(os.DirFS(s.policies)) },
			Retention: func(context.Context) (int, error) { return 90, nil }})
		s.check(err)
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		c.Audit.Evidence, c.Audit.Decisions, c.Receipts, c.Audit.Policies, c.Audit.Rewraps = s, s, s.Receipt, s, s
	}
	s.h = builtHouse(t, append(options, open)...)
	return s
}

func (s *safe) check(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *safe) publish(name string, key ed25519.PublicKey) {
	s.t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	s.check(err)
	s.check(os.WriteFile(filepath.Join(s.policies, name), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o600))
}

// note keeps what is sent, and lets a test stand in the way.
func (s *safe) note(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		if err != nil {
			http.Error(rw, err.Error(), http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		s.mu.Lock()
		fmt.Fprintf(&s.sent, "%s %s %v\n%s\n", r.Method, r.URL, r.Header, body)
		before := s.before
		s.mu.Unlock()
		if before != nil {
			before(r)
		}
		next.ServeHTTP(rw, r)
	})
}

// inTheWay lets do see each request first.
func (s *safe) inTheWay(do func(*http.Request)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = do
}

// neverSent checks that a secret is in nothing that browsers sent.
func (s *safe) neverSent(what, secret string) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if secret == "" || bytes.Contains(s.sent.Bytes(), []byte(secret)) {
		s.t.Errorf("%s was sent to the broker", what)
	}
}

// record makes a session under the policy in force, and says where it lies.
func (s *safe) record(team string) string { return s.made(team, false) }

// erasedLog makes a session whose recording was erased and whose log was not.
func (s *safe) erasedLog(team string) string {
	s.t.Helper()
	path := s.made(team, true)
	id, ctx := filepath.Base(path)[:32], s.t.Context()
	s.check(s.AskErasure(ctx, access.Account{ID: "vera", Name: "Vera", Role: access.Auditor}, id, "time is over", true))
	officer := access.Account{ID: "paola", Name: "Paola", Role: access.DPO}
	asked, err := s.Erasures(ctx, officer)
	s.check(err)
	s.check(s.DecideErasure(ctx, officer, asked[0].ID, true, "yes"))
	return path
}

// opensLog says whether identities read the log of a session together.
func (s *safe) opensLog(path string, ids ...recordings.Identity) error {
	keys, err := recordings.ReadShare(strings.TrimSuffix(path, ".rec") + ".logkeys")
	if err != nil {
		return err
	}
	session, err := recordings.OpenShared(path, keys, time.Now(), recordings.ByIdentity(ids...))
	if err != nil {
		return err
	}
	defer session.Close()
	read := 0
	_, err = session.Read(recordings.ScanOptions{}, func(i recordings.Item) error {
		if read++; i.Track != recordings.TrackEvents {
			return fmt.Errorf("a record of track %v", i.Track)
		}
		return nil
	})
	if err == nil && read != 1 {
		err = fmt.Errorf("%d events", read)
	}
	return err
}

func (s *safe) made(team string, log bool) string {
	s.t.Helper()
	policy, ok := s.Policy()
	if !ok {
		s.t.Fatal("no policy")
	}
	stanzas, err := policy.Stanzas(team, "")
	s.check(err)
	started := time.Now().Add(-time.Hour)
	w, err := recordings.Create(recordings.Config{Dir: s.folder, Session: recordings.NewSessionID(), Origin: "help.esempio.example", Started: started,
		Stanzas: stanzas, Policy: policy.Hash(), Retention: "standard"})
	s.check(err)
	_, err = s.Opened(s.t.Context(), w.Path(), w.Head())
	s.check(err)
	s.check(w.Append(recordings.TrackChat, 0, time.Second, 0, []byte(`{"from":"Anna Rossi","text":"secret words"}`)))
	s.check(w.Append(recordings.TrackEvents, 0, time.Second, 0, []byte(`{"code":"session.issued","at_ms":0}`)))
	if log {
		terms, err := s.PromiseLog(s.t.Context(), w.Open().Session)
		s.check(err)
		terms.To = time.Minute
		keys, err := w.ShareAmong(terms, stanzas...)
		s.check(err)
		s.check(s.KeepLogKeys(s.t.Context(), w.Open().Session, 0, keys))
	}
	_, err = w.Close()
	s.check(err)
	s.check(s.Closed(s.t.Context(), w.Path()))
	_, err = s.h.db.NewRaw(`INSERT INTO sessions (id, state, technician_id, technician, team, key_expires, issued, ended, end_reason) VALUES (?, 'Issued', 'anna', 'Anna Rossi', ?, 0, ?, ?, ?)`,
		w.Open().Session.String(), team, started.UnixMilli(), started.Add(10*time.Minute).UnixMilli(), protocol.EndCustomer).Exec(s.t.Context())
	s.check(err)
	return w.Path()
}

// opens says whether identities read a session together.
func (s *safe) opens(path string, ids ...recordings.Identity) error {
	session, err := recordings.OpenSession(path, ids...)
	if err != nil {
		return err
	}
	defer session.Close()
	words := ""
	_, err = session.Read(recordings.ScanOptions{}, func(i recordings.Item) error { words += string(i.Body); return nil })
	if err == nil && !strings.Contains(words, "secret words") {
		err = errors.New("it opens, and the words are not in it")
	}
	return err
}

// verify runs the stand-alone program.
func (s *safe) verify(args ...string) (code int, out string) {
	s.t.Helper()
	s.once.Do(func() {
		s.verifier = filepath.Join(s.t.TempDir(), "consento-verify")
		build := exec.CommandContext(s.t.Context(), "go", "build", "-o", s.verifier, "consento/recordings/cmd/verify")
		if out, err := build.CombinedOutput(); err != nil {
			s.verifierBuilt = fmt.Errorf("%w: %s", err, out)
		}
	})
	s.check(s.verifierBuilt)
	b, err := exec.CommandContext(s.t.Context(), s.verifier, args...).CombinedOutput()
	if failed := (*exec.ExitError)(nil); errors.As(err, &failed) {
		return failed.ExitCode(), string(b)
	}
	s.check(err)
	return 0, string(b)
}

// agrees waits until the stand-alone program says of a session that all is well: the
// witness signs a moment later.
func (s *safe) agrees(path string) {
	s.t.Helper()
	id := filepath.Base(path)[:32]
	proof := filepath.Join(s.t.TempDir(), "proof")
	code, out := 0, ""
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for {
		b, err := s.Receipt(s.t.Context(), id)
		s.check(err)
		s.check(os.WriteFile(proof, b, 0o600))
		if code, out = s.verify("session", path, "--proof", proof, "--policy", s.policies); code == 0 {
			return
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			s.t.Errorf("consento-verify session: exit code %d\n%s", code, out)
			return
		}
	}
}

// kept lets an auditor keep a key whose private half stays in the test.
func (s *safe) kept(by access.Account, name string) recordings.Identity {
	s.t.Helper()
	id := newIdentity(s.t)
	_, err := s.h.access.AddAuditorKey(s.t.Context(), by, access.NewAuditorKey{Name: name, PublicKey: id.Recipient().String(), Wrapped: lockedText})
	s.check(err)
	return id
}

// lockedText has the form of a locked key that nobody unlocks.
var lockedText = `{"v":1,"kdf":"PBKDF2-SHA256","rounds":600000,"salt":"` + strings.Repeat("A", 22) + `==","nonce":"` + strings.Repeat("A", 16) + `","body":"` + strings.Repeat("A", 240) + `"}`

// TestCustodyIsForAuditors: administrators see who may read and change nothing; of
// what auditors keep, nobody else sees or changes anything.
func TestCustodyIsForAuditors(t *testing.T) {
	s := newSafe(t)
	_, auditor := auditing(t, s.h, "dino@esempio.example")
	s.kept(auditor, "Laptop")
	signed := firstPolicy(t)
	if _, err := s.AddPolicy(t.Context(), auditor, signed.Bytes()); err != nil {
		t.Fatal(err)
	}
	administrator := signedIn(t, s.h, access.Administrator, "Carla Neri", "carla@esempio.example")
	seen := administrator.get("/audit/policy")
	seen.shows(t, signed.Teams[0].Recipients[0].ID(), "Only auditors can change this")
	seen.hides(t, `id="draft"`, "policy-data", "Laptop", `action="/audit/policy"`)
	officer := signedIn(t, s.h, access.DPO, "Ugo Gialli", "ugo@esempio.example")
	seen = officer.get("/audit/policy")
	seen.shows(t, signed.Teams[0].Recipients[0].ID())
	seen.hides(t, `action="/audit/policy"`)
	people := map[string]*person{"administrator": administrator, "officer": officer, "nobody": s.h.visitor(t), "technician": s.h.visitor(t)}
	staff(t, s.h, access.Technician, "anna@esempio.example")
	people["technician"].post("/signin", "email", "anna@esempio.example", "password", goodPassword)
	for who, p := range people {
		for _, path := range []string{"/audit/escrow", "/audit/rewrap"} {
			if got := p.get(path); got.StatusCode != http.StatusForbidden {
				t.Errorf("%s reads %s: %d", who, path, got.StatusCode)
			}
		}
		key := newIdentity(t).Recipient().String()
		for path, fields := range map[string][]string{
			"/audit/escrow":      {"key1", key, "key2", newIdentity(t).Recipient().String(), "key3", newIdentity(t).Recipient().String()},
			"/audit/root":        {"step", "keep", "public_key", strings.Repeat("0a", 32), "wrapped", lockedText},
			"/audit/rewrap/next": {"after", ""},
			"/audit/rewrap/" + strings.Repeat("a", 32) + "/0": {"bag", "x"},
		} {
			if got := p.post(path, fields...); got.StatusCode != http.StatusForbidden {
				t.Errorf("%s posts to %s: %d", who, path, got.StatusCode)
			}
		}
		if got := p.upload("/audit/policy", "policy", signed.Bytes()); got.StatusCode != http.StatusForbidden {
			t.Errorf("%s brings a policy: %d", who, got.StatusCode)
		}
	}
	if got := people["technician"].get("/audit/policy"); got.StatusCode != http.StatusForbidden {
		t.Errorf("a technician sees who may read: %d", got.StatusCode)
	}
}

// TestNoEscrowIsSaid: auditors and administrators are warned until three printed keys
// are in force.
func TestNoEscrowIsSaid(t *testing.T) {
	s := newSafe(t)
	p, auditor := auditing(t, s.h, "dino@esempio.example")
	administrator := signedIn(t, s.h, access.Administrator, "Carla Neri", "carla@esempio.example")
	const warning, steps = "No emergency keys yet", "What you still have to set up"
	p.get("/audit/").shows(t, steps, `href="/audit/escrow"`)
	for path, who := range map[string]*person{"/audit/": p, "/audit/keys": p, "/audit/policy": p, "/settings": administrator} {
		who.get(path).shows(t, warning)
	}
	signed := firstPolicy(t)
	if _, err := s.AddPolicy(t.Context(), auditor, signed.Bytes()); err != nil {
		t.Fatal(err)
	}
	for path, who := range map[string]*person{"/audit/": p, "/audit/keys": p, "/audit/policy": p, "/settings": administrator} {
		who.get(path).hides(t, warning)
	}
	p.get("/audit/escrow").shows(t, "names three emergency keys")
	list := p.get("/audit/")
	list.shows(t, steps, "A witness on another machine")
	list.hides(t, `href="/audit/escrow"`)
}
