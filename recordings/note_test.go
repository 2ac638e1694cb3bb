package recordings

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestNotes(t *testing.T) {
	anna, bruno, carla := newHybrid(t), newHybrid(t), newHybrid(t)
	text := []byte(`{"why":"complaint 12/2026"}`)
	note, err := SealNote(text, anna.Recipient(), bruno.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(note, []byte("complaint")) {
		t.Error("the note is not encrypted")
	}
	for _, id := range []Identity{anna, bruno} {
		if got, err := OpenNote(note, id); err != nil || !bytes.Equal(got, text) {
			t.Errorf("%q, %v", got, err)
		}
	}
	if _, err := OpenNote(note, carla); !errors.Is(err, ErrNotForYou) {
		t.Errorf("a stranger: %v", err)
	}
	if _, err := SealNote(text); err == nil {
		t.Error("a note that nobody can read")
	}
	if _, err := SealNote(make([]byte, MaxNote+1), anna.Recipient()); !errors.Is(err, ErrMalformed) {
		t.Errorf("too long: %v", err)
	}
	for i := range note {
		changed := bytes.Clone(note)
		changed[i] ^= 1
		if got, err := OpenNote(changed, anna); err == nil && !bytes.Equal(got, text) {
			t.Fatalf("byte %d changed: %q", i, got)
		}
	}
	if _, err := OpenNote([]byte(" "+string(note)), anna); !errors.Is(err, ErrMalformed) {
		t.Errorf("another spelling: %v", err)
	}
	if _, err := OpenNote([]byte(strings.Repeat("x", 3*MaxNote)), anna); !errors.Is(err, ErrMalformed) {
		t.Errorf("endless: %v", err)
	}
}

func FuzzOpenNote(f *testing.F) {
	id, err := NewIdentity()
	if err != nil {
		f.Fatal(err)
	}
	note, err := SealNote([]byte("{}"), id.Recipient())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(note)
	f.Fuzz(func(t *testing.T, b []byte) {
		if text, err := OpenNote(b, id); err == nil && string(text) != "{}" {
			t.Errorf("a forged note says %q", text)
		}
	})
}
