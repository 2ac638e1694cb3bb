package servicedesk

import (
	"net/http"

	"consento/broker/internal/access"
	"consento/broker/internal/desk"
	"consento/broker/internal/web/page"
)

// alertLine is what presses, in words.
type alertLine struct {
	ID, Ref, Title, Who, What string
	Late                      bool
}

// alertsShown is how many stand at the head of the list.
const alertsShown = 10

func (ps *Pages) alertLines(r *http.Request, p *page.Page, by access.Account) ([]alertLine, error) {
	list, err := ps.desk.Alerts(r.Context(), by, alertsShown)
	if err != nil {
		return nil, err
	}
	var lines []alertLine
	for _, a := range list {
		l := alertLine{ID: a.Ticket.ID, Ref: a.Ticket.Ref, Title: a.Ticket.Title, Who: a.Ticket.Assignee.Name, Late: a.Kind == desk.Breached}
		if l.Who == "" {
			l.Who = a.Ticket.Team
		}
		when := a.Due
		if a.Kind == desk.Warned {
			when = a.Ticket.Due
		}
		l.What = p.T("levels.alert."+string(a.Clock)+"."+string(a.Kind), "when", page.Minute(p, when))
		lines = append(lines, l)
	}
	return lines, nil
}
