package main

import (
	"context"
	"errors"
	"fmt"
	"image"
	"os/exec"
	"time"

	"github.com/jezek/xgb/xproto"

	"consento/build/stage"
)

// A mark in the middle of the customer's screen tells the technician's picture
// from everything else that the console shows.
const (
	markColour = 0xff00ff
	markSide   = 400
)

func markRect() image.Rectangle {
	from := customerSize.Div(2).Sub(image.Pt(markSide/2, markSide/2))
	return image.Rectangle{Min: from, Max: from.Add(image.Pt(markSide, markSide))}
}

// marked reports whether one pixel is of the mark's colour.
func marked(pix []byte) bool { return pix[0] > 200 && pix[1] < 80 && pix[2] > 200 }

// middle is the one pixel in the middle of a rectangle.
func middle(r image.Rectangle) image.Rectangle {
	p := r.Min.Add(r.Max).Div(2)
	return image.Rectangle{Min: p, Max: p.Add(image.Pt(1, 1))}
}

// setMark paints a page with the mark, also below the windows that are there.
func (o *office) setMark(s *props) error {
	canvas := xproto.Drawable(s.canvas.id)
	if err := errors.Join(o.paint.copyTo(canvas, s.pages[1].all(image.Point{})), o.paint.fill(canvas, markColour, markRect())); err != nil {
		return err
	}
	return o.paint.background(s.canvas)
}

// firstPicture presses Allow and returns how long it takes until the technician
// sees the customer's screen at a place.
func (s *session) firstPicture(ctx context.Context, at image.Rectangle) (time.Duration, error) {
	if pix, err := s.ours.look(middle(at)); err != nil || marked(pix) {
		return 0, errors.Join(err, errEarly)
	}
	pressed, err := s.allow(ctx)
	if err != nil {
		return 0, err
	}
	brief, cancel := stage.Briefly(ctx)
	defer cancel()
	seen, err := s.ours.until(brief, "first picture", middle(at), marked)
	if err != nil {
		return 0, s.failed(err)
	}
	return seen.Sub(pressed), nil
}

// errEarly: what was taken for the picture is something else.
var errEarly = errors.New("the mark is seen before the picture was allowed")

// markSeen waits until the mark is whole on the technician's screen, of a size if
// one is given, and returns where.
func (s *session) markSeen(ctx context.Context, size image.Point) (image.Rectangle, error) {
	brief, cancel := stage.Briefly(ctx)
	defer cancel()
	var box image.Rectangle
	_, err := s.ours.until(brief, "the mark", image.Rectangle{Max: s.ours.size}, func(pix []byte) bool {
		now := image.Rectangle{}
		for i := 0; i < len(pix); i += 4 {
			if marked(pix[i:]) {
				p := image.Pt(i/4%s.ours.size.X, i/4/s.ours.size.X)
				now = now.Union(image.Rectangle{Min: p, Max: p.Add(image.Pt(1, 1))})
			}
		}
		box = now
		return size == image.Point{} && !now.Empty() || now.Size() == size && size != image.Point{}
	})
	if err != nil {
		return box, s.failed(fmt.Errorf("%w; it is at %v", err, box))
	}
	return box, nil
}

// zoom toggles full screen and 1:1.
func (o *office) zoom(ctx context.Context) error { return o.technician.Press(ctx, "z", "m") }

// enlarge shows the picture at 1:1 on the full screen.
func (s *session) enlarge(ctx context.Context) (*glass, error) {
	if err := s.zoom(ctx); err != nil {
		return nil, err
	}
	box, err := s.markSeen(ctx, image.Pt(markSide, markSide))
	if err != nil {
		return nil, err
	}
	// The full screen slides in: what counts is where it comes to rest.
	if err := wait(ctx, time.Second); err != nil {
		return nil, err
	}
	if box, err = s.markSeen(ctx, image.Pt(markSide, markSide)); err != nil {
		return nil, err
	}
	return &glass{on: s.ours, at: box.Min.Sub(markRect().Min)}, nil
}

// reload opens the console anew and notes how long it takes from the address to
// the picture.
func (b *bench) reload(ctx context.Context, s *session) (*glass, error) {
	if err := errors.Join(b.zoom(ctx), b.setMark(b.props), b.console.Open("about:blank"), wait(ctx, time.Second)); err != nil {
		return nil, err
	}
	brief, cancel := stage.Briefly(ctx)
	defer cancel()
	asked := time.Now()
	opened := make(chan error, 1)
	go func() { opened <- b.console.Open(b.broker.URL + "/console/") }()
	seen, err := b.ours.until(brief, "picture after loading", middle(b.place), marked)
	if err = errors.Join(err, <-opened); err != nil {
		return nil, s.failed(err)
	}
	b.loads = append(b.loads, seen.Sub(asked))
	return s.enlarge(ctx)
}

