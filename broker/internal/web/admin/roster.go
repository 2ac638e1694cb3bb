package admin

import (
	"context"

	"consento/broker/internal/access"
	"consento/broker/internal/web/page"
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

// adminRoutes are the pages of people, teams and profiles.
func (ps *Pages) adminRoutes() []page.Route {
	people := func(do page.StaffAction) page.Ruled { return ps.May(do, access.ManageAccounts, access.ManageAuditors) }
	rights := func(do page.StaffAction) page.Ruled { return ps.May(do, access.ManageAccounts) }
	return []page.Route{
		page.At("/admin", page.RedirectTo("/admin/people")),
		page.At("/admin/{$}", page.RedirectTo("/admin/people")),
		page.At("/admin/people", people(ps.showPeople)),
		page.At("/admin/people/{id}", people(ps.showPerson), people(ps.changePerson)),
		page.At("/admin/people/{id}/link", page.RedirectTo("/admin/people"), people(ps.newLink)).Back("/admin/people/{id}"),
		page.At("/admin/people/{id}/factors", people(ps.askFactors), people(ps.removeFactors)),
		page.At("/admin/people/{id}/rights", people(ps.showRights)),
		page.At("/admin/people/{id}/end", people(ps.askEnd), people(ps.endPerson)),
		page.At("/admin/signin", people(ps.showRules), people(ps.changeRules)),
		page.At("/admin/teams", rights(ps.showTeams), rights(ps.changeTeams)),
		page.At("/admin/profiles", rights(ps.showProfiles)),
		page.At("/admin/profiles/{name}", rights(ps.showProfile), rights(ps.changeProfile)),
		page.At("/admin/profiles/{name}/gone", page.RedirectTo("/admin/profiles"), rights(ps.deleteProfile)).Back("/admin/profiles/{name}"),
		page.At("/invitation", page.ForVisitor(ps.showInvitation), page.ForVisitor(ps.acceptInvitation)),
	}
}

// formField is a field of text on a page of administration; problem is a key of the
// language files, "" if it is right.
func formField(p *page.Page, key, name, value string, most int, problem string) page.Input {
	f := page.Input{Name: name, Label: p.T("admin." + key), Type: "text", Value: value, Max: most, Required: true, ErrorWord: p.T("page.error")}
	if hint := "admin." + key + ".hint"; p.Has(hint) {
		f.Hint = p.T(hint)
	}
	if problem != "" {
		f.Error = p.T(problem)
	}
	return f
}

// fieldProblems gives for each field of a form the key of what is wrong with it, "" where
// nothing is; the page's head says then that something is.
func fieldProblems(p *page.Page, wrong *access.Invalid) func(field string) string {
	return func(field string) string {
		if wrong == nil || wrong.Field != field {
			return ""
		}
		p.Error = p.T("setup.error.some")
		for _, key := range []string{"admin.error." + field + "." + wrong.Code, "admin.error." + field} {
			if p.Has(key) {
				return key
			}
		}
		return "admin.error.other"
	}
}
