package stream_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"image"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"consento/agent/internal/capture"
	"consento/agent/internal/stream"
	"consento/agent/internal/xtest"
)

// lastRGB decodes everything so far and returns the last picture as RGB.
func (r *receiver) lastRGB(size image.Point) []byte {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	var f bytes.Buffer
	f.WriteString("DKIF\x00\x00\x20\x00AV01")
	binary.Write(&f, binary.LittleEndian, []uint16{uint16(size.X), uint16(size.Y)})
	binary.Write(&f, binary.LittleEndian, []uint32{30, 1, uint32(len(r.units)), 0})
	for i, u := range r.units {
		binary.Write(&f, binary.LittleEndian, uint32(len(u)+2))
		binary.Write(&f, binary.LittleEndian, uint64(i))
		f.Write([]byte{0x12, 0})
		f.Write(u)
	}
	name := filepath.Join(r.t.TempDir(), "s.ivf")
	if err := os.WriteFile(name, f.Bytes(), 0o600); err != nil {
		r.t.Fatal(err)
	}
	rgb, err := exec.Command("ffmpeg", "-v", "error", "-c:v", "libdav1d", "-i", name, "-f", "rawvideo", "-pix_fmt", "rgb24", "-").Output()
	n := size.X * size.Y * 3
	if err != nil || len(rgb) < n {
		r.t.Fatalf("%d bytes: %v", len(rgb), err)
	}
	return rgb[len(rgb)-n:]
}

// differing counts the pixels of the last picture that are not those of the display.
func differing(t *testing.T, r *receiver, truth *capture.Source, size image.Point) int {
	t.Helper()
	rgb := r.lastRGB(size)
	grab, err := truth.Grab(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for y := range size.Y {
		for x := range size.X {
			want, got := grab.Pix[y*grab.Stride+4*x:], rgb[3*(y*size.X+x):]
			if want[0] != got[2] || want[1] != got[1] || want[2] != got[0] {
				n++
			}
		}
	}
	return n
}

// A picture that rests becomes the display's pixel by pixel, stays so while little
// changes, and goes on as before when much does, or when nobody wishes it any more.
func TestExactAtRest(t *testing.T) {
	size := image.Pt(1024, 768)
	display, src := openDisplay(t, size.X, size.Y)
	paint := xtest.NewPainter(t, display)
	page := func(colour uint32, from int) {
		paint.Fill(t, colour, image.Rectangle{Max: size})
		paint.Text(t, image.Pt(20, 20), 14, lines(50, from)...)
	}
	page(0xf4e2c8, 0)
	truth, err := capture.Open(display, capture.Target{})
	if err != nil {
		t.Fatal(err)
	}
	defer truth.Close()
	r := newReceiver(t)
	s, stop := start(t, src, r)
	if r.next(sharp); differing(t, r, truth, size) == 0 {
		t.Error("the plain picture is exact already: this test shows nothing")
	}
	s.SetCrisp(true)
	exact := func(f stream.FrameInfo) bool { return f.Exact }
	if f := r.next(exact); !f.Key || f.Quantizer != 0 {
		t.Errorf("it begins with a key frame: %v, quantizer %d", f.Key, f.Quantizer)
	}
	if n := differing(t, r, truth, size); n != 0 {
		t.Errorf("%d pixels differ", n)
	}
	paint.Text(t, image.Pt(500, 300), 14, "typed")
	typed := r.next(anyFrame)
	for differing(t, r, truth, size) != 0 { // painted in two steps, perhaps
		typed = r.next(anyFrame)
	}
	if !typed.Exact || typed.Key {
		t.Fatalf("what was typed: exact %v, key frame %v", typed.Exact, typed.Key)
	}
	page(0x336699, 7)
	if f := r.next(func(f stream.FrameInfo) bool { return !f.Exact }); !f.Key {
		t.Error("the plain picture comes back without a key frame")
	}
	r.next(exact)
	s.SetCrisp(false)
	r.next(func(f stream.FrameInfo) bool { return !f.Exact && f.Key })
	if err := stop(); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// An end does not wait for the exact picture in the making.
func TestExactAbandoned(t *testing.T) {
	_, src := openDisplay(t, 1920, 1080)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r := newReceiver(t)
	m := &moments{Source: src, receiver: r}
	looks := 0 // at a picture that is sharp already: the first begins the exact one
	m.at = func(now moment) {
		switch {
		case now == captured && m.sharp:
			looks++
		case now == resting && looks > 0:
			cancel()
		}
	}
	s, err := stream.New(stream.Config{Source: m, Sender: m, OnFrame: func(f stream.FrameInfo) {
		if f.Exact {
			t.Error("an exact picture after the end")
		}
		m.sharp = sharp(f)
	}})
	if err != nil {
		t.Fatal(err)
	}
	s.SetCrisp(true)
	if err := s.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if looks != 1 {
		t.Errorf("%d looks at a sharp picture", looks)
	}
}
