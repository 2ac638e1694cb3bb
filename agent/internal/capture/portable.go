package capture

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"sync"
	"time"

	"github.com/kbinani/screenshot"
)

// portablePoll is how often the fallback looks: each look costs some 20 ms of
// CPU at 1080p, so it must not be a frame rate.
const portablePoll = 100 * time.Millisecond

// portable captures by kbinani/screenshot: the whole desktop each time, without
// a pointer. It serves displays without shared memory or damage reports, such
// as a remote X display, and systems that have no backend of their own yet.
type portable struct {
	source *Source
	pix    []byte
	size   image.Point
	stop   chan struct{}
	ended  sync.WaitGroup
}

// openPortable works on the display that the process was started for
// ($DISPLAY): the library knows no other.
func openPortable(s *Source) (backend, error) {
	p := &portable{source: s, stop: make(chan struct{})}
	if p.bounds().Empty() {
		return nil, fmt.Errorf("%w: no active monitor found", ErrUnsupported)
	}
	p.ended.Go(p.tick)
	return p, nil
}

func (p *portable) tick() {
	t := time.NewTicker(portablePoll)
	defer t.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-t.C:
			p.source.signal()
		}
	}
}

// bounds is the union of all monitors.
func (p *portable) bounds() image.Rectangle {
	var all image.Rectangle
	for i := range screenshot.NumActiveDisplays() {
		all = all.Union(screenshot.GetDisplayBounds(i))
	}
	return all
}

func (p *portable) grab(context.Context) (Frame, error) {
	bounds := p.bounds()
	if bounds.Empty() {
		return Frame{}, fmt.Errorf("%w: no active monitor left", ErrLost)
	}
	at := time.Now()
	img, err := screenshot.CaptureRect(bounds)
	if err != nil {
		return Frame{}, fmt.Errorf("%w: %w", ErrLost, err)
	}
	size := bounds.Size()
	stride := size.X * 4
	fresh := size != p.size
	if fresh {
		p.size, p.pix = size, make([]byte, stride*size.Y)
	}
	var damage []image.Rectangle
	row := make([]byte, stride)
	for y := range size.Y {
		src := img.Pix[y*img.Stride:][:stride]
		for x := 0; x < stride; x += 4 {
			row[x], row[x+1], row[x+2], row[x+3] = src[x+2], src[x+1], src[x], 0xff
		}
		if dst := p.pix[y*stride:][:stride]; fresh || !bytes.Equal(dst, row) {
			copy(dst, row)
			damage = append(damage, image.Rect(0, y, size.X, y+1))
		}
	}
	return Frame{Pix: p.pix, Stride: stride, Size: size, Damage: bands(damage, size), At: at}, nil
}

func (p *portable) close() {
	close(p.stop)
	p.ended.Wait()
}
