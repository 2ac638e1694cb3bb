package session

import (
	"bytes"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"consento/protocol"
	"consento/recordings"
)

// customer is a browser that asks for a link.
type customer struct {
	identity recordings.Identity
	token    [32]byte
}

func newCustomer(t testing.TB) customer {
	c := customer{identity: must(recordings.NewIdentity())(t)}
	c.token[0] = 7
	return c
}

func (c customer) key() CopyKey { return CopyKey{Recipient: c.identity.Recipient(), Token: c.token} }

// copied reads what a copy of a segment opens.
func (e *env) copied(t testing.TB, id, name string, segment int, c customer) (tracks map[recordings.Track]int, log copiedLog) {
	t.Helper()
	file := id + "-" + string(rune('0'+segment))
	base := filepath.Join(e.bags, file)
	told := must(os.ReadFile(base + "-" + name + ".told"))(t)
	text := must(recordings.OpenNote(told, c.identity))(t)
	must(0, json.Unmarshal(text, &log))(t)
	tracks = map[recordings.Track]int{}
	share, err := recordings.ReadShare(base + "-" + name + ".share")
	if errors.Is(err, fs.ErrNotExist) {
		return tracks, log
	}
	must(share, err)(t)
	s := must(recordings.OpenShared(filepath.Join(e.evidence, file+".rec"), share, time.Now(), recordings.ByIdentity(c.identity)))(t)
	defer s.Close()
	_, err = s.Read(recordings.ScanOptions{}, func(i recordings.Item) error { tracks[i.Track]++; return nil })
	must(0, err)(t)
	return tracks, log
}

func TestCustomersCopy(t *testing.T) {
	e := newEnv(t)
	p := e.issue(t).redeem(t).name(t)
	c := newCustomer(t)
	given := must(e.m.OfferCopy(t.Context(), p.id, c.key()))(t)
	if !given.Recording || given.Until.Before(time.Now().Add(6*24*time.Hour)) {
		t.Fatalf("promised %+v", given)
	}
	if again := must(e.m.OfferCopy(t.Context(), p.id, c.key()))(t); again != given {
		t.Fatalf("the same key got %+v, then %+v", given, again)
	}
	for range maxCopyKeys - 1 {
		must(e.m.OfferCopy(t.Context(), p.id, newCustomer(t).key()))(t)
	}
	if _, err := e.m.OfferCopy(t.Context(), p.id, newCustomer(t).key()); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("one too many: %v", err)
	}
	p.join(t).terms(t).activate(t)
	must(e.m.WriteNote(t.Context(), anna, protocol.Note{Session: p.id, Text: "the technician's own words"}))(t)
	must(0, e.m.End(t.Context(), anna, p.id))(t)
	must(0, p.agent.Removed(t.Context(), protocol.Removed{Complete: true}))(t)
	p.closed(t)
	tracks, log := e.copied(t, p.id, given.ID, 0, c)
	if tracks[recordings.TrackEvents] != 0 {
		t.Error("the copy opens the events, where the technician's note is")
	}
	if log.Session.ID != p.id || log.Session.Technician.Name != anna.Name || len(log.Entries) < 8 || log.Entries[len(log.Entries)-2].Code != protocol.EventClosed {
		t.Errorf("the log is %+v", log)
	}
	if text := must(json.Marshal(log))(t); bytes.Contains(text, []byte("own words")) || bytes.Contains(text, []byte(anna.ID)) {
		t.Errorf("the log tells %s", text)
	}
	if _, err := e.m.OfferCopy(t.Context(), p.id, c.key()); !errors.Is(err, ErrNoSession) {
		t.Errorf("after the end: %v", err)
	}
	// What the customer says afterwards comes into the log.
	must(0, e.m.Rate(t.Context(), p.id, protocol.Rating{Stars: 4}))(t)
	_, log = e.copied(t, p.id, given.ID, 0, c)
	if last := log.Entries[len(log.Entries)-1]; last.Code != protocol.EventRated {
		t.Errorf("the last entry is %+v", last)
	}
	// Nobody else opens it, the auditors included: they have their own way.
	share := must(recordings.ReadShare(filepath.Join(e.bags, p.id+"-0-"+given.ID+".share")))(t)
	if _, err := recordings.OpenShared(e.path(p.id), share, time.Now(), recordings.ByIdentity(e.identity, newCustomer(t).identity)); !errors.Is(err, recordings.ErrNotForYou) {
		t.Errorf("another key: %v", err)
	}
	e.noSecret(t, c.identity)
}

