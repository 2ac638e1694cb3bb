// Package admin is the pages of who runs the office and of everybody's own account: settings,
// terms and library, people, teams and profiles, sign-in with its steps, single sign-on, the
// first-run set-up, tokens and webhooks.
//
// It decides nothing about accounts: Accounts, Roster and Settings check who asks, and it
// shows what they say.
package admin

import (
	"context"
	"errors"

	"consento/broker/internal/access"
	"consento/broker/internal/session"
	"consento/broker/internal/web/legal"
	"consento/broker/internal/web/page"
)

// Config is what NewAdmin needs. Where a field from Roster on is nil, there are no such pages.
type Config struct {
	Accounts  Accounts
	Setup     Setup
	Settings  Settings
	Summaries Summaries
	Audit     Audit
	Legal     *legal.Documents
	SSOKey    []byte // seals what a sign-in elsewhere comes back with

	Roster    Roster       // behind the pages of people, teams and profiles
	Hooks     Hooks        // behind the page of webhooks
	Central   Central      // behind the page of central accounts; needs Roster
	SSO       SingleSignOn // nil: nobody signs in elsewhere
	Directory string       // what people call the directory that checks passwords; "": none
	Mail      Mail         // behind the page of the mail
}

// Summaries lists sessions that are over without the summary that their team wants: a
// technician's, or a team's where technicianID is "".
type Summaries interface {
	MissingSummaries(ctx context.Context, technicianID, team string) ([]session.MissingSummary, error)
}

// Audit is what these pages ask of the auditors'.
type Audit interface {
	// EndSearches ends what an account may search, with its sign-in.
	EndSearches(account string)
	// HasPolicy says whether there is a page of who may read.
	HasPolicy() bool
	// Unguarded: recordings are made that nobody reads once the auditors' keys are lost.
	Unguarded() bool
	// StorageFor says how the storage does; nil where that is not known.
	StorageFor(ctx context.Context, p *page.Page, by access.Account) (*page.Storage, error)
}

// Pages serves these pages. It is safe for concurrent use.
type Pages struct {
	*page.Ground
	accounts  Accounts
	setup     Setup
	settings  Settings
	missing   Summaries
	audit     Audit
	legal     *legal.Documents
	ssoKey    []byte
	roster    Roster
	hooks     Hooks
	central   Central
	sso       SingleSignOn
	directory string
	mail      Mail
}

// New checks the configuration.
func New(g *page.Ground, c Config) (*Pages, error) {
	switch {
	case c.Accounts == nil, c.Setup == nil, c.Settings == nil, c.Summaries == nil, c.Audit == nil, c.Legal == nil, len(c.SSOKey) < 32:
		return nil, errors.New("admin: Accounts, Setup, Settings, Summaries, Audit, Legal and SSOKey are required")
	case c.Central != nil && c.Roster == nil:
		return nil, errors.New("admin: Central needs Roster")
	}
	return &Pages{Ground: g, accounts: c.Accounts, setup: c.Setup, settings: c.Settings, missing: c.Summaries, audit: c.Audit, legal: c.Legal, ssoKey: c.SSOKey,
		roster: c.Roster, hooks: c.Hooks, central: c.Central, sso: c.SSO, directory: c.Directory, mail: c.Mail}, nil
}

// maxOffice is how much a form of the office may bring, in bytes: a logo, or whole texts.
const maxOffice = access.MaxLogo + 4*page.MaxForm

// Routes lists the addresses of the pages that there are.
func (ps *Pages) Routes() []page.Route {
	office := func(do page.StaffAction) page.Ruled { return ps.May(do, access.ManageOffice) }
	settings := func(path string, get page.Ruled, post page.Ruled) page.Route {
		return page.At(path, get, post).Back("/settings").UpTo(maxOffice)
	}
	routes := []page.Route{
		page.At("/signin", page.ForVisitor(ps.showSignIn), page.ForVisitor(ps.signIn)),
		page.At("/signout", page.RedirectTo("/signin"), page.ForVisitor(ps.signOut)),
		page.At("/setup", page.ForAnyone(ps.showSetup), page.ForAnyone(ps.completeSetup)).UpTo(maxOffice),
		settings("/settings", office(ps.showSettings), office(ps.changeSettings)),
		settings("/settings/logo", page.RedirectTo("/settings"), office(ps.changeLogo)),
		settings("/settings/retention", office(ps.showKept), office(ps.changeKept)),
		settings("/settings/texts/{language}", office(ps.editTexts), office(ps.changeTexts)),
		settings("/settings/restore/{version}", office(ps.askRestore), office(ps.restoreTexts)),
		settings("/settings/library/{shelf}", office(ps.showShelf), office(ps.changeShelf)),
		settings("/settings/library/{shelf}/{id}", office(ps.editEntry), office(ps.changeEntry)),
		settings("/settings/library/{shelf}/{id}/delete", office(ps.askDeleteEntry), office(ps.deleteEntry)),
		settings("/settings/summaries", office(ps.showSummaryTeams), office(ps.changeSummaryTeams)),
		page.At("/summaries", ps.May(ps.showMissing, access.ReadShared)),
		page.At("/console/library", ps.May(ps.showLibrary, access.Assist)),
		page.At("/logo", page.ForAnyone(ps.showLogo)),
	}
	for _, part := range []struct {
		there  bool
		routes func() []page.Route
	}{
		{true, ps.accountRoutes},
		{ps.roster != nil, ps.adminRoutes},
		{ps.roster != nil, ps.tokenRoutes},
		{ps.roster != nil, ps.apiRoutes},
		{ps.sso != nil, ps.ssoRoutes},
		{ps.hooks != nil, ps.webhookRoutes},
		{ps.central != nil, ps.centralRoutes},
		{ps.mail != nil, ps.mailRoutes},
	} {
		if part.there {
			routes = append(routes, part.routes()...)
		}
	}
	return routes
}
