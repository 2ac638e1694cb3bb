package capture

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"slices"
	"strconv"
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
	what   Target
	pix    []byte
	size   image.Point
	away   bool // the monitor was unplugged
	own    *portableOwn
	stop   chan struct{}
	ended  sync.WaitGroup
}

// openPortable works on the display that the process was started for
// ($DISPLAY): the library knows no other.
func openPortable(what Target, s *Source, covers *Covers) (backend, error) {
	p := &portable{source: s, what: what, stop: make(chan struct{})}
	if what.Application != 0 {
		return nil, fmt.Errorf("%w: the windows of a program cannot be told apart", ErrUnsupported)
	}
	if p.bounds().Empty() {
		if what.Monitor != "" {
			return nil, fmt.Errorf("%w: monitor %q", ErrTarget, what.Monitor)
		}
		return nil, fmt.Errorf("%w: no active monitor found", ErrUnsupported)
	}
	var err error
	if p.own, err = openPortableOwn(covers, s); err != nil {
		return nil, err
	}
	s.be(Seen)
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

// bounds is where the monitor is, or the union of all; empty if there is none.
func (p *portable) bounds() image.Rectangle {
	var all image.Rectangle
	for _, m := range portableMonitors() {
		if m.Name == p.what.Monitor {
			return m.Bounds
		}
		all = all.Union(m.Bounds)
	}
	if p.what.Monitor != "" {
		return image.Rectangle{}
	}
	return all
}

// portableMonitors lists the monitors, which have no names there but numbers.
func portableMonitors() []Monitor {
	var list []Monitor
	for i := range screenshot.NumActiveDisplays() {
		list = append(list, Monitor{Name: strconv.Itoa(i + 1), Bounds: screenshot.GetDisplayBounds(i), Primary: i == 0})
	}
	return list
}

func (p *portable) grab(context.Context) (Frame, error) {
	bounds := p.bounds()
	if bounds.Empty() {
		if p.what.Monitor != "" && p.size != (image.Point{}) && len(portableMonitors()) > 0 {
			return p.gone(), nil
		}
		return Frame{}, fmt.Errorf("%w: no active monitor left", ErrLost)
	}
	if p.away {
		p.away = false
		p.size = image.Point{} // all of it is new
		p.source.be(Seen)
	}
	at := time.Now()
	img, err := p.picture(bounds)
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

// picture captures a part of the desktop without our own windows.
func (p *portable) picture(bounds image.Rectangle) (*image.RGBA, error) {
	for range ownTries {
		if err := p.own.begin(); err != nil {
			return nil, err
		}
		img, err := screenshot.CaptureRect(bounds)
		if err != nil {
			return nil, err
		}
		places, ok, err := p.own.end()
		if err != nil {
			return nil, err
		}
		if ok {
			for _, r := range slices.Concat(places.covered, places.ours) {
				draw.Draw(img, r.Intersect(bounds).Sub(bounds.Min), ground, image.Point{}, draw.Src)
			}
			return img, nil
		}
	}
	img := image.NewRGBA(image.Rectangle{Max: bounds.Size()})
	draw.Draw(img, img.Rect, ground, image.Point{}, draw.Src)
	return img, nil
}

var ground = image.NewUniform(color.RGBA{R: Ground >> 16, G: Ground >> 8 & 0xff, B: Ground & 0xff, A: 0xff})

// gone is the frame of a monitor that was unplugged.
func (p *portable) gone() Frame {
	f := Frame{Pix: p.pix, Stride: 4 * p.size.X, Size: p.size, At: time.Now()}
	if !p.away {
		p.away = true
		f.Damage = []image.Rectangle{{Max: p.size}}
		fill(p.pix, f.Stride, f.Damage[0], Ground)
		p.source.be(Gone)
	}
	return f
}

func (p *portable) close() {
	close(p.stop)
	p.ended.Wait()
	p.own.close()
}
