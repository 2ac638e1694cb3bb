package encode_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"consento/agent/internal/encode"
)

// TestVP9 does with VP9 what the stream does: a key frame, refinement, parts, a key
// frame without detail; a foreign decoder shows what the screen shows.
func TestVP9(t *testing.T) {
	if _, err := encode.New(encode.Config{Size: image.Pt(64, 64), Bitrate: 1_000_000, VP9: true, Exact: true}); !errors.Is(err, encode.ErrEncoder) {
		t.Errorf("exact VP9: %v", err)
	}
	for _, size := range []image.Point{{640, 400}, {321, 201}, {1, 1}} {
		e, err := encode.New(encode.Config{Size: size, Bitrate: 4_000_000, VP9: true})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		pix, at := colours(size)
		if err := e.Update(pix, size.X*4, image.Rectangle{Max: size}); err != nil {
			t.Fatal(err)
		}
		var units [][]byte
		keep := func(f encode.Frame, err error) encode.Frame {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
			if len(f.Data) == 0 {
				t.Fatal("a frame was left out")
			}
			units = append(units, bytes.Clone(f.Data))
			return f
		}
		now := func() time.Duration { return time.Duration(len(units)) * time.Second / 30 }
		if f := keep(e.Encode(now(), false, encode.Finest, encode.Coarsest)); !f.Key {
			t.Errorf("%v: begins with no key frame", size)
		}
		if f := keep(e.Soft(now())); !f.Key {
			t.Errorf("%v: soft is no key frame", size)
		}
		rows := make([]bool, (size.Y+encode.RowHeight-1)/encode.RowHeight)
		for i := range rows {
			rows[i] = true
			if f := keep(e.Part(now(), encode.Finest, rows)); f.Key {
				t.Errorf("%v: a part is a key frame", size)
			}
			rows[i] = false
		}
		if f := keep(e.Encode(now(), false, encode.Finest, encode.Finest)); f.Key || f.Quantizer != encode.Finest {
			t.Errorf("%v: refined with %d, key frame %v", size, f.Quantizer, f.Key)
		}
		rgb := decodeVP9(t, size, units)
		bad := 0
		for y := range size.Y {
			for x := range size.X {
				for c, want := range at(x, y) {
					if d := int(rgb[(y*size.X+x)*3+c]) - int(want); d > 8 || d < -8 {
						bad++
					}
				}
			}
		}
		if limit := 3 * 4 * (size.X + size.Y); size.X > 1 && bad > limit { // where fields meet, colours mix
			t.Errorf("%v: %d samples are off", size, bad)
		}
	}
}

// decodeVP9 returns the last frame as RGB.
func decodeVP9(t *testing.T, size image.Point, units [][]byte) []byte {
	t.Helper()
	f, err := os.ReadFile(ivf(t, size, units))
	if err != nil {
		t.Fatal(err)
	}
	copy(f[8:], "VP90")
	binary.LittleEndian.PutUint32(f[24:], uint32(len(units)))
	name := filepath.Join(t.TempDir(), "s.ivf")
	if err := os.WriteFile(name, f, 0o600); err != nil {
		t.Fatal(err)
	}
	rgb, err := exec.Command("ffmpeg", "-v", "error", "-i", name, "-sws_flags", "accurate_rnd+full_chroma_int", "-f", "rawvideo", "-pix_fmt", "rgb24", "-").Output()
	n := size.X * size.Y * 3
	if err != nil || len(rgb) != n*len(units) {
		t.Fatalf("%d bytes decoded, want %d frames of %d: %v", len(rgb), len(units), n, err)
	}
	return rgb[len(rgb)-n:]
}
