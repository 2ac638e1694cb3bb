package run

import (
	"bytes"
	"context"
	"image"
	"image/png"
	"log/slog"
	"testing"

	"consento/agent/internal/capture"
	"consento/agent/internal/xtest"
	"consento/protocol"
)

// TestStill: a picture for the record is what is shown now, pixel for pixel; there is
// none while nothing is shown, nor without a picture, nor for a yes to something else.
func TestStill(t *testing.T) {
	t.Parallel()
	display := xtest.Server(t, 400, 300)
	source, err := capture.Open(display, capture.Target{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	now := &turn{Source: source, changed: make(chan struct{}, 1)}
	read := make(chan struct{}) // closed when the stream has ended
	go func() {
		defer close(read)
		for {
			select {
			case <-now.Changed():
				if _, err := now.Grab(ctx); err != nil {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	followed := make(chan struct{})
	go func() { defer close(followed); now.follow(ctx, source) }()
	defer func() {
		stop()
		<-read
		<-followed
		if err := source.Close(); err != nil {
			t.Error(err)
		}
	}()
	painter := xtest.NewPainter(t, display)
	p, tools := &picture{log: slog.New(slog.DiscardHandler), now: now}, newTools()
	for _, colour := range []uint32{0x2060a0, 0x30c040} {
		painter.Fill(t, colour, image.Rect(0, 0, 400, 300))
		data, problem := tools.still(t.Context(), p)
		if problem != "" {
			t.Fatal(problem)
		}
		img, err := png.Decode(bytes.NewReader(data))
		if err != nil || img.Bounds() != image.Rect(0, 0, 400, 300) {
			t.Fatalf("%v", err)
		}
		if r, g, b, _ := img.At(399, 299).RGBA(); r>>8<<16|g>>8<<8|b>>8 != colour {
			t.Errorf("%06x is %02x%02x%02x", colour, r>>8, g>>8, b>>8)
		}
	}
	tools.hidden.Store(true)
	if data, problem := tools.still(t.Context(), p); data != nil || problem != protocol.StillHidden {
		t.Errorf("while nothing is shown: %q", problem)
	}
	tools.hidden.Store(false)
	if data, problem := tools.still(t.Context(), &picture{log: p.log}); data != nil || problem != protocol.StillFailed {
		t.Errorf("without a picture: %q", problem)
	}

	a := attend(t)
	a.picture = p
	for _, yes := range []*protocol.ConsentAnswer{nil, {State: protocol.ConsentGiven, Epoch: 2}, {State: protocol.ConsentRefused, Epoch: 1}} {
		a.Session.said.consent = yes
		a.gets(&protocol.StillTake{Epoch: 1, Still: 1})
	}
	a.tools.windows.Wait()
	if len(a.tools.stills.taken) != 0 {
		t.Error("taken without the yes to the view")
	}
	a.Session.said.consent = &protocol.ConsentAnswer{State: protocol.ConsentGiven, Epoch: 1}
	a.gets(&protocol.StillTake{Epoch: 1, Still: 1})
	if m := next[protocol.StillPart](a); m.Still != 1 || m.Epoch != 1 || !m.Last || m.Problem != "" {
		t.Errorf("%+v", m)
	}
	a.tools.windows.Wait()
	if len(a.tools.stills.taken) != 1 {
		t.Error("the bar is not told")
	}
	a.picture = nil
}