// noSecret: the private half of a key is in no file of the broker.
func (e *env) noSecret(t testing.TB, i recordings.Identity) {
	t.Helper()
	secret := must(i.Secret())(t)
	body := must(base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.TrimPrefix(secret, "CONSENTO-IDENTITY-1")))(t)
	raw := body[2:34]
	for _, dir := range []string{e.dir, e.evidence, e.bags} {
		must(0, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := os.ReadFile(path)
			for _, form := range [][]byte{raw, []byte(secret), []byte(hex.EncodeToString(raw)), []byte(base64.RawURLEncoding.EncodeToString(raw)), []byte(base64.StdEncoding.EncodeToString(raw))} {
				if bytes.Contains(b, form) {
					t.Errorf("%s holds the customer's secret", path)
				}
			}
			return err
		}))(t)
	}
}

// A copy outlives a restart, and a kill: each segment has its keys from its
// beginning on.
func TestCustomersCopyOutlivesTheBroker(t *testing.T) {
	e := newEnv(t)
	p := e.active(t)
	c := newCustomer(t)
	given := must(e.m.OfferCopy(t.Context(), p.id, c.key()))(t)
	before := must(recordings.ReadShare(filepath.Join(e.bags, p.id+"-0-"+given.ID+".share")))(t)
	if before.To < 8*time.Hour {
		t.Errorf("keys up to %v: a crash later would lose what follows", before.To)
	}
	must(0, p.agent.Gone(t.Context(), true))(t)
	must(0, e.m.Close(t.Context()))(t)
	e.m = must(New(t.Context(), e.config))(t)
	if s := p.state(t); s.State != protocol.StateActive {
		t.Fatalf("the session is %s", s.State)
	}
	must(0, e.m.Revoke(t.Context(), anna.ID))(t) // so nobody waits for the program
	eventually(t, "closed", func() bool { _, err := e.m.find(p.id); return errors.Is(err, ErrNoSession) })
	_, first := e.copied(t, p.id, given.ID, 0, c)
	_, second := e.copied(t, p.id, given.ID, 1, c)
	if len(first.Entries) == 0 || len(second.Entries) == 0 || second.Begins.IsZero() {
		t.Errorf("%d and %d entries, the second from %v", len(first.Entries), len(second.Entries), second.Begins)
	}
	after := must(recordings.ReadShare(filepath.Join(e.bags, p.id+"-1-"+given.ID+".share")))(t)
	if after.To > time.Hour {
		t.Errorf("keys up to %v stay behind the end", after.To)
	}
}

// An office that withholds the recording gives the log all the same.
func TestWithheldRecording(t *testing.T) {
	e := newEnv(t)
	e.withhold = true
	p := e.waiting(t)
	c := newCustomer(t)
	given := must(e.m.OfferCopy(t.Context(), p.id, c.key()))(t)
	if given.Recording {
		t.Fatal("the recording is promised")
	}
	must(0, e.m.Stop(t.Context(), p.id))(t)
	must(0, p.agent.Removed(t.Context(), protocol.Removed{Complete: true}))(t)
	p.closed(t)
	tracks, log := e.copied(t, p.id, given.ID, 0, c)
	if len(tracks) != 0 || len(log.Entries) == 0 {
		t.Errorf("tracks %v, %d entries", tracks, len(log.Entries))
	}
}

func TestGuesses(t *testing.T) {
	e := newEnv(t)
	wrong := func() error { return ErrKey }
	for range triesPerAddress {
		if err := e.m.Guess(t.Context(), "192.0.2.9", wrong); !errors.Is(err, ErrKey) {
			t.Fatal(err)
		}
	}
	var throttled *ThrottledError
	if err := e.m.Guess(t.Context(), "192.0.2.9", func() error { t.Error("let through"); return nil }); !errors.As(err, &throttled) {
		t.Errorf("after ten: %v", err)
	}
	for range 3 * triesPerAddress { // a right one costs nothing
		must(0, e.m.Guess(t.Context(), "192.0.2.8", func() error { return nil }))(t)
	}
}
