// Package servicedesk is the pages of the service desk: tickets, what customers ask for without
// a session, what the office promises and decides about its desk, the figures, and the
// questions after a session.
//
// It decides nothing: Desk and Figures check the right of who asks. Files of tickets and
// figures leave in one way, which notes on the trail who takes them.
package servicedesk

import (
	"context"
	"errors"
	"html/template"
	"net/http"

	"consento/broker/internal/access"
	"consento/broker/internal/web/page"
)

// Config is what New needs.
type Config struct {
	Desk    Desk    // behind the pages of tickets; nil: there are none
	Figures Figures // behind the pages of figures; needs Desk; nil: there are none
	Storage Storage // of evidence, among the figures; nil: it is not known here

	// These go with Desk.
	Staff   Staff
	Exports Exports
	Guesses Guesses
	Mail    Mailing
}

// Staff is who works here.
type Staff interface {
	Accounts(ctx context.Context) ([]access.Account, error)
	Teams(ctx context.Context) ([]access.Team, error)
}

// Guesses lets try decide what only who has a secret can show: it returns session.ErrKey for
// a wrong one, which counts as a wrong key does.
type Guesses interface {
	Guess(ctx context.Context, address string, try func() error) error
}

// Mailing is what these pages say of the mail.
type Mailing interface {
	// MailDown says to who works on tickets that nobody is told by mail at present.
	MailDown(r *http.Request, p *page.Page) (string, error)
	// TellsByMail reports whether a mail server is set at all.
	TellsByMail(r *http.Request) (bool, error)
}

// Pages serves these pages. It is safe for concurrent use.
type Pages struct {
	*page.Ground
	desk    Desk
	figures Figures
	storage Storage
	staff   Staff
	exports Exports
	guesses Guesses
	mail    Mailing
}

// New checks the configuration.
func New(g *page.Ground, c Config) (*Pages, error) {
	switch {
	case c.Desk != nil && (c.Staff == nil || c.Exports == nil || c.Guesses == nil || c.Mail == nil):
		return nil, errors.New("servicedesk: Desk needs Staff, Exports, Guesses and Mail")
	case c.Figures != nil && c.Desk == nil:
		return nil, errors.New("servicedesk: Figures needs Desk")
	}
	return &Pages{Ground: g, desk: c.Desk, figures: c.Figures, storage: c.Storage, staff: c.Staff, exports: c.Exports, guesses: c.Guesses, mail: c.Mail}, nil
}

// HasTickets says whether customers can ask for help without a session.
func (ps *Pages) HasTickets() bool { return ps.desk != nil }

// Funcs are what the templates of these pages call.
func Funcs() template.FuncMap {
	return template.FuncMap{
		"levelsrow": levelsRow,
		"both":      func(p *page.Page, t figureTable) map[string]any { return map[string]any{"Page": p, "Of": t} },
		"zones":     func() []string { return commonZones },
	}
}

// Routes lists the addresses of the pages that there are.
func (ps *Pages) Routes() (routes []page.Route) {
	for _, part := range []struct {
		there  bool
		routes func() []page.Route
	}{
		{ps.desk != nil, ps.deskRoutes},
		{ps.desk != nil, ps.fileRoutes},
		{ps.desk != nil, ps.levelRoutes},
		{ps.desk != nil, ps.reportRoutes},
		{ps.figures != nil, ps.figureRoutes},
		{ps.figures != nil, ps.surveyRoutes},
	} {
		if part.there {
			routes = append(routes, part.routes()...)
		}
	}
	return routes
}
