// Package web is every page that the broker renders: it puts the areas together (audit, admin,
// servicedesk, and what stands here: the customer's portal and the hull of the console), on
// the ground that all have in common (page), with one table of all addresses.
//
// It promises: the portal works without JavaScript, in every language of the language files;
// a GET never changes a session (but for handing out the agent, which is noted, and for the
// one-time way to the log). What each page promises is said by page. It decides nothing
// about sessions or accounts: it asks Sessions and the others, and shows what they say.
//
// It does not hold state that matters: the customer's cookie is signed and names
// the session, so that pages survive a restart of the broker.
package web

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/session"
	"consento/broker/internal/web/admin"
	"consento/broker/internal/web/audit"
	"consento/broker/internal/web/legal"
	"consento/broker/internal/web/page"
	"consento/broker/internal/web/servicedesk"
	"consento/protocol"
	"consento/protocol/lang"
)

// Sessions is what the portal asks of the sessions. An id is what Redeem
// returned. Methods return session.ErrNoSession for an id that is not known,
// session.ErrNotNow for what the state does not allow.
type Sessions interface {
	// Redeem uses up a key. One answer for a wrong, used or expired key:
	// session.ErrKey; too many tries: *session.ThrottledError.
	Redeem(ctx context.Context, key protocol.SessionKey, address string) (id string, err error)
	Snapshot(ctx context.Context, id string) (protocol.Session, error)
	// Follow delivers the present value at once and then every change, until
	// the session is closed or ctx ends; then the channel is closed.
	Follow(ctx context.Context, id string) (<-chan protocol.Session, error)
	ConfirmName(ctx context.Context, id string, confirmed bool) error
	Report(ctx context.Context, id string) error
	// Ticket returns the same ticket as long as the session waits for its agent,
	// which is told the language of the page.
	Ticket(ctx context.Context, id, language string) (protocol.Ticket, error)
	AgentFetched(ctx context.Context, id, system, sha256hex string) error
	Stop(ctx context.Context, id string) error
	// Rate takes the customer's rating of a session that is over, again and
	// again; session.ErrNotNow after too many.
	Rate(ctx context.Context, id string, rating protocol.Rating) error
	// Log returns the customer's copy of the log; session.ErrNoLog if there is
	// none any more.
	Log(ctx context.Context, id string) (session.Log, error)
	// OfferCopy gives a customer's browser the link to a copy; session.ErrNotNow once
	// the session is over, session.ErrNotAllowed after too many.
	OfferCopy(ctx context.Context, id string, key session.CopyKey) (session.Copy, error)
	// Guess lets try decide what only who has a secret can show: it returns
	// session.ErrKey for a wrong one, which counts as a wrong key does.
	Guess(ctx context.Context, address string, try func() error) error
	// OpenInvite opens an invitation on one device, and returns what that device shows:
	// session.ErrKey for a bad one, protocol.ErrMalformed for a name that cannot be shown.
	OpenInvite(ctx context.Context, address, link, name, company string) (device string, err error)
	// VendorOf is who that device is; session.ErrNoSession once it is over.
	VendorOf(ctx context.Context, device string) (session.Vendor, error)
	admin.Summaries
	// OpenLog uses the way to the log that the help program showed up, and
	// returns its session; session.ErrKey if it does not work.
	OpenLog(ctx context.Context, ticket string) (id string, err error)
}

// Config is what New needs. Every field but Audit, Receipts, Copies, Roster, Hooks, Desk,
// Figures, Mail, Central, SSO, Directory, Console, Style, Agents and Logger is required.
type Config struct {
	Sessions Sessions
	Accounts admin.Accounts
	Setup    admin.Setup
	Settings admin.Settings
	Audit    audit.Config // behind the auditors' pages
	// Receipts gives what the global log says of a session, evidence.ErrUnknown if
	// nothing; nil: there are no receipts.
	Receipts  func(ctx context.Context, session string) ([]byte, error)
	Copies    Copies              // behind customers' private links; nil: there are none
	Roster    admin.Roster        // behind the pages of people, teams and profiles; nil: there are none
	Hooks     admin.Hooks         // behind the page of webhooks; nil: there is none
	Desk      servicedesk.Desk    // behind the pages of tickets, and what customers ask for; needs Roster; nil: there are none
	Exports   servicedesk.Exports // notes who takes a file of tickets or figures; needed with Desk
	Central   admin.Central       // behind the page of central accounts; needs Roster; nil: there is none
	SSO       admin.SingleSignOn  // nil: nobody signs in elsewhere
	Directory string              // what people call the directory that checks passwords; "": none
	Mail      admin.Mail          // behind the page of the mail; nil: there is none
	Figures   servicedesk.Figures // behind the pages of figures; needs Desk; nil: there are none
	// Office is asked for each page, because set-up fills it in.
	Office func(context.Context) (page.Office, error)
	Legal  *legal.Documents
	Texts  *lang.Catalog
	// PublicURL is the address that customers are given, without a path.
	PublicURL string
	// CookieKey signs the customer's cookie: at least 32 random bytes that
	// outlive a restart.
	CookieKey []byte
	// Console holds the built console; nil when it was not built.
	Console fs.FS
	// Style is base.css where Console, which holds it, is nil.
	Style []byte
	// Agents is the folder of prepared agents, each named
	// consento-agent-SYSTEM-ARCHITECTURE; nil when there is none.
	Agents fs.FS
	Logger *slog.Logger
}

