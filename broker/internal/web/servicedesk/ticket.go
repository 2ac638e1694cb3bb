package servicedesk

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/desk"
	"consento/broker/internal/ops"
	"consento/broker/internal/web/page"
)

// ticketPage is the data of the template "desk-ticket".
type ticketPage struct {
	Account  access.Account
	Ticket   desk.Ticket
	Line     ticketLine
	Facts    []page.Fact
	Category string // its name
	Level    string
	Work     desk.Work // what this level does for this category
	HandOn   string    // after what time, to whom; "" if that is not said
	Next     []actForm // what comes next
	Other    []actForm
	Sessions []string // that belong to it, each in a sentence
	History  []historyLine
	Said     string
	Parent   *hungTicket
	Children []hungTicket // that the reader may read
	Hung     int          // open ones, of every team
	Outage   *outageLine
	Files    filesPart
	Untold   string // why the requester was not told of the last change, "" if they were
}

type historyLine struct{ When, By, What, Text string }

// actForm is one act as a form.
type actForm struct {
	Ticket  string // id
	Version int64
	Kind    desk.ActKind
	Title   string
	Fields  []deskField
	Open    bool
	Primary bool
}

// deskField is one field of a form of which a page has several: its id is the form's and
// the field's name.
type deskField struct {
	ID, Name, Label, Hint, Value string
	Type                         string // of an input; "": by its name
	Lines                        int    // of a field of several lines
	Max                          int
	Options                      []page.Option
	Required                     bool
}

// newTicketPage is the data of the template "desk-new".
type newTicketPage struct {
	Account access.Account
	Fields  []deskField
}

func (ps *Pages) showTicket(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	if r.PathValue("id") == "new" {
		return ps.newTicket(rw, r, by, http.StatusOK, url.Values{}, nil)
	}
	return ps.ticket(rw, r, by, http.StatusOK, url.Values{}, nil)
}

// ticket shows a ticket; what was typed comes back in form when it was not accepted.
func (ps *Pages) ticket(rw http.ResponseWriter, r *http.Request, by access.Account, status int, form url.Values, problem error) error {
	id := page.Limited(r.PathValue("id"), 64)
	t, err := ps.desk.Ticket(r.Context(), by, id)
	if errors.Is(err, desk.ErrNoTicket) {
		return ps.NotFound(rw, r)
	}
	if err != nil {
		return err
	}
	p := ps.NewPage(r, "desk.title")
	p.Title = t.Ref + " " + page.Isolate(page.Plain(t.Title))
	if problem != nil {
		p.Error = deskProblem(p, problem)
	}
	matrix, _, err := ps.desk.Matrix(r.Context())
	if err != nil {
		return err
	}
	data := ticketPage{Account: by, Ticket: t, Level: p.T("admin.level." + string(t.Level))}
	data.Line = ps.ticketLine(p, t, time.Now())
	if said := "desk.said." + page.Limited(r.URL.Query().Get("saved"), 20); p.Has(said) {
		data.Said = p.T(said)
	}
	if c, known := matrix.Find(t.Category); known {
		data.Category, data.Work, data.HandOn = c.Name(p.Tag), c.Cells[t.Level].Work(p.Tag), handOn(p, c.Cells[t.Level])
	}
	if why, err := ps.desk.Untold(r.Context(), t.ID); err != nil {
		return err
	} else if why != "" {
		data.Untold = p.T("desk.untold", "why", page.Isolate(why))
	}
	data.Facts = ticketFacts(p, t, data.Category)
	attached, err := ps.desk.Attachments(r.Context(), by, t.ID)
	if err != nil {
		return err
	}
	data.Files = ps.filesPart(p, "/desk/"+t.ID+"/files", attached, access.Can(by, access.WorkTickets, access.Scope{Owner: t.Assignee.ID, Team: t.Team, Territory: t.Territory}), true)
	if err := ps.around(r, p, by, &data); err != nil {
		return err
	}
	if access.Can(by, access.WorkTickets, access.Scope{Owner: t.Assignee.ID, Team: t.Team, Territory: t.Territory}) {
		if err := ps.acts(r, p, &data, matrix, form); err != nil {
			return err
		}
	} else {
		data.Other = []actForm{ps.act(p, t, desk.ActComment, form, area2("text", p.T("desk.comment"), 4))}
	}
	if data.History, err = ps.ticketHistory(r, p, by, t, matrix); err != nil {
		return err
	}
	sessions, err := ps.desk.Sessions(r.Context(), by, t.ID)
	if err != nil {
		return err
	}
	for _, s := range sessions {
		data.Sessions = append(data.Sessions, sessionLine(p, s))
	}
	p.Data = data
	return ps.Show(rw, status, "desk-ticket", p)
}

