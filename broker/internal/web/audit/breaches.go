package audit

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/desk"
	"consento/broker/internal/web/page"
)

// Breaches is what the pages of suspected data breaches ask and change. Every method checks
// the right of who asks; desk.ErrNoTicket for one that is not known.
type Breaches interface {
	Breaches(ctx context.Context, by access.Account) ([]desk.Breach, error)
	Breach(ctx context.Context, by access.Account, id string) (desk.Breach, error)
	AcknowledgeBreach(ctx context.Context, by access.Account, id string) error
	SetAware(ctx context.Context, by access.Account, id string, at time.Time, why string) error
	DecideBreach(ctx context.Context, by access.Account, id string, outcome desk.Outcome, notified time.Time, why string) error
}

// breachesPage is the data of the template "audit-breaches".
type breachesPage struct {
	Account access.Account
	Open    []breachLine
	Decided []breachLine
}

type breachLine struct {
	Path, Ref, Title, Place string
	Since                   string // in words
	Clock                   string // in words: what is left, or what was decided
	Late                    bool
}

// breachPage is the data of the template "audit-breach".
type breachPage struct {
	Account  access.Account
	Path     string
	Said     string
	Facts    []page.Fact
	Text     string
	Clocks   []breachClock
	Decided  string
	Why      string
	Seen     string // who acknowledged it; "" nobody
	Handles  bool   // this account decides
	Aware    []page.Field
	Decide   []page.Field
	Sessions []breachSession
	Wrong    string // the form that was not accepted: aware, decide
}

type breachClock struct {
	Name, When, Left string
	Late             bool
}

type breachSession struct{ ID, Short, State string }

func (ps *Pages) breachRoutes() []page.Route {
	return []page.Route{
		page.At("/audit/breaches", ps.May(ps.showBreaches, access.ReadBreaches)),
		page.At("/audit/breaches/{id}", ps.May(ps.showBreach, access.ReadBreaches), ps.May(ps.changeBreach, access.HandleBreaches)),
	}
}

// left says how long a clock of the law still runs, around the clock.
func left(p *page.Page, due, now time.Time) (string, bool) {
	if now.After(due) {
		return p.T("breach.over", "time", page.Span(p, now.Sub(due))), true
	}
	return p.T("breach.left", "time", page.Span(p, due.Sub(now))), false
}

func (ps *Pages) showBreaches(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	p := ps.NewPage(r, "breach.title")
	list, err := ps.breaches.Breaches(r.Context(), by)
	if err != nil {
		return err
	}
	data := breachesPage{Account: by}
	now := time.Now()
	for _, b := range list {
		l := breachLine{Path: "/audit/breaches/" + b.Ticket.ID, Ref: b.Ticket.Ref, Title: b.Ticket.Title, Place: b.Ticket.Team, Since: page.Minute(p, b.Aware)}
		if b.Outcome != "" {
			l.Clock = decidedWords(p, b)
			data.Decided = append(data.Decided, l)
			continue
		}
		next, key := b.First, "breach.first"
		if now.After(b.First) {
			next, key = b.Last, "breach.last"
		}
		said, late := left(p, next, now)
		l.Clock, l.Late = p.T(key)+" · "+said, late || now.After(b.First)
		if b.Acknowledged.IsZero() {
			l.Clock += " · " + p.T("breach.unseen")
		}
		data.Open = append(data.Open, l)
	}
	p.Data = data
	return ps.Show(rw, http.StatusOK, "audit-breaches", p)
}

// breachNotice says that suspected data breaches wait for a decision, to who may read them;
// "" if none does.
func (ps *Pages) breachNotice(r *http.Request, p *page.Page, by access.Account) (string, error) {
	if ps.breaches == nil || !access.May(by, access.ReadBreaches) {
		return "", nil
	}
	list, err := ps.breaches.Breaches(r.Context(), by)
	n := 0
	for _, b := range list {
		if b.Outcome == "" {
			n++
		}
	}
	if n == 0 || err != nil {
		return "", err
	}
	said, _ := left(p, list[0].Last, time.Now()) // the most pressing first
	return p.Count("breaches", n) + " · " + p.T("breach.last") + " · " + said, nil
}