// ownFiles are the templates and assets of every area.
//
//go:embed templates/*.html assets
var ownFiles embed.FS

// Web serves the pages. It is safe for concurrent use.
type Web struct {
	*page.Ground
	sessions Sessions
	audit    *audit.Pages
	admin    *admin.Pages
	receipts func(ctx context.Context, session string) ([]byte, error)
	copies   Copies // nil: there are no private links
	desk     *servicedesk.Pages
	surveys  Surveys // nil: nothing is asked after a session
	cookies  customerCookies
	legal    *legal.Documents
	logStyle template.CSS // of a saved log
	console  []byte       // index.html, nil when the console was not built
	agents   *agents
	streams  *streams
	table    []page.Route
	handler  http.Handler
}

// New checks the configuration and reads everything embedded.
func New(c Config) (*Web, error) {
	switch {
	case c.Sessions == nil, c.Accounts == nil, c.Setup == nil, c.Settings == nil, c.Office == nil, c.Legal == nil, c.Texts == nil:
		return nil, errors.New("web: Sessions, Accounts, Setup, Settings, Office, Legal and Texts are required")
	case len(c.CookieKey) < 32:
		return nil, errors.New("web: CookieKey needs 32 bytes")
	}
	mac := hmac.New(sha256.New, c.CookieKey)
	mac.Write([]byte("consento customer cookie v1"))
	seal := hmac.New(sha256.New, c.CookieKey)
	seal.Write([]byte("consento single sign-on v1"))
	w := &Web{
		sessions: c.Sessions, receipts: c.Receipts, copies: c.Copies, surveys: c.Figures,
		legal:   c.Legal,
		cookies: customerCookies{key: mac.Sum(nil), now: time.Now},
		agents:  newAgents(c.Agents),
		streams: newStreams(),
	}
	templates, err := fs.Sub(ownFiles, "templates")
	if err != nil {
		return nil, err
	}
	own, err := fs.Sub(ownFiles, "assets")
	if err != nil {
		return nil, err
	}
	w.Ground, err = page.New(page.Config{Accounts: c.Accounts, Office: c.Office, Texts: c.Texts, PublicURL: c.PublicURL, Templates: templates, Funcs: funcs(),
		Assets: own, Console: c.Console, Style: c.Style, Explain: w.explain, AdminTabs: c.adminTabs, Logger: c.Logger})
	if err != nil {
		return nil, err
	}
	if w.audit, err = audit.New(w.Ground, c.Audit); err != nil {
		return nil, err
	}
	w.admin, err = admin.New(w.Ground, admin.Config{Accounts: c.Accounts, Setup: c.Setup, Settings: c.Settings, Summaries: c.Sessions, Audit: w.audit, Legal: c.Legal, SSOKey: seal.Sum(nil),
		Roster: c.Roster, Hooks: c.Hooks, Central: c.Central, SSO: c.SSO, Directory: c.Directory, Mail: c.Mail})
	if err != nil {
		return nil, err
	}
	desk := servicedesk.Config{Desk: c.Desk, Figures: c.Figures, Staff: c.Roster, Exports: c.Exports, Guesses: c.Sessions, Mail: w.admin}
	if c.Audit.Decisions != nil {
		desk.Storage = c.Audit.Decisions
	}
	if w.desk, err = servicedesk.New(w.Ground, desk); err != nil {
		return nil, err
	}
	w.logStyle = template.CSS(w.Assets.Data("log.css")) // our own file
	if c.Console != nil {
		index, err := fs.ReadFile(c.Console, "index.html")
		if err != nil {
			return nil, fmt.Errorf("web: built console: %w", err)
		}
		w.console = w.Assets.Page(index)
	}
	w.table = w.routes()
	w.handler = w.Ground.Handler(w.table)
	return w, nil
}

