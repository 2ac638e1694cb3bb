package admin

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"consento/broker/internal/access"
	"consento/broker/internal/web/page"
)

// keptPage is the data of the template "settings-retention".
type keptPage struct {
	Account access.Account
	Saved   string
	Kept    []page.Input
	Classes []string // in words, in the order of access.KeptClasses
	Teams   []keptTeam
}

type keptTeam struct {
	Field, Team, Label string
	Classes            []page.Option
}

func (ps *Pages) showKept(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	now, err := ps.settings.Retention(r.Context())
	if err != nil {
		return err
	}
	saved := ""
	if r.URL.Query().Get("saved") == "retention" {
		saved = "settings.saved.office"
	}
	return ps.keptForm(rw, r, by, http.StatusOK, now, url.Values{}, saved, nil)
}

// keptForm shows what holds, or, where form has it, what was typed.
func (ps *Pages) keptForm(rw http.ResponseWriter, r *http.Request, by access.Account, status int, now access.Retention, form url.Values, saved string, problems map[string]string) error {
	p := ps.NewPage(r, "settings.retention.title")
	data := keptPage{Account: by}
	if saved != "" {
		data.Saved = p.T(saved)
	}
	if len(problems) > 0 {
		p.Error = p.T("setup.error.some")
	}
	days := func(name string, value int) {
		f := page.Input{Name: name, Label: p.T("settings.retention." + name), Type: "number", Value: strconv.Itoa(value), Max: 4, Required: true, Error: problems[name], ErrorWord: p.T("page.error")}
		if form.Has(name) {
			f.Value = page.Limited(form.Get(name), 40)
		}
		data.Kept = append(data.Kept, f)
	}
	days("short_days", now.ShortDays)
	days("long_days", now.LongDays)
	for i, t := range now.Teams {
		row := keptTeam{Field: "team." + strconv.Itoa(i), Team: t.Team, Label: p.T("settings.retention.team", "team", page.Isolate(t.Team))}
		for _, class := range access.KeptClasses() {
			chosen := t.Class == class
			if at := slices.Index(form["team"], t.Team); at >= 0 {
				chosen = form["class"][at] == class
			}
			row.Classes = append(row.Classes, page.Option{Value: class, Label: p.T("settings.retention.class."+class, "days", p.Count("days", now.Days(class))), Chosen: chosen})
		}
		data.Teams = append(data.Teams, row)
	}
	p.Data = data
	return ps.Show(rw, status, "settings-retention", p)
}

// maxTeams bounds the teams of one form.
const maxTeams = 1000

// keptValues reads the form: there are as many classes as teams.
func keptValues(r *http.Request) (url.Values, error) {
	if err := r.ParseForm(); err != nil {
		return nil, page.ErrForm
	}
	v := r.PostForm
	if len(v) > page.MaxFields || len(v["short_days"]) > 1 || len(v["long_days"]) > 1 || len(v["team"]) != len(v["class"]) || len(v["team"]) > maxTeams {
		return nil, page.ErrForm
	}
	return v, nil
}

// changeKept stores it. A team is named beside its class, so that no form from before
// a change of teams gives a class to another.
func (ps *Pages) changeKept(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	values, err := keptValues(r)
	if err != nil {
		return err
	}
	now, err := ps.settings.Retention(r.Context())
	if err != nil {
		return err
	}
	number := func(name string) int {
		n, err := strconv.Atoi(strings.TrimSpace(values.Get(name)))
		if err != nil {
			return -1
		}
		return n
	}
	next := access.Retention{StandardDays: now.StandardDays, ShortDays: number("short_days"), LongDays: number("long_days")}
	for i, team := range values["team"] {
		next.Teams = append(next.Teams, access.KeptTeam{Team: team, Class: values["class"][i]})
	}
	problems := map[string]string{}
	p := ps.NewPage(r, "settings.retention.title")
	for name, days := range map[string]int{"short_days": next.ShortDays, "long_days": next.LongDays} {
		probe := access.Retention{ShortDays: days, LongDays: days}
		if probe.Clean() != nil {
			problems[name] = p.T("settings.error.recording_days")
		}
	}
	if len(problems) > 0 {
		return ps.keptForm(rw, r, by, http.StatusUnprocessableEntity, now, values, "", problems)
	}
	var invalid *access.Invalid
	err = ps.settings.ChangeRetention(r.Context(), by, next)
	if errors.As(err, &invalid) {
		return page.ErrForm // of teams and classes that no page offers
	}
	if err != nil {
		return err
	}
	http.Redirect(rw, r, "/settings/retention?saved=retention", http.StatusSeeOther)
	return nil
}