// decidedWords says what was decided, by whom and when.
func decidedWords(p *page.Page, b desk.Breach) string {
	said := p.T("breach.outcome." + string(b.Outcome))
	if !b.Notified.IsZero() {
		said += " " + page.Minute(p, b.Notified)
	}
	return p.T("breach.decided", "outcome", said, "name", page.Isolate(page.Plain(b.DecidedBy)), "time", page.Minute(p, b.Decided))
}

func (ps *Pages) showBreach(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	return ps.breach(rw, r, by, http.StatusOK, nil, nil)
}

// breachMoment is how a moment is typed, as it is shown: in UTC.
const breachMoment = "2006-01-02T15:04"

func (ps *Pages) breach(rw http.ResponseWriter, r *http.Request, by access.Account, status int, values url.Values, problem error) error {
	b, err := ps.breaches.Breach(r.Context(), by, page.Limited(r.PathValue("id"), 64))
	if errors.Is(err, desk.ErrNoTicket) {
		return ps.NotFound(rw, r)
	}
	if err != nil {
		return err
	}
	p := ps.NewPage(r, "breach.title")
	p.Title = p.T("breach.one", "ref", b.Ticket.Ref)
	now := time.Now()
	data := breachPage{Account: by, Path: "/audit/breaches/" + b.Ticket.ID, Text: b.Ticket.Text, Why: b.Why, Handles: b.Outcome == "" && access.Can(by, access.HandleBreaches, access.Scope{Territory: b.Ticket.Territory})}
	if said := "breach.said." + page.Limited(r.URL.Query().Get("saved"), 20); p.Has(said) {
		data.Said = p.T(said)
	}
	named := b.By.Name
	if named == "" {
		named = p.T("levels.by_itself")
	}
	for _, f := range []page.Fact{{Name: p.T("breach.ticket"), Value: b.Ticket.Ref + " · " + b.Ticket.Title}, {Name: p.T("desk.team"), Value: b.Ticket.Team}, {Name: p.T("breach.state"), Value: p.T("desk.state." + string(b.Ticket.State))},
		{Name: p.T("breach.by"), Value: named + ", " + page.Minute(p, b.Begun)}, {Name: p.T("breach.aware"), Value: page.Minute(p, b.Aware)}} {
		if f.Value != "" {
			data.Facts = append(data.Facts, f)
		}
	}
	if b.Outcome == "" {
		for _, c := range []struct {
			key string
			due time.Time
		}{{"breach.first", b.First}, {"breach.last", b.Last}} {
			said, late := left(p, c.due, now)
			data.Clocks = append(data.Clocks, breachClock{p.T(c.key), page.Minute(p, c.due), said, late})
		}
	} else {
		data.Decided = decidedWords(p, b)
	}
	if !b.Acknowledged.IsZero() {
		data.Seen = p.T("breach.seen", "name", page.Isolate(page.Plain(b.AcknowledgedBy)), "time", page.Minute(p, b.Acknowledged))
	}
	if data.Handles {
		ps.breachForms(p, b, now, &data)
		if values != nil {
			fields := &data.Decide
			if data.Wrong = "decide"; values.Get("step") == "aware" {
				fields, data.Wrong = &data.Aware, "aware"
			}
			f := page.Form{Sections: []page.Section{{Fields: *fields}}}
			f.Typed(values, false)
			f.Refused(p, problem, "")
		}
	}
	for _, id := range b.Sessions {
		data.Sessions = append(data.Sessions, breachSession{id, id[:min(8, len(id))], ps.holdWords(r, p, by, id)})
	}
	p.Data = data
	return ps.Show(rw, status, "audit-breach", p)
}

