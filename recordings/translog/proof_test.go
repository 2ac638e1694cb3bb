package translog

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// proofOf shows all leaves of the session number n of an office.
func proofOf(t testing.TB, l *Log, c Checkpoint, n int) Proof {
	t.Helper()
	var at []uint64
	for e, err := range l.Entries(t.Context(), 0, c.Size) {
		must(t, err)
		if bytes.Contains(e.Data, []byte(testID(n).String())) {
			at = append(at, e.Index)
		}
	}
	p, err := l.Proof(t.Context(), testID(n), c, at...)
	must(t, err)
	return p
}

func TestProof(t *testing.T) {
	l, _ := office(t, 60)
	c := witnessed(t, l)
	add(t, l, opened(900)) // the log went on
	p := proofOf(t, l, c, 7)
	b, err := p.Marshal()
	must(t, err)
	for _, text := range [][]byte{b, bytes.TrimSuffix(b, []byte("\n"))} {
		got, err := ParseProof(text)
		must(t, err)
		r, err := got.Verify(testKeys())
		if err != nil || len(r.Missing) > 0 || len(r.Witnesses) != 1 || len(r.Leaves) != 5 || r.Leaves[0].Leaf != opened(7) {
			t.Fatalf("%+v, %v", r, err)
		}
	}
	for name, c := range map[string]struct {
		keys Keys
		want string
	}{
		"no keys":       {Keys{}, "log.pub"},
		"no log key":    {Keys{Witness: testKeys().Witness}, "log.pub"},
		"other log key": {Keys{Log: []ed25519.PublicKey{public(seeded("x"))}, Witness: testKeys().Witness}, "not signed by any"},
		"no witness":    {Keys{Log: testKeys().Log}, "witness-NAME.pub"},
		"other witness": {Keys{Log: testKeys().Log, Witness: []NamedKey{{"x", public(seeded("x"))}}}, "0 of 1"},
		"two wanted":    {Keys{Log: testKeys().Log, Witness: testKeys().Witness, Quorum: 2}, "1 of 2"},
	} {
		r, err := p.Verify(c.keys)
		if err != nil || !strings.Contains(strings.Join(r.Missing, "; "), c.want) {
			t.Errorf("%s: %q, %v", name, r.Missing, err)
		}
	}
}

func TestProofContradicts(t *testing.T) {
	l, _ := office(t, 60)
	c := witnessed(t, l)
	add(t, l, opened(900))
	for name, spoil := range map[string]func(p *Proof){
		"leaf changed": func(p *Proof) {
			p.Leaves[0].Entry = bytes.Replace(p.Leaves[0].Entry, []byte(`"n":1`), []byte(`"n":2`), 1)
		},
		"leaf exchanged":   func(p *Proof) { p.Leaves[0].Entry = p.Leaves[1].Entry },
		"another number":   func(p *Proof) { p.Leaves[0].Index++ },
		"path cut":         func(p *Proof) { p.Leaves[0].Path = p.Leaves[0].Path[1:] },
		"path longer":      func(p *Proof) { p.Leaves[0].Path = append(p.Leaves[0].Path, tlog.Hash{}) },
		"another session":  func(p *Proof) { p.SID = testID(8) },
		"beyond the end":   func(p *Proof) { p.Leaves[0].Index = c.Size },
		"signature broken": func(p *Proof) { p.Checkpoint = spoilt(p.Checkpoint) },
		"another root": func(p *Proof) {
			p.Checkpoint = sign(testOrigin, c.Size, tlog.Hash(testHash(4)), seeded("log"))
		},
	} {
		p := proofOf(t, l, c, 7)
		spoil(&p)
		if _, err := p.Verify(testKeys()); !errors.Is(err, ErrContradicted) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestProofEveryBit: a proof with any bit flipped or cut anywhere is none, or
// contradicts, or lacks a signature.
func TestProofEveryBit(t *testing.T) {
	if testing.Short() {
		t.Skip("thousands of proofs, one after the other")
	}
	l, _ := office(t, 20)
	b, err := proofOf(t, l, witnessed(t, l), 7).Marshal()
	must(t, err)
	passes := func(b []byte) bool {
		p, err := ParseProof(b)
		if err != nil {
			return false
		}
		r, err := p.Verify(testKeys())
		return err == nil && len(r.Missing) == 0
	}
	if !passes(b) {
		t.Fatal("not even the whole one")
	}
	for i := range b {
		for bit := range 8 {
			b[i] ^= 1 << bit
			if passes(b) {
				t.Errorf("bit %d of byte %d flipped: passes", bit, i)
			}
			b[i] ^= 1 << bit
		}
		if i < len(b)-1 && passes(b[:i]) {
			t.Errorf("cut at %d: passes", i)
		}
	}
}

// TestRequest: what a body may be, and what not.
func TestRequest(t *testing.T) {
	l, _ := office(t, 60)
	good := requestFrom(t, l, 5)
	b := good.Marshal()
	r, err := ParseRequest(b)
	must(t, err)
	if !bytes.Equal(r.Marshal(), b) || r.Old != 5 || len(r.Proof) != len(good.Proof) {
		t.Errorf("%+v", r)
	}
	hash := "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n"
	point := string(good.Checkpoint.Text)
	for name, bad := range map[string]string{
		"empty":            "",
		"no old":           "\n" + point,
		"old with zero":    "old 05\n\n" + point,
		"old with sign":    "old +5\n\n" + point,
		"old too large":    "old 99999999999999999999\n\n" + point,
		"two blanks":       "old  5\n\n" + point,
		"64 hashes":        "old 5\n" + strings.Repeat(hash, 64) + "\n" + point,
		"hash cut":         "old 5\n" + hash[3:] + "\n" + point,
		"hash with CR":     "old 5\n" + strings.TrimSuffix(hash, "\n") + "\r\n\n" + point,
		"other spelling":   "old 5\n" + strings.Replace(hash, "w=", "x=", 1) + "\n" + point,
		"no empty line":    "old 5\n" + point,
		"no checkpoint":    "old 5\n\n",
		"not signed":       "old 5\n\n" + good.Checkpoint.body(),
		"size with zero":   "old 5\n\n" + strings.Replace(point, "\n3", "\n03", 1),
		"text behind":      "old 5\n\n" + point + "x",
		"too long":         "old 5\n\n" + point + strings.Repeat("x", MaxRequest),
		"origin with plus": "old 5\n\n" + strings.Replace(point, "office", "of+ice", 1),
		"empty root wrong": "old 0\n\n" + string(sign(testOrigin, 0, good.Checkpoint.Root, seeded("log")).Text),
	} {
		if _, err := ParseRequest([]byte(bad)); !errors.Is(err, ErrRequest) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ParseRequest([]byte("old 5\n" + strings.Repeat(hash, 63) + "\n" + point)); err != nil {
		t.Error(err)
	}
}
