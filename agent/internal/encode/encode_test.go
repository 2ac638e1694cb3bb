package encode_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"consento/agent/internal/encode"
)

func newEncoder(t testing.TB, size image.Point) *encode.Encoder {
	t.Helper()
	e, err := encode.New(encode.Config{Size: size, Bitrate: 4_000_000})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

func mustEncode(t testing.TB, e *encode.Encoder, i int, key bool) encode.Frame {
	t.Helper()
	f, err := e.Encode(time.Duration(i)*time.Second/30, key, encode.Finest, encode.Coarsest)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Data) == 0 {
		t.Fatalf("frame %d was left out", i)
	}
	return f
}

// ivf writes temporal units to a file that other programs read.
func ivf(t testing.TB, size image.Point, units [][]byte) string {
	t.Helper()
	var f bytes.Buffer
	f.WriteString("DKIF\x00\x00\x20\x00AV01")
	le := binary.LittleEndian
	f.Write(le.AppendUint16(le.AppendUint16(nil, uint16(size.X)), uint16(size.Y)))
	for _, v := range []uint32{30, 1, uint32(len(units)), 0} {
		f.Write(le.AppendUint32(nil, v))
	}
	for i, u := range units {
		f.Write(le.AppendUint64(le.AppendUint32(nil, uint32(len(u))), uint64(i)))
		f.Write(u)
	}
	name := filepath.Join(t.TempDir(), "s.ivf")
	if err := os.WriteFile(name, f.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// decode returns the last frame as RGB, 3 bytes a pixel, by a foreign decoder
// that believes what the stream says about colours.
func decode(t testing.TB, size image.Point, units [][]byte) []byte {
	t.Helper()
	out, err := exec.Command("ffmpeg", "-v", "error", "-c:v", "libdav1d", "-i", ivf(t, size, units),
		"-sws_flags", "accurate_rnd+full_chroma_int", "-f", "rawvideo", "-pix_fmt", "rgb24", "-").Output()
	if err != nil {
		t.Fatalf("ffmpeg: %v", err)
	}
	n := size.X * size.Y * 3
	if len(out) != n*len(units) {
		t.Fatalf("%d bytes decoded, want %d frames of %d", len(out), len(units), n)
	}
	return out[len(out)-n:]
}

// colours fills four fields; chroma is halved in both directions, so that the
// fields are large.
func colours(size image.Point) (pix []byte, at func(x, y int) [3]byte) {
	at = func(x, y int) [3]byte {
		return [4][3]byte{{230, 30, 20}, {20, 200, 60}, {30, 40, 220}, {128, 128, 128}}[x*2/size.X+y*2/size.Y*2]
	}
	pix = make([]byte, size.X*size.Y*4)
	for y := range size.Y {
		for x := range size.X {
			c := at(x, y)
			copy(pix[(y*size.X+x)*4:], []byte{c[2], c[1], c[0], 0})
		}
	}
	return pix, at
}

func TestColoursSurviveInAllSizes(t *testing.T) {
	for _, size := range []image.Point{{64, 64}, {321, 201}, {1, 1}, {17, 2000}, {1919, 33}} {
		t.Run(fmt.Sprintf("%dx%d", size.X, size.Y), func(t *testing.T) {
			e := newEncoder(t, size)
			pix, at := colours(size)
			if err := e.Update(pix, size.X*4, image.Rectangle{Max: size}); err != nil {
				t.Fatal(err)
			}
			var units [][]byte
			for i := range 12 {
				units = append(units, bytes.Clone(mustEncode(t, e, i, false).Data))
			}
			rgb := decode(t, size, units)
			bad := 0
			for y := range size.Y {
				for x := range size.X {
					want := at(x, y)
					for c := range 3 {
						if d := int(rgb[(y*size.X+x)*3+c]) - int(want[c]); d > 8 || d < -8 {
							bad++
						}
					}
				}
			}
			// Only where fields meet may colours mix.
			if limit := 12 * (size.X + size.Y); size.X > 1 && bad > limit || size.X == 1 && bad > 0 {
				t.Errorf("%d values are off, limit %d", bad, limit)
			}
		})
	}
}

func TestColoursAreSignalled(t *testing.T) {
	size := image.Pt(64, 64)
	e := newEncoder(t, size)
	out, err := exec.Command("ffprobe", "-v", "error", "-show_entries",
		"stream=codec_name,profile,color_range,color_space,color_transfer,color_primaries", "-of", "csv=p=0",
		ivf(t, size, [][]byte{mustEncode(t, e, 0, true).Data})).Output()
	if err != nil {
		t.Fatalf("ffprobe: %v", err)
	}
	if got := strings.TrimSpace(string(out)); got != "av1,Main,tv,smpte170m,smpte170m,smpte170m" {
		t.Errorf("stream is %s", got)
	}
}

// Only what was updated may change: the rest of the picture stays.
func TestUpdateTakesOnlyTheRectangle(t *testing.T) {
	size := image.Pt(131, 97)
	e := newEncoder(t, size)
	white := bytes.Repeat([]byte{255}, size.X*size.Y*4)
	black := make([]byte, len(white))
	if err := e.Update(white, size.X*4, image.Rectangle{Max: size}); err != nil {
		t.Fatal(err)
	}
	units := [][]byte{bytes.Clone(mustEncode(t, e, 0, false).Data)}
	// Odd on the left, over the edges on the right.
	if err := e.Update(black, size.X*4, image.Rect(65, 49, 500, 500)); err != nil {
		t.Fatal(err)
	}
	for i := range 12 {
		units = append(units, bytes.Clone(mustEncode(t, e, i+1, false).Data))
	}
	rgb := decode(t, size, units)
	for y := range size.Y {
		for x := range size.X {
			inside := x >= 64 && y >= 48 // widened to even coordinates
			if v := rgb[(y*size.X+x)*3]; inside != (v < 128) {
				t.Fatalf("pixel %d,%d is %d", x, y, v)
			}
		}
	}
}

func TestChanged(t *testing.T) {
	for _, size := range []image.Point{{640, 480}, {321, 201}, {1, 1}} {
		e := newEncoder(t, size)
		img := text(image.Pt(size.X, size.Y+7))
		if err := e.Update(img.Pix, img.Stride, image.Rectangle{Max: size}); err != nil {
			t.Fatal(err)
		}
		changed := func(pix []byte) int {
			share, err := e.Changed(pix, img.Stride)
			if err != nil {
				t.Fatal(err)
			}
			return share
		}
		if share := changed(img.Pix); share != 0 {
			t.Errorf("%v: the same has changed by %d %%", size, share)
		}
		if share := changed(make([]byte, len(img.Pix))); share < 99 {
			t.Errorf("%v: black has changed by %d %%", size, share)
		}
		if size.X < 640 {
			continue
		}
		if share := changed(img.Pix[7*img.Stride:]); share < 20 {
			t.Errorf("another text has changed by %d %%", share)
		}
		cell := image.Rect(300, 200, 314, 228)
		draw.Draw(img, cell, image.Black, image.Point{}, draw.Src)
		if share := changed(img.Pix); share > 1 {
			t.Errorf("two letters have changed by %d %%", share)
		}
	}
}

func TestKeyFrames(t *testing.T) {
	e := newEncoder(t, image.Pt(320, 200))
	for i := range 40 {
		// Times that stand still or run back must not upset the codec.
		f, err := e.Encode(time.Duration(i/3)*10*time.Millisecond, i == 17, encode.Finest, encode.Coarsest)
		if err != nil {
			t.Fatal(err)
		}
		if want := i == 0 || i == 17; f.Key != want {
			t.Errorf("frame %d: key is %v", i, f.Key)
		}
		if f.CPU <= 0 || f.CPU > time.Second {
			t.Errorf("frame %d: CPU time %v", i, f.CPU)
		}
		if f.Quantizer < 0 || f.Quantizer > 63 {
			t.Errorf("frame %d: quantizer %d", i, f.Quantizer)
		}
	}
}

func TestBadConfig(t *testing.T) {
	good := encode.Config{Size: image.Pt(640, 480), Bitrate: 1_000_000}
	for name, change := range map[string]func(*encode.Config){
		"no width":    func(c *encode.Config) { c.Size.X = 0 },
		"negative":    func(c *encode.Config) { c.Size.Y = -4 },
		"absurd size": func(c *encode.Config) { c.Size = image.Pt(1<<30, 1<<30) },
		"no rate":     func(c *encode.Config) { c.Bitrate = 0 },
		// This one is refused by the codec itself.
		"too wide":  func(c *encode.Config) { c.Size = image.Pt(1<<16+1, 2) },
		"huge rate": func(c *encode.Config) { c.Bitrate = 1 << 40 },
	} {
		cfg := good
		change(&cfg)
		if e, err := encode.New(cfg); !errors.Is(err, encode.ErrEncoder) {
			t.Errorf("%s: %v, %v", name, e, err)
		}
	}
}

func TestBadPixels(t *testing.T) {
	e := newEncoder(t, image.Pt(64, 64))
	all := image.Rect(0, 0, 64, 64)
	_, compared := e.Changed(make([]byte, 64*64*4-1), 64*4)
	for name, err := range map[string]error{
		"too few to compare": compared,

		"too few": e.Update(make([]byte, 64*64*4-1), 64*4, all),
		"stride":  e.Update(make([]byte, 64*64*4), 63*4, all),
		"none":    e.Update(nil, 64*4, all),
	} {
		if !errors.Is(err, encode.ErrEncoder) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := e.Update(make([]byte, 64*64*4), 64*4, image.Rect(100, 100, 200, 200)); err != nil {
		t.Errorf("outside: %v", err)
	}
}

func TestSetBitrate(t *testing.T) {
	size := image.Pt(640, 480)
	e := newEncoder(t, size)
	// Grain that cannot be predicted from frame to frame.
	rnd := rand.New(rand.NewPCG(3, 4))
	const room = 64
	stride := (size.X + room) * 4
	pix := make([]byte, stride*(size.Y+room))
	for i := range pix {
		pix[i] = 100 + byte(rnd.IntN(40))
	}
	frame := 0
	rate := func(n int) (sum int) {
		for range n {
			if err := e.Update(pix[rnd.IntN(room)*stride+rnd.IntN(room)*4:], stride, image.Rectangle{Max: size}); err != nil {
				t.Fatal(err)
			}
			sum += len(mustEncode(t, e, frame, false).Data)
			frame++
		}
		return sum
	}
	rate(20)
	high := rate(30)
	if err := e.SetBitrate(300_000); err != nil {
		t.Fatal(err)
	}
	rate(20)
	if low := rate(30); low*2 > high {
		t.Errorf("%d bytes at 4 Mbit/s, %d at 0.3", high, low)
	}
	for _, absurd := range []int{1, 1 << 40} {
		if err := e.SetBitrate(absurd); !errors.Is(err, encode.ErrEncoder) {
			t.Errorf("rate of %d: %v", absurd, err)
		}
	}
	mustEncode(t, e, frame, false)
}

func TestClosed(t *testing.T) {
	e := newEncoder(t, image.Pt(64, 64))
	e.Close()
	e.Close()
	_, err := e.Encode(0, false, encode.Finest, encode.Coarsest)
	_, draft := e.Draft(0, false)
	_, changed := e.Changed(make([]byte, 64*64*4), 256)
	for _, err := range []error{err, draft, changed, e.SetBitrate(100_000), e.Update(make([]byte, 64*64*4), 256, image.Rect(0, 0, 64, 64))} {
		if !errors.Is(err, encode.ErrEncoder) {
			t.Errorf("closed: %v", err)
		}
	}
}

// resident is the memory of this process in bytes, also that of C.
func resident(t *testing.T) int {
	t.Helper()
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(data))[1])
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

func TestNoMemoryIsLost(t *testing.T) {
	size := image.Pt(1280, 720)
	pix := make([]byte, size.X*size.Y*4)
	round := func() {
		e, err := encode.New(encode.Config{Size: size, Bitrate: 4_000_000})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		if err := e.Update(pix, size.X*4, image.Rectangle{Max: size}); err != nil {
			t.Fatal(err)
		}
		mustEncode(t, e, 0, false)
		mustEncode(t, e, 1, false)
	}
	for range 5 { // the allocator keeps some for later
		round()
	}
	before := resident(t)
	for range 25 {
		round()
	}
	// One encoder holds some 30 MB: a lost one, or a lost plane of 1.4 MB a
	// round, shows.
	if grown := resident(t) - before; grown > 20<<20 {
		t.Errorf("25 encoders left %d kB behind", grown>>10)
	}
}

func TestQuantizerBound(t *testing.T) {
	size := image.Pt(640, 480)
	e, err := encode.New(encode.Config{Size: size, Bitrate: 100_000})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	img := text(size)
	if err := e.Update(img.Pix, img.Stride, img.Rect); err != nil {
		t.Fatal(err)
	}
	first := mustEncode(t, e, 0, false)
	if first.Quantizer <= 20 {
		t.Fatalf("quantizer is %d without a bound", first.Quantizer)
	}
	for i, bound := range []int{20, 12, encode.Finest} {
		f, err := e.Encode(time.Duration(i+1)*time.Second/30, false, encode.Finest, bound)
		if err != nil {
			t.Fatal(err)
		}
		if f.Quantizer > bound {
			t.Errorf("quantizer %d, bound %d", f.Quantizer, bound)
		}
	}
	// The picture rests and bits are there, but this is as fine as it may get.
	for i := range 10 {
		f, err := e.Encode(time.Duration(i+4)*time.Second/30, false, encode.Moving, encode.Coarsest)
		if err != nil {
			t.Fatal(err)
		}
		if f.Quantizer < encode.Moving {
			t.Errorf("quantizer %d, bound %d", f.Quantizer, encode.Moving)
		}
	}
}
