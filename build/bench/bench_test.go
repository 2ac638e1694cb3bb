package main

import (
	"image"
	"slices"
	"testing"
	"time"
)

// drawCode paints a code as it lies in an X image.
func drawCode(n, cell int) []byte {
	side := cell * codeCells
	pix := make([]byte, side*side*4)
	for _, r := range codeRects(n, cell, image.Point{}) {
		for y := r.Min.Y; y < r.Max.Y; y++ {
			for x := r.Min.X; x < r.Max.X; x++ {
				i := 4 * (y*side + x)
				pix[i], pix[i+1], pix[i+2] = 255, 255, 255
			}
		}
	}
	return pix
}

func TestCode(t *testing.T) {
	for _, cell := range []int{smallCell, 50} {
		for n := range codeRange {
			got, ok := readCode(drawCode(n, cell), cell*codeCells)
			if !ok || got != n {
				t.Fatalf("cell %d, code %d: read %d, %v", cell, n, got, ok)
			}
		}
	}
}

// TestCodeHalf: a picture that is half of one code and half of the next must not
// be taken for a third one too often; a grey one never.
func TestCodeHalf(t *testing.T) {
	const cell = 8
	wrong := 0
	for n := range codeRange - 1 {
		a, b := drawCode(n, cell), drawCode(n+1, cell)
		half := append(append([]byte{}, a[:len(a)/2]...), b[len(b)/2:]...)
		if got, ok := readCode(half, cell*codeCells); ok && got != n && got != n+1 {
			wrong++
		}
	}
	if wrong > codeRange/100 {
		t.Errorf("%d of %d halves read as another code", wrong, codeRange)
	}
	grey := make([]byte, cell*cell*codeCells*codeCells*4)
	for i := range grey {
		grey[i] = 128
	}
	if n, ok := readCode(grey, cell*codeCells); ok {
		t.Errorf("grey was read as %d", n)
	}
}

func TestWatch(t *testing.T) {
	w := &watch{first: codeRange - 2} // the lower bits start over in between
	for range 5 {
		w.paint()
	}
	base := w.painted[0]
	for i := range w.painted {
		w.painted[i] = base.Add(time.Duration(i) * 100 * time.Millisecond)
	}
	w.saw(codeRange-2, base.Add(20*time.Millisecond))
	w.saw(codeRange-2, base.Add(90*time.Millisecond)) // still there: not seen again
	w.saw(1, base.Add(350*time.Millisecond))          // two were left out
	want := []time.Duration{20, 250, 150, 50}
	got := w.latencies()
	if len(got) != len(want) {
		t.Fatalf("latencies %v", got)
	}
	for i := range want {
		if got[i] != want[i]*time.Millisecond {
			t.Errorf("change %d took %v, want %v ms", i, got[i], want[i])
		}
	}
	if w.looks != 2 || w.last() != 3 || w.all() {
		t.Errorf("looks %d, last %d, all %v", w.looks, w.last(), w.all())
	}
}

func TestSharpness(t *testing.T) {
	pix := make([]byte, 100*100*4)
	same := &truth{luma: make([]uint8, 100*100)}
	if v := same.psnr(pix); v != 99 {
		t.Errorf("PSNR of equal pictures is %v", v)
	}
	for i := range pix {
		pix[i] = 16
	}
	if v := same.off(pix); v != 0 {
		t.Errorf("%v off by 16 counts as off by more", v)
	}
	// 10 log10(255²/16²) = 24.05 dB.
	if v := same.psnr(pix); v < 24 || v > 24.1 {
		t.Errorf("PSNR is %v", v)
	}
	pix[0], pix[1], pix[2] = 17, 17, 17
	if v := same.off(pix); v != 1e-4 {
		t.Errorf("%v of the pixels are off, want 1 in 10,000", v)
	}
}

func TestQuantile(t *testing.T) {
	v := []float64{5, 1, 4, 2, 3}
	for q, want := range map[float64]float64{0: 1, 0.5: 3, 0.95: 5, 1: 5} {
		if got := quantile(v, q); got != want {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
}

func TestTableMarksMissed(t *testing.T) {
	var tab table
	tab.atMost("a", "ms", 3, 2, "")
	tab.atMost("b", "ms", 2, 2, "")
	tab.atMost("c", "ms", 9, 0, "")
	for i, want := range []string{"MISSED", "met", ""} {
		if got := tab.rows[i].verdict; got != want {
			t.Errorf("row %d: %q, want %q", i, got, want)
		}
	}
}

func TestSSIM(t *testing.T) {
	const width, height = 64, 48
	a := make([]uint8, width*height)
	for i := range a {
		a[i] = uint8(i * 2654435761 >> 13)
	}
	if got := ssim(a, a, width); got < 0.9999 {
		t.Errorf("%.4f of equal pictures", got)
	}
	near, far := slices.Clone(a), slices.Clone(a)
	for i := range a {
		near[i] ^= 1
		far[i] = a[(i+3)%len(a)]
	}
	if got := ssim(a, near, width); got < 0.99 || got >= 1 {
		t.Errorf("%.4f with a level of noise", got)
	}
	if got := ssim(a, far, width); got > 0.3 {
		t.Errorf("%.4f of a picture shifted by three pixels", got)
	}
}

// Each change counts from its own painting, whatever a page saw before.
func TestSeenBy(t *testing.T) {
	start := time.UnixMilli(1_000_000)
	m := measured{first: codeRange - 1, painted: []time.Time{start, start.Add(100 * time.Millisecond), start.Add(200 * time.Millisecond)}}
	got := m.seenBy([]seenCode{{Code: 0, At: 999_000}, {Code: codeRange - 1, At: 1_000_040}, {Code: 0, At: 1_000_130}})
	if !slices.Equal(got, []time.Duration{40 * time.Millisecond, 30 * time.Millisecond}) {
		t.Errorf("%v", got)
	}
}
