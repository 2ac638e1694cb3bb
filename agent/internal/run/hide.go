package run

import (
	"context"
	"log/slog"
	"slices"
	"sync/atomic"

	"consento/agent/internal/capture"
	"consento/agent/internal/passwords"
	"consento/agent/internal/ui"
	"consento/protocol"
)

// hiding is what the customer hides of the screen.
type hiding struct {
	covers *capture.Covers
	open   *atomic.Bool           // the question which programs is on the screen
	chosen chan []capture.Program // of capacity 1: the answer
	fields chan []capture.Field   // of capacity 1: the fields for passwords that are shown
	shown  []capture.Field        // the newest of them
}

func newHiding() hiding {
	return hiding{covers: capture.NewCovers(), open: new(atomic.Bool), chosen: make(chan []capture.Program, 1), fields: make(chan []capture.Field, 1)}
}

// watchPasswords has fields for passwords covered until ctx ends, as soon as they are found,
// and then told.
func (s *Session) watchPasswords(ctx context.Context) {
	passwords.Watch(ctx, func(list []capture.Field) {
		s.hiding.covers.Mask(list)
		select {
		case <-s.hiding.fields: // what nobody has taken yet
		default:
		}
		s.hiding.fields <- list
	})
}

// covered is how many programs are hidden of what is shown, and how many fields are covered.
func (s *Session) covered(what capture.Target) (programs, fields int) {
	for _, f := range s.hiding.shown {
		if what.Application == 0 || what.Application == capture.Application(f.PID) {
			fields++
		}
	}
	if what.Application == 0 {
		programs = len(s.hiding.covers.Programs())
	}
	return min(programs, protocol.MaxCovered), min(fields, protocol.MaxCovered)
}

// hideWord is what a button says that leads to hidePrograms; "" where nothing can be hidden.
func (s *Session) hideWord() string {
	if survey, err := capture.Look(s.Display); err != nil || len(survey.Programs) == 0 {
		return ""
	}
	return s.Texts.T("agent.hide.open")
}

// hidePrograms asks which programs are not to be seen. It returns at once; the answer comes
// on hiding.chosen.
func (s *Session) hidePrograms(ctx context.Context) {
	if s.hiding.open.Swap(true) {
		return
	}
	s.tools.windows.Go(func() {
		defer s.hiding.open.Store(false)
		list, ok := s.askHidden(ctx)
		if !ok {
			return
		}
		select {
		case <-s.hiding.chosen: // what nobody has taken yet
		default:
		}
		s.hiding.chosen <- list
	})
}

func (s *Session) askHidden(ctx context.Context) ([]capture.Program, bool) {
	survey, err := capture.Look(s.Display)
	if err != nil {
		s.Log.Error("programs not listed", slog.Any("error", err))
		return nil, false
	}
	name := isolate(s.joined.Technician.Name)
	now := s.hiding.covers.Programs()
	byName := func(list []capture.Program, name string) bool {
		return slices.ContainsFunc(list, func(p capture.Program) bool { return p.Name == name })
	}
	var offers []capture.Program
	q := ui.Question{Title: s.Texts.T("agent.hide.title"), Heading: s.Texts.T("agent.hide.heading", "name", name), Body: s.Texts.T("agent.hide.body", "name", name),
		Accept: s.Texts.T("agent.hide.accept"), Refuse: s.Texts.T("agent.hide.refuse"), Choices: ui.Choices{Label: s.Texts.T("agent.hide.label"), Several: true}}
	for _, p := range slices.Concat(survey.Programs, now) { // those too that show no window at the moment
		if byName(offers, p.Name) || len(offers) == maxOffers {
			continue
		}
		offers = append(offers, p)
		c := ui.Choice{Label: isolate(p.Name)}
		if p.Title != p.Name {
			c.Note = p.Title
		}
		if p.Icon != nil {
			c.Icon = p.Icon
		}
		q.Choices.List, q.Choices.Marked = append(q.Choices.List, c), append(q.Choices.Marked, byName(now, p.Name))
	}
	if len(offers) == 0 {
		err := s.UI.Notice(ctx, ui.Notice{Title: q.Title, Heading: s.Texts.T("agent.hide.none"), OK: s.Texts.T("agent.ok")})
		if err != nil && ctx.Err() == nil {
			s.Log.Error("notice not shown", slog.Any("error", err))
		}
		return nil, false
	}
	said, marked, err := s.UI.Mark(ctx, q)
	if err != nil && ctx.Err() == nil {
		s.Log.Error("question not shown", slog.Any("error", err))
	}
	if err != nil || said != ui.Accepted {
		return nil, false
	}
	if label, err := ui.Label(s.Texts.T("agent.hide.cover"), s.Texts.Tag); err != nil {
		s.Log.Warn("covered windows have no words", slog.Any("error", err))
	} else {
		s.hiding.covers.Label(label)
	}
	var list []capture.Program
	for i, p := range offers {
		if marked[i] {
			list = append(list, p)
		}
	}
	return list, true
}

// hide covers these programs. No picture is taken meanwhile: the next one is, once it is on
// the broker's evidence what it lacks.
func (s *Session) hide(ctx context.Context, bar *ui.Bar, list []capture.Program) *ending {
	s.tools.hidden.Store(true)
	if !s.sharing.screen.hide(captureStops) {
		return &ending{reason: protocol.EndCaptureFailed, code: ExitCapture}
	}
	s.hiding.covers.Hide(list)
	return s.tellSharing(ctx, bar, !s.sharing.paused && !s.sharing.locked)
}
