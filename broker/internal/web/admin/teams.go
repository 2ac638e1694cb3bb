package admin

import (
	"errors"
	"net/http"

	"consento/broker/internal/access"
	"consento/broker/internal/web/page"
)

// teamsPage is the data of the template "admin-teams".
type teamsPage struct {
	Teams []teamLine
	Form  personForm
	Error string // of what was to be done with one in the list
}

type teamLine struct {
	access.Team
	People string // in words
	Gone   bool   // it can be deleted
	Levels []page.Option
	Delete string // in words, with the name
}

func (ps *Pages) showTeams(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	return ps.teamsForm(rw, r, by, http.StatusOK, access.Team{Level: access.L1}, nil, "")
}

func (ps *Pages) teamsForm(rw http.ResponseWriter, r *http.Request, by access.Account, status int, t access.Team, wrong *access.Invalid, problem string) error {
	p := ps.NewPage(r, "admin.teams.title")
	teams, err := ps.roster.Teams(r.Context())
	if err != nil {
		return err
	}
	of := fieldProblems(p, wrong)
	levels := func(now access.Level) (list []page.Option) {
		for _, l := range access.Levels() {
			list = append(list, page.Option{Value: string(l), Label: p.T("admin.level." + string(l)), Chosen: l == now})
		}
		return list
	}
	territory := formField(p, "team.territory", "territory", t.Territory, 100, of("territory"))
	territory.Required = false
	data := teamsPage{Form: personForm{Texts: []page.Input{formField(p, "team.name", "name", t.Name, 100, of("name")), territory},
		Pickers: []page.Picker{{Name: "level", Label: p.T("admin.person.level"), Options: levels(t.Level)}}}}
	if problem != "" {
		p.Error = p.T(problem)
	}
	for _, t := range teams {
		data.Teams = append(data.Teams, teamLine{Team: t, People: p.Count("people", t.People), Gone: t.People == 0, Levels: levels(t.Level), Delete: p.T("admin.team.delete", "name", page.Isolate(page.Plain(t.Name)))})
	}
	return ps.Admin(rw, r, by, status, "admin-teams", p, data)
}

func (ps *Pages) changeTeams(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	t := access.Team{Name: values.Get("name"), Territory: values.Get("territory"), Level: access.Level(values.Get("level"))}
	saved := "team"
	switch values.Get("step") {
	case "add":
		err = ps.roster.AddTeam(r.Context(), by, t)
	case "level":
		err = ps.roster.ChangeTeam(r.Context(), by, t.Name, t.Level)
	case "delete":
		saved = "team_gone"
		err = ps.roster.DeleteTeam(r.Context(), by, t.Name)
	default:
		return page.ErrForm
	}
	var wrong *access.Invalid
	switch {
	case errors.As(err, &wrong) && values.Get("step") == "add":
		return ps.teamsForm(rw, r, by, http.StatusUnprocessableEntity, t, wrong, "")
	case errors.Is(err, access.ErrInvalid):
		return page.ErrForm // no page offers it
	case errors.Is(err, access.ErrInUse):
		return ps.teamsForm(rw, r, by, http.StatusConflict, access.Team{Level: access.L1}, nil, "admin.error.team_in_use")
	case err != nil && !errors.Is(err, access.ErrNotFound): // somebody else was quicker
		return err
	}
	http.Redirect(rw, r, "/admin/teams?saved="+saved, http.StatusSeeOther)
	return nil
}
