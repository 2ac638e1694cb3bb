package servicedesk

import (
	"errors"
	"net/http"
	"strconv"

	"consento/broker/internal/access"
	"consento/broker/internal/figures"
	"consento/broker/internal/web/page"
)

// countedPage is the data of the template "figures-people": what is counted of people's
// work, and for administrators whether it is by person.
type countedPage struct {
	Account  access.Account
	Setting  figures.Setting
	Since    string
	Fewest   string
	Decides  bool
	Typed    string
	Saved    string
	Max      int
	Problem  string
	MinChars string
}

func (ps *Pages) showCounted(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	return ps.counted(rw, r, by, http.StatusOK, nil, nil)
}

// counted shows the page; typed is what was not accepted, for its problem.
func (ps *Pages) counted(rw http.ResponseWriter, r *http.Request, by access.Account, status int, typed *string, problem error) error {
	p := ps.NewPage(r, "figures.people.title")
	s, err := ps.figures.Setting(r.Context())
	if err != nil {
		return err
	}
	data := countedPage{Account: by, Setting: s, Fewest: strconv.Itoa(figures.Fewest), Decides: access.May(by, access.ManageOffice), Typed: s.Told, Max: figures.MaxTold, MinChars: strconv.Itoa(figures.MinTold)}
	if s.ByPerson {
		data.Since = page.Minute(p, s.Since)
	}
	if typed != nil {
		data.Typed = *typed
	}
	var invalid *access.Invalid
	switch {
	case errors.Is(problem, figures.ErrStale):
		p.Error = p.T("figures.people.stale")
	case errors.As(problem, &invalid):
		p.Error = p.T("figures.people.told.wrong", "min", data.MinChars, "max", strconv.Itoa(figures.MaxTold))
		data.Problem = p.Error
	}
	if r.URL.Query().Get("saved") != "" && status == http.StatusOK {
		data.Saved = p.T("figures.people.saved")
	}
	p.Data = data
	return ps.Show(rw, status, "figures-people", p)
}

func (ps *Pages) switchFigures(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	v, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	seen, err := strconv.ParseInt(v.Get("version"), 10, 64)
	if err != nil || v.Get("on") != "yes" && v.Get("on") != "no" {
		return page.ErrForm
	}
	told := v.Get("told")
	err = ps.figures.Switch(r.Context(), by, seen, v.Get("on") == "yes", told)
	switch {
	case errors.Is(err, figures.ErrStale):
		return ps.counted(rw, r, by, http.StatusConflict, &told, err)
	case errors.Is(err, access.ErrInvalid):
		return ps.counted(rw, r, by, http.StatusUnprocessableEntity, &told, err)
	case err != nil:
		return err
	}
	http.Redirect(rw, r, "/figures/people?saved=1", http.StatusSeeOther)
	return nil
}
