package recordings

import (
	"bytes"
	"crypto/ed25519"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// FuzzScan: any input gives a report; only the untouched file passes for the one
// whose head is known; and whatever is good decrypts or is refused.
func FuzzScan(f *testing.F) {
	s := newSetup(f)
	b, recs, rep := s.recording(f, 2)
	for _, r := range recs {
		f.Add(b[:r.end()])
		f.Add(b[:r.end()-1])
	}
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, in []byte) {
		var good int64
		got, err := Scan(bytes.NewReader(in), ScanOptions{Each: func(r Record) error {
			if r.Offset != good {
				t.Fatalf("a record at %d, want %d", r.Offset, good)
			}
			good += HeaderSize + int64(len(r.Body))
			return nil
		}})
		must(t, err)
		if good != got.GoodBytes || got.GoodBytes > got.Bytes || got.Bytes != int64(len(in)) || got.SealedBytes > got.GoodBytes {
			t.Fatalf("%d good bytes of %d of %d, %d sealed", got.GoodBytes, got.Bytes, len(in), got.SealedBytes)
		}
		if undetected(got, rep.Head) && !bytes.Equal(in, b) {
			t.Fatal("another file passes for the known one")
		}
		if (got.Fault == nil) != (got.GoodBytes == got.Bytes) {
			t.Fatalf("fault %v, but %d of %d bytes are good", got.Fault, got.GoodBytes, got.Bytes)
		}
	})
}

// FuzzRecover: recovery ends, and what it closes verifies.
func FuzzRecover(f *testing.F) {
	s := newSetup(f)
	_, b, recs, _ := s.unclosed(f, 2)
	for _, r := range recs {
		f.Add(b[:r.end()-3])
	}
	pub, key := newLogKey(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		path := filepath.Join(t.TempDir(), "a.rec")
		must(t, os.WriteFile(path, in, 0o600))
		if _, err := Recover(path, key, "fuzz", time.Now()); err != nil {
			after, rerr := os.ReadFile(path)
			must(t, rerr)
			if !bytes.Equal(in, after) {
				t.Fatalf("refused (%v), but the file was changed", err)
			}
			return
		}
		rep, err := ScanFile(path, ScanOptions{LogKeys: []ed25519.PublicKey{pub}})
		must(t, err)
		if rep.Verdict != Unanchored {
			t.Fatalf("recovered, but %v: %v", rep.Verdict, rep.Fault)
		}
	})
}

// FuzzOpenRecord: there is one spelling of each OPEN.
func FuzzOpenRecord(f *testing.F) {
	s := newSetup(f)
	_, recs, rep := s.recording(f, 1)
	f.Add(recs[0].Body)
	next := rep.Open
	next.Segment, next.Continues = 1, &rep.Head
	b, err := next.marshal()
	must(f, err)
	f.Add(b)
	f.Add([]byte(`{"v":1}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		o, err := parseOpen(in)
		if err != nil {
			return
		}
		again, err := o.marshal()
		must(t, err)
		if !bytes.Equal(in, again) {
			t.Fatalf("%q\n%q", in, again)
		}
	})
}

// FuzzBag: any key bag is refused or opens to the committed key.
func FuzzBag(f *testing.F) {
	s := newSetup(f)
	_, _, rep := s.recording(f, 1)
	b, err := os.ReadFile(filepath.Join(s.conf.Dir, BagName(s.conf.Session, 0)))
	must(f, err)
	f.Add(b)
	old, err := os.ReadFile("testdata/golden-0.key")
	must(f, err)
	f.Add(old)
	f.Add([]byte(`{"v":1,"sid":"","segment":0,"stanzas":[]}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		j, err := ParseBag(in)
		if err != nil {
			return
		}
		k, err := j.open(rep.Open, []Identity{s.id})
		if err != nil {
			return
		}
		c, err := k.commitment(rep.Open.Session)
		must(t, err)
		if c != rep.Open.Commit {
			t.Fatal("a key that the recording does not commit to")
		}
	})
}

// FuzzKeyText: there is one spelling of each key.
func FuzzKeyText(f *testing.F) {
	id := newTestIdentity(f)
	secret, err := id.Secret()
	must(f, err)
	f.Add(secret)
	f.Add(id.Recipient().String())
	f.Add(newHybrid(f).Recipient().String())
	f.Fuzz(func(t *testing.T, in string) {
		if id, err := ParseIdentity(in); err == nil {
			if s, err := id.Secret(); err != nil || s != in {
				t.Fatalf("%q is also %q", in, s)
			}
		}
		if r, err := ParseRecipient(in); err == nil && r.String() != in {
			t.Fatalf("%q is also %q", in, r)
		}
	})
}

