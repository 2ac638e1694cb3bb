package run

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"consento/agent/internal/presence"
	"consento/agent/internal/ui"
	"consento/protocol"
)

// share shows the screen until the end. The bar is there before the first pixel
// is read, and without the bar there is no picture. A picture whose connection is
// lost stops, and goes on over the next one.
func (s *Session) share(ctx context.Context) ending {
	s.since, s.unanswered = time.Now(), maxUnanswered // the first connection has one try
	bar, err := s.UI.Bar(s.barText())
	if err != nil {
		s.Log.Error("bar not shown", slog.Any("error", err))
		return ending{reason: protocol.EndCaptureFailed, code: ExitNoDisplay}
	}
	defer bar.Close()
	ended := bar.Ended()
	s.bar = bar
	s.tools.ended.Store(&ended)
	defer func() { s.bar = nil }()
	defer s.tools.stop()
	s.chat.bar(true)
	select {
	case list := <-s.hiding.chosen: // before anything is seen
		s.hiding.covers.Hide(list)
	default:
	}
	if over := s.begin(ctx, bar, s.sharing.what); over != nil {
		return *over
	}
	looking, enough := context.WithCancel(ctx)
	var looked sync.WaitGroup
	defer looked.Wait()
	defer enough()
	looked.Go(func() { s.watchPasswords(looking) })
	watch := presence.Open(ctx, s.Display)
	defer watch.Close()
	for {
		over := s.showOnce(ctx, bar, watch)
		if over != nil {
			return *over
		}
	}
}

// showOnce shows the screen over the present connection of the picture. It
// returns nil when there is another one to go on with.
func (s *Session) showOnce(ctx context.Context, bar *ui.Bar, watch *presence.Watch) *ending {
	var telling sync.WaitGroup
	defer telling.Wait()
	showing, stop := context.WithCancel(ctx)
	defer stop()
	finished := make(chan error, 1)
	picture := s.picture
	telling.Go(func() { // not the picture's own: that one may be closed while it is shown
		picture.uplink.tell(showing, func(m protocol.Message) {
			// Cut off in mid-message, the connection would be of no use any more.
			_, _ = s.link.Send(context.WithoutCancel(ctx), m) // whether it is lost is not ours to notice
		})
	})
	go func() { finished <- picture.show(showing, s.Display, s.sharing.screen) }()
	over, running := s.during(ctx, bar, watch, finished, picture)
	if over != nil {
		s.tools.shut() // before anything else: no input goes in,
	}
	stop() // and capture stops
	if running {
		// A display that hangs must not keep the broker from being told.
		patience := time.NewTimer(captureStops)
		defer patience.Stop()
		select {
		case <-finished:
		case <-patience.C:
			s.Log.Error("capture does not stop: the display hangs")
			if over == nil {
				over = &ending{reason: protocol.EndCaptureFailed, code: ExitCapture}
			}
		}
	}
	if picture.wasUp() {
		s.unanswered = 0
	}
	return over
}

// showAway says on the bar that the connection is lost, or is there again.
func (s *Session) showAway(bar *ui.Bar, away bool) {
	s.away = away
	s.updateBar(bar, s.barText())
}

// maxUnanswered is how often in a row the picture's connection may not come
// about: for about as long as the broker waits.
const maxUnanswered = int(protocol.ReturnLimit / connectTimeout)

// captureStops is how long the capture has to stop. Nothing is sent after the
// stop in any case: the connection closes with the session.
const captureStops = time.Second

// during waits for the first thing that ends the session, or the picture's
// connection. It reports whether the picture is still running.
func (s *Session) during(ctx context.Context, bar *ui.Bar, watch *presence.Watch, finished <-chan error, picture *picture) (over *ending, running bool) {
	asking, answered := context.WithCancel(ctx) // what to show instead
	defer answered()
	var chosen <-chan offered
	for {
		select {
		case <-bar.Ended():
			return &ending{reason: protocol.EndCustomer}, true
		default:
		}
		over = nil
		select {
		case <-bar.Ended():
			return &ending{reason: protocol.EndCustomer}, true
		case <-bar.Lost():
			return s.goneDown(&ending{reason: protocol.EndCaptureFailed, code: ExitNoDisplay}), true
		case err := <-finished:
			if errors.Is(err, errNoAnswer) && s.unanswered < maxUnanswered {
				s.unanswered++ // it worked before: the network may be back soon
				return s.connectPicture(ctx), false
			}
			s.Log.Error("picture failed", slog.Any("error", err))
			return s.goneDown(&ending{reason: protocol.EndCaptureFailed, code: ExitCapture}), false
		case <-picture.failed:
			return s.connectPicture(ctx), true
		case <-picture.disturbed:
			s.link.Probe() // the network is gone, or this computer has another address
		case <-bar.Pauses():
			over = s.pause(ctx, bar)
		case <-bar.Changes():
			if chosen == nil {
				chosen = s.change(asking)
			}
		case <-bar.Chats():
			s.chat.show()
		case <-s.chat.marks():
			s.updateBar(bar, s.barText())
		case what, ok := <-chosen:
			chosen = nil
			if ok {
				over = s.begin(ctx, bar, what)
			}
		case list := <-s.hiding.chosen:
			over = s.hide(ctx, bar, list)
		case s.hiding.shown = <-s.hiding.fields:
			over = s.tellSharing(ctx, bar, false)
		case locked := <-watch.Away():
			over = s.attended(ctx, bar, locked)
		case a := <-s.tools.answers:
			over = s.answered(ctx, a)
		case a := <-s.tools.guests.answers:
			over = s.answeredGuest(ctx, a)
		case <-bar.TakesBack():
			over = s.takeBack(ctx, bar)
		case list := <-s.tools.taken:
			over = s.takenBack(ctx, bar, list)
		case step := <-s.tools.steps:
			over = s.restartStepped(ctx, bar, step)
		case <-s.tools.stills.taken:
			s.tools.stills.count++
			s.updateBar(bar, s.barText())
		case m := <-s.tools.blocks:
			if err := s.say(ctx, &m); err != nil {
				over = s.lost()
			}
		case epoch := <-s.tools.failed:
			for _, p := range []protocol.Permission{protocol.Control, protocol.MayDraw} {
				if s.tools.said[p].Epoch == epoch && over == nil {
					over = s.closeTool(ctx, bar, p, protocol.CauseFailed)
				}
			}
		case <-s.tools.away.C:
			over = s.closeTools(ctx, bar, protocol.CauseAway)
		case slept := <-watch.Slept():
			s.slept = protocol.Slept{N: s.slept.N + 1, MS: min(slept.Milliseconds(), maxSlept)}
			s.link.Probe() // whoever slept for long is not connected any more
			if over = s.closeTools(ctx, bar, protocol.CauseSlept); over == nil {
				over = s.tellSleep(ctx)
			}
		case <-s.sharing.screen.came:
			over = s.watched(ctx, bar)
		case away := <-s.link.Away():
			s.tools.leave(away)
			s.showAway(bar, away)
		case e, ok := <-s.link.Incoming():
			if !ok {
				return s.goneDown(s.lost()), true
			}
			if over := s.incoming(ctx, e); over != nil {
				return over, true
			}
			if s.picture != picture {
				return nil, true
			}
		case <-ctx.Done():
			return s.goneDown(&ending{reason: protocol.EndCustomer}), true
		}
		if over != nil {
			return over, true
		}
	}
}

// errNoAnswer says that the picture's connection was not made in time.
var errNoAnswer = errors.New("run: the picture's connection was not made")