// ending is what the red X did.
type ending struct {
	// From the click to the last change of the screen that was still captured:
	// at most this long, for the time of the next change, which was not captured,
	// is taken. Negative: it was painted before the click.
	recorded time.Duration // by the recording
	seen     time.Duration // by what the technician saw
}

// endByRedX paints a new code every few milliseconds while the red X is clicked,
// and finds the last one that was captured.
func (s *session) endByRedX(ctx context.Context, p *props, g *glass) (ending, error) {
	const (
		cell   = 16
		every  = 4 * time.Millisecond
		before = 700 * time.Millisecond
		after  = 700 * time.Millisecond
	)
	code := image.Rect(960, 540, 960+cell*codeCells, 540+cell*codeCells)
	// All codes lie ready, so that one is one request.
	const row = 16
	sheets, err := s.paint.blank(image.Pt(row*cell*codeCells, 40*cell*codeCells))
	if err != nil {
		return ending{}, err
	}
	defer xproto.FreePixmap(s.theirs.conn, sheets.id)
	place := func(n int) image.Point { return image.Pt(n%row, n/row).Mul(cell * codeCells) }
	for n := range row * 40 {
		if err := s.paint.code(sheets, n, cell, place(n)); err != nil {
			return ending{}, err
		}
	}
	w := &watch{}
	watching, stop := context.WithCancel(ctx)
	defer stop()
	followed := make(chan error, 1)
	go func() { followed <- g.follow(watching, w, code) }()
	painting, halt := context.WithCancel(ctx)
	defer halt()
	painted := make(chan error, 1)
	go func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for n := range row * 40 {
			w.paint()
			from := image.Rectangle{Min: place(n), Max: place(n).Add(code.Size())}
			if err := s.paint.copy(move{xproto.Drawable(sheets.id), from, code.Min}); err != nil {
				painted <- err
				return
			}
			select {
			case <-tick.C:
			case <-painting.Done():
				painted <- nil
				return
			}
		}
		painted <- nil
	}()
	if err := wait(ctx, before); err != nil {
		return ending{}, err
	}
	clicked, err := s.redX(ctx)
	if err != nil {
		return ending{}, err
	}
	if err := wait(ctx, after); err != nil {
		return ending{}, err
	}
	halt()
	if err := <-painted; err != nil {
		return ending{}, err
	}
	stop()
	if err := <-followed; err != nil {
		return ending{}, err
	}
	if err := s.over(ctx); err != nil {
		return ending{}, err
	}
	next := func(i int) time.Duration {
		if i+1 >= len(w.painted) {
			i = len(w.painted) - 2
		}
		return w.painted[i+1].Sub(clicked)
	}
	if w.last() < 0 {
		return ending{}, errors.New("no change was seen before the red X")
	}
	e := ending{seen: next(w.last())}
	video, err := s.recorded(ctx)
	if err != nil {
		return ending{}, err
	}
	n, err := lastCode(ctx, video, code)
	if err != nil {
		return ending{}, err
	}
	e.recorded = next(n)
	return e, nil
}

// lastCode reads the code in the last frame of a video.
func lastCode(ctx context.Context, video string, code image.Rectangle) (int, error) {
	side := code.Dx()
	// Every frame of the last seconds comes out, cut to the code; none is left
	// out or doubled for the sake of a steady rate.
	out, err := exec.CommandContext(ctx, "ffmpeg", "-v", "error", "-sseof", "-4", "-i", video, "-fps_mode", "passthrough",
		"-vf", fmt.Sprintf("crop=%d:%d:%d:%d", side, side, code.Min.X, code.Min.Y), "-pix_fmt", "bgra", "-f", "rawvideo", "-").Output()
	if err != nil {
		return 0, fmt.Errorf("ffmpeg: %w", err)
	}
	if len(out) < side*side*4 {
		return 0, errors.New("the recording has no frame at its end")
	}
	n, ok := readCode(out[len(out)-side*side*4:], side)
	if !ok {
		return 0, errors.New("the last frame of the recording shows no code")
	}
	return n, nil
}
