// Package audit is the auditors' pages: recordings and the hull of their player, search,
// trail, retention and holds, the keys and who may read by the auditors' signature, shares,
// and breaches that the law sets a clock for.
//
// It decides nothing: Evidence and the others check the right of who asks, and what is
// shown here as a way to content is on the log before the content is.
package audit

import (
	"context"
	"errors"
	"html/template"
	"slices"

	"consento/broker/internal/access"
	"consento/broker/internal/web/page"
)

// Config is what NewAudit needs. Where a field is nil, there are no such pages.
type Config struct {
	// Evidence and Keys are behind recordings and trail; they go together.
	Evidence Evidence
	Keys     Keys
	Policies Policies // behind the page of who may read
	// Custody and Rewraps are behind set-up, signature and re-wrapping in the browser; they
	// need Policies.
	Custody Custody
	Rewraps Rewraps
	// Decisions and People are behind the pages of retention and holds; they go together.
	Decisions Decisions
	People    func(context.Context) ([]access.Account, error)
	Shares    Shares    // behind a session's page of copies and shares
	Sharing   Sharing   // of parts of sessions with technicians
	Searching Searching // behind the search in what is encrypted
	Breaches  Breaches
}

// Pages serves the auditors' pages. It is safe for concurrent use.
type Pages struct {
	*page.Ground
	evidence  Evidence
	keys      Keys
	policies  Policies
	custody   Custody
	rewraps   Rewraps
	decisions Decisions
	people    func(context.Context) ([]access.Account, error)
	shares    Shares
	sharing   Sharing
	searching Searching
	breaches  Breaches
}

// New checks the configuration.
func New(g *page.Ground, c Config) (*Pages, error) {
	switch {
	case (c.Evidence == nil) != (c.Keys == nil):
		return nil, errors.New("audit: Evidence and Keys go together")
	case (c.Decisions == nil) != (c.People == nil):
		return nil, errors.New("audit: Decisions and People go together")
	case (c.Custody != nil || c.Rewraps != nil) && c.Policies == nil:
		return nil, errors.New("audit: Custody and Rewraps need Policies")
	}
	return &Pages{Ground: g, evidence: c.Evidence, keys: c.Keys, policies: c.Policies, custody: c.Custody, rewraps: c.Rewraps, decisions: c.Decisions,
		people: c.People, shares: c.Shares, sharing: c.Sharing, searching: c.Searching, breaches: c.Breaches}, nil
}

// HasRecordings says whether there are pages of recordings and trail.
func (ps *Pages) HasRecordings() bool { return ps.evidence != nil }

// HasPolicy says whether there is a page of who may read.
func (ps *Pages) HasPolicy() bool { return ps.policies != nil }

// Funcs are what the templates of these pages call.
func Funcs() template.FuncMap { return template.FuncMap{"rows": rowsOf} }

// Routes lists the addresses of the pages that there are.
func (ps *Pages) Routes() (routes []page.Route) {
	for _, part := range []struct {
		there  bool
		routes func() []page.Route
	}{
		{ps.evidence != nil && ps.policies != nil, ps.custodyRoutes},
		{ps.evidence != nil, ps.auditRoutes},
		{ps.evidence != nil && ps.searching != nil, ps.searchRoutes},
		{ps.breaches != nil, ps.breachRoutes},
		{ps.sharing != nil, ps.sharedRoutes},
		{ps.shares != nil, ps.shareRoutes},
		{ps.decisions != nil, ps.decisionRoutes},
	} {
		if part.there {
			routes = slices.Concat(routes, part.routes())
		}
	}
	return routes
}
