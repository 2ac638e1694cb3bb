package mirror

import (
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"consento/recordings"
	"consento/recordings/disktest"
)

// TestFullMirror: it says so, keeps what it has, and goes on when there is room.
func TestFullMirror(t *testing.T) {
	o := newOffice(t)
	p := newPlace(t, o)
	p.stop()
	rec := filepath.Join(p.root, "rec")
	disktest.At(t, rec, 64<<10)
	t.Cleanup(func() { p.stop() }) // before the disk goes
	p.start(t)
	l := o.uplink(t, p.client(t), p.key.Public().(ed25519.PublicKey))
	l.run(t)
	w := o.record(t)
	for n := range 40 {
		l.Sealed(segmentOf(w), second(t, w, n))
	}
	eventually(t, "it is full", func() bool { return errors.Is(l.Status().Err, recordings.ErrNoSpace) })
	if s := l.Status(); s.Lag == 0 {
		t.Errorf("%+v", s)
	}
	disktest.Resize(t, rec, 8<<20)
	must(w.Close())(t)
	l.Closed(segmentOf(w))
	eventually(t, "it goes on", func() bool { return l.ended(segmentOf(w)) })
	if !sameFile(t, w.Path(), p.rec(filepath.Base(w.Path()))) {
		t.Error("the copy is another")
	}
	if _, err := os.Stat(p.rec(filepath.Base(w.Path()))); err != nil {
		t.Error(err)
	}
}

// TestFullBags: a mirror that has no room for key bags says so, and takes them later.
func TestFullBags(t *testing.T) {
	o := newOffice(t)
	p := newPlace(t, o)
	p.stop()
	bags := filepath.Join(p.root, "bags")
	disktest.At(t, bags, 4096)
	t.Cleanup(func() { p.stop() }) // before the disk goes
	p.start(t)
	l := o.uplink(t, p.client(t), p.key.Public().(ed25519.PublicKey))
	l.c.BagDir = o.dir
	var full error
	for range 20 {
		k := o.keep(t)
		full = errors.Join(full, l.Bag(t.Context(), k.segment))
		k.opened(t)
		must(k.Close())(t)
	}
	if !errors.Is(full, recordings.ErrNoSpace) || l.Status().Bags == 0 {
		t.Errorf("%v, %+v", full, l.Status())
	}
	l.run(t)
	disktest.Resize(t, bags, 8<<20)
	eventually(t, "all of them", func() bool { return l.Status().Bags == 0 })
	n := 0
	for _, err := range p.client(t).Bags(t.Context()) {
		ok(t, err)
		n++
	}
	if n != 20 {
		t.Errorf("%d bags", n)
	}
}