// FuzzVideoFrame: whatever a sender calls a picture is refused or becomes a
// fragment that reads.
func FuzzVideoFrame(f *testing.F) {
	small := ivf(f, "testdata/small.ivf")
	f.Add(small[0], small[1])
	f.Add(ivf(f, "testdata/larger.ivf")[0], small[2])
	s := newSetup(f)
	f.Fuzz(func(t *testing.T, first, second []byte) {
		s.conf.Session = NewSessionID()
		w := s.create(t)
		v := NewVideo(w, 0)
		a := v.WriteFrame(0, first, true)
		b := v.WriteFrame(time.Second, second, false)
		must(t, v.Flush(2*time.Second))
		_, err := w.Close()
		must(t, err)
		r, err := OpenSession(w.Path(), s.id)
		must(t, err)
		fragments := 0
		_, err = r.Read(ScanOptions{}, func(i Item) error {
			if i.Flags&FlagInit != 0 {
				_, _, err := withDuration(i.Body[1:])
				return err
			}
			fragments++
			_, err := parseFragment(i.Body[1:])
			return err
		})
		must(t, err)
		if fragments == 0 && (a == nil || b == nil) {
			t.Fatal("a frame was taken and is not there")
		}
		must(t, os.Remove(w.Path()))
		must(t, os.Remove(DefaultBag(w.Path())))
	})
}

// FuzzFragment: reading a fragment is safe, and so is adjusting it.
func FuzzFragment(f *testing.F) {
	v := &Video{number: 1, decode: 0, open: []picture{{at: 0, key: true, data: []byte("a")}, {at: 40, data: []byte("b")}}}
	b, err := v.fragment(100)
	must(f, err)
	f.Add(b)
	tu, err := parseTemporalUnit(ivf(f, "testdata/small.ivf")[0])
	must(f, err)
	init, err := initSegment(tu)
	must(f, err)
	f.Add(init)
	f.Fuzz(func(t *testing.T, in []byte) {
		if f, err := parseFragment(bytes.Clone(in)); err == nil {
			f.extend(1 << 40)
			if len(f.raw) != len(in) {
				t.Fatal("the fragment changed its length")
			}
		}
		if out, at, err := withDuration(in); err == nil && (len(out) != len(in)+mehdSize || at+8 > int64(len(out))) {
			t.Fatalf("%d bytes of %d, duration at %d", len(out), len(in), at)
		}
	})
}

// FuzzSheet: whatever is typed is refused or is a key.
func FuzzSheet(f *testing.F) {
	lines, err := newTestIdentity(f).Sheet()
	must(f, err)
	f.Add(strings.Join(lines, "\n"))
	f.Fuzz(func(t *testing.T, in string) {
		if id, err := ParseSheet(in); err == nil {
			_, err := id.Sheet()
			must(t, err)
		}
	})
}

// FuzzSmallForms: there is one spelling of each, and countersignatures are right.
func FuzzSmallForms(f *testing.F) {
	_, key := newLogKey(f)
	sid := NewSessionID()
	f.Add(Cosign(key, sid, Head{N: 3}))
	rc, err := Recovered{Time: time.Now(), Sealed: 2, TornBytes: 1, Reason: "x"}.marshal()
	must(f, err)
	f.Add(rc)
	f.Add([]byte(NewShareSecret().Text()))
	f.Add([]byte(sid.String()))
	f.Fuzz(func(t *testing.T, in []byte) {
		if c, err := ParseCosignature(sid, in); err == nil && (!bytes.Equal(c.raw, in) || !ed25519.Verify(c.Key, cosigMessage(sid, in), in[72:])) {
			t.Fatalf("%x", in)
		}
		if r, err := parseRecovered(in); err == nil {
			b, err := r.marshal()
			must(t, err)
			if !bytes.Equal(b, in) {
				t.Fatalf("%q\n%q", in, b)
			}
		}
		if s, err := ParseShareSecret(string(in)); err == nil && s.Text() != string(in) {
			t.Fatalf("%q", in)
		}
		if s, err := ParseSessionID(string(in)); err == nil && s.String() != string(in) {
			t.Fatalf("%q", in)
		}
	})
}

// FuzzCosignatures: a file of countersignatures is read whole and right, or refused.
func FuzzCosignatures(f *testing.F) {
	_, key := newLogKey(f)
	sid := NewSessionID()
	one := Cosign(key, sid, Head{N: 3})
	f.Add([]byte(nil))
	f.Add(one)
	f.Add(append(append([]byte(nil), one...), Cosign(key, sid, Head{N: 4})...))
	f.Add(one[:CosignatureSize-1])
	f.Add(append(append([]byte(nil), one...), 0))
	f.Add(bytes.Repeat(one, maxCosigs+1))
	path := filepath.Join(f.TempDir(), "a.rec")
	f.Fuzz(func(t *testing.T, in []byte) {
		must(t, os.WriteFile(DefaultCosignatures(path), in, 0o600))
		all, err := ReadCosignatures(DefaultCosignatures(path), sid)
		if err != nil {
			if all != nil {
				t.Fatalf("%d of a file that is refused", len(all))
			}
			return
		}
		var raw []byte
		for _, c := range all {
			if !ed25519.Verify(c.Key, cosigMessage(sid, c.raw), c.raw[72:]) {
				t.Fatalf("%x is wrong", c.raw)
			}
			raw = append(raw, c.raw...)
		}
		if len(all) > maxCosigs || !bytes.Equal(raw, in) {
			t.Fatalf("%d read of %d bytes", len(all), len(in))
		}
	})
}
