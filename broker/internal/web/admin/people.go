package admin

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"consento/broker/internal/access"
	"consento/broker/internal/web/page"
)

// peoplePage is the data of the template "admin-people".
type peoplePage struct {
	Search  string
	Ended   bool // those who ended are listed too
	New     bool // somebody can be invited
	People  []personLine
	Nobody  bool // the search finds none
	Missing int  // who ended and is not listed
}

type personLine struct {
	ID, Name, Email, Role, Place, State string
	Link                                bool
}

// personPage is the data of the templates "admin-person", "admin-end" and "admin-link".
type personPage struct {
	ID      string // "new" for somebody who is not there yet
	Person  access.Account
	Role    string
	Form    *personForm
	Own     bool
	Local   bool // central accounts are to be had
	Awaited bool
	Link    string // to be handed over
	Until   string // when the link is too old
	Factor  bool   // there is a second factor to take away
}

type personForm struct {
	Texts   []page.Input
	Pickers []page.Picker
}

func (ps *Pages) showPeople(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	p := ps.NewPage(r, "admin.people.title")
	accounts, err := ps.roster.Accounts(r.Context())
	if err != nil {
		return err
	}
	data := peoplePage{Search: page.Limited(r.URL.Query().Get("id"), 100), Ended: r.URL.Query().Get("ended") != "", New: len(rolesFor(by)) > 0}
	for _, a := range accounts {
		if a.Disabled && !a.Suspended && !data.Ended {
			data.Missing++
			continue
		}
		line := personLine{ID: a.ID, Name: a.Name, Email: a.Email, Role: p.T("signin.role." + string(a.Role)), Link: mayManage(by, a.Role)}
		line.Place = a.Team
		if a.Team != "" {
			line.Place += " · " + string(a.Level) + " · " + a.Profile.Name
		} else if a.Territory != "" {
			line.Place = a.Territory
		}
		switch {
		case a.Suspended:
			line.State = p.T("admin.state.suspended")
		case a.Disabled:
			line.State = p.T("admin.state.ended")
		case a.Central:
			line.State = p.T("admin.state.central")
		case a.Emergency:
			line.State = p.T("admin.state.emergency")
		case !a.Joined:
			line.State = p.T("admin.state.invited")
		}
		if !matches(data.Search, a.Name, a.Email, line.Role, line.Place) {
			continue
		}
		data.People = append(data.People, line)
	}
	data.Nobody = len(data.People) == 0
	return ps.Admin(rw, r, by, http.StatusOK, "admin-people", p, data)
}

// matches reports whether every word stands in one of some texts.
func matches(search string, texts ...string) bool {
	all := strings.ToLower(strings.Join(texts, "\n"))
	for word := range strings.FieldsSeq(strings.ToLower(search)) {
		if !strings.Contains(all, word) {
			return false
		}
	}
	return true
}

// rolesFor are the roles of which an account makes accounts.
func rolesFor(by access.Account) (list []access.Role) {
	for _, role := range access.Roles() {
		if mayManage(by, role) {
			list = append(list, role)
		}
	}
	return list
}

func mayManage(by access.Account, role access.Role) bool {
	action := access.ManageAccounts
	if role == access.Auditor || role == access.DPO {
		action = access.ManageAuditors
	}
	return access.Can(by, action, access.Scope{})
}

// personOf finds the account of an address; a new one for "new".
func (ps *Pages) personOf(r *http.Request, by access.Account) (access.Account, error) {
	id := page.Limited(r.PathValue("id"), 64)
	if id == "new" {
		return access.Account{Role: rolesFor(by)[0], Level: access.L1}, nil
	}
	a, err := ps.roster.ByID(r.Context(), id)
	if err == nil && !mayManage(by, a.Role) {
		err = access.ErrNotFound
	}
	return a, err
}

