package recordings

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestKeyText(t *testing.T) {
	for range 50 {
		id := newTestIdentity(t)
		secret, err := id.Secret()
		must(t, err)
		back, err := ParseIdentity(secret)
		must(t, err)
		if back.Recipient().String() != id.Recipient().String() {
			t.Fatal("another key came back")
		}
		to, err := ParseRecipient(id.Recipient().String())
		must(t, err)
		if to.ID() != id.Recipient().ID() || len(to.ID()) != 16 {
			t.Fatal(to.ID())
		}
	}
	for _, id := range []Identity{newTestIdentity(t), newHybrid(t)} {
		testKeyText(t, id)
	}
}

func testKeyText(t *testing.T, id Identity) {
	secret, err := id.Secret()
	must(t, err)
	if strings.Contains(id.String(), secret[len(identityPrefix):]) {
		t.Error("String tells the secret")
	}
	public := id.Recipient().String()
	// Every single wrong character is found.
	for name, parse := range map[string]func(string) error{
		secret: func(s string) error { _, err := ParseIdentity(s); return err },
		public: func(s string) error { _, err := ParseRecipient(s); return err },
	} {
		must(t, parse(name))
		for n := range name {
			for _, c := range "A7a2-1 " {
				if byte(c) == name[n] {
					continue
				}
				if err := parse(name[:n] + string(c) + name[n+1:]); !errors.Is(err, ErrMalformed) {
					t.Errorf("%q at %d: %v", c, n, err)
				}
			}
		}
		for _, s := range []string{"", name + "A", name + "\n", " " + name, name[:len(name)-1], strings.ToUpper(name) + "=", strings.Repeat("A", 10000)} {
			if err := parse(s); !errors.Is(err, ErrMalformed) {
				t.Errorf("%q: %v", s, err)
			}
		}
	}
	if _, err := ParseIdentity(public); err == nil {
		t.Error("a public key passed for a private one")
	}
}

func TestKeyFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	id := newTestIdentity(t)
	must(t, WriteKeyPair(dir, id))
	st, err := os.Stat(filepath.Join(dir, IdentityFile))
	must(t, err)
	if st.Mode().Perm() != 0o600 {
		t.Errorf("the private key is %v", st.Mode())
	}
	for _, p := range []string{dir, filepath.Join(dir, IdentityFile)} {
		got, err := ReadIdentity(p)
		must(t, err)
		if got.Recipient().ID() != id.Recipient().ID() {
			t.Error("another identity")
		}
	}
	to, err := ReadRecipient(filepath.Join(dir, RecipientFile))
	must(t, err)
	if to.ID() != id.Recipient().ID() {
		t.Error("another recipient")
	}
	if err := WriteKeyPair(dir, newTestIdentity(t)); !errors.Is(err, os.ErrExist) {
		t.Errorf("a second key pair: %v", err)
	}
	if _, err := ReadRecipient(filepath.Join(dir, IdentityFile)); !errors.Is(err, ErrMalformed) {
		t.Errorf("an identity read as recipient: %v", err)
	}
}

func TestWrongIdentityOpensNothing(t *testing.T) {
	s := newSetup(t)
	second := newTestIdentity(t)
	s.conf.Recipients = append(s.conf.Recipients, second.Recipient())
	b, _, _ := s.recording(t, 2)
	path := filepath.Join(s.conf.Dir, SegmentName(s.conf.Session, 0))
	for _, id := range []Identity{s.id, second} {
		if _, err := OpenSession(path, id); err != nil {
			t.Error(err)
		}
	}
	for _, ids := range [][]Identity{nil, {{}}, {newTestIdentity(t)}, {newTestIdentity(t), newTestIdentity(t)}} {
		if _, err := OpenSession(path, ids...); !errors.Is(err, ErrNotForYou) {
			t.Errorf("%d identities: %v", len(ids), err)
		}
	}
	bag, err := os.ReadFile(DefaultBag(path))
	must(t, err)
	for _, clear := range []string{"test.tick", "\x01\x01\x01\x01"} {
		if bytes.Contains(b, []byte(clear)) || bytes.Contains(bag, []byte(clear)) {
			t.Errorf("%q stands in the clear", clear)
		}
	}
}

