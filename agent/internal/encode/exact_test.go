package encode_test

import (
	"bytes"
	"image"
	"image/draw"
	"testing"
	"time"

	"consento/agent/internal/encode"
)

// differing counts the pixels of a decoded picture that are not those of the
// screen; its bytes are B, G, R, X.
func differing(screen *image.RGBA, rgb []byte) int {
	n := 0
	for y := range screen.Rect.Dy() {
		for x := range screen.Rect.Dx() {
			want, got := screen.Pix[screen.PixOffset(x, y):], rgb[3*(y*screen.Rect.Dx()+x):]
			if want[0] != got[2] || want[1] != got[1] || want[2] != got[0] {
				n++
			}
		}
	}
	return n
}

// What the screen shows is what a foreign decoder shows, pixel by pixel: the key
// frame, and changes of some rows after it. Nothing else becomes a key frame.
func TestLosslessIsExact(t *testing.T) {
	for name, picture := range map[string]func(image.Point) *image.RGBA{"text": text, "photo": photo} {
		for _, size := range []image.Point{{640, 400}, {321, 201}, {1, 1}} {
			screen := picture(size)
			e, err := encode.New(encode.Config{Size: size, Bitrate: 4_000_000, Exact: true})
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			var units [][]byte
			code := func(changed image.Rectangle) encode.Frame {
				if err := e.Update(screen.Pix, screen.Stride, changed); err != nil {
					t.Fatal(err)
				}
				rows := make([]bool, (size.Y+encode.RowHeight-1)/encode.RowHeight)
				for i := range rows {
					rows[i] = i*encode.RowHeight < changed.Max.Y && (i+1)*encode.RowHeight > changed.Min.Y
				}
				f, err := e.Lossless(time.Duration(len(units))*time.Second/30, rows)
				if err != nil {
					t.Fatal(err)
				}
				units = append(units, bytes.Clone(f.Data))
				return f
			}
			if f := code(screen.Rect); !f.Key || f.Quantizer != 0 {
				t.Errorf("%s %v: begins with a key frame: %v, quantizer %d", name, size, f.Key, f.Quantizer)
			}
			if n := differing(screen, decode(t, size, units)); n != 0 {
				t.Errorf("%s %v: %d pixels differ", name, size, n)
			}
			for i := range 3 {
				cell := image.Rect(40+9*i, 100, 70+9*i, 114).Intersect(screen.Rect)
				draw.Draw(screen, cell, screen, image.Pt(3, 5), draw.Src)
				if f := code(cell); f.Key {
					t.Errorf("%s %v: a change is a key frame", name, size)
				}
				if n := differing(screen, decode(t, size, units)); n != 0 {
					t.Errorf("%s %v: %d pixels differ after change %d", name, size, n, i)
				}
			}
			if f := code(image.Rectangle{}); len(f.Data) > 200 {
				t.Errorf("%s %v: nothing changed, and that takes %d bytes", name, size, len(f.Data))
			}
		}
	}
}

// BenchmarkExactPage is what a page costs that becomes exact at rest.
func BenchmarkExactPage(b *testing.B) {
	for name, picture := range map[string]func(image.Point) *image.RGBA{"text": text, "photo": photo} {
		b.Run(name, func(b *testing.B) { exactPage(b, picture(hd)) })
	}
}

func exactPage(b *testing.B, screen *image.RGBA) {
	all := make([]bool, (hd.Y+encode.RowHeight-1)/encode.RowHeight)
	for i := range all {
		all[i] = true
	}
	best, size := time.Duration(1<<62), 0
	for b.Loop() {
		e, err := encode.New(encode.Config{Size: hd, Bitrate: 4_000_000, Exact: true})
		if err != nil {
			b.Fatal(err)
		}
		if err := e.Update(screen.Pix, screen.Stride, screen.Rect); err != nil {
			b.Fatal(err)
		}
		f, err := e.Lossless(0, all)
		if err != nil {
			b.Fatal(err)
		}
		best, size = min(best, f.CPU), len(f.Data)
		e.Close()
	}
	b.ReportMetric(best.Seconds()*1000, "cpu-ms/page")
	b.ReportMetric(float64(size), "B/page")
}

// BenchmarkExactTyping codes a changed letter without loss.
func BenchmarkExactTyping(b *testing.B) {
	screen := text(hd)
	e, err := encode.New(encode.Config{Size: hd, Bitrate: 4_000_000, Exact: true})
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	rows := make([]bool, (hd.Y+encode.RowHeight-1)/encode.RowHeight)
	changed, n, bytes, used := screen.Rect, 0, 0, time.Duration(0)
	for b.Loop() {
		if err := e.Update(screen.Pix, screen.Stride, changed); err != nil {
			b.Fatal(err)
		}
		f, err := e.Lossless(time.Duration(n)*time.Second/30, rows)
		if err != nil {
			b.Fatal(err)
		}
		if n++; n > 1 {
			bytes, used = bytes+len(f.Data), used+f.CPU
		}
		clear(rows)
		changed = image.Rect(300+n%100*7, 504, 307+n%100*7, 518)
		draw.Draw(screen, changed, screen, changed.Min.Add(image.Pt(21, 14)), draw.Src)
		rows[504/encode.RowHeight], rows[517/encode.RowHeight] = true, true
	}
	b.ReportMetric(float64(bytes)/float64(max(n-1, 1)), "B/key")
	b.ReportMetric(used.Seconds()*1000/float64(max(n-1, 1)), "cpu-ms/key")
}