func (ps *Pages) breachForms(p *page.Page, b desk.Breach, now time.Time, data *breachPage) {
	field := func(key, name, value string) page.Field {
		f := page.TextField(p, key, name, value, 500)
		f.Label = p.T("breach." + key)
		if hint := "breach." + key + ".hint"; p.Has(hint) {
			f.Hint = p.T(hint)
		}
		return f
	}
	aware := field("form.aware", "aware", b.Aware.UTC().Format(breachMoment))
	aware.Type = "datetime-local"
	data.Aware = []page.Field{aware, field("form.aware_why", "aware_why", "")}
	outcome := field("form.outcome", "outcome", "")
	outcome.Options = []page.Option{{Value: "", Label: "–", Chosen: true}}
	for _, o := range desk.Outcomes() {
		outcome.Options = append(outcome.Options, page.Option{Value: string(o), Label: p.T("breach.outcome." + string(o)), Chosen: false})
	}
	notified := field("form.notified", "notified", now.UTC().Format(breachMoment))
	notified.Type = "datetime-local"
	why := field("form.why", "why", "")
	why.Lines, why.Max = 3, 4000
	data.Decide = []page.Field{outcome, notified, why}
}

// holdWords says whether a session of a breach is held.
func (ps *Pages) holdWords(r *http.Request, p *page.Page, by access.Account, id string) string {
	if ps.decisions == nil {
		return ""
	}
	s, err := ps.decisions.Subject(r.Context(), by, id)
	if err != nil {
		return p.T("breach.session.unknown")
	}
	for _, h := range s.Holds {
		if h.Until.IsZero() {
			return p.T("breach.session.held")
		}
	}
	for _, h := range s.Holds {
		return p.T("breach.session.until", "time", page.Minute(p, h.Until))
	}
	return p.T("breach.session.free")
}

func (ps *Pages) changeBreach(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	id, step := page.Limited(r.PathValue("id"), 64), values.Get("step")
	switch step {
	case "acknowledge":
		if err = ps.breaches.AcknowledgeBreach(r.Context(), by, id); errors.Is(err, desk.ErrStale) {
			err = nil // somebody else was quicker, and is named
		}
	case "aware":
		at, bad := time.Parse(breachMoment, values.Get("aware"))
		if bad != nil {
			at = time.Now().AddDate(1, 0, 0) // refused as what is not possible
		}
		err = ps.breaches.SetAware(r.Context(), by, id, at, values.Get("aware_why"))
	case "decide":
		at, bad := time.Parse(breachMoment, values.Get("notified"))
		if bad != nil {
			at = time.Time{}
		}
		err = ps.breaches.DecideBreach(r.Context(), by, id, desk.Outcome(values.Get("outcome")), at, values.Get("why"))
	default:
		return page.ErrForm
	}
	switch {
	case errors.Is(err, desk.ErrNoTicket):
		return ps.NotFound(rw, r)
	case errors.Is(err, desk.ErrForbidden):
		return ps.Forbid(rw, r, by, true, []access.Action{access.HandleBreaches})
	case errors.Is(err, desk.ErrStale):
		http.Redirect(rw, r, "/audit/breaches/"+url.PathEscape(id)+"?saved=stale", http.StatusSeeOther)
		return nil
	case errors.Is(err, access.ErrInvalid):
		return ps.breach(rw, r, by, http.StatusUnprocessableEntity, values, breachProblem(err, step))
	case err != nil:
		return err
	}
	http.Redirect(rw, r, "/audit/breaches/"+url.PathEscape(id)+"?saved="+step, http.StatusSeeOther)
	return nil
}

// breachProblem names the field of the form that is wrong.
func breachProblem(err error, step string) error {
	var wrong *access.Invalid
	if errors.As(err, &wrong) && wrong.Field == "why" && step == "aware" {
		return &access.Invalid{Field: "aware_why", Code: wrong.Code, Reason: wrong.Reason}
	}
	return err
}