func TestSwappedBag(t *testing.T) {
	s, o := newSetup(t), newSetup(t)
	s.recording(t, 1)
	path := filepath.Join(s.conf.Dir, SegmentName(s.conf.Session, 0))
	open, err := ReadOpen(path)
	must(t, err)
	o.conf.Recipients = s.conf.Recipients
	o.recording(t, 1)
	foreign := filepath.Join(o.conf.Dir, BagName(o.conf.Session, 0))
	if _, err := OpenSessionBag(path, foreign, s.id); !errors.Is(err, ErrBagMismatch) {
		t.Errorf("the bag of another session: %v", err)
	}
	for name, make := range map[string]func() ([]byte, error){
		"another key in a bag of this name": func() ([]byte, error) {
			return newBag(newContentKey(), open.Session, 0, s.conf.stanzas())
		},
		"renamed": func() ([]byte, error) {
			b, err := os.ReadFile(foreign)
			return bytes.ReplaceAll(b, []byte(o.conf.Session.String()), []byte(open.Session.String())), err
		},
	} {
		b, err := make()
		must(t, err)
		swapped := filepath.Join(t.TempDir(), "a.key")
		must(t, os.WriteFile(swapped, b, 0o600))
		if _, err := OpenSessionBag(path, swapped, s.id); !errors.Is(err, ErrBagMismatch) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Every bit of a bag counts, or at least changes nothing.
	bag, err := os.ReadFile(DefaultBag(path))
	must(t, err)
	want, err := ParseBag(bag)
	must(t, err)
	key, err := want.open(open, []Identity{s.id})
	must(t, err)
	for n := range bag {
		c := bytes.Clone(bag)
		c[n] ^= 1 << (n % 8)
		j, err := ParseBag(c)
		if err != nil {
			continue
		}
		if k, err := j.open(open, []Identity{s.id}); err == nil && k != key {
			t.Fatalf("bit %d of byte %d gives another key", n%8, n)
		} else if err == nil {
			t.Errorf("bit %d of byte %d is not noticed", n%8, n)
		}
	}
}

// TestTrackKeysAreApart: a key for one track and minute opens no other.
func TestTrackKeysAreApart(t *testing.T) {
	s := newSetup(t)
	w := s.create(t)
	key := w.keys.key
	type place struct {
		track  Track
		minute uint32
	}
	var recs []Record
	for _, p := range []place{{TrackVideo, 0}, {TrackVideo, 1}, {TrackShell, 0}, {TrackShell, 1}, {Track(200), 0}} {
		must(t, w.Append(p.track, 0, time.Duration(p.minute)*time.Minute+59*time.Second, 0, []byte("content")))
	}
	_, err := w.Close()
	must(t, err)
	b, err := os.ReadFile(w.Path())
	must(t, err)
	all, _ := records(t, b, ScanOptions{})
	for _, r := range all {
		if r.Kind == KindData {
			recs = append(recs, r)
		}
	}
	for n := range recs {
		aead, err := key.trackKey(s.conf.Session, recs[n].Track, recs[n].Minute())
		must(t, err)
		for m, r := range recs {
			_, err := aead.Open(nil, nil, r.Body, dataAAD(s.conf.Session, r.Header))
			if (err == nil) != (n == m) {
				t.Errorf("the key of %v minute %d on %v minute %d: %v", recs[n].Track, recs[n].Minute(), r.Track, r.Minute(), err)
			}
		}
		// Nor does it open its own record in another place or session.
		h := recs[n].Header
		h.Index++
		if _, err := aead.Open(nil, nil, recs[n].Body, dataAAD(s.conf.Session, h)); err == nil {
			t.Error("a record opens under another number")
		}
		if _, err := aead.Open(nil, nil, recs[n].Body, dataAAD(NewSessionID(), recs[n].Header)); err == nil {
			t.Error("a record opens in another session")
		}
	}
}

// TestSheet: what is printed reads, and a mistyped line is named.
func TestSheet(t *testing.T) {
	for _, id := range []Identity{newTestIdentity(t), newHybrid(t)} {
		lines, err := id.Sheet()
		must(t, err)
		sheet := "Keep this in a safe.\n\n" + strings.Join(lines, "\n") + "\n\nEnd.\n"
		for _, typed := range []string{sheet, strings.ToLower(sheet), strings.NewReplacer("O", "0", "I", "1", "B", "8").Replace(strings.Join(lines, "\r\n"))} {
			got, err := ParseSheet(typed)
			must(t, err)
			if !got.Recipient().same(id.Recipient()) {
				t.Error("another key")
			}
		}
		path := filepath.Join(t.TempDir(), "typed")
		must(t, os.WriteFile(path, []byte(sheet), 0o600))
		if got, err := ReadIdentity(path); err != nil || !got.Recipient().same(id.Recipient()) {
			t.Error(err)
		}
		for n, line := range lines {
			for at := 3; at < len(line); at++ {
				if line[at] == ' ' {
					continue
				}
				c := byte('A')
				if line[at] == c {
					c = 'C'
				}
				wrong := strings.Replace(sheet, line, line[:at]+string(c)+line[at+1:], 1)
				if _, err := ParseSheet(wrong); err == nil {
					t.Fatalf("%q for %q: not noticed", wrong, line)
				}
			}
			missing := strings.Replace(sheet, line+"\n", "", 1)
			if _, err := ParseSheet(missing); !errors.Is(err, ErrMalformed) {
				t.Errorf("without line %d: %v", n+1, err)
			}
		}
	}
	for _, s := range []string{"", "nothing here", "1 AAAA", "1  AAAA BBBB CCCC DDDD EEEE FFFF  AA"} {
		if _, err := ParseSheet(s); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v", s, err)
		}
	}
}
