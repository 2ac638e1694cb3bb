package run

import (
	"context"
	"errors"
	"image"
	"log/slog"
	"strconv"
	"strings"

	"consento/agent/internal/capture"
	"consento/agent/internal/link"
	"consento/agent/internal/ui"
	"consento/protocol"
)

// sharing is what is shown now, and why perhaps nothing is. It belongs to the
// session's goroutine.
type sharing struct {
	screen *screen
	what   offered
	seen   seen
	paused bool // by the customer
	locked bool // nobody attends
	told   protocol.Sharing
	asked  uint64 // id of the message after whose answer the screen may be read, 0 if none
}

// state says whether anything is shown.
func (s *sharing) state() protocol.SharingState {
	state := s.seen.state
	if s.seen.what != s.what.what {
		state = 0 // of what was shown before
	}
	switch {
	case s.locked:
		return protocol.SharingLocked
	case s.paused:
		return protocol.SharingPaused
	case state == capture.Gone:
		return protocol.SharingStopped
	case state == capture.Hidden:
		return protocol.SharingMuted
	}
	return protocol.SharingShown
}

// message is what the broker is told.
func (s *sharing) message() protocol.Sharing {
	size := s.what.size
	if s.seen.what == s.what.what && !s.seen.size.Eq(size) && s.seen.size.X > 0 {
		size = s.seen.size
	}
	return protocol.Sharing{State: s.state(), Source: s.what.source, Name: s.what.name, Width: size.X, Height: size.Y}
}

// begin shows what was chosen, as soon as the broker has it on its evidence.
func (s *Session) begin(ctx context.Context, bar *ui.Bar, what offered) *ending {
	s.tools.hidden.Store(true)
	if over := s.closeTool(ctx, bar, protocol.Control, protocol.CauseShared); over != nil { // the yes was for what is shown now
		return over
	}
	if over := s.closeTool(ctx, bar, protocol.MayDraw, protocol.CauseShared); over != nil { // likewise
		return over
	}
	if !s.sharing.screen.hide(captureStops) {
		return &ending{reason: protocol.EndCaptureFailed, code: ExitCapture}
	}
	s.sharing.what, s.sharing.seen, s.sharing.paused = what, seen{}, false
	s.tools.paused.Store(s.sharing.locked)
	return s.tellSharing(ctx, bar, true)
}

// pause stops the picture, and then says so; a second time it goes on.
func (s *Session) pause(ctx context.Context, bar *ui.Bar) *ending {
	s.sharing.paused = !s.sharing.paused
	return s.stopOrGo(ctx, bar)
}

// attended follows whether somebody is there: a locked screen stops the picture.
func (s *Session) attended(ctx context.Context, bar *ui.Bar, locked bool) *ending {
	if locked == s.sharing.locked {
		return nil
	}
	s.sharing.locked = locked
	return s.stopOrGo(ctx, bar)
}

func (s *Session) stopOrGo(ctx context.Context, bar *ui.Bar) *ending {
	s.tools.paused.Store(s.sharing.paused || s.sharing.locked)
	if s.sharing.paused || s.sharing.locked {
		s.tools.hidden.Store(true)
		if s.sharing.locked {
			if over := s.closeTools(ctx, bar, protocol.CauseLocked); over != nil {
				return over
			}
		}
		if !s.sharing.screen.hide(captureStops) {
			return &ending{reason: protocol.EndCaptureFailed, code: ExitCapture}
		}
		return s.tellSharing(ctx, bar, false)
	}
	return s.tellSharing(ctx, bar, true)
}

// watched follows what became of what is shown: minimised, closed, unplugged, of
// another size.
func (s *Session) watched(ctx context.Context, bar *ui.Bar) *ending {
	s.sharing.seen = s.sharing.screen.latest()
	return s.tellSharing(ctx, bar, false)
}

