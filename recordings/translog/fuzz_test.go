package translog

import (
	"bytes"
	"testing"
	"testing/fstest"
	"time"
)

// FuzzLeaf: what is read is written the same.
func FuzzLeaf(f *testing.F) {
	for _, l := range allLeaves() {
		b, err := MarshalLeaf(l, time.UnixMilli(1_772_355_600_123))
		must(f, err)
		f.Add(b)
	}
	f.Add([]byte(`{"v":1,"kind":"later","time":5,"x":{}}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		l, at, err := ParseLeaf(in)
		if err != nil {
			return
		}
		if u, ok := l.(Unknown); ok {
			if u.Raw != string(in) {
				t.Fatal("an unknown leaf was changed")
			}
			return
		}
		out, err := MarshalLeaf(l, at)
		if err != nil || !bytes.Equal(in, out) {
			t.Fatalf("%s, %v", out, err)
		}
	})
}

// FuzzCheckpoint: what is read keeps its text, and only the log's own is signed.
func FuzzCheckpoint(f *testing.F) {
	l, _ := office(f, 2)
	own := witnessed(f, l)
	f.Add(own.Text)
	f.Add(l.Checkpoint().Text)
	f.Add([]byte("a\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n— a AAAAAA==\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		c, err := ParseCheckpoint(in)
		if err != nil {
			return
		}
		if !bytes.Equal(c.Text, in) || c.Origin == "" || c.Size > maxNumber {
			t.Fatalf("%+v", c)
		}
		signed, by, _ := testKeys().Check(c)
		if signed && c.body() != own.body() {
			t.Fatal("signed, and never by the log")
		}
		if len(by) > 0 && c.body() != own.body() {
			t.Fatal("cosigned, and never by the witness")
		}
		if again, err := c.Add(own.Text[len(own.body())+1:]); err == nil && !bytes.HasPrefix(again.Text, in) {
			t.Fatal("adding signatures changed the text")
		}
	})
}

// FuzzProof: any input; what passes is what the log holds.
func FuzzProof(f *testing.F) {
	l, _ := office(f, 3)
	p := proofOf(f, l, witnessed(f, l), 1)
	b, err := p.Marshal()
	must(f, err)
	f.Add(b)
	f.Add(b[:len(b)-1])
	held := map[uint64]string{}
	for e, err := range l.Entries(f.Context(), 0, l.Size()) {
		must(f, err)
		held[e.Index] = string(e.Data)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		p, err := ParseProof(in)
		if err != nil {
			return
		}
		out, err := p.Marshal()
		if err != nil || !bytes.Equal(bytes.TrimSuffix(out, []byte("\n")), bytes.TrimSuffix(in, []byte("\n"))) {
			t.Fatalf("%s, %v", out, err)
		}
		r, err := p.Verify(testKeys())
		if err != nil || len(r.Missing) > 0 {
			return
		}
		for _, leaf := range p.Leaves {
			if held[leaf.Index] != string(leaf.Entry) {
				t.Fatalf("leaf %d is not the log's", leaf.Index)
			}
		}
	})
}

// FuzzRequest: a body of add-checkpoint, and what a cosigner makes of it.
func FuzzRequest(f *testing.F) {
	l, _ := office(f, 3)
	f.Add(requestFrom(f, l, 0).Marshal())
	f.Add(requestFrom(f, l, 5).Marshal())
	f.Add([]byte("old 0\n\na\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n— a AAAAAA==\n"))
	w := newWitness(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		r, err := ParseRequest(in)
		if err != nil {
			return
		}
		if !bytes.Equal(r.Marshal(), in) {
			t.Fatalf("%s", r.Marshal())
		}
		if _, err := w.AddCheckpoint(r); err == nil && r.Checkpoint.body() != l.Checkpoint().body() {
			t.Fatal("cosigned what the log never signed")
		}
	})
}

// FuzzKeys: PEM from anybody.
func FuzzKeys(f *testing.F) {
	b, err := MarshalKey(public(seeded("log")))
	must(f, err)
	f.Add(b)
	f.Add(append(bytes.Clone(b), b...))
	f.Fuzz(func(t *testing.T, in []byte) {
		keys, err := ParseKeys(in)
		if err != nil {
			return
		}
		for _, k := range keys {
			out, err := MarshalKey(k)
			must(t, err)
			again, err := ParseKeys(out)
			if err != nil || len(again) != 1 || !again[0].Equal(k) {
				t.Fatal(again, err)
			}
		}
		k, err := ReadKeys(fstest.MapFS{"log.pub": {Data: in}, "witness-a.pub": {Data: in}, "auditor.pub": {Data: []byte("x")}})
		if err != nil || len(k.Log) != len(keys) || len(k.Witness) != len(keys) || k.Witness[0].Name != "a" {
			t.Fatalf("%+v, %v", k, err)
		}
	})
}

// FuzzBundle: what is read is written the same.
func FuzzBundle(f *testing.F) {
	f.Add(appendEntry(appendEntry(nil, []byte("a")), nil))
	f.Fuzz(func(t *testing.T, in []byte) {
		entries, err := parseBundle(in)
		if err != nil {
			return
		}
		var out []byte
		for _, e := range entries {
			out = appendEntry(out, e)
		}
		if !bytes.Equal(in, out) || len(entries) > tileWidth {
			t.Fatal("another bundle")
		}
	})
}