func ticketFacts(p *page.Page, t desk.Ticket, category string) (facts []page.Fact) {
	add := func(key, value string) {
		if value != "" {
			facts = append(facts, page.Fact{Name: p.T("desk.fact." + key), Value: value})
		}
	}
	add("requester", t.Requester.Name)
	add("email", t.Requester.Email)
	add("phone", t.Requester.Phone)
	if t.Requester.Office {
		add("office", p.T("desk.fact.office.yes"))
	}
	add("type", p.T("desk.type."+string(t.Type)))
	add("channel", p.T("desk.channel."+string(t.Channel)))
	add("category", category)
	add("area", t.Area)
	if t.Priority != 0 {
		add("impact", p.T("desk.impact."+strconv.Itoa(int(t.Impact))))
		add("urgency", p.T("desk.urgency."+strconv.Itoa(int(t.Urgency))))
	}
	add("created", page.Minute(p, t.Created))
	if !t.Resolved.IsZero() {
		add("resolved", page.Minute(p, t.Resolved)+" \u00b7 "+p.T("desk.resolution."+string(t.Resolution)))
		add("solution", t.Solution)
	}
	return facts
}

// sessionLine says that a session was, for how long, and how it ended.
func sessionLine(p *page.Page, s desk.LinkedSession) string {
	parts := []string{page.Minute(p, s.Started), page.Isolate(page.Plain(s.By.Name))}
	switch {
	case s.Ended.IsZero():
		parts = append(parts, p.T("desk.session.goes_on"))
	case s.Shared.IsZero():
		parts = append(parts, p.T("desk.session.not_shared"), p.T("audit.end."+s.Reason))
	default:
		parts = append(parts, p.T("desk.session.shared", "minutes", p.Count("minutes", max(1, int(s.Ended.Sub(s.Shared).Round(time.Minute)/time.Minute)))), p.T("audit.end."+s.Reason))
	}
	return strings.Join(parts, " \u00b7 ")
}

// act is one act as a form, with what was typed into it.
func (ps *Pages) act(p *page.Page, t desk.Ticket, kind desk.ActKind, form url.Values, fields ...deskField) actForm {
	f := actForm{Ticket: t.ID, Version: t.Version, Kind: kind, Title: p.T("desk.act." + string(kind))}
	typed := form.Get("kind") == string(kind)
	f.Open = typed
	for _, field := range fields {
		field.ID = string(kind) + "-" + field.Name
		if typed {
			field.Value = form.Get(field.Name)
			for i := range field.Options {
				field.Options[i].Chosen = field.Options[i].Value == field.Value
			}
		}
		f.Fields = append(f.Fields, field)
	}
	return f
}

func area2(name, label string, lines int) deskField {
	return deskField{Name: name, Label: label, Lines: lines, Max: 8000, Required: true}
}

