package main

import (
	"fmt"
	"image"
	"time"
)

// scrollSample is what the technician saw while the screen scrolled: a copy of the
// compared part, and the code in it.
type scrollSample struct {
	code int
	luma []uint8
}

const (
	// samplesEvery and samplesMost bound what is kept of a scene.
	samplesEvery = 700 * time.Millisecond
	samplesMost  = 8
	// ssimTarget is the structural similarity of the luma while text scrolls.
	ssimTarget = 0.995
)

// lumas of pixels B, G, R, X.
func lumas(pix []byte) []uint8 {
	l := make([]uint8, len(pix)/4)
	for i := range l {
		l[i] = uint8(lumaAt(pix, i))
	}
	return l
}

// crop takes a part out of pixels of a region.
func crop(pix []byte, region, part image.Rectangle) []byte {
	out := make([]byte, 0, 4*part.Dx()*part.Dy())
	for y := part.Min.Y; y < part.Max.Y; y++ {
		from := 4 * ((y-region.Min.Y)*region.Dx() + part.Min.X - region.Min.X)
		out = append(out, pix[from:from+4*part.Dx()]...)
	}
	return out
}

// sample keeps a copy of the compared part of what the technician sees, if one is due.
func (g *glass) sample(square image.Rectangle) error {
	if g.samples == nil || len(*g.samples) >= samplesMost || time.Since(g.sampled) < samplesEvery {
		return nil
	}
	g.sampled = time.Now()
	region := compared().Add(g.at)
	pix, err := g.on.look(region)
	if err != nil {
		return err
	}
	if code, ok := readCode(crop(pix, region, square), square.Dx()); ok {
		*g.samples = append(*g.samples, scrollSample{code, lumas(pix)})
	}
	return nil
}

// ssim is the mean structural similarity of two pictures of that width, over
// windows of 8x8 pixels, 4 apart (Wang and others, 2004).
func ssim(a, b []uint8, width int) float64 {
	const side, c1, c2 = 8, 6.5025, 58.5225
	sum, n := 0.0, 0
	for y := 0; y+side <= len(a)/width; y += 4 {
		for x := 0; x+side <= width; x += 4 {
			var sa, sb, saa, sbb, sab int
			for i := range side {
				row := (y+i)*width + x
				for k := range side {
					p, q := int(a[row+k]), int(b[row+k])
					sa, sb, saa, sbb, sab = sa+p, sb+q, saa+p*p, sbb+q*q, sab+p*q
				}
			}
			const count = side * side
			ma, mb := float64(sa)/count, float64(sb)/count
			va, vb, cov := float64(saa)/count-ma*ma, float64(sbb)/count-mb*mb, float64(sab)/count-ma*mb
			sum += (2*ma*mb + c1) * (2*cov + c2) / ((ma*ma + mb*mb + c1) * (va + vb + c2))
			n++
		}
	}
	return sum / float64(max(n, 1))
}

// similarity compares the samples of a scene with the customer's screen, brought
// back to the state in which it showed each code.
func (o *office) similarity(sc scene, m measured, samples []scrollSample) ([]float64, error) {
	var all []float64
	for _, s := range samples {
		i := -1
		for k := range m.painted {
			if (m.first+k)%codeRange == s.code {
				i = k
			}
		}
		if i < 0 {
			continue // from before it was measured
		}
		if err := sc.ready(m.step+i, m.first+i); err != nil {
			return nil, err
		}
		if err := o.paint.copy(sc.step(m.step+i, m.first+i)...); err != nil {
			return nil, err
		}
		pix, err := o.theirs.look(compared())
		if err != nil {
			return nil, err
		}
		all = append(all, ssim(lumas(pix), s.luma, compared().Dx()))
	}
	return all, nil
}

// similarityRow adds what was measured.
func similarityRow(t *table, m measured) {
	if len(m.ssim) == 0 {
		t.missed(m.scene+": SSIM-Y", fmt.Sprintf("≥ %.3f", ssimTarget), "no picture with a code was read", "")
		return
	}
	r := row{what: m.scene + ": SSIM-Y", target: fmt.Sprintf("≥ %.3f", ssimTarget), value: fmt.Sprintf("%.4f", quantile(m.ssim, 0.5)), verdict: "met",
		note: fmt.Sprintf("%d pictures in the midst of it, worst %.4f; luma of what the technician sees against the customer's screen", len(m.ssim), quantile(m.ssim, 0))}
	if quantile(m.ssim, 0.5) < ssimTarget {
		r.verdict = "MISSED"
	}
	t.rows = append(t.rows, r)
}
