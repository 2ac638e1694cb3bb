package main

import (
	"context"
	"errors"
	"fmt"
	"image"
	"time"

	"github.com/jezek/xgb/xproto"

	"consento/build/stage"
)

const (
	inputScene = "input"
	clicks     = 60
	clickPause = 200 * time.Millisecond
	// clickLost is when a click is not waited for any more.
	clickLost = 3 * time.Second
)

// inputs is what the technician's clicks took until their effect was seen: from just
// before the X server of the technician hears of the button, over browser, broker,
// agent and a program that paints another code when it is clicked on, to the pixels
// read back from the technician's screen.
type inputs struct {
	latency []time.Duration
	never   int // were not heard of by the program
}

// input asks for control and clicks.
func (b *bench) input(ctx context.Context, s *session, next *int) error {
	say("input")
	brief, cancel := stage.Briefly(ctx)
	defer cancel()
	err := errors.Join(b.console.Click(`[data-testid="control"]`), b.customer.Accept(brief, "Consento – one thing more"),
		b.console.Until("control", `document.querySelector('[data-testid="control-strip"]')?.dataset.state === "given"`), b.setMark(b.props), wait(ctx, time.Second))
	if err != nil {
		return s.failed(err)
	}
	box, err := s.markSeen(ctx, image.Pt(markSide, markSide)) // control has a strip of its own above the picture
	if err != nil {
		return err
	}
	g := &glass{on: s.ours, at: box.Min.Sub(markRect().Min)}

	const side = smallCell * codeCells
	// The pointer is at one end of the window, the code at the other.
	at := image.Pt(600, 400)
	square := image.Rectangle{Max: image.Pt(side, side)}.Add(at.Add(image.Pt(2*side, 0)))
	window, err := b.theirs.button(image.Rectangle{Min: at, Max: square.Max})
	if err != nil {
		return err
	}
	sheet, err := b.paint.blank(square.Size())
	if err != nil {
		return err
	}
	click := func() (bool, error) {
		if err := b.ours.press(xproto.ButtonPress, 1); err != nil {
			return false, err
		}
		lost := time.NewTimer(clickLost)
		defer lost.Stop()
		select {
		case <-b.theirs.pressed:
			return true, nil
		case <-lost.C:
			return false, nil
		}
	}
	// The first one gives the remote side the keyboard.
	if err := b.ours.point(g.at.Add(at).Add(image.Pt(side/2, side/2))); err != nil {
		return err
	}
	if heard, err := click(); err != nil || !heard {
		return s.failed(errors.Join(err, fmt.Errorf("the first click is not heard of: %v", heard)))
	}
	w := &watch{first: *next}
	watching, stop := context.WithCancel(ctx)
	defer stop()
	followed := make(chan error, 1)
	go func() { followed <- g.follow(watching, w, square) }()
	for range clicks {
		if err := errors.Join(b.paint.code(sheet, *next, smallCell, image.Point{}), wait(ctx, clickPause)); err != nil {
			return err
		}
		w.paint()
		*next++
		heard, err := click()
		if err != nil {
			return err
		}
		if !heard {
			b.inputs.never++
		}
		if err := b.paint.copyTo(xproto.Drawable(window), sheet.all(image.Pt(2*side, 0))); err != nil {
			return err
		}
	}
	err = wait(ctx, time.Second)
	stop()
	b.inputs.latency = w.latencies()
	return errors.Join(err, <-followed, xproto.DestroyWindowChecked(b.theirs.conn, window).Check(), b.console.Click(`[data-testid="control"]`))
}

// button shows a window that tells pressed of each press of a button on it.
func (d *display) button(at image.Rectangle) (xproto.Window, error) {
	id, err := xproto.NewWindowId(d.conn)
	if err != nil {
		return 0, err
	}
	err = xproto.CreateWindowChecked(d.conn, 0, id, d.root, int16(at.Min.X), int16(at.Min.Y), uint16(at.Dx()), uint16(at.Dy()), 0, xproto.WindowClassInputOutput,
		xproto.Setup(d.conn).DefaultScreen(d.conn).RootVisual, xproto.CwBackPixel|xproto.CwOverrideRedirect|xproto.CwEventMask, []uint32{0, 1, xproto.EventMaskButtonPress}).Check()
	if err == nil {
		err = xproto.MapWindowChecked(d.conn, id).Check()
	}
	return id, err
}

func (i inputs) rows(t *table) {
	if len(i.latency) == 0 {
		return
	}
	note := fmt.Sprintf("%d clicks by the technician's own X server; with painting, capture, encoding, both ways through the broker, decoding", len(i.latency))
	if i.never > 0 {
		note += fmt.Sprintf("; %d not heard of", i.never)
	}
	t.atMost("click to its effect seen, median", "ms", ms(quantile(i.latency, 0.5)), 50, note)
	t.atMost("click to its effect seen, p95", "ms", ms(quantile(i.latency, 0.95)), 0, "")
}
