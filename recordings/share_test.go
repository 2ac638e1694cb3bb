package recordings

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// longSession is a recording with chat and shell in each of six minutes.
func longSession(t testing.TB) (*setup, string) {
	t.Helper()
	s := newSetup(t)
	w := s.create(t)
	for m := range 6 {
		at := time.Duration(m)*time.Minute + 30*time.Second
		for _, track := range []Track{TrackEvents, TrackVideo, TrackChat, TrackShell} {
			must(t, w.Append(track, 0, at, 0, fmt.Appendf(nil, `{"minute":%d,"track":%d}`, m, track)))
		}
		s.clock.t = s.conf.Started.Add(at)
		_, err := w.Seal()
		must(t, err)
	}
	_, err := w.Close()
	must(t, err)
	return s, w.Path()
}

var shareNow = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

func terms(tracks ...Track) ShareTerms {
	return ShareTerms{ID: NewSessionID(), Tracks: tracks, From: 90 * time.Second, To: 3*time.Minute + time.Second,
		Made: shareNow, Until: shareNow.Add(time.Hour)}
}

func readAll(t testing.TB, s *Session) []string {
	t.Helper()
	var got []string
	_, err := s.Read(ScanOptions{}, func(i Item) error {
		got = append(got, fmt.Sprintf("%v %d", i.Track, i.At/time.Minute))
		return nil
	})
	must(t, err)
	return got
}

// TestShareOpensItsPart: exactly the records of its tracks and minutes.
func TestShareOpensItsPart(t *testing.T) {
	s, path := longSession(t)
	full, err := OpenSession(path, s.id)
	must(t, err)
	friend, secret := newTestIdentity(t), NewShareSecret()
	secret2, err := ParseShareSecret(secret.Text())
	must(t, err)
	byKey, err := full.Share(terms(TrackShell, TrackChat), friend.Recipient())
	must(t, err)
	byLink, err := full.ShareLink(terms(TrackShell, TrackChat), secret)
	must(t, err)
	want := "[chat 1 shell 1 chat 2 shell 2 chat 3 shell 3]"
	for name, c := range map[string]struct {
		raw []byte
		key ShareKey
	}{"recipient": {byKey, ByIdentity(newTestIdentity(t), friend)}, "link": {byLink, BySecret(secret2)}} {
		share, err := ParseShare(c.raw)
		must(t, err)
		if share.From != time.Minute || share.To != 4*time.Minute {
			t.Errorf("%s: %v to %v", name, share.From, share.To)
		}
		part, err := OpenShared(path, share, shareNow, c.key)
		must(t, err)
		if got := fmt.Sprint(readAll(t, part)); got != want {
			t.Errorf("%s opens %s, want %s", name, got, want)
		}
		if _, err := part.Share(terms(TrackShell), friend.Recipient()); !errors.Is(err, ErrNotForYou) {
			t.Errorf("%s: shared on: %v", name, err)
		}
		viewer := newTestIdentity(t)
		lent, err := part.Lend(viewer.Recipient())
		must(t, err)
		again, err := ParseShare(lent)
		must(t, err)
		if !again.Until.Equal(share.Until) || again.Link() {
			t.Errorf("%s: lent until %v", name, again.Until)
		}
		if _, err := OpenShared(path, again, shareNow, ByIdentity(friend)); !errors.Is(err, ErrNotForYou) {
			t.Errorf("%s: what was lent to one key opens by another: %v", name, err)
		}
		if _, err := OpenShared(path, again, again.Until, ByIdentity(viewer)); !errors.Is(err, ErrExpired) {
			t.Errorf("%s: lent for longer: %v", name, err)
		}
		seen, err := OpenShared(path, again, shareNow, ByIdentity(viewer))
		must(t, err)
		if got := fmt.Sprint(readAll(t, seen)); got != want {
			t.Errorf("%s lends %s, want %s", name, got, want)
		}
		if _, err := part.Rewrap(Alone(ClassAuditor, friend.Recipient())); !errors.Is(err, ErrNotForYou) {
			t.Errorf("%s: wrapped for others: %v", name, err)
		}
		if bytes.Contains(c.raw, []byte(secret.Text())) {
			t.Error("the secret stands in the file")
		}
		exp, err := Export(t.TempDir(), []*Session{part}, ScanOptions{})
		must(t, err)
		if exp.Events != 3 || !exp.Shell {
			t.Errorf("%s: %+v", name, exp)
		}
	}
	if got := readAll(t, full); len(got) != 24 {
		t.Errorf("the whole is %d records", len(got))
	}
}

