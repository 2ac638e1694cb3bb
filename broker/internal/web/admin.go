package web

import (
	"context"
	"net/http"
	"strings"

	"consento/broker/internal/access"
	"consento/protocol"
)

// Roster is what the pages of administration ask and change. Changing returns
// access.ErrForbidden to who may not, whatever the pages let through.
type Roster interface {
	Accounts(ctx context.Context) ([]access.Account, error)
	ByID(ctx context.Context, id string) (access.Account, error)
	Teams(ctx context.Context) ([]access.Team, error)
	Profiles(ctx context.Context) ([]protocol.Profile, error)
	Invite(ctx context.Context, by access.Account, n access.NewAccount) (access.Account, string, error)
	InviteAgain(ctx context.Context, by access.Account, id string) (string, error)
	Invited(ctx context.Context, token string) (access.Account, error)
	AcceptInvitation(ctx context.Context, token, password string) error
	ChangeAccount(ctx context.Context, by access.Account, id string, n access.NewAccount) (access.Account, error)
	EndAccount(ctx context.Context, by access.Account, id string) error
	Factors(ctx context.Context, account string) (access.Factors, error)
	RemoveFactors(ctx context.Context, by access.Account, id string) error
	SignInRules(ctx context.Context) ([]access.SignInRule, error)
	ChangeSignInRules(ctx context.Context, by access.Account, before, after []access.SignInRule) error
	AddTeam(ctx context.Context, by access.Account, t access.Team) error
	ChangeTeam(ctx context.Context, by access.Account, name string, level access.Level) error
	DeleteTeam(ctx context.Context, by access.Account, name string) error
	SaveProfile(ctx context.Context, by access.Account, before *protocol.Profile, p protocol.Profile) error
	DeleteProfile(ctx context.Context, by access.Account, name string) error
	Tokens
}

// adminPage is the data of every page of administration; Data is what its own template
// needs.
type adminPage struct {
	Account access.Account
	Tabs    []adminTab
	Saved   string
	Data    any
}

type adminTab struct {
	Path, Name string
	Current    bool
}

// adminRoutes are the pages of people, teams and profiles.
func (w *Web) adminRoutes() []Route {
	people := func(do staffAction) ruled { return w.may(do, access.ManageAccounts, access.ManageAuditors) }
	rights := func(do staffAction) ruled { return w.may(do, access.ManageAccounts) }
	return []Route{
		at("/admin", anyone(redirectTo("/admin/people"))),
		at("/admin/{$}", anyone(redirectTo("/admin/people"))),
		at("/admin/people", people(w.showPeople)),
		at("/admin/people/{id}", people(w.showPerson), people(w.changePerson)),
		at("/admin/people/{id}/link", anyone(redirectTo("/admin/people")), people(w.newLink)),
		at("/admin/people/{id}/factors", people(w.askFactors), people(w.removeFactors)),
		at("/admin/people/{id}/rights", people(w.showRights)),
		at("/admin/people/{id}/end", people(w.askEnd), people(w.endPerson)),
		at("/admin/signin", people(w.showRules), people(w.changeRules)),
		at("/admin/teams", rights(w.showTeams), rights(w.changeTeams)),
		at("/admin/profiles", rights(w.showProfiles)),
		at("/admin/profiles/{name}", rights(w.showProfile), rights(w.changeProfile)),
		at("/admin/profiles/{name}/gone", anyone(redirectTo("/admin/profiles")), rights(w.deleteProfile)),
		at("/invitation", visitor(w.showInvitation), visitor(w.acceptInvitation)),
	}
}

// admin shows a page of administration.
func (w *Web) admin(rw http.ResponseWriter, r *http.Request, by access.Account, status int, template string, p *page, data any) error {
	a := adminPage{Account: by, Data: data}
	var tabs []string
	if access.Can(by, access.ManageAccounts, access.Scope{}) || access.Can(by, access.ManageAuditors, access.Scope{}) {
		tabs = append(tabs, "people")
	}
	if w.central != nil {
		tabs = append(tabs, "central")
	}
	if access.Can(by, access.ManageAccounts, access.Scope{}) {
		tabs = append(tabs, "teams", "profiles")
	}
	tabs = append(tabs, "signin")
	if w.desk != nil && access.Can(by, access.ManageDesk, access.Scope{}) {
		tabs = append(tabs, "desk")
	}
	if w.mail != nil && access.Can(by, access.SeeMetrics, access.Scope{}) {
		tabs = append(tabs, "mail")
	}
	if w.hooks != nil && access.Can(by, access.ManageOffice, access.Scope{}) {
		tabs = append(tabs, "webhooks")
	}
	for _, tab := range tabs {
		path := "/admin/" + tab
		a.Tabs = append(a.Tabs, adminTab{path, p.T("admin." + tab + ".title"), r.URL.Path == path || strings.HasPrefix(r.URL.Path, path+"/")})
	}
	if said := "admin.saved." + limited(r.URL.Query().Get("saved"), 20); status == http.StatusOK && p.Has(said) {
		a.Saved = p.T(said)
	}
	p.Data = a
	return w.show(rw, status, template, p)
}

// formField is a field of text on a page of administration; problem is a key of the
// language files, "" if it is right.
func formField(p *page, key, name, value string, most int, problem string) input {
	f := input{Name: name, Label: p.T("admin." + key), Type: "text", Value: value, Max: most, Required: true, ErrorWord: p.T("page.error")}
	if hint := "admin." + key + ".hint"; p.Has(hint) {
		f.Hint = p.T(hint)
	}
	if problem != "" {
		f.Error = p.T(problem)
	}
	return f
}
