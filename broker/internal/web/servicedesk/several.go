package servicedesk

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"consento/broker/internal/access"
	"consento/broker/internal/desk"
	"consento/broker/internal/web/page"
)

// severalPage is the data of the template "desk-several": a question, or what came of it.
type severalPage struct {
	Account access.Account
	Act     string // its words
	Kind    desk.ActKind
	Chosen  []severalTicket
	Fields  []deskField
	Done    bool
	Refused int
	Left    string // what remains to be said of the whole
}

type severalTicket struct {
	ID, Ref, Title string
	Version        int64
	Result         string // in words, after it was tried
	Good           bool
}

// severalActs are what can be done with several tickets at once.
var severalActs = []desk.ActKind{desk.ActTake, desk.ActAssign, desk.ActEscalate, desk.ActClose}

// mostAtOnce is how many that may be: as many as a page lists.
const mostAtOnce = pageOfTickets

// doSeveral asks what is to be done with the tickets that were chosen, and does it. Each
// is an act of its own, with the version that was seen: one that is refused stops none of
// the others.
func (ps *Pages) doSeveral(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	if err := r.ParseForm(); err != nil || len(r.PostForm) > mostAtOnce+page.MaxFields {
		return page.ErrForm
	}
	values := r.PostForm
	kind := desk.ActKind(values.Get("kind"))
	known := false
	for _, k := range severalActs {
		known = known || k == kind
	}
	if !known {
		return page.ErrForm
	}
	p := ps.NewPage(r, "desk.several")
	data := severalPage{Account: by, Kind: kind, Act: p.T("desk.act." + string(kind)), Done: values.Get("step") == "do"}
	for name, seen := range values {
		id, ok := strings.CutPrefix(name, "t-")
		if !ok {
			continue
		}
		version, err := strconv.ParseInt(seen[0], 10, 64)
		if err != nil || len(seen) != 1 || len(id) > 64 || len(data.Chosen) == mostAtOnce {
			return page.ErrForm
		}
		t, err := ps.desk.Ticket(r.Context(), by, id)
		if errors.Is(err, desk.ErrNoTicket) {
			continue // it went to another team meanwhile
		}
		if err != nil {
			return err
		}
		data.Chosen = append(data.Chosen, severalTicket{ID: t.ID, Ref: t.Ref, Title: t.Title, Version: version})
	}
	if len(data.Chosen) == 0 {
		http.Redirect(rw, r, "/desk/?saved=nothing", http.StatusSeeOther)
		return nil
	}
	sortSeveral(data.Chosen)
	var err error
	if data.Fields, err = ps.severalFields(r, p, by, kind, values); err != nil {
		return err
	}
	status := http.StatusOK
	if data.Done {
		a, err := actOf(values).Clean() // what is missing is missing for all
		if err != nil {
			p.Error, data.Done, status = deskProblem(p, err), false, http.StatusUnprocessableEntity
		} else if err := ps.severally(r, p, by, a, &data); err != nil {
			return err
		}
	}
	p.Data = data
	return ps.Show(rw, status, "desk-several", p)
}

func sortSeveral(list []severalTicket) { // a form has no order
	for i := range list {
		for j := i; j > 0 && list[j].Ref < list[j-1].Ref; j-- {
			list[j], list[j-1] = list[j-1], list[j]
		}
	}
}

// severally does one act with each.
func (ps *Pages) severally(r *http.Request, p *page.Page, by access.Account, a desk.Act, data *severalPage) error {
	for i := range data.Chosen {
		c := &data.Chosen[i]
		if _, err := ps.desk.Do(r.Context(), by, c.ID, c.Version, a); err != nil {
			if c.Result = deskProblem(p, err); c.Result == "" && !errors.Is(err, desk.ErrNoTicket) {
				return err
			} else if c.Result == "" {
				c.Result = p.T("desk.error.forbidden")
			}
			data.Refused++
			continue
		}
		c.Good, c.Result = true, p.T("desk.several.done")
	}
	data.Left = p.T("desk.several.result", "done", strconv.Itoa(len(data.Chosen)-data.Refused), "refused", strconv.Itoa(data.Refused))
	return nil
}

func (ps *Pages) severalFields(r *http.Request, p *page.Page, by access.Account, kind desk.ActKind, form url.Values) ([]deskField, error) {
	var fields []deskField
	switch kind {
	case desk.ActAssign:
		people, err := ps.colleagues(r, desk.Ticket{Team: by.Team})
		if err != nil {
			return nil, err
		}
		fields = []deskField{{Name: "assignee", Label: p.T("desk.whom"), Options: people}}
	case desk.ActEscalate:
		teams, err := ps.staff.Teams(r.Context())
		if err != nil {
			return nil, err
		}
		var others []page.Option
		for _, o := range teams {
			if o.Name != by.Team {
				others = append(others, page.Option{Value: o.Name, Label: o.Name + " \u00b7 " + p.T("admin.level."+string(o.Level)), Chosen: o.Name == form.Get("team")})
			}
		}
		fields = []deskField{{Name: "team", Label: p.T("desk.team"), Options: others}, {Name: "text", Label: p.T("desk.why"), Lines: 3, Max: 8000, Required: true, Value: form.Get("text")}}
	}
	for i := range fields {
		fields[i].ID = fields[i].Name
	}
	return fields, nil
}
