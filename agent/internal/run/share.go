package run

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"consento/agent/internal/ui"
	"consento/protocol"
)

// share shows the screen until the end. The bar is there before the first pixel
// is read, and without the bar there is no picture.
func (s *Session) share(ctx context.Context, picture *picture, consent protocol.Consent) ending {
	name := s.joined.Technician.Name
	bar, err := s.UI.Bar(ui.BarText{
		Title: s.Texts.T("agent.bar.title"), Who: s.Texts.T("agent.bar.view", "name", name), Allowed: s.Texts.T("agent.bar.view_only"),
		Recording: s.Texts.T("agent.bar.recording"), End: s.Texts.T("agent.bar.end"), Since: time.Now(),
	})
	if err != nil {
		s.Log.Error("bar not shown", slog.Any("error", err))
		return ending{reason: protocol.EndCaptureFailed, code: ExitNoDisplay}
	}
	defer bar.Close()
	showing, stop := context.WithCancel(ctx)
	defer stop()
	finished := make(chan error, 1)
	go func() { finished <- picture.show(showing, s.Display, bar.Bounds) }()
	over := s.during(ctx, bar, finished, picture)
	stop() // before anything else: capture stops
	if over.code != ExitCapture {
		// A display that hangs must not keep the broker from being told.
		patience := time.NewTimer(captureStops)
		defer patience.Stop()
		select {
		case <-finished:
		case <-patience.C:
			s.Log.Error("capture does not stop: the display hangs")
		}
	}
	return over
}

// captureStops is how long the capture has to stop. Nothing is sent after the
// stop in any case: the connection closes with the session.
const captureStops = time.Second

// during waits for the first thing that ends the session.
func (s *Session) during(ctx context.Context, bar *ui.Bar, finished <-chan error, picture *picture) ending {
	for {
		select {
		case <-bar.Ended():
			return ending{reason: protocol.EndCustomer}
		default:
		}
		select {
		case <-bar.Ended():
			return ending{reason: protocol.EndCustomer}
		case <-bar.Lost():
			return ending{reason: protocol.EndCaptureFailed, code: ExitNoDisplay}
		case err := <-finished:
			s.Log.Error("picture failed", slog.Any("error", err))
			return ending{reason: protocol.EndCaptureFailed, code: ExitCapture}
		case <-picture.failed:
			return ending{reason: protocol.EndCaptureFailed, code: ExitUnreachable}
		case e, ok := <-s.link.Incoming():
			if !ok {
				return *lost()
			}
			if over := s.incoming(e, picture); over != nil {
				return *over
			}
		case <-ctx.Done():
			return ending{reason: protocol.EndCustomer}
		}
	}
}

// errNoAnswer says that the broker did not answer the offer in time.
var errNoAnswer = errors.New("run: the picture's connection was not made")