// acts are what can be done with a ticket: first what comes next.
func (ps *Pages) acts(r *http.Request, p *page.Page, data *ticketPage, matrix desk.Matrix, form url.Values) error {
	t := data.Ticket
	pick := func(name, label string, options ...page.Option) deskField {
		return deskField{Name: name, Label: label, Options: options, Required: true}
	}
	categories := []page.Option{{Value: "", Label: "\u2013", Chosen: t.Category == ""}}
	for _, c := range matrix.Categories {
		if !c.Retired {
			categories = append(categories, page.Option{Value: c.ID, Label: c.Name(p.Tag), Chosen: c.ID == t.Category})
		}
	}
	grades := func(what string, now int) (list []page.Option) {
		for n := 1; n <= 3; n++ {
			list = append(list, page.Option{Value: strconv.Itoa(n), Label: p.T("desk." + what + "." + strconv.Itoa(n)), Chosen: n == max(now, 1)})
		}
		return list
	}
	teams, err := ps.staff.Teams(r.Context())
	if err != nil {
		return err
	}
	var others []page.Option
	for _, o := range teams {
		if o.Name != t.Team {
			others = append(others, page.Option{Value: o.Name, Label: o.Name + " \u00b7 " + p.T("admin.level."+string(o.Level)), Chosen: matrixTeam(matrix, t) == o.Name})
		}
	}
	colleagues, err := ps.colleagues(r, t)
	if err != nil {
		return err
	}
	var resolutions, waitings []page.Option
	for _, o := range desk.Resolutions() {
		resolutions = append(resolutions, page.Option{Value: string(o), Label: p.T("desk.resolution." + string(o)), Chosen: o == desk.Solved})
	}
	for _, o := range desk.Waitings() {
		waitings = append(waitings, page.Option{Value: string(o), Label: p.T("desk.waiting." + string(o)), Chosen: false})
	}
	forms := map[desk.ActKind]actForm{}
	add := func(kind desk.ActKind, fields ...deskField) { forms[kind] = ps.act(p, t, kind, form, fields...) }
	add(desk.ActTake)
	add(desk.ActCategory, pick("category", p.T("desk.fact.category"), categories...), deskField{Name: "area", Label: p.T("desk.fact.area"), Value: t.Area, Max: 200})
	add(desk.ActPriority, pick("impact", p.T("desk.fact.impact"), grades("impact", int(t.Impact))...), pick("urgency", p.T("desk.fact.urgency"), grades("urgency", int(t.Urgency))...))
	add(desk.ActDiagnose)
	add(desk.ActEscalate, pick("team", p.T("desk.team"), others...), area2("text", p.T("desk.why"), 3))
	add(desk.ActInquire)
	add(desk.ActResolve, pick("resolution", p.T("desk.resolution"), resolutions...), deskField{Name: "text", Label: p.T("desk.solution"), Hint: p.T("desk.solution.hint"), Lines: 4, Max: 8000})
	forms[desk.ActResolve] = ps.act(p, t, desk.ActResolve, form, withChildren(p, data.Hung, forms[desk.ActResolve].Fields)...)
	add(desk.ActClose)
	add(desk.ActReopen, area2("text", p.T("desk.why"), 3))
	add(desk.ActAnswer, withChildren(p, data.Hung, []deskField{area2("text", p.T("desk.answer"), 4)})...)
	add(desk.ActComment, area2("text", p.T("desk.comment"), 4))
	add(desk.ActWait, pick("waiting", p.T("desk.whom"), waitings...))
	add(desk.ActGoOn)
	edited := []deskField{{Name: "title", Label: p.T("desk.new.title"), Value: t.Title, Max: 200, Required: true},
		{Name: "text", Label: p.T("desk.new.text"), Value: t.Text, Lines: 5, Max: 8000}, {Name: "name", Label: p.T("desk.fact.requester"), Value: t.Requester.Name, Max: 100, Required: true},
		{Name: "email", Label: p.T("desk.fact.email"), Value: t.Requester.Email, Max: 254}, {Name: "phone", Label: p.T("desk.fact.phone"), Value: t.Requester.Phone, Max: 60}}
	add(desk.ActEdit, edited...)
	add(desk.ActAssign, pick("assignee", p.T("desk.whom"), colleagues...))
	next, other := t.Acts()
	for i, kind := range next {
		f := forms[kind]
		f.Open, f.Primary = f.Open || i == 0, i == 0
		data.Next = append(data.Next, f)
	}
	for _, kind := range other {
		data.Other = append(data.Other, forms[kind])
	}
	hours, _, err := ps.desk.Hours(r.Context())
	if err != nil {
		return err
	}
	more, err := ps.moreActs(r, p, t, hours.Calendar.Zone, form)
	data.Other = append(data.Other, more...)
	return err
}