// TestShareKeysOpenNothingElse: with the keys themselves, no record outside opens.
func TestShareKeysOpenNothingElse(t *testing.T) {
	s, path := longSession(t)
	full, err := OpenSession(path, s.id)
	must(t, err)
	secret := NewShareSecret()
	raw, err := full.ShareLink(terms(TrackShell, TrackChat), secret)
	must(t, err)
	share, err := ParseShare(raw)
	must(t, err)
	part, err := OpenShared(path, share, shareNow, BySecret(secret))
	must(t, err)
	keys := part.keys.(*sharedKeys).keys
	if len(keys) != 2*3*32 {
		t.Fatalf("%d bytes of keys", len(keys))
	}
	b, err := os.ReadFile(path)
	must(t, err)
	recs, _ := records(t, b, ScanOptions{})
	opened := 0
	for _, r := range recs {
		if r.Kind != KindData {
			continue
		}
		inside := (r.Track == TrackShell || r.Track == TrackChat) && r.Minute() >= 1 && r.Minute() < 4
		for at := 0; at < len(keys); at += 32 {
			a, err := newAEAD(keys[at : at+32])
			must(t, err)
			if _, err := a.Open(nil, nil, r.Body, dataAAD(s.conf.Session, r.Header)); err == nil {
				opened++
				if !inside {
					t.Errorf("%v of minute %d opens", r.Track, r.Minute())
				}
			}
		}
	}
	if opened != 6 {
		t.Errorf("%d records open", opened)
	}
}

