package run

import (
	"context"
	"log/slog"

	"consento/agent/internal/ui"
	"consento/protocol"
)

// takenBack is one thing that the customer can take back: a permission, or the yes to a person.
type takenBack struct {
	permission protocol.Permission
	guest      uint32
}

// canTakeBack lists what can be taken back now, and what it is called.
func (s *Session) canTakeBack() (list []takenBack, names []string) {
	for _, p := range s.tools.allowed() {
		list, names = append(list, takenBack{permission: p}), append(names, s.Texts.T("console.permission."+string(p)))
	}
	for _, g := range s.tools.guests.in {
		list, names = append(list, takenBack{guest: g.Epoch}), append(names, s.Texts.T("agent.take_back.guest", "name", isolate(g.Name)))
	}
	return list, names
}

// takeBack takes back what is allowed beside seeing, and the yes to people. Of several things the
// customer is asked which; all of them is what is chosen at first.
func (s *Session) takeBack(ctx context.Context, bar *ui.Bar) *ending {
	t := s.tools
	list, names := s.canTakeBack()
	if len(list) < 2 {
		return s.takenBack(ctx, bar, list)
	}
	if t.taking != nil {
		return nil // it is asked already
	}
	ctx, t.taking = context.WithCancel(ctx)
	heading := s.Texts.T("agent.take_back.heading", "name", isolate(s.joined.Technician.Name))
	all := s.Texts.T("agent.take_back.all")
	if len(t.guests.in) > 0 {
		heading, all = s.Texts.T("agent.take_back.heading_guests"), s.Texts.T("agent.take_back.all_guests", "name", isolate(s.joined.Technician.Name))
	}
	question := ui.Question{
		Title: s.Texts.T("agent.take_back.title"), Heading: heading,
		Accept: s.Texts.T("agent.take_back.accept"), Refuse: s.Texts.T("agent.take_back.refuse"), Timeout: consentTimeout,
		Choices: ui.Choices{Label: heading, List: []ui.Choice{{Label: all}}},
	}
	for _, name := range names {
		question.Choices.List = append(question.Choices.List, ui.Choice{Label: name})
	}
	t.windows.Go(func() {
		answer, chosen, err := s.UI.Choose(ctx, question)
		switch {
		case err != nil && ctx.Err() == nil:
			s.Log.Error("question not shown", slog.Any("error", err))
		case err != nil || answer != ui.Accepted:
			list = nil
		case chosen > 0:
			list = list[chosen-1 : chosen]
		}
		select {
		case t.taken <- list: // also all where nothing could be asked
		case <-ctx.Done():
		}
	})
	return nil
}

// takenBack closes what the customer takes back.
func (s *Session) takenBack(ctx context.Context, bar *ui.Bar, list []takenBack) *ending {
	if t := s.tools; t.taking != nil {
		t.taking()
		t.taking = nil
	}
	for _, x := range list {
		var over *ending
		switch {
		case x.guest > 0:
			over = s.sendAway(ctx, bar, x.guest)
		case s.tools.open[x.permission] != nil: // else it ended meanwhile, and may be another question by now
			over = s.closeTool(ctx, bar, x.permission, protocol.CauseCustomer)
		}
		if over != nil {
			return over
		}
	}
	return nil
}