// matrixTeam is who gets it from this level for this category, "" if that is not said.
func matrixTeam(m desk.Matrix, t desk.Ticket) string {
	c, _ := m.Find(t.Category)
	return c.Cells[t.Level].Team
}

// colleagues are whom a ticket may be assigned to.
func (ps *Pages) colleagues(r *http.Request, t desk.Ticket) ([]page.Option, error) {
	accounts, err := ps.staff.Accounts(r.Context())
	list := []page.Option{{Value: "", Label: "\u2013", Chosen: t.Assignee.ID == ""}}
	for _, a := range accounts {
		if a.Team == t.Team && !a.Disabled {
			list = append(list, page.Option{Value: a.ID, Label: a.Name, Chosen: a.ID == t.Assignee.ID})
		}
	}
	return list, err
}

// ticketHistory puts what was done into words, the newest first.
func (ps *Pages) ticketHistory(r *http.Request, p *page.Page, by access.Account, t desk.Ticket, matrix desk.Matrix) (lines []historyLine, err error) {
	entries, err := ps.desk.History(r.Context(), by, t.ID)
	if err != nil {
		return nil, err
	}
	for i := len(entries) - 1; i >= 0; i-- {
		e := entries[i]
		var a desk.Act
		if err := json.Unmarshal(e.Data, &a); err != nil {
			return nil, err
		}
		line := historyLine{When: page.Minute(p, e.At), By: e.By.Name, What: p.T("desk.did." + string(e.Kind)), Text: a.Text}
		if a.File != "" {
			line.What += ": " + page.Isolate(page.Plain(a.File))
		}
		switch {
		case e.By.ID == ops.ByBroker:
			line.By = p.T("levels.by_itself")
		case line.By == "":
			line.By = t.Requester.Name
		}
		detail := ""
		switch e.Kind {
		case desk.ActCategory:
			c, _ := matrix.Find(a.Category)
			detail = c.Name(p.Tag)
		case desk.ActPriority:
			detail = p.T("desk.priority." + strconv.Itoa(int(desk.PriorityOf(a.Impact, a.Urgency))))
		case desk.ActEscalate:
			if a.Team != nil {
				detail = a.Team.Name
			}
		case desk.ActAssign:
			detail = a.Assignee.Name
		case desk.ActWait:
			detail = p.T("desk.waiting." + string(a.Waiting))
		case desk.ActResolve:
			detail = p.T("desk.resolution." + string(a.Resolution))
		}
		if detail != "" {
			line.What += ": " + page.Isolate(page.Plain(detail))
		}
		lines = append(lines, line)
	}
	return lines, nil
}

// doTicket does an act, or makes a ticket.
func (ps *Pages) doTicket(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	if r.PathValue("id") == "new" {
		return ps.makeTicket(rw, r, by, values)
	}
	version, err := strconv.ParseInt(values.Get("version"), 10, 64)
	if err != nil {
		return page.ErrForm
	}
	hours, _, err := ps.desk.Hours(r.Context())
	if err != nil {
		return err
	}
	a := actOf(values)
	if err := ps.moreOf(&a, values, hours.Calendar.Zone); err != nil {
		return ps.ticket(rw, r, by, http.StatusUnprocessableEntity, values, err)
	}
	t, err := ps.desk.Do(r.Context(), by, page.Limited(r.PathValue("id"), 64), version, a)
	if errors.Is(err, desk.ErrNoTicket) {
		return ps.NotFound(rw, r)
	}
	if err != nil {
		if deskProblem(ps.NewPage(r, "desk.title"), err) == "" {
			return err
		}
		status := http.StatusUnprocessableEntity
		if errors.Is(err, desk.ErrStale) || errors.Is(err, desk.ErrStep) {
			status = http.StatusConflict
		}
		return ps.ticket(rw, r, by, status, values, err)
	}
	if _, err := ps.desk.Ticket(r.Context(), by, t.ID); errors.Is(err, desk.ErrNoTicket) {
		http.Redirect(rw, r, "/desk/", http.StatusSeeOther)
		return nil
	}
	http.Redirect(rw, r, "/desk/"+t.ID+"?saved="+string(a.Kind), http.StatusSeeOther)
	return nil
}