func TestShareIsRefused(t *testing.T) {
	s, path := longSession(t)
	full, err := OpenSession(path, s.id)
	must(t, err)
	friend, secret := newTestIdentity(t), NewShareSecret()
	raw, err := full.Share(terms(TrackChat), friend.Recipient())
	must(t, err)
	link, err := full.ShareLink(terms(TrackChat), secret)
	must(t, err)
	_, other := longSession(t)
	parse := func(b []byte) Share {
		share, err := ParseShare(b)
		must(t, err)
		return share
	}
	for name, c := range map[string]struct {
		path  string
		share Share
		now   time.Time
		key   ShareKey
		want  error
	}{
		"in time":                {path, parse(raw), shareNow.Add(time.Hour - 1), ByIdentity(friend), nil},
		"at its end":             {path, parse(raw), shareNow.Add(time.Hour), ByIdentity(friend), ErrExpired},
		"a link at its end":      {path, parse(link), shareNow.Add(time.Hour), BySecret(secret), ErrExpired},
		"a stranger":             {path, parse(raw), shareNow, ByIdentity(newTestIdentity(t)), ErrNotForYou},
		"the auditor's key":      {path, parse(raw), shareNow, ByIdentity(s.id), ErrNotForYou},
		"a secret for an id's":   {path, parse(raw), shareNow, BySecret(secret), ErrNotForYou},
		"an identity for a link": {path, parse(link), shareNow, ByIdentity(friend), ErrNotForYou},
		"another secret":         {path, parse(link), shareNow, BySecret(NewShareSecret()), ErrBagMismatch},
		"another session":        {other, parse(link), shareNow, BySecret(secret), ErrBagMismatch},
	} {
		_, err := OpenShared(c.path, c.share, c.now, c.key)
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A later end, other tracks or another range would show: nothing can be changed.
	for _, b := range [][]byte{raw, link} {
		for n := range b {
			c := bytes.Clone(b)
			c[n] ^= 1 << (n % 8)
			share, err := ParseShare(c)
			if err != nil {
				continue
			}
			key := ByIdentity(friend)
			if share.Link() {
				key = BySecret(secret)
			}
			if _, err := OpenShared(path, share, shareNow, key); err == nil {
				t.Fatalf("bit %d of byte %d (%q): not noticed", n%8, n, b[n])
			}
		}
	}
	for name, change := range map[string]func(*ShareTerms){
		"no tracks":  func(t *ShareTerms) { t.Tracks = nil },
		"no time":    func(t *ShareTerms) { t.From, t.To = 0, 0 },
		"backwards":  func(t *ShareTerms) { t.From, t.To = t.To, t.From },
		"no id":      func(t *ShareTerms) { t.ID = SessionID{} },
		"over soon":  func(t *ShareTerms) { t.Until = t.Made },
		"far future": func(t *ShareTerms) { t.To = 2000 * time.Hour },
	} {
		bad := terms(TrackChat)
		change(&bad)
		if _, err := full.Share(bad, friend.Recipient()); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := full.Share(terms(TrackChat)); err == nil {
		t.Error("a share for nobody")
	}
}

// TestCustomersCopy: made by the writer before it closes.
func TestCustomersCopy(t *testing.T) {
	s := newSetup(t)
	w := s.create(t)
	s.second(t, w, 0)
	secret := NewShareSecret()
	all := terms(TrackEvents, TrackShell)
	all.From, all.To = 0, time.Minute
	raw, err := w.ShareLink(all, secret)
	must(t, err)
	_, err = w.Close()
	must(t, err)
	if _, err := w.ShareLink(all, secret); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	path := filepath.Join(t.TempDir(), "share")
	must(t, os.WriteFile(path, raw, 0o600))
	share, err := ReadShare(path)
	must(t, err)
	part, err := OpenShared(w.Path(), share, shareNow, BySecret(secret))
	must(t, err)
	if got := fmt.Sprint(readAll(t, part)); got != "[shell 0 events 0]" {
		t.Error(got)
	}
}

// FuzzShare: any share is refused or opens what it says.
func FuzzShare(f *testing.F) {
	s, path := longSession(f)
	full, err := OpenSession(path, s.id)
	must(f, err)
	secret := NewShareSecret()
	a, err := full.Share(terms(TrackChat, TrackVideo), s.id.Recipient())
	must(f, err)
	b, err := full.ShareLink(terms(TrackChat), secret)
	must(f, err)
	f.Add(a)
	f.Add(b)
	f.Fuzz(func(t *testing.T, in []byte) {
		share, err := ParseShare(in)
		if err != nil {
			return
		}
		for _, key := range []ShareKey{ByIdentity(s.id), BySecret(secret)} {
			part, err := OpenShared(path, share, shareNow, key)
			if err != nil {
				continue
			}
			if !bytes.Equal(bytes.TrimSuffix(in, []byte("\n")), a) && !bytes.Equal(bytes.TrimSuffix(in, []byte("\n")), b) {
				t.Fatal("another share opens")
			}
			readAll(t, part)
		}
	})
}

// TestShareAmong: keys of the events alone, for two who open them together.
func TestShareAmong(t *testing.T) {
	s := newSetup(t)
	w := s.create(t)
	one, other := newTestIdentity(t), newTestIdentity(t)
	raw, err := w.ShareAmong(terms(TrackEvents), Pairs(ClassAuditor, one.Recipient(), other.Recipient())...)
	must(t, err)
	for _, track := range []Track{TrackEvents, TrackChat} {
		must(t, w.Append(track, 0, 100*time.Second, 0, []byte(`{}`)))
	}
	_, err = w.Close()
	must(t, err)
	share, err := ParseShare(raw)
	must(t, err)
	if _, err := OpenShared(w.Path(), share, shareNow, ByIdentity(one)); !errors.Is(err, ErrMoreKeys) {
		t.Errorf("by one alone: %v", err)
	}
	both, err := OpenShared(w.Path(), share, shareNow, ByIdentity(one, other))
	must(t, err)
	if got := fmt.Sprint(readAll(t, both)); got != "[events 1]" {
		t.Errorf("opens %s", got)
	}
}

// TestShareIsWrappedAnew: under the same terms for others, and for nobody else.
func TestShareIsWrappedAnew(t *testing.T) {
	s, path := longSession(t)
	full, err := OpenSession(path, s.id)
	must(t, err)
	defer full.Close()
	if _, err := full.RewrapShare(Alone(ClassAuditor, s.id.Recipient())...); !errors.Is(err, ErrNotForYou) {
		t.Errorf("what no share opened: %v", err)
	}
	before, one, two := newTestIdentity(t), newTestIdentity(t), newTestIdentity(t)
	given := terms(TrackEvents)
	b, err := full.Share(given, before.Recipient())
	must(t, err)
	old, err := ParseShare(b)
	must(t, err)
	part, err := OpenShared(path, old, shareNow, ByIdentity(before))
	must(t, err)
	want := readAll(t, part)
	b, err = part.RewrapShare(Stanza{ClassAuditor, []Recipient{one.Recipient(), two.Recipient()}})
	must(t, err)
	anew, err := ParseShare(b)
	must(t, err)
	if st := anew.Stanzas(); !anew.Like(old) || len(st) != 1 || st[0].Class != classShare || len(st[0].IDs) != 2 || len(want) == 0 {
		t.Errorf("%+v for %+v, %d records", anew.ShareTerms, st, len(want))
	}
	both, err := OpenShared(path, anew, shareNow, ByIdentity(one, two))
	must(t, err)
	if got := readAll(t, both); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", got, want)
	}
	if _, err := OpenShared(path, anew, shareNow, ByIdentity(before)); !errors.Is(err, ErrNotForYou) {
		t.Errorf("who read before: %v", err)
	}
	if _, err := OpenShared(path, anew, shareNow, ByIdentity(one)); err == nil {
		t.Error("one of two opens it")
	}
	if _, err := part.RewrapShare(); err == nil {
		t.Error("for nobody")
	}
	given.To += time.Minute
	b, err = full.Share(given, before.Recipient())
	must(t, err)
	other, err := ParseShare(b)
	must(t, err)
	if other.Like(old) {
		t.Error("a minute more is not the same")
	}
}
