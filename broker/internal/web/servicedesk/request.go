package servicedesk

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"consento/broker/internal/access"
	"consento/broker/internal/desk"
	"consento/broker/internal/session"
	"consento/broker/internal/web/page"
)

// requestPage is the data of the template "request".
type requestPage struct {
	Outages OutagePart
	Ready   bool // the office is set up, and somebody takes requests
	Fields  []deskField
	Office  bool
}

// followedPage is the data of the template "request-followed".
type followedPage struct {
	Link   string
	Ref    string
	Title  string
	State  string
	Place  string // in the queue, in words
	Files  filesPart
	Calls  []string // who calls back, and when
	Lines  []historyLine
	Open   bool // something can be written
	New    bool // it was just sent
	Typed  string
	Office page.Office
}

func (ps *Pages) showRequest(rw http.ResponseWriter, r *http.Request) error {
	return ps.requestForm(rw, r, http.StatusOK, url.Values{}, "")
}

func (ps *Pages) requestForm(rw http.ResponseWriter, r *http.Request, status int, values url.Values, problem string) error {
	p := ps.NewPage(r, "request.title")
	p.Error = problem
	team, err := ps.deskTeam(r)
	if err != nil {
		return err
	}
	data := requestPage{Ready: team.Name != "" && p.Office.Name != "", Office: values.Get("office") != ""}
	if p.Office.Name == "" {
		p.Title = p.T("portal.key.not_ready.title")
	}
	if data.Outages, err = ps.Outages(r, p); err != nil {
		return err
	}
	data.Fields = []deskField{
		{Name: "name", Label: p.T("request.name"), Max: 100, Required: true},
		{Name: "phone", Label: p.T("request.phone"), Hint: p.T("request.phone.hint"), Max: 60},
		{Name: "reach", Label: p.T("request.reach"), Hint: p.T("request.reach.hint"), Max: 200},
		{Name: "email", Label: p.T("request.email"), Hint: p.T("request.email.hint"), Max: 254},
		{Name: "title", Label: p.T("request.what"), Hint: p.T("request.what.hint"), Max: 200, Required: true},
		{Name: "text", Label: p.T("request.more"), Hint: p.T("request.more.hint"), Lines: 5, Max: 8000},
	}
	if told, err := ps.mail.TellsByMail(r); err != nil {
		return err
	} else if !told {
		for i := range data.Fields {
			if data.Fields[i].Name == "email" {
				data.Fields[i].Hint = p.T("request.email.hint.none")
			}
		}
	}
	for i := range data.Fields {
		data.Fields[i].ID, data.Fields[i].Value = data.Fields[i].Name, values.Get(data.Fields[i].Name)
	}
	p.Data = data
	return ps.Show(rw, status, "request", p)
}

// deskTeam is who gets what customers ask for: the first team of the first level.
func (ps *Pages) deskTeam(r *http.Request) (desk.Team, error) {
	teams, err := ps.staff.Teams(r.Context())
	for _, t := range teams {
		if t.Level == access.L1 {
			return desk.Team{Name: t.Name, Territory: t.Territory, Level: t.Level}, err
		}
	}
	return desk.Team{}, err
}

// receive takes a request in. It counts like a try at a key: an address that sends many
// has to wait.
func (ps *Pages) receive(rw http.ResponseWriter, r *http.Request) error {
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	team, err := ps.deskTeam(r)
	if err != nil {
		return err
	}
	if team.Name == "" {
		return ps.requestForm(rw, r, http.StatusServiceUnavailable, values, "")
	}
	p := ps.NewPage(r, "request.title")
	var t desk.Ticket
	var refused error
	err = ps.guesses.Guess(r.Context(), page.ClientAddress(r), func() error {
		t, refused = ps.desk.Receive(r.Context(), desk.NewTicket{Type: desk.Incident, Title: values.Get("title"), Text: values.Get("text"), Language: p.Tag,
			Requester: desk.Requester{Name: values.Get("name"), Email: values.Get("email"), Phone: values.Get("phone"), Reach: values.Get("reach"), Office: values.Get("office") != ""}, Team: team})
		return session.ErrKey // each one counts
	})
	var throttled *session.ThrottledError
	switch {
	case errors.As(err, &throttled):
		seconds := page.WholeSeconds(throttled.RetryAfter)
		rw.Header().Set("Retry-After", strconv.Itoa(seconds))
		return ps.requestForm(rw, r, http.StatusTooManyRequests, values, p.T("portal.key.throttled", "seconds", p.Count("seconds", seconds)))
	case refused != nil:
		if problem := deskProblem(p, refused); problem != "" {
			return ps.requestForm(rw, r, http.StatusUnprocessableEntity, values, problem)
		}
		return refused
	case err != nil && !errors.Is(err, session.ErrKey):
		return err
	}
	http.Redirect(rw, r, "/request/"+ps.desk.Link(t)+"?saved=new", http.StatusSeeOther)
	return nil
}

func (ps *Pages) followRequest(rw http.ResponseWriter, r *http.Request) error {
	return ps.followed(rw, r, http.StatusOK, "", "")
}

func (ps *Pages) followed(rw http.ResponseWriter, r *http.Request, status int, typed, problem string) error {
	link := page.Limited(r.PathValue("link"), 100)
	f, err := ps.desk.ByLink(r.Context(), link)
	if errors.Is(err, desk.ErrNoTicket) {
		p := ps.NewPage(r, "request.over.title")
		return ps.Show(rw, http.StatusNotFound, "request-over", p)
	}
	if err != nil {
		return err
	}
	p := ps.NewPage(r, "request.title")
	p.Title, p.Error = p.T("request.state."+string(f.Ticket.State)), problem
	data := followedPage{Link: link, Ref: f.Ticket.Ref, Title: f.Ticket.Title, State: p.Title, Open: f.Ticket.State != desk.Closed, New: r.URL.Query().Get("saved") == "new", Typed: typed, Office: p.Office}
	if f.Place > 0 {
		data.Place = p.T("request.place", "n", strconv.Itoa(f.Place))
	}
	hours, _, err := ps.desk.Hours(r.Context())
	if err != nil {
		return err
	}
	attached, err := ps.desk.AttachmentsByLink(r.Context(), link)
	if err != nil {
		return err
	}
	data.Files = ps.filesPart(p, "/request/"+link+"/files", attached, data.Open, false)
	data.Calls = callBack(p, f.Ticket, hours.Calendar.Zone)
	for i := len(f.Lines) - 1; i >= 0; i-- {
		l := f.Lines[i]
		line := historyLine{When: page.Minute(p, l.At), By: l.By, What: p.T("request.did." + string(l.Kind)), Text: l.Text}
		if l.By == "" {
			line.By = p.T("request.you")
		}
		data.Lines = append(data.Lines, line)
	}
	p.Data = data
	return ps.Show(rw, status, "request-followed", p)
}

func (ps *Pages) sayRequest(rw http.ResponseWriter, r *http.Request) error {
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	link := page.Limited(r.PathValue("link"), 100)
	_, err = ps.desk.Say(r.Context(), link, values.Get("text"))
	if errors.Is(err, desk.ErrNoTicket) {
		return ps.followed(rw, r, http.StatusNotFound, "", "")
	}
	if err != nil {
		problem := deskProblem(ps.NewPage(r, "request.title"), err)
		if problem == "" {
			return err
		}
		return ps.followed(rw, r, http.StatusUnprocessableEntity, values.Get("text"), problem)
	}
	http.Redirect(rw, r, "/request/"+link, http.StatusSeeOther)
	return nil
}
