package servicedesk

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/desk"
	"consento/broker/internal/web/page"
)

// localTime is how a field of date and time is written (HTML, local date and time).
const localTime = "2006-01-02T15:04"

// wall is a moment on the office's clock.
func wall(p *page.Page, at time.Time, zone *time.Location) string {
	at = at.In(zone)
	return page.Day(p, at) + " " + at.Format("15:04 (MST)")
}

// hungTicket is one that hangs on the ticket which is shown, or that it hangs on.
type hungTicket struct{ ID, Ref, Title string }

// around is what stands around a ticket: what it hangs on and what hangs on it, what the
// portal says of it, and its appointment.
func (ps *Pages) around(r *http.Request, p *page.Page, by access.Account, data *ticketPage) error {
	t := data.Ticket
	hours, _, err := ps.desk.Hours(r.Context())
	if err != nil {
		return err
	}
	if t.Parent != "" {
		data.Parent = &hungTicket{}                                           // another team's: that it hangs is all there is to know
		if on, err := ps.desk.Ticket(r.Context(), by, t.Parent); err == nil { // who may not read it gets no link
			data.Parent = &hungTicket{on.ID, on.Ref, on.Title}
		}
	}
	list, err := ps.desk.List(r.Context(), by, desk.Filter{Parent: t.ID, Limit: 50})
	if err != nil {
		return err
	}
	for _, c := range list {
		data.Children = append(data.Children, hungTicket{c.ID, c.Ref, c.Title})
	}
	if data.Hung, err = ps.desk.Children(r.Context(), t.ID); err != nil {
		return err
	}
	o, err := ps.desk.OutageOf(r.Context(), t.ID)
	if err != nil {
		return err
	}
	if o != nil {
		line := ps.outageLine(p, *o)
		data.Outage = &line
	}
	fact := func(key, value string) {
		data.Facts = append(data.Facts, page.Fact{Name: p.T("desk.fact." + key), Value: value})
	}
	if t.Requester.Reach != "" {
		fact("reach", t.Requester.Reach)
	}
	if !t.Appointment.IsZero() {
		fact("appointment", wall(p, t.Appointment, hours.Calendar.Zone))
	}
	return nil
}

// moreActs are the forms of a ticket that is open, beside those of its steps.
func (ps *Pages) moreActs(r *http.Request, p *page.Page, t desk.Ticket, zone *time.Location, form url.Values) ([]actForm, error) {
	if !t.State.Open() {
		return nil, nil
	}
	at := deskField{Name: "at", Type: "datetime-local", Label: p.T("desk.appoint.at"), Hint: p.T("desk.appoint.hint", "zone", zone.String())}
	if !t.Appointment.IsZero() {
		at.Value = t.Appointment.In(zone).Format(localTime)
	}
	acts := []actForm{ps.act(p, t, desk.ActAppoint, form, at)}
	if t.Parent == "" {
		acts = append(acts, ps.act(p, t, desk.ActHang, form, deskField{Name: "parent", Label: p.T("desk.hang.parent"), Hint: p.T("desk.hang.hint"), Max: 20, Required: true}))
	} else {
		off := ps.act(p, t, desk.ActHang, form)
		off.Title = p.T("desk.hang.off")
		acts = append(acts, off)
	}
	if t.Type != desk.Incident {
		return acts, nil
	}
	o, err := ps.desk.OutageOf(r.Context(), t.ID)
	if err != nil {
		return nil, err
	}
	if o == nil {
		o = &desk.Outage{Spread: desk.SpreadEveryone}
	}
	field := func(at time.Time) string {
		if at.IsZero() {
			return ""
		}
		return at.In(zone).Format(localTime)
	}
	fields := []deskField{
		{Name: "spread", Label: p.T("desk.outage.spread"), Options: []page.Option{
			{Value: string(desk.SpreadEveryone), Label: p.T("desk.outage.everyone"), Chosen: o.Spread == desk.SpreadEveryone}, {Value: string(desk.SpreadLocal), Label: p.T("desk.outage.local"), Chosen: o.Spread == desk.SpreadLocal}}},
		{Name: "place", Label: p.T("desk.outage.place"), Hint: p.T("desk.outage.place.hint"), Max: 100, Value: o.Place}}
	for _, tag := range ps.Texts.Only(p.Office.Languages...).Tags() {
		fields = append(fields, deskField{Name: "text-" + tag, Label: p.T("desk.outage.text", "language", ps.Texts.Match(tag).T("page.language")), Lines: 2, Max: 600, Value: o.Texts[tag]})
	}
	fields = append(fields, deskField{Name: "from", Type: "datetime-local", Label: p.T("desk.outage.from"), Hint: p.T("desk.outage.from.hint"), Value: field(o.From)},
		deskField{Name: "until", Type: "datetime-local", Label: p.T("desk.outage.until"), Hint: p.T("desk.outage.until.hint"), Value: field(o.Until)})
	return append(acts, ps.act(p, t, desk.ActOutage, form, fields...)), nil
}

