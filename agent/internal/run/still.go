package run

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/png"
	"log/slog"
	"sync/atomic"
	"time"

	"consento/agent/internal/capture"
	"consento/protocol"
)

// stillPatience is how long the picture that is being sent may take to be read anew.
const stillPatience = 10 * time.Second

// stills is the pictures for the record. It belongs to the session's goroutine.
type stills struct {
	count int           // that were taken: the bar tells
	busy  atomic.Bool   // one is being taken or sent
	taken chan struct{} // of capacity 1
}

// takeStill takes the broker's wish for a picture of what is shown. It relies on the
// customer's yes to the view, and shows nothing that is not shown anyway.
func (s *Session) takeStill(ctx context.Context, m protocol.StillTake) {
	yes, t, picture := s.said.consent, s.tools, s.picture
	if yes == nil || yes.State != protocol.ConsentGiven || yes.Epoch != m.Epoch || s.bar == nil || picture == nil || t.stills.busy.Swap(true) {
		return
	}
	t.windows.Go(func() {
		defer t.stills.busy.Store(false)
		data, problem := t.still(ctx, picture)
		if problem != "" {
			s.sendStill(ctx, protocol.StillPart{Epoch: m.Epoch, Still: m.Still, Last: true, Problem: problem})
			return
		}
		select {
		case t.stills.taken <- struct{}{}:
		default:
		}
		for part := 0; len(data) > 0; part++ {
			some := data[:min(len(data), protocol.MaxStillPart)]
			data = data[len(some):]
			if part > freeParts && !wait(ctx, partPause) ||
				!s.sendStill(ctx, protocol.StillPart{Epoch: m.Epoch, Still: m.Still, Part: part, Last: len(data) == 0, Data: some}) {
				return
			}
		}
	})
}

func (s *Session) sendStill(ctx context.Context, m protocol.StillPart) bool {
	if err := s.say(ctx, &m); err != nil {
		s.Log.Info("a picture for the record was not sent", slog.Any("error", err))
		return false
	}
	return true
}

// still is the file of a picture of what is shown now.
func (t *tools) still(ctx context.Context, picture *picture) ([]byte, protocol.StillProblem) {
	if t.hidden.Load() {
		return nil, protocol.StillHidden
	}
	ctx, stop := context.WithTimeout(ctx, stillPatience)
	defer stop()
	img, err := picture.still(ctx)
	if t.hidden.Load() { // what was read since is not shown
		return nil, protocol.StillHidden
	}
	if err != nil {
		picture.log.Warn("no picture for the record", slog.Any("error", err))
		return nil, protocol.StillFailed
	}
	var file bytes.Buffer
	if err := png.Encode(&file, img); err != nil {
		picture.log.Warn("no picture for the record", slog.Any("error", err))
		return nil, protocol.StillFailed
	}
	if file.Len() > protocol.MaxStill {
		return nil, protocol.StillSize
	}
	return file.Bytes(), ""
}

// errNoStill says that nothing was read in time.
var errNoStill = errors.New("run: nothing was read of the screen")

// still waits for the next frame that is read, and has one read now: it is what the
// technician sees next, without our own windows and what else is not shared.
func (p *picture) still(ctx context.Context) (*image.RGBA, error) {
	p.mu.Lock()
	now := p.now
	p.mu.Unlock()
	if now == nil {
		return nil, errNoStill
	}
	wish := make(chan *image.RGBA, 1)
	now.wish.Store(&wish)
	now.signal()
	select {
	case img := <-wish:
		return img, nil
	case <-ctx.Done():
		now.wish.CompareAndSwap(&wish, nil)
		return nil, errNoStill
	}
}

// turn is the source of a stream while one target is read.
type turn struct {
	*capture.Source
	what    capture.Target
	changed chan struct{}                    // of capacity 1
	wish    atomic.Pointer[chan *image.RGBA] // who wants the next frame
}

func (t *turn) signal() {
	select {
	case t.changed <- struct{}{}:
	default:
	}
}

// Changed is the source's, and ready when somebody wants a frame.
func (t *turn) Changed() <-chan struct{} { return t.changed }

// follow passes on what the source says.
func (t *turn) follow(ctx context.Context, source *capture.Source) {
	for {
		select {
		case <-source.Changed():
			t.signal()
		case <-ctx.Done():
			return
		}
	}
}

// Grab reads, and gives a copy to who wants it.
func (t *turn) Grab(ctx context.Context) (capture.Frame, error) {
	f, err := t.Source.Grab(ctx)
	if err != nil {
		return f, err
	}
	if wish := t.wish.Swap(nil); wish != nil {
		*wish <- copyOf(f)
	}
	return f, nil
}

// copyOf is a frame as an image.
func copyOf(f capture.Frame) *image.RGBA {
	img := image.NewRGBA(image.Rectangle{Max: f.Size})
	for y := range f.Size.Y {
		from, to := f.Pix[y*f.Stride:][:4*f.Size.X], img.Pix[y*img.Stride:][:4*f.Size.X]
		for i := 0; i < len(from); i += 4 {
			to[i], to[i+1], to[i+2], to[i+3] = from[i+2], from[i+1], from[i], 0xff
		}
	}
	return img
}
