// Package api is what programs of the office ask the broker over HTTPS: tickets and their
// acts, that sessions were, and what the desk has decided, as JSON under /api/v1/.
//
// Promises:
//   - Who asks is known by an API token alone ([access.Access.ByToken]): cookies are not
//     looked at. What they may is asked of [access.Can] for each request.
//   - Nothing from within a session is here, and nothing that needs a person who is there.
//   - One table of routes ([Operations]) is what is served, described (OpenAPI 3.1) and
//     checked: what has no rule and no description does not compile.
//   - Every error is a problem (RFC 9457) in the language that was asked for.
//   - A request with an Idempotency-Key is done once. A change names the version that it
//     is of (If-Match), and does not overwrite another's.
//   - Bodies, filters, cursors and rates have limits; what is not known is refused.
//
// Compatibility: within v1 members and routes are added, never changed or taken away;
// clients ignore members they do not know.
package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"consento/broker/internal/access"
	"consento/broker/internal/desk"
	"consento/protocol/lang"
)

// Accounts knows who asks, and the teams.
type Accounts interface {
	ByToken(r *http.Request) (*http.Request, error)
	Teams(ctx context.Context) ([]access.Team, error)
}

// Desk is where the tickets are.
type Desk interface {
	Open(ctx context.Context, by access.Account, n desk.NewTicket) (desk.Ticket, error)
	Ticket(ctx context.Context, by access.Account, id string) (desk.Ticket, error)
	History(ctx context.Context, by access.Account, id string) ([]desk.Entry, error)
	List(ctx context.Context, by access.Account, f desk.Filter) ([]desk.Ticket, error)
	Do(ctx context.Context, by access.Account, id string, version int64, a desk.Act) (desk.Ticket, error)
	Matrix(ctx context.Context) (desk.Matrix, desk.Version, error)
	Hours(ctx context.Context) (desk.ServiceHours, desk.Version, error)
	Report(ctx context.Context, by access.Account, a desk.Asked) (desk.Report, error)
	TicketOf(ctx context.Context, by access.Account, sessions []string) (map[string]string, error)
}

// Config is what New needs. Every field is required.
type Config struct {
	Accounts  Accounts
	Desk      Desk
	Database  *bun.DB // migrated by ops.OpenDatabase
	Texts     *lang.Catalog
	PublicURL string // https://HOST[:PORT]
	Software  string // "consento-broker 1.2.3"
	Log       *slog.Logger
}

// API serves /api/v1/ and /api/openapi.json. It is safe for concurrent use.
type API struct {
	Config

	now      func() time.Time
	pace     *pace
	document []byte // OpenAPI
	mux      *http.ServeMux
}

// New checks the configuration and builds the description.
func New(c Config) (*API, error) {
	if c.Accounts == nil || c.Desk == nil || c.Database == nil || c.Texts == nil || c.Log == nil || !strings.HasPrefix(c.PublicURL, "https://") {
		return nil, errors.New("api: Accounts, Desk, Database, Texts, PublicURL and Log are required")
	}
	a := &API{Config: c, now: time.Now, pace: newPace(), mux: http.NewServeMux()}
	var err error
	if a.document, err = describe(c.PublicURL, c.Software); err != nil {
		return nil, fmt.Errorf("api: %w", err)
	}
	byPath := map[string]map[string]route{}
	for _, r := range routes() {
		if byPath[r.path] == nil {
			byPath[r.path] = map[string]route{}
		}
		byPath[r.path][r.method] = r
	}
	for path, methods := range byPath {
		a.mux.Handle(path, a.known(methods))
	}
	a.mux.Handle("/api/v1/", a.known(nil))
	a.mux.HandleFunc("GET /api/openapi.json", a.serveDocument)
	return a, nil
}

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.mux.ServeHTTP(w, r) }

func (a *API) serveDocument(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-cache")
	_, _ = w.Write(a.document) // the caller went away: nobody is left to be told
}