// tellSharing tells the broker and the customer what is shown now, if it is
// anything new. With start the screen is read once the broker has answered.
func (s *Session) tellSharing(ctx context.Context, bar *ui.Bar, start bool) *ending {
	m := s.sharing.message()
	m.Covered, m.Fields = s.covered(s.sharing.what.what)
	if m == s.sharing.told && !start {
		return nil
	}
	s.sharing.told = m
	if bar != nil {
		s.updateBar(bar, s.barText())
	}
	id, err := s.link.Send(ctx, &m)
	switch {
	case errors.Is(err, link.ErrAway): // it is said again after the return
	case err != nil:
		return s.lost()
	case start || s.sharing.asked != 0 && m.State == protocol.SharingShown:
		s.sharing.asked = id
	}
	if start && err != nil {
		s.sharing.asked = unsaid
	}
	if m.State != protocol.SharingShown && (s.sharing.paused || s.sharing.locked) {
		s.sharing.asked = 0
	}
	s.tools.size.Store(&image.Point{X: m.Width, Y: m.Height})
	s.tools.hidden.Store(m.State != protocol.SharingShown || s.sharing.asked != 0)
	return nil
}

// unsaid stands for a message that has no id yet, since the link is away.
const unsaid = ^uint64(0)

// recordedSharing is the broker's word that what is shown is on its evidence.
func (s *Session) recordedSharing(ref uint64) {
	if s.sharing == nil || s.sharing.asked == 0 || ref != s.sharing.asked {
		return // of something that has changed since
	}
	s.sharing.asked = 0
	s.sharing.screen.show(s.sharing.what.what)
	s.tools.hidden.Store(s.sharing.state() != protocol.SharingShown)
}

// barText is what the bar says now.
func (s *Session) barText() ui.BarText {
	name := s.joined.Technician.Name
	t := ui.BarText{
		Title: s.Texts.T("agent.bar.title"), Who: s.Texts.T("agent.bar.view", "name", name), Allowed: s.Texts.T("agent.bar.view_only"),
		Recording: s.Texts.T("agent.bar.recording"), End: s.Texts.T("agent.bar.end"), Since: s.since,
		Pause: s.Texts.T("agent.bar.pause"), Change: s.Texts.T("agent.bar.change"), Chat: s.chat.label(),
	}
	if n := s.tools.stills.count; n > 0 {
		t.Recording = s.Texts.T("agent.bar.stills", "n", strconv.Itoa(n))
	}
	if allowed := s.tools.allowed(); len(allowed) > 0 {
		var words []string
		for _, p := range allowed {
			words = append(words, s.Texts.T("console.permission."+string(p)))
		}
		t.Allowed, t.TakeBack = s.Texts.T("agent.bar.allowed", "what", strings.Join(words, " · ")), s.Texts.T("agent.bar.take_back")
		if more := len(words) - 1; more > 0 { // the first of them is what can do most
			t.Short = s.Texts.T("agent.bar.allowed_more", "what", words[0], "n", number(int64(more)))
		}
	}
	if list, _ := s.canTakeBack(); len(list) > 0 && t.TakeBack == "" {
		t.TakeBack = s.Texts.T("agent.bar.send_away")
	}
	if n, _ := s.covered(s.sharing.what.what); n > 0 {
		hidden := " · " + s.Texts.T("agent.bar.hidden", "n", number(int64(n)))
		if t.Allowed += hidden; t.Short != "" {
			t.Short += hidden
		}
	}
	if s.sharing.paused {
		t.Pause = s.Texts.T("agent.bar.resume")
	}
	switch state := s.sharing.state(); {
	case s.away:
		t.Who = s.Texts.T("agent.bar.away")
	case state != protocol.SharingShown:
		t.Who = s.Texts.T("agent.bar."+string(state), "name", name)
	case s.sharing.what.source == protocol.SourceMonitor:
		t.Who = s.Texts.T("agent.bar.monitor", "name", name)
	case s.sharing.what.source == protocol.SourceApplication:
		t.Who = s.Texts.T("agent.bar.program", "name", name, "program", isolate(s.sharing.what.name))
	}
	if also := s.barGuests(); also != "" && !s.away {
		t.Who += " · " + also
	}
	return t
}

func (s *Session) updateBar(bar *ui.Bar, text ui.BarText) {
	if err := bar.Update(text); err != nil {
		s.Log.Warn("bar not updated", slog.Any("error", err))
	}
}
