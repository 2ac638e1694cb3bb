package run

import (
	"context"
	"image"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"consento/agent/internal/capture"
	"consento/agent/internal/ui"
	"consento/protocol"
)

// offered is one thing that can be shown.
type offered struct {
	what   capture.Target
	source protocol.Source
	name   string      // of monitor or program, as the technician may know it
	size   image.Point // of its picture
	choice ui.Choice
}

// offers lists what can be shown: everything first, then each monitor if there
// are several, then the programs, the one in front first. There is always the
// first.
func (s *Session) offers() []offered {
	survey, err := capture.Look(s.Display)
	if err != nil {
		s.Log.Warn("nothing but the whole screen is on offer", slog.Any("error", err))
	}
	all := offered{source: protocol.SourceDesktop, size: survey.Size, choice: ui.Choice{Label: s.Texts.T("agent.choice.screen")}}
	list := []offered{all}
	if len(survey.Monitors) > 1 {
		list[0].choice.Label = s.Texts.T("agent.choice.screens")
		for i, m := range survey.Monitors {
			n, size := strconv.Itoa(i+1), m.Bounds.Size()
			list = append(list, offered{what: capture.Target{Monitor: m.Name}, source: protocol.SourceMonitor, name: n, size: size,
				choice: ui.Choice{Label: s.Texts.T("agent.choice.monitor", "n", n), Note: s.Texts.T("agent.choice.place",
					"place", s.Texts.T("agent.place."+place(m.Bounds, survey.Monitors)), "width", strconv.Itoa(size.X), "height", strconv.Itoa(size.Y))}})
		}
	}
	for _, p := range survey.Programs {
		o := offered{what: capture.Target{Application: p.Application}, source: protocol.SourceApplication, name: p.Name, size: survey.Size,
			choice: ui.Choice{Label: s.Texts.T("agent.choice.program", "name", isolate(p.Name))}}
		if p.Title != p.Name {
			o.choice.Note = p.Title
		}
		if p.Icon != nil {
			o.choice.Icon = p.Icon
		}
		list = append(list, o)
	}
	return list[:min(len(list), maxOffers)]
}

// maxOffers is how many things a person can choose from without losing oneself.
const maxOffers = 40

// place says in which direction from the middle of all monitors one lies.
func place(at image.Rectangle, all []capture.Monitor) string {
	var whole image.Rectangle
	for _, m := range all {
		whole = whole.Union(m.Bounds)
	}
	off := at.Min.Add(at.Max).Sub(whole.Min.Add(whole.Max))
	switch x, y := max(off.X, -off.X), max(off.Y, -off.Y); {
	case x*8 < whole.Dx() && y*8 < whole.Dy():
		return "middle"
	case x >= y && off.X < 0:
		return "left"
	case x >= y:
		return "right"
	case off.Y < 0:
		return "top"
	}
	return "bottom"
}

// choices puts the offers into a question. One offer is no choice.
func (s *Session) choices(name string, offers []offered, now capture.Target) ui.Choices {
	if len(offers) < 2 {
		return ui.Choices{}
	}
	c := ui.Choices{Label: s.Texts.T("agent.choice.label", "name", name)}
	for _, o := range offers {
		c.List = append(c.List, o.choice)
	}
	c.Chosen = max(0, slices.IndexFunc(offers, func(o offered) bool { return o.what == now }))
	return c
}

// change asks what to show instead, while the present goes on. The answer comes
// on a channel that is closed after it; none comes when ctx ends.
func (s *Session) change(ctx context.Context) <-chan offered {
	name := s.joined.Technician.Name
	offers := s.offers()
	answer := make(chan offered, 1)
	q := ui.Question{
		Title: s.Texts.T("agent.change.title"), Heading: s.Texts.T("agent.change.heading", "name", name), Who: s.who(),
		Body: s.Texts.T("agent.change.body"), Choices: s.choices(name, offers, s.sharing.what.what),
		Accept: s.Texts.T("agent.change.accept"), Refuse: s.Texts.T("agent.change.refuse"),
		Also: s.hideWord(), OnAlso: func() { s.hidePrograms(ctx) },
	}
	go func() {
		defer close(answer)
		said, n, err := s.UI.Choose(ctx, q)
		switch {
		case err != nil && ctx.Err() == nil:
			s.Log.Error("question not shown", slog.Any("error", err))
		case err == nil && said == ui.Accepted && (!wider(s.sharing.what.source, offers[n].source) || s.sure(ctx)):
			answer <- offers[n]
		}
	}()
	return answer
}

// wider tells whether more is seen than before.
func wider(before, after protocol.Source) bool {
	order := []protocol.Source{protocol.SourceApplication, protocol.SourceMonitor, protocol.SourceDesktop}
	return slices.Index(order, after) > slices.Index(order, before)
}

// widenDelay is how long a person has to think before more can be shown.
const widenDelay = 5 * time.Second

// sure explains what showing more means, and takes a yes only after a while:
// whoever hurries somebody else gains nothing by it.
func (s *Session) sure(ctx context.Context) bool {
	name := isolate(s.joined.Technician.Name)
	said, err := s.UI.Ask(ctx, ui.Question{
		Title: s.Texts.T("agent.widen.title"), Heading: s.Texts.T("agent.widen.heading", "name", name), Who: s.who(),
		Body:   s.Texts.T("agent.widen.body", "name", name),
		Accept: s.Texts.T("agent.widen.accept"), Refuse: s.Texts.T("agent.change.refuse"),
		Delay: widenDelay, Wait: s.Texts.T("agent.widen.wait"),
	})
	if err != nil && ctx.Err() == nil {
		s.Log.Error("question not shown", slog.Any("error", err))
	}
	return err == nil && said == ui.Accepted
}