// actOf is the act that a form says: only the fields of its kind.
func actOf(values url.Values) desk.Act {
	number := func(name string) int {
		n, _ := strconv.Atoi(values.Get(name)) // what is no number is none that is known
		return n
	}
	a := desk.Act{Kind: desk.ActKind(values.Get("kind")), Text: values.Get("text")}
	switch a.Kind {
	case desk.ActCategory:
		a.Category, a.Area = values.Get("category"), values.Get("area")
	case desk.ActPriority:
		a.Impact, a.Urgency = desk.Impact(number("impact")), desk.Urgency(number("urgency"))
	case desk.ActEdit:
		a.Title = values.Get("title")
		a.Requester = &desk.Requester{Name: values.Get("name"), Email: values.Get("email"), Phone: values.Get("phone")}
	case desk.ActEscalate:
		a.Team = &desk.Team{Name: values.Get("team")}
	case desk.ActResolve:
		a.Resolution = desk.Resolution(values.Get("resolution"))
	case desk.ActWait:
		a.Waiting = desk.Waiting(values.Get("waiting"))
	case desk.ActAssign:
		a.Assignee = desk.Person{ID: values.Get("assignee")}
	}
	return a
}

func (ps *Pages) newTicket(rw http.ResponseWriter, r *http.Request, by access.Account, status int, values url.Values, problem error) error {
	p := ps.NewPage(r, "desk.new")
	if problem != nil {
		p.Error = deskProblem(p, problem)
	}
	var types, channels []page.Option
	for _, o := range desk.Types() {
		types = append(types, page.Option{Value: string(o), Label: p.T("desk.type." + string(o)), Chosen: string(o) == values.Get("type")})
	}
	for _, o := range []desk.Channel{desk.ByPhone, desk.ByMail, desk.InPerson, desk.ByStaff} {
		channels = append(channels, page.Option{Value: string(o), Label: p.T("desk.channel." + string(o)), Chosen: string(o) == values.Get("channel")})
	}
	fields := []deskField{
		{Name: "title", Label: p.T("desk.new.title"), Hint: p.T("desk.new.title.hint"), Max: 200, Required: true},
		{Name: "text", Label: p.T("desk.new.text"), Hint: p.T("desk.new.text.hint"), Lines: 5, Max: 8000},
		{Name: "name", Label: p.T("desk.fact.requester"), Max: 100, Required: true},
		{Name: "email", Label: p.T("desk.fact.email"), Max: 254},
		{Name: "phone", Label: p.T("desk.fact.phone"), Max: 60},
		{Name: "type", Label: p.T("desk.fact.type"), Options: types},
		{Name: "channel", Label: p.T("desk.fact.channel"), Options: channels},
	}
	for i := range fields {
		fields[i].ID, fields[i].Value = fields[i].Name, values.Get(fields[i].Name)
	}
	p.Data = newTicketPage{by, fields}
	return ps.Show(rw, status, "desk-new", p)
}

func (ps *Pages) makeTicket(rw http.ResponseWriter, r *http.Request, by access.Account, values url.Values) error {
	n := desk.NewTicket{Type: desk.Type(values.Get("type")), Title: values.Get("title"), Text: values.Get("text"), Language: page.TextsOf(r).Tag, Channel: desk.Channel(values.Get("channel")),
		Requester: desk.Requester{Name: values.Get("name"), Email: values.Get("email"), Phone: values.Get("phone")}, Team: desk.Team{Name: by.Team, Territory: by.Territory, Level: by.Level}}
	t, err := ps.desk.Open(r.Context(), by, n)
	if err != nil {
		if deskProblem(ps.NewPage(r, "desk.new"), err) == "" {
			return err
		}
		return ps.newTicket(rw, r, by, http.StatusUnprocessableEntity, values, err)
	}
	http.Redirect(rw, r, "/desk/"+t.ID+"?saved=open", http.StatusSeeOther)
	return nil
}
