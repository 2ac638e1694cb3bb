package recordings

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/hpke"
)

// thief has every file of the office's disks, and its log key, and tries each
// piece of them as each kind of key.
type thief struct {
	pieces [][]byte // 32 bytes each
	path   string
	open   Open
	bag    Bag
	shares []Share
	recs   []Record
}

var written = regexp.MustCompile(`[A-Za-z0-9+/_=-]{40,}`)

// loot cuts bytes, and what is written in them, into pieces.
func (t *thief) loot(b []byte) {
	add := func(b []byte) {
		for i := 0; i+32 <= len(b); i++ {
			t.pieces = append(t.pieces, b[i:i+32])
		}
	}
	add(b)
	for _, s := range written.FindAll(b, -1) {
		for _, decode := range []func(string) ([]byte, error){hex.DecodeString, base64.StdEncoding.DecodeString, base64.RawURLEncoding.DecodeString, keyBase32.DecodeString} {
			if d, err := decode(string(s)); err == nil {
				add(d)
			}
		}
	}
}

// opens counts what some piece opens.
func (t *thief) opens(tb testing.TB) int {
	found := 0
	right := func(k [32]byte) bool {
		c, err := contentKey(k).commitment(t.open.Session)
		return err == nil && c == t.open.Commit
	}
	for i, p := range t.pieces {
		k := [32]byte(p)
		if right(k) {
			found++
		}
		a, err := newAEAD(p)
		must(tb, err)
		for _, r := range t.recs {
			if _, err := a.Open(nil, nil, r.Body, dataAAD(t.open.Session, r.Header)); err == nil {
				found++
			}
		}
		for _, s := range t.shares {
			info := shareInfo(s.json.ID, t.open)
			if link, err := ShareSecret(k).linkKey(info); err == nil {
				if _, err := s.keys(link); err == nil {
					found++
				}
			}
			if _, err := s.keys(k); err == nil {
				found++
			}
		}
		// As a private key: of those that the bag names, and of none other, there is
		// something to unwrap. Every seventh piece and all that is written as text keep
		// the test short.
		if i%7 == 0 || i >= len(t.pieces)-200 {
			if key, err := hpke.DHKEM(ecdh.P256()).NewPrivateKey(p); err == nil {
				if _, err := t.bag.open(t.open, []Identity{{key}}); err == nil {
					found++
				}
			}
		}
	}
	return found
}

// TestDisksAndLogKeyReadNothing: all files, the log key and one key of the escrow
// open nothing; the auditor's key, thrown in, is found by the same search.
func TestDisksAndLogKeyReadNothing(t *testing.T) {
	o := newOfficePolicy(t)
	s := newSetup(t)
	to, err := o.signed.Stanzas("any", "Berlin")
	must(t, err)
	s.conf.Recipients, s.conf.Stanzas, s.conf.Policy = nil, to, o.signed.Hash()
	w := s.create(t)
	s.second(t, w, 0)
	secret, minute := NewShareSecret(), terms(TrackEvents, TrackShell)
	minute.From = 0
	link, err := w.ShareLink(minute, secret)
	must(t, err)
	_, logKey := newLogKey(t)
	must(t, w.f.Close()) // it crashed, and the log key closed it
	_, err = Recover(w.Path(), logKey, "test", s.clock.t)
	must(t, err)
	full, err := OpenSession(w.Path(), o.berlin)
	must(t, err)
	share, err := full.Share(minute, o.roma.Recipient())
	must(t, err)
	must(t, os.WriteFile(filepath.Join(s.conf.Dir, "a.share"), share, 0o600))
	must(t, os.WriteFile(filepath.Join(s.conf.Dir, "b.share"), link, 0o600))
	must(t, WritePolicy(s.conf.Dir, o.signed))
	must(t, os.WriteFile(filepath.Join(s.conf.Dir, "log.key"), logKey, 0o600))
	must(t, os.WriteFile(filepath.Join(s.conf.Dir, "root.key"), o.root, 0o600))
	must(t, os.WriteFile(filepath.Join(s.conf.Dir, "seal.key"), append(ed25519.PrivateKey(nil), w.sign...), 0o600))
	one, err := o.escrow[0].Secret()
	must(t, err)
	must(t, os.WriteFile(filepath.Join(s.conf.Dir, "escrow-1"), []byte(one), 0o600))

	all, err := os.ReadDir(s.conf.Dir)
	must(t, err)
	if len(all) != 9 {
		t.Fatalf("%d files", len(all))
	}
	th := &thief{path: w.Path(), open: w.Open()}
	for _, e := range all {
		b, err := os.ReadFile(filepath.Join(s.conf.Dir, e.Name()))
		must(t, err)
		th.loot(b)
		if bytes.Contains(b, []byte("test.tick")) {
			t.Errorf("%s holds content in the clear", e.Name())
		}
	}
	b, err := os.ReadFile(w.Path())
	must(t, err)
	recs, _ := records(t, b, ScanOptions{})
	for _, r := range recs {
		if r.Kind == KindData {
			th.recs = append(th.recs, r)
		}
	}
	th.bag, err = ReadBag(DefaultBag(w.Path()))
	must(t, err)
	for _, raw := range [][]byte{share, link} {
		sh, err := ParseShare(raw)
		must(t, err)
		th.shares = append(th.shares, sh)
	}
	if n := th.opens(t); n > 0 {
		t.Fatalf("%d things open", n)
	}
	if _, err := OpenSession(w.Path(), o.escrow[0]); err == nil {
		t.Error("one key of the escrow opens")
	}
	t.Logf("%d pieces open nothing", len(th.pieces))

	// The search itself works: each of these is found.
	private, err := o.berlin.key.Bytes()
	must(t, err)
	key := full.keys.(*trackKeys).key
	track, err := key.derive(trackInfo(w.open.Session, TrackShell, 0))
	must(t, err)
	for name, piece := range map[string][]byte{"auditor's key": private, "content key": key[:], "key of a track": track, "secret of a link": secret[:]} {
		found := *th
		found.pieces = nil
		found.loot(piece)
		if found.opens(t) == 0 {
			t.Errorf("%s is not found: the test proves nothing", name)
		}
	}
}
