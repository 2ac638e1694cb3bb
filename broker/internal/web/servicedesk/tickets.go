package servicedesk

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/desk"
	"consento/broker/internal/web/page"
)

// Desk is the work around the sessions: tickets, and what the office decided about them.
type Desk interface {
	Open(ctx context.Context, by access.Account, n desk.NewTicket) (desk.Ticket, error)
	Ticket(ctx context.Context, by access.Account, id string) (desk.Ticket, error)
	Sessions(ctx context.Context, by access.Account, id string) ([]desk.LinkedSession, error)
	History(ctx context.Context, by access.Account, id string) ([]desk.Entry, error)
	List(ctx context.Context, by access.Account, f desk.Filter) ([]desk.Ticket, error)
	Do(ctx context.Context, by access.Account, id string, version int64, a desk.Act) (desk.Ticket, error)
	Matrix(ctx context.Context) (desk.Matrix, desk.Version, error)
	Hours(ctx context.Context) (desk.ServiceHours, desk.Version, error)
	Alerts(ctx context.Context, by access.Account, most int) ([]desk.Alert, error)
	Report(ctx context.Context, by access.Account, a desk.Asked) (desk.Report, error)
	DeskDecisions
	Receive(ctx context.Context, n desk.NewTicket) (desk.Ticket, error)
	Outages(ctx context.Context) ([]desk.Outage, error)
	OutageOf(ctx context.Context, ticket string) (*desk.Outage, error)
	Children(ctx context.Context, parent string) (int, error)
	Attach(ctx context.Context, by access.Account, ticket, name string, data []byte, shown bool) (desk.Ticket, error)
	AttachByLink(ctx context.Context, link, name string, data []byte) (desk.Ticket, error)
	Attachments(ctx context.Context, by access.Account, ticket string) ([]desk.Attachment, error)
	AttachmentsByLink(ctx context.Context, link string) ([]desk.Attachment, error)
	File(ctx context.Context, by access.Account, ticket, id string) (desk.Attachment, []byte, error)
	FileByLink(ctx context.Context, link, id string) (desk.Attachment, []byte, error)
	Detach(ctx context.Context, by access.Account, ticket, id string) (desk.Ticket, error)
	Attaches() bool
	LookAtImport(ctx context.Context, by access.Account, data []byte, language string) (desk.Import, error)
	MakeImport(ctx context.Context, by access.Account, id string) (made int, err error)
	UndoImport(ctx context.Context, by access.Account, id string) (closed, stay int, err error)
	Untold(ctx context.Context, ticket string) (string, error)
	Link(t desk.Ticket) string
	ByLink(ctx context.Context, link string) (desk.Followed, error)
	Say(ctx context.Context, link, text string) (desk.Followed, error)
}

// DeskDecisions is what administrators decide about the desk.
type DeskDecisions interface {
	MatrixAt(ctx context.Context, number int64) (desk.Matrix, desk.Version, error)
	MatrixVersions(ctx context.Context, limit int) ([]desk.Version, error)
	MatrixProblems(ctx context.Context) ([]desk.Problem, error)
	AddCategory(ctx context.Context, by access.Account, c desk.Category) (desk.Version, error)
	EditCategory(ctx context.Context, by access.Account, base int64, c desk.Category) (desk.Version, error)
	EditCell(ctx context.Context, by access.Account, base int64, category string, level access.Level, c desk.Cell) (desk.Version, error)
	RestoreMatrix(ctx context.Context, by access.Account, base, number int64) (desk.Version, error)
	HoursAt(ctx context.Context, number int64) (desk.ServiceHours, desk.Version, error)
	HoursVersions(ctx context.Context, limit int) ([]desk.Version, error)
	EffectOf(ctx context.Context, h desk.ServiceHours) (desk.Effect, error)
	SetCalendar(ctx context.Context, by access.Account, base int64, c desk.Calendar) (desk.Version, error)
	SetTargets(ctx context.Context, by access.Account, base int64, h desk.ServiceHours) (desk.Version, error)
	AddHoliday(ctx context.Context, by access.Account, h desk.Holiday) (desk.Version, error)
	RemoveHoliday(ctx context.Context, by access.Account, h desk.Holiday) (desk.Version, error)
	RestoreHours(ctx context.Context, by access.Account, base, number int64) (desk.Version, error)
}

func (ps *Pages) deskRoutes() []page.Route {
	may := func(do page.StaffAction) page.Ruled { return ps.May(do, access.ReadTickets) }
	return []page.Route{
		page.At("/desk", page.RedirectTo("/desk/")),
		page.At("/desk/{$}", may(ps.showTickets)),
		page.At("/desk/import", ps.May(ps.showImport, access.WorkTickets), ps.May(ps.doImport, access.WorkTickets)).UpTo(desk.MaxFile + page.MaxForm),
		page.At("/desk/several", page.RedirectTo("/desk/"), ps.May(ps.doSeveral, access.WorkTickets)),
		page.At("/desk/tickets.csv", ps.May(ps.giveTickets, access.Export)).Slowly(),
		page.At("/desk/{id}", may(ps.showTicket), may(ps.doTicket)),
		page.At("/request", page.ForAnyone(ps.showRequest), page.ForAnyone(ps.receive)),
		page.At("/request/{link}", page.ForAnyone(ps.followRequest), page.ForAnyone(ps.sayRequest)),
	}
}