func (ps *Pages) showPerson(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	a, err := ps.personOf(r, by)
	if errors.Is(err, access.ErrNotFound) {
		return ps.NotFound(rw, r)
	}
	if err != nil {
		return err
	}
	n := access.NewAccount{Email: a.Email, Name: a.Name, Role: a.Role, Team: a.Team, Territory: a.Territory, Level: a.Level, Profile: a.Profile.Name}
	return ps.personForm(rw, r, by, http.StatusOK, a, n, nil)
}

// personForm shows an account with what a form says of it; wrong says what is not
// accepted.
func (ps *Pages) personForm(rw http.ResponseWriter, r *http.Request, by access.Account, status int, a access.Account, n access.NewAccount, wrong *access.Invalid) error {
	p := ps.NewPage(r, "admin.person.new")
	data := personPage{ID: a.ID, Person: a, Own: a.ID == by.ID}
	if a.ID == "" {
		data.ID = "new"
	} else {
		p.Title, data.Role = a.Name, p.T("signin.role."+string(a.Role))
	}
	if data.Local = ps.central != nil && a.ID != "" && (ps.sso != nil || ps.directory != ""); data.Local {
		var err error
		if data.Awaited, err = ps.central.Awaited(r.Context(), a.ID); err != nil {
			return err
		}
	}
	if a.Disabled || a.Central {
		return ps.Admin(rw, r, by, status, "admin-person", p, data)
	}
	problem := fieldProblems(p, wrong)
	form := &personForm{Texts: []page.Input{formField(p, "person.name", "name", n.Name, 100, problem("name"))}}
	if a.ID == "" {
		form.Texts = append(form.Texts, formField(p, "person.email", "email", n.Email, 254, problem("email")))
	}
	role := page.Picker{Name: "role", Label: p.T("admin.person.role"), Hint: p.T("admin.person.role.hint"), ErrorWord: p.T("page.error")}
	if key := problem("role"); key != "" {
		role.Error = p.T(key)
	}
	assists := false
	for _, o := range rolesFor(by) {
		role.Options = append(role.Options, page.Option{Value: string(o), Label: p.T("signin.role." + string(o)), Chosen: o == n.Role})
		assists = assists || o == access.Technician
	}
	if a.ID != by.ID {
		form.Pickers = append(form.Pickers, role)
	}
	if assists {
		more, err := ps.placePickers(r, p, n, problem)
		if err != nil {
			return err
		}
		form.Pickers = append(form.Pickers, more...)
	} else {
		territory := formField(p, "person.territory", "territory", n.Territory, 100, problem("territory"))
		territory.Required = false
		form.Texts = append(form.Texts, territory)
	}
	data.Form = form
	if a.ID != "" && !data.Own {
		f, err := ps.roster.Factors(r.Context(), a.ID)
		if err != nil {
			return err
		}
		data.Factor = f.Any()
	}
	return ps.Admin(rw, r, by, status, "admin-person", p, data)
}

// placePickers are team, level and profile, of who opens sessions.
func (ps *Pages) placePickers(r *http.Request, p *page.Page, n access.NewAccount, problem func(string) string) ([]page.Picker, error) {
	teams, err := ps.roster.Teams(r.Context())
	if err != nil {
		return nil, err
	}
	profiles, err := ps.roster.Profiles(r.Context())
	if err != nil {
		return nil, err
	}
	pick := func(name string) page.Picker {
		f := page.Picker{Name: name, Label: p.T("admin.person." + name), ErrorWord: p.T("page.error"), Options: []page.Option{{Value: "", Label: "–", Chosen: false}}}
		if hint := "admin.person." + name + ".hint"; p.Has(hint) {
			f.Hint = p.T(hint)
		}
		if key := problem(name); key != "" {
			f.Error = p.T(key)
		}
		return f
	}
	team, level, profile := pick("team"), pick("level"), pick("profile")
	for _, t := range teams {
		team.Options = append(team.Options, page.Option{Value: t.Name, Label: t.Name, Chosen: t.Name == n.Team})
	}
	for _, l := range access.Levels() {
		level.Options = append(level.Options, page.Option{Value: string(l), Label: p.T("admin.level." + string(l)), Chosen: l == n.Level})
	}
	for _, o := range profiles {
		profile.Options = append(profile.Options, page.Option{Value: o.Name, Label: o.Name, Chosen: o.Name == n.Profile})
	}
	return []page.Picker{team, level, profile}, nil
}

