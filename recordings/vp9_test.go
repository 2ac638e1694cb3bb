package recordings

import (
	"errors"
	"path/filepath"
	"testing"
	"time"
)

// TestVP9: frames of libvpx, a change of size, a change of codec and back are
// recorded, exported and decoded, each form in a file of its own.
func TestVP9(t *testing.T) {
	s := newSetup(t)
	w := s.create(t)
	v := NewVideo(w, 0)
	small, larger, other := ivf(t, "testdata/small-vp9.ivf"), ivf(t, "testdata/larger-vp9.ivf"), ivf(t, "testdata/small.ivf")[:5]
	if err := v.WriteVP9(0, small[1], false); !errors.Is(err, ErrNoKeyFrame) {
		t.Fatalf("a first frame that is no key frame: %v", err)
	}
	at := time.Duration(0)
	write := func(frames [][]byte, one func(time.Duration, []byte, bool) error) {
		for i, f := range frames {
			must(t, one(at, f, i == 0))
			at += 100 * time.Millisecond
		}
	}
	write(small, v.WriteVP9)
	write(larger, v.WriteVP9)
	write(other, v.WriteFrame)
	write(small, v.WriteVP9)
	must(t, v.Flush(at))
	_, err := w.Close()
	must(t, err)
	r, err := OpenSession(w.Path(), s.id)
	must(t, err)
	out := t.TempDir()
	exp, err := Export(out, []*Session{r}, ScanOptions{})
	must(t, err)
	for n, want := range []struct {
		file, codec, frames string
		width               int
	}{
		{"video.mp4", "vp9", "10", 160}, {"video-2.mp4", "vp9", "5", 200}, {"video-3.mp4", "av1", "5", 160}, {"video-4.mp4", "vp9", "10", 160},
	} {
		if n >= len(exp.Videos) || exp.Videos[n].File != want.file {
			t.Fatalf("%+v", exp.Videos)
		}
		p := ffprobe(t, filepath.Join(out, want.file))
		got := p.Streams[0]
		if got.CodecName != want.codec || got.Frames != want.frames || got.Width != want.width || got.ColorSpace == "gbr" {
			t.Errorf("%s: %+v", want.file, got)
		}
		noGaps(t, filepath.Join(out, want.file))
	}
}

// TestVP9FramesThatAreNone are refused and nothing of them is recorded.
func TestVP9FramesThatAreNone(t *testing.T) {
	key := ivf(t, "testdata/small-vp9.ivf")[0]
	change := func(at int, b byte) []byte { f := append([]byte{}, key...); f[at] = b; return f }
	w := newSetup(t).create(t)
	v := NewVideo(w, 0)
	for name, f := range map[string][]byte{
		"empty": {}, "cut": key[:5], "no marker": change(0, 0), "no sync code": change(1, 0), "never shown": change(0, key[0]&^2),
		"too large": make([]byte, maxFrame+1),
	} {
		if err := v.WriteVP9(0, f, true); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	must(t, v.WriteVP9(0, key, true))
	if err := v.WriteVP9(time.Second, ivf(t, "testdata/small-vp9.ivf")[1], true); !errors.Is(err, ErrMalformed) {
		t.Errorf("a frame that claims to be a key frame: %v", err)
	}
}

// FuzzVP9: a frame of anybody's making is refused or has a description that
// players can read.
func FuzzVP9(f *testing.F) {
	for _, frame := range append(ivf(f, "testdata/small-vp9.ivf"), ivf(f, "testdata/larger-vp9.ivf")...) {
		f.Add(frame)
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		u, err := parseVP9(frame)
		if err != nil || !u.key {
			return
		}
		init, err := initSegment(u)
		must(t, err)
		if _, _, err := withDuration(init); err != nil {
			t.Fatal(err)
		}
		if err := nameColours(init); err != nil {
			t.Fatal(err)
		}
	})
}