// ticketsPage is the data of the template "desk-list".
type ticketsPage struct {
	Account access.Account
	Search  string
	State   page.Picker
	Several []page.Option // what can be done with those that are chosen
	CSV     string        // address of the list as a file, "" to who may not
	Works   bool          // new ones can be made
	Counted bool          // figures by person are on
	Tickets []ticketLine
	Older   string // address of the next page, "" if there is none
	Said    string
	Alerts  []alertLine // what presses
	Untold  string      // since when nobody is told by mail, in words; "": they are
}

// ticketLine is one ticket in a list, in words.
type ticketLine struct {
	Version                                          int64
	ID, Ref, Title, State, Priority, Who, Place, Age string
	Left                                             string // until it is due
	Standing                                         desk.Standing
	Pressing                                         bool
}

// pageOfTickets is how many are listed at once.
const pageOfTickets = 50

func (ps *Pages) showTickets(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	p := ps.NewPage(r, "desk.title")
	q := r.URL.Query()
	filter := desk.Filter{Text: page.Limited(q.Get("id"), 200), Open: q.Get("ended") == "", Limit: pageOfTickets + 1}
	if filter.ByTurn = filter.Open; filter.ByTurn {
		filter.After.Turn, filter.After.ID = placeOf(q.Get("page"))
	} else if ms, id := placeOf(q.Get("page")); id != "" {
		filter.Before = desk.Mark{Created: time.UnixMilli(ms), ID: id}
	}
	list, err := ps.desk.List(r.Context(), by, filter)
	if err != nil {
		return err
	}
	data := ticketsPage{Account: by, Search: filter.Text, Works: access.Can(by, access.WorkTickets, access.Scope{Team: by.Team})}
	if ps.figures != nil {
		counted, err := ps.figures.Setting(r.Context())
		if err != nil {
			return err
		}
		data.Counted = counted.ByPerson
	}
	data.State = page.Picker{Name: "ended", Label: p.T("desk.list.which"), Options: []page.Option{{Value: "", Label: p.T("desk.list.open"), Chosen: filter.Open}, {Value: "all", Label: p.T("desk.list.all"), Chosen: !filter.Open}}}
	if data.Untold, err = ps.mail.MailDown(r, p); err != nil {
		return err
	}
	if len(list) > pageOfTickets {
		list = list[:pageOfTickets]
		last := list[pageOfTickets-1]
		place := last.Created.UnixMilli()
		if filter.ByTurn {
			place = last.Turn
		}
		q.Set("page", strconv.FormatInt(place, 10)+"-"+last.ID)
		data.Older = "/desk/?" + q.Encode()
	}
	if said := "desk.said." + page.Limited(r.URL.Query().Get("saved"), 20); p.Has(said) {
		data.Said = p.T(said)
	}
	if data.Works {
		for _, k := range severalActs {
			data.Several = append(data.Several, page.Option{Value: string(k), Label: p.T("desk.act." + string(k)), Chosen: false})
		}
	}
	if access.May(by, access.Export) {
		data.CSV = "/desk/tickets.csv?" + url.Values{"id": {filter.Text}, "ended": {page.Limited(q.Get("ended"), 10)}}.Encode()
	}
	now := time.Now()
	for _, t := range list {
		data.Tickets = append(data.Tickets, ps.ticketLine(p, t, now))
	}
	if data.Alerts, err = ps.alertLines(r, p, by); err != nil {
		return err
	}
	p.Data = data
	return ps.Show(rw, http.StatusOK, "desk-list", p)
}

// placeOf reads a place in the list; id is "" if it is no such.
func placeOf(s string) (at int64, id string) {
	number, id, ok := strings.Cut(s, "-")
	at, err := strconv.ParseInt(number, 10, 64)
	if !ok || err != nil || len(id) > 64 {
		return 0, ""
	}
	return at, id
}

// ticketLine puts a ticket into words.
func (ps *Pages) ticketLine(p *page.Page, t desk.Ticket, now time.Time) ticketLine {
	l := ticketLine{ID: t.ID, Version: t.Version, Ref: t.Ref, Title: t.Title, State: p.T("desk.state." + string(t.State)), Who: t.Requester.Name, Place: t.Team, Age: page.Minute(p, t.Created)}
	if t.Assignee.ID != "" {
		l.Place += " \u00b7 " + t.Assignee.Name
	}
	if t.Priority != 0 {
		l.Priority = p.T("desk.priority." + strconv.Itoa(int(t.Priority)))
	}
	switch {
	case !t.State.Open():
		return l
	case t.Waiting != desk.WaitingForNobody:
		l.Left = p.T("desk.waiting." + string(t.Waiting))
		return l
	case t.Due.IsZero():
		return l
	}
	key := "desk.due"
	if l.Standing = t.Standing(now); l.Standing == desk.Breached {
		key = "desk.overdue"
	}
	l.Pressing = l.Standing == desk.Warned || l.Standing == desk.Breached
	l.Left = p.T(key, "when", page.Minute(p, t.Due))
	return l
}

// deskProblem is the sentence for an error that is the person's to mend, "" for others.
func deskProblem(p *page.Page, err error) string {
	var wrong *access.Invalid
	var missing *desk.Missing
	switch {
	case errors.As(err, &wrong):
		for _, key := range []string{"desk.error." + wrong.Field + "." + wrong.Code, "desk.error." + wrong.Field} {
			if p.Has(key) {
				return p.T(key)
			}
		}
		return p.T("admin.error.other")
	case errors.As(err, &missing):
		return p.T("desk.error.needs." + missing.Field)
	case errors.Is(err, desk.ErrStep):
		return p.T("desk.error.step")
	case errors.Is(err, desk.ErrForbidden):
		return p.T("desk.error.forbidden")
	case errors.Is(err, desk.ErrStale):
		return p.T("desk.error.stale")
	}
	return ""
}