// funcs are what templates of the areas call.
func funcs() template.FuncMap {
	all := audit.Funcs()
	maps.Copy(all, servicedesk.Funcs())
	return all
}

// adminTabs names the pages of administration that there are for an account.
func (c *Config) adminTabs(by access.Account) (tabs []string) {
	if access.Can(by, access.ManageAccounts, access.Scope{}) || access.Can(by, access.ManageAuditors, access.Scope{}) {
		tabs = append(tabs, "people")
	}
	if c.Central != nil {
		tabs = append(tabs, "central")
	}
	if access.Can(by, access.ManageAccounts, access.Scope{}) {
		tabs = append(tabs, "teams", "profiles")
	}
	tabs = append(tabs, "signin")
	if c.Desk != nil && access.Can(by, access.ManageDesk, access.Scope{}) {
		tabs = append(tabs, "desk")
	}
	if c.Mail != nil && access.Can(by, access.SeeMetrics, access.Scope{}) {
		tabs = append(tabs, "mail")
	}
	if c.Hooks != nil && access.Can(by, access.ManageOffice, access.Scope{}) {
		tabs = append(tabs, "webhooks")
	}
	return tabs
}

// Routes lists every address, with who gets it.
func (w *Web) Routes() []page.Route { return slices.Clone(w.table) }

// ServeHTTP implements http.Handler.
func (w *Web) ServeHTTP(rw http.ResponseWriter, r *http.Request) { w.handler.ServeHTTP(rw, r) }

// routes lists every address. A path that is not here is answered by notFound.
func (w *Web) routes() []page.Route {
	routes := []page.Route{
		page.At("/{$}", page.ForAnyone(w.showKey)),
		page.At("/k/{key}", page.ForAnyone(w.showKeyFilledIn)),
		page.At("/key", page.RedirectTo("/"), page.ForAnyone(w.redeem)),
		page.At("/session", page.ForHolder(w.showSession)).Slowly(), // streams: it keeps its own time
		page.At("/session/name", page.RedirectTo("/session"), page.ForHolder(w.answerName)),
		page.At("/session/report", page.RedirectTo("/session"), page.ForHolder(w.report)),
		page.At("/session/stop", page.RedirectTo("/session"), page.ForHolder(w.stop)),
		page.At("/session/rating", page.RedirectTo("/session"), page.ForHolder(w.rate)),
		page.At("/session/log", page.ForHolder(w.showLog)),
		page.At("/session/log.html", page.ForHolder(w.saveLog)),
		page.At("/session/log.json", page.ForHolder(w.saveLogData)),
		page.At("/session/receipt", page.ForHolder(w.saveReceipt)),
		page.At(session.LogPath+"{ticket}", page.ForHolder(w.openLog)),
		page.At("/session/agent", page.ForHolder(w.giveAgent)).Slowly(), // a download over a slow line
		page.At("/terms", page.ForAnyone(w.showTerms)),
		page.At("/privacy", page.ForAnyone(w.showPrivacy)),
		page.At("/accessibility", page.ForAnyone(w.showAccessibility)),
		page.At("/.well-known/security.txt", page.ForAnyone(w.showSecurity)),
		page.At("/console", page.RedirectTo("/console/")),
		page.At("/console/{$}", w.MayElse(w.showConsole, w.noConsole, access.Assist)),
		page.At("/assets/{name}", page.ForAnyone(w.ShowAsset)),
		page.At("/favicon.ico", page.ForAnyone(w.ShowIcon)),
		page.At("/", page.ForAnyone(w.NotFound), page.ForAnyone(w.NotFound)).Back("/session"),
	}
	for _, part := range []struct {
		there  bool
		routes func() []page.Route
	}{
		{true, w.admin.Routes},
		{true, w.audit.Routes},
		{true, w.desk.Routes},
		{true, w.vendorRoutes},
		{w.surveys != nil, w.surveyRoutes},
		{w.copies != nil, w.copyRoutes},
	} {
		if part.there {
			routes = append(routes, part.routes()...)
		}
	}
	return routes
}
