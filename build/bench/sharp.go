package main

import (
	"context"
	"image"
	"math"
	"slices"
	"time"
)

// A picture is sharp when at most one pixel in 10,000 is off by more than 16 of
// 255 levels of luma.
const (
	offBy     = 16
	offAtMost = 1e-4
)

// truth is the luma of a part of the customer's screen.
type truth struct {
	part image.Rectangle
	luma []uint8
}

func readTruth(d *display, part image.Rectangle) (*truth, error) {
	pix, err := d.look(part)
	if err != nil {
		return nil, err
	}
	t := &truth{part: part, luma: make([]uint8, part.Dx()*part.Dy())}
	for i := range t.luma {
		t.luma[i] = uint8(lumaAt(pix, i))
	}
	return t, nil
}

// off is the share of pixels that are off by more than offBy.
func (t *truth) off(pix []byte) float64 {
	n := 0
	for i, want := range t.luma {
		if d := lumaAt(pix, i) - int(want); d > offBy || d < -offBy {
			n++
		}
	}
	return float64(n) / float64(len(t.luma))
}

// psnr of the luma in dB, 99 for equal pictures.
func (t *truth) psnr(pix []byte) float64 {
	sum := 0
	for i, want := range t.luma {
		d := lumaAt(pix, i) - int(want)
		sum += d * d
	}
	if sum == 0 {
		return 99
	}
	return min(99, 10*math.Log10(255*255*float64(len(t.luma))/float64(sum)))
}

// sharpness is what the technician sees some time after a change.
type sharpness struct {
	at     []float64 // dB at each of the asked times
	sharp  time.Duration
	remain float64 // share of pixels off in the end
}

// sharpen watches the technician's picture against the truth from a change on,
// and reads the PSNR at given times; it ends with the last of them. Sharp is -1
// when the picture does not become so in that time.
func (g *glass) sharpen(ctx context.Context, t *truth, change time.Time, at []time.Duration) (sharpness, error) {
	s := sharpness{sharp: -1}
	part := t.part.Add(g.at)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		pix, err := g.on.look(part)
		if err != nil {
			return s, err
		}
		now := time.Since(change)
		for len(s.at) < len(at) && now >= at[len(s.at)] {
			s.at = append(s.at, t.psnr(pix))
		}
		s.remain = t.off(pix)
		if s.remain > offAtMost {
			s.sharp = -1
		} else if s.sharp < 0 {
			s.sharp = now
		}
		if len(s.at) == len(at) {
			return s, nil
		}
		timer.Reset(at[len(s.at)] - time.Since(change))
		select {
		case <-g.on.changed:
		case <-timer.C:
		case <-ctx.Done():
			return s, ctx.Err()
		}
	}
}

// quantile of sorted or unsorted values, nearest rank.
func quantile[T ~int64 | ~float64](values []T, q float64) T {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[max(0, min(len(sorted)-1, int(math.Ceil(q*float64(len(sorted))))-1))]
}