func (ps *Pages) changePerson(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	a, err := ps.personOf(r, by)
	if errors.Is(err, access.ErrNotFound) {
		return ps.NotFound(rw, r)
	}
	if err != nil {
		return err
	}
	n := accountFrom(values)
	if a.ID == by.ID {
		n.Role = a.Role
	}
	if !slices.Contains(rolesFor(by), n.Role) {
		return ps.personForm(rw, r, by, http.StatusUnprocessableEntity, a, n, &access.Invalid{Field: "role", Code: "unknown"})
	}
	token := ""
	if a.ID == "" {
		a, token, err = ps.roster.Invite(r.Context(), by, n)
	} else {
		_, err = ps.roster.ChangeAccount(r.Context(), by, a.ID, n)
	}
	var wrong *access.Invalid
	switch {
	case errors.As(err, &wrong):
		return ps.personForm(rw, r, by, http.StatusUnprocessableEntity, a, n, wrong)
	case errors.Is(err, access.ErrLastAdministrator):
		return ps.personForm(rw, r, by, http.StatusConflict, a, n, &access.Invalid{Field: "role", Code: "last"})
	case errors.Is(err, access.ErrNoEmergency):
		return ps.personForm(rw, r, by, http.StatusConflict, a, n, &access.Invalid{Field: "role", Code: "no_emergency"})
	case errors.Is(err, access.ErrForbidden), errors.Is(err, access.ErrEnded), errors.Is(err, access.ErrCentral):
		return page.ErrForm // no page offers it
	case err != nil:
		return err
	case token != "":
		return ps.showLink(rw, r, by, a, token)
	}
	http.Redirect(rw, r, "/admin/people?saved=person", http.StatusSeeOther)
	return nil
}

// accountFrom is what a form says. A role that opens no sessions has no place in a team.
func accountFrom(values url.Values) access.NewAccount {
	n := access.NewAccount{Email: values.Get("email"), Name: values.Get("name"), Role: access.Role(values.Get("role"))}
	if n.Role == access.Technician || n.Role == access.Lead {
		n.Team, n.Level, n.Profile = values.Get("team"), access.Level(values.Get("level")), values.Get("profile")
	} else {
		n.Territory = values.Get("territory")
	}
	return n
}

func (ps *Pages) newLink(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	a, err := ps.personOf(r, by)
	if errors.Is(err, access.ErrNotFound) || err == nil && a.ID == "" {
		return ps.NotFound(rw, r)
	}
	if err != nil {
		return err
	}
	token, err := ps.roster.InviteAgain(r.Context(), by, a.ID)
	if errors.Is(err, access.ErrEnded) || errors.Is(err, access.ErrCentral) {
		return page.ErrForm
	}
	if err != nil {
		return err
	}
	return ps.showLink(rw, r, by, a, token)
}

// showLink shows the link by which somebody chooses a password, this once.
func (ps *Pages) showLink(rw http.ResponseWriter, r *http.Request, by access.Account, a access.Account, token string) error {
	p := ps.NewPage(r, "admin.link.title")
	data := personPage{ID: a.ID, Person: a, Link: ps.PublicURL + "/invitation?token=" + url.QueryEscape(token)}
	return ps.Admin(rw, r, by, http.StatusOK, "admin-link", p, data)
}

func (ps *Pages) askEnd(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	return ps.endForm(rw, r, by, http.StatusOK, "")
}