// withChildren offers to do an act with all that hangs on the ticket as well.
func withChildren(p *page.Page, n int, fields []deskField) []deskField {
	if n == 0 {
		return fields
	}
	return append(fields, deskField{Name: "children", Type: "checkbox", Label: p.T("desk.children.too", "n", strconv.Itoa(n))})
}

// moreOf fills in what a form says of these acts.
func (ps *Pages) moreOf(a *desk.Act, values url.Values, zone *time.Location) error {
	at := func(name string) (time.Time, error) {
		s := values.Get(name)
		if s == "" {
			return time.Time{}, nil
		}
		t, ok := desk.LocalTime(s, zone)
		if !ok {
			return t, &access.Invalid{Field: "at", Code: "unknown", Reason: "is no time"}
		}
		return t, nil
	}
	var err error
	switch a.Kind {
	case desk.ActAnswer, desk.ActResolve:
		a.Children = values.Get("children") != ""
	case desk.ActAppoint:
		a.At, err = at("at")
	case desk.ActHang:
		a.Parent = page.Limited(values.Get("parent"), 64)
	case desk.ActOutage:
		o := desk.Outage{Spread: desk.Spread(values.Get("spread")), Place: values.Get("place"), Texts: map[string]string{}}
		for _, tag := range ps.Texts.Tags() {
			o.Texts[tag] = values.Get("text-" + tag)
		}
		if o.From, err = at("from"); err == nil {
			o.Until, err = at("until")
		}
		a.Outage = &o
	}
	return err
}

// outageLine is what the portal says of an incident.
type outageLine struct {
	Text, Language, Whom, When string
}

func (ps *Pages) outageLine(p *page.Page, o desk.Outage) outageLine {
	l := outageLine{When: p.T("outage.since", "when", page.Minute(p, o.From))}
	l.Text, l.Language = o.Text(p.Tag)
	if !o.Until.IsZero() {
		l.When = p.T("outage.since.until", "when", page.Minute(p, o.From), "until", page.Minute(p, o.Until))
	}
	if o.Spread == desk.SpreadLocal {
		l.Whom = o.Place
	}
	return l
}

// Outages are what customers are told before they ask.
func (ps *Pages) Outages(r *http.Request, p *page.Page) (part OutagePart, err error) {
	if ps.desk == nil {
		return part, nil
	}
	list, err := ps.desk.Outages(r.Context())
	part.Title = p.T("outage.title")
	for _, o := range list {
		part.Lines = append(part.Lines, ps.outageLine(p, o))
	}
	return part, err
}

// OutagePart is the data of the template "outages".
type OutagePart struct {
	Title string
	Lines []outageLine
}

// callBack says who calls a customer back, and when; "" if nobody does any more.
func callBack(p *page.Page, t desk.Ticket, zone *time.Location) (lines []string) {
	if !t.State.Open() {
		return nil
	}
	if !t.Appointment.IsZero() {
		return []string{p.T("request.appointment", "when", wall(p, t.Appointment, zone))}
	}
	if t.Requester.Phone == "" {
		return nil
	}
	phone := page.Isolate(p.Office.Phone)
	if t.Assignee.Name != "" {
		lines = append(lines, p.T("request.calls.name", "name", page.Isolate(page.Plain(t.Assignee.Name)), "phone", phone, "own", page.Isolate(t.Requester.Phone)))
	} else {
		lines = append(lines, p.T("request.calls", "phone", phone, "own", page.Isolate(t.Requester.Phone)))
	}
	if t.Requester.Reach != "" {
		lines = append(lines, p.T("request.calls.when", "when", page.Isolate(t.Requester.Reach)))
	}
	return lines
}