func (ps *Pages) endForm(rw http.ResponseWriter, r *http.Request, by access.Account, status int, problem string) error {
	a, err := ps.personOf(r, by)
	if errors.Is(err, access.ErrNotFound) || err == nil && (a.ID == "" || a.Disabled && !a.Suspended) {
		return ps.NotFound(rw, r)
	}
	if err != nil {
		return err
	}
	p := ps.NewPage(r, "admin.end.title")
	p.Title = p.T("admin.end.title", "name", page.Isolate(page.Plain(a.Name)))
	if problem != "" {
		p.Error = p.T(problem)
	}
	return ps.Admin(rw, r, by, status, "admin-end", p, personPage{ID: a.ID, Person: a, Role: p.T("signin.role." + string(a.Role))})
}

func (ps *Pages) endPerson(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	if _, err := page.ReadForm(r); err != nil {
		return err
	}
	err := ps.roster.EndAccount(r.Context(), by, page.Limited(r.PathValue("id"), 64))
	switch {
	case errors.Is(err, access.ErrLastAdministrator), errors.Is(err, access.ErrLastAuditor):
		return ps.endForm(rw, r, by, http.StatusConflict, "admin.error.role.last")
	case errors.Is(err, access.ErrNoEmergency):
		return ps.endForm(rw, r, by, http.StatusConflict, "admin.error.no_emergency")
	case errors.Is(err, access.ErrOwnAccount):
		return ps.endForm(rw, r, by, http.StatusConflict, "admin.error.own")
	case errors.Is(err, access.ErrNotFound), errors.Is(err, access.ErrForbidden):
		return ps.NotFound(rw, r)
	case err != nil:
		return err
	}
	http.Redirect(rw, r, "/admin/people?saved=ended", http.StatusSeeOther)
	return nil
}

// invitationPage is the data of the template "invitation".
type invitationPage struct {
	Token, Name, Email string
	Password           page.Input
}

func (ps *Pages) showInvitation(rw http.ResponseWriter, r *http.Request) error {
	return ps.invitation(rw, r, http.StatusOK, r.URL.Query().Get("token"), "")
}

func (ps *Pages) invitation(rw http.ResponseWriter, r *http.Request, status int, token, problem string) error {
	a, err := ps.roster.Invited(r.Context(), page.Limited(token, 100))
	if errors.Is(err, access.ErrInvitation) {
		p := ps.NewPage(r, "admin.invitation.over")
		return ps.Show(rw, http.StatusNotFound, "invitation-over", p)
	}
	if err != nil {
		return err
	}
	p := ps.NewPage(r, "admin.invitation.title")
	password := page.Input{Name: "password", Label: p.T("setup.password"), Hint: p.T("setup.password.hint"), Type: "password", Max: 256, Required: true, ErrorWord: p.T("page.error")}
	if problem != "" {
		p.Error = p.T("setup.error.some")
		password.Error = p.T(problem)
	}
	p.Data = invitationPage{token, a.Name, a.Email, password}
	return ps.Show(rw, status, "invitation", p)
}

func (ps *Pages) acceptInvitation(rw http.ResponseWriter, r *http.Request) error {
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	token := page.Limited(values.Get("token"), 100)
	err = ps.roster.AcceptInvitation(r.Context(), token, values.Get("password"))
	var wrong *access.Invalid
	switch {
	case errors.As(err, &wrong):
		p := ps.NewPage(r, "admin.invitation.title")
		problem := "setup.error." + wrong.Code
		if !p.Has(problem) {
			problem = "admin.error.other"
		}
		return ps.invitation(rw, r, http.StatusUnprocessableEntity, token, problem)
	case errors.Is(err, access.ErrInvitation):
		return ps.invitation(rw, r, http.StatusNotFound, token, "")
	case err != nil:
		return err
	}
	p := ps.NewPage(r, "admin.invitation.done")
	return ps.Show(rw, http.StatusOK, "invitation-done", p)
}
