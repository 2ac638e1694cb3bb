// Package web is every page that the broker renders: the customer's portal,
// sign-in, the first-run set-up, the office's settings, the auditor's pages and the hull of
// their player, terms and privacy notice, and the hull of the console.
//
// It promises: the portal works without JavaScript, in every language of the
// language files; a GET never changes a session (but for handing out the agent,
// which is noted, and for the one-time way to the log); each page carries a strict content security policy; no
// handler runs without a time limit, the live status included. It decides
// nothing about sessions or accounts: it asks Sessions, Accounts and Setup, and
// shows what they say.
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
	"consento/broker/internal/web/audit"
	"consento/broker/internal/web/page"
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
	// MissingSummaries lists sessions that are over without the summary that their team
	// wants: a technician's, or a team's where technicianID is "".
	MissingSummaries(ctx context.Context, technicianID, team string) ([]session.MissingSummary, error)
	// OpenLog uses the way to the log that the help program showed up, and
	// returns its session; session.ErrKey if it does not work.
	OpenLog(ctx context.Context, ticket string) (id string, err error)
}

// Accounts is what the pages ask about those who work here. LoadSession has to stand around every handler that signs in or out or asks
// access.Current.
type Accounts interface {
	LoadSession(next http.Handler) http.Handler
	// SignIn returns what is still to be done before Current knows who it is.
	SignIn(r *http.Request, email, password string) (access.Step, error)
	ChangePassword(r *http.Request, before, password string) (access.Step, error)
	Places(r *http.Request) ([]access.Place, error)
	EndOthers(r *http.Request) error
	Factors(ctx context.Context, account string) (access.Factors, error)
	SetLanguage(ctx context.Context, by access.Account, tag string) error
	NoteExport(ctx context.Context, by access.Account, e access.Taken) error
	Confirm(r *http.Request, password string) error
	Proven(r *http.Request) bool
	SecondFactor(r *http.Request, code string) (access.Step, error)
	BeginTOTP(r *http.Request, issuer string) (access.NewTOTP, error)
	TakeTOTP(r *http.Request, code string) (recovery []string, next access.Step, err error)
	RemoveTOTP(r *http.Request) error
	// BeginPasskey returns what navigator.credentials takes; UsePasskey signs in, is the
	// second factor, or confirms, as who asks stands.
	BeginPasskey(r *http.Request, add bool) ([]byte, error)
	UsePasskey(r *http.Request, answer string) (access.Step, error)
	AddOwnPasskey(r *http.Request, name, answer string) (recovery []string, next access.Step, err error)
	RemoveOwnPasskey(r *http.Request, id string) error
	NewRecoveryCodes(r *http.Request) ([]string, error)
	SignOut(r *http.Request) error
	// SignInCentral signs in whom verify finds; see access.Access.
	SignInCentral(r *http.Request, verify func(context.Context) (access.Identity, error)) error
	// SignOutCentral ends every sign-in of whom verify names.
	SignOutCentral(r *http.Request, verify func(context.Context) (issuer, subject string, err error)) error
}

// Setup is the first run: it works once, with the token of the one-time link.
type Setup interface {
	// CheckSetupToken uses nothing up: nil, access.ErrSetupLink or access.ErrSetupDone.
	CheckSetupToken(ctx context.Context, token string) error
	CompleteSetup(ctx context.Context, token string, setup access.Setup) error
}

// Settings is what administrators change. Changing returns access.ErrForbidden to
// others, whatever the pages let through.
type Settings interface {
	Settings(ctx context.Context) (access.Settings, error)
	ChangeSettings(ctx context.Context, by access.Account, s access.Settings) error
	Logo(ctx context.Context) (access.Logo, error)
	SetLogo(ctx context.Context, by access.Account, file []byte) error
	Retention(ctx context.Context) (access.Retention, error)
	ChangeRetention(ctx context.Context, by access.Account, r access.Retention) error
	SaveTexts(ctx context.Context, by access.Account, base, language string, replaced, ours access.Texts) (access.TextsVersion, error)
	RestoreTexts(ctx context.Context, by access.Account, base, older string, ours access.Texts) (access.TextsVersion, error)
	TextsVersions(ctx context.Context, limit int) ([]access.TextsVersion, error)
	Changes(ctx context.Context, limit int) ([]access.Change, error)
	Library
}

// Library is what the office writes for its technicians.
type Library interface {
	Shelf(ctx context.Context, shelf access.Shelf) ([]access.Entry, error)
	Entry(ctx context.Context, id string) (access.Entry, error)
	EntryVersions(ctx context.Context, id string) ([]access.Entry, error)
	SaveEntry(ctx context.Context, by access.Account, e access.Entry) (access.Entry, error)
	DeleteEntry(ctx context.Context, by access.Account, id string, version int) error
	MoveEntry(ctx context.Context, by access.Account, id string, up bool) error
	Library(ctx context.Context, team string) (protocol.Library, error)
	SummaryTeams(ctx context.Context) ([]access.SummaryTeam, error)
	ChangeSummaryTeams(ctx context.Context, by access.Account, teams []access.SummaryTeam) error
}

// Config is what New needs. Every field but Audit, Receipts, Copies, Roster, Hooks, Desk, Figures, Mail, Central, SSO, Directory, Console, Style, Agents and Logger is required.
type Config struct {
	Sessions Sessions
	Accounts Accounts
	Setup    Setup
	Settings Settings
	Audit    audit.Config // behind the auditors' pages
	// Receipts gives what the global log says of a session, evidence.ErrUnknown if
	// nothing; nil: there are no receipts.
	Receipts  func(ctx context.Context, session string) ([]byte, error)
	Copies    Copies       // behind customers' private links; nil: there are none
	Roster    Roster       // behind the pages of people, teams and profiles; nil: there are none
	Hooks     Hooks        // behind the page of webhooks; nil: there is none
	Desk      Desk         // behind the pages of tickets, and what customers ask for; needs Roster; nil: there are none
	Central   Central      // behind the page of central accounts; needs Roster; nil: there is none
	SSO       SingleSignOn // nil: nobody signs in elsewhere
	Directory string       // what people call the directory that checks passwords; "": none
	Mail      Mail         // behind the page of the mail; nil: there is none
	Figures   Figures      // behind the pages of figures; needs Desk; nil: there are none
	// Office is asked for each page, because set-up fills it in.
	Office func(context.Context) (page.Office, error)
	Legal  *Legal
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
	sessions  Sessions
	accounts  Accounts
	setup     Setup
	settings  Settings
	audit     *audit.Pages
	storage   storage // nil: it is not known here
	receipts  func(ctx context.Context, session string) ([]byte, error)
	copies    Copies // nil: there are no private links
	roster    Roster // nil: there are no pages of people
	hooks     Hooks  // nil: there is no page of webhooks
	desk      Desk   // nil: there are no tickets
	central   Central
	sso       SingleSignOn
	directory string
	ssoKey    []byte
	mail      Mail    // nil: there is no page of it
	figures   Figures // nil: there are no figures
	cookies   customerCookies
	legal     *Legal
	logStyle  template.CSS // of a saved log
	console   []byte       // index.html, nil when the console was not built
	agents    *agents
	streams   *streams
	table     []page.Route
	handler   http.Handler
}

// New checks the configuration and reads everything embedded.
func New(c Config) (*Web, error) {
	switch {
	case c.Sessions == nil, c.Accounts == nil, c.Setup == nil, c.Settings == nil, c.Office == nil, c.Legal == nil, c.Texts == nil:
		return nil, errors.New("web: Sessions, Accounts, Setup, Settings, Office, Legal and Texts are required")
	case c.Desk != nil && c.Roster == nil:
		return nil, errors.New("web: Desk needs Roster")
	case c.Central != nil && c.Roster == nil:
		return nil, errors.New("web: Central needs Roster")
	case c.Figures != nil && c.Desk == nil:
		return nil, errors.New("web: Figures needs Desk")
	case len(c.CookieKey) < 32:
		return nil, errors.New("web: CookieKey needs 32 bytes")
	}
	mac := hmac.New(sha256.New, c.CookieKey)
	mac.Write([]byte("consento customer cookie v1"))
	seal := hmac.New(sha256.New, c.CookieKey)
	seal.Write([]byte("consento single sign-on v1"))
	w := &Web{
		central: c.Central, sso: c.SSO, directory: c.Directory, ssoKey: seal.Sum(nil),
		sessions: c.Sessions, accounts: c.Accounts, setup: c.Setup, settings: c.Settings, receipts: c.Receipts, copies: c.Copies, roster: c.Roster, hooks: c.Hooks, desk: c.Desk, figures: c.Figures, mail: c.Mail,
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
		Assets: own, Console: c.Console, Style: c.Style, Explain: w.explain, AdminTabs: w.adminTabs, Logger: c.Logger})
	if err != nil {
		return nil, err
	}
	if w.audit, err = audit.New(w.Ground, c.Audit); err != nil {
		return nil, err
	}
	if c.Audit.Decisions != nil {
		w.storage = c.Audit.Decisions
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
	all := template.FuncMap{
		"levelsrow": levelsRow,
		"both":      func(p *page.Page, t figureTable) map[string]any { return map[string]any{"Page": p, "Of": t} },
		"zones":     func() []string { return commonZones },
	}
	maps.Copy(all, audit.Funcs())
	return all
}

// adminTabs names the pages of administration that there are for an account.
func (w *Web) adminTabs(by access.Account) (tabs []string) {
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
	return tabs
}

// Routes lists every address, with who gets it.
func (w *Web) Routes() []page.Route { return slices.Clone(w.table) }

// ServeHTTP implements http.Handler.
func (w *Web) ServeHTTP(rw http.ResponseWriter, r *http.Request) { w.handler.ServeHTTP(rw, r) }

// maxOffice is how much a form of the office may bring, in bytes: a logo, or whole texts.
const maxOffice = access.MaxLogo + 4*page.MaxForm

// routes lists every address. A path that is not here is answered by notFound.
func (w *Web) routes() []page.Route {
	office := func(do page.StaffAction) page.Ruled { return w.May(do, access.ManageOffice) }
	settings := func(path string, get page.Ruled, post page.Ruled) page.Route {
		return page.At(path, get, post).Back("/settings").UpTo(maxOffice)
	}
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
		page.At("/signin", page.ForVisitor(w.showSignIn), page.ForVisitor(w.signIn)),
		page.At("/signout", page.RedirectTo("/signin"), page.ForVisitor(w.signOut)),
		page.At("/setup", page.ForAnyone(w.showSetup), page.ForAnyone(w.completeSetup)).UpTo(maxOffice),
		settings("/settings", office(w.showSettings), office(w.changeSettings)),
		settings("/settings/logo", page.RedirectTo("/settings"), office(w.changeLogo)),
		settings("/settings/retention", office(w.showKept), office(w.changeKept)),
		settings("/settings/texts/{language}", office(w.editTexts), office(w.changeTexts)),
		settings("/settings/restore/{version}", office(w.askRestore), office(w.restoreTexts)),
		settings("/settings/library/{shelf}", office(w.showShelf), office(w.changeShelf)),
		settings("/settings/library/{shelf}/{id}", office(w.editEntry), office(w.changeEntry)),
		settings("/settings/library/{shelf}/{id}/delete", office(w.askDeleteEntry), office(w.deleteEntry)),
		settings("/settings/summaries", office(w.showSummaryTeams), office(w.changeSummaryTeams)),
		page.At("/summaries", w.May(w.showMissing, access.ReadShared)),
		page.At("/console/library", w.May(w.showLibrary, access.Assist)),
		page.At("/console", page.RedirectTo("/console/")),
		page.At("/console/{$}", w.MayElse(w.showConsole, w.noConsole, access.Assist)),
		page.At("/assets/{name}", page.ForAnyone(w.ShowAsset)),
		page.At("/favicon.ico", page.ForAnyone(w.ShowIcon)),
		page.At("/logo", page.ForAnyone(w.showLogo)),
		page.At("/", page.ForAnyone(w.NotFound), page.ForAnyone(w.NotFound)).Back("/session"),
	}
	for _, part := range []struct {
		there  bool
		routes func() []page.Route
	}{
		{true, w.accountRoutes},
		{true, w.audit.Routes},
		{w.desk != nil, w.deskRoutes}, {w.desk != nil, w.fileRoutes},
		{true, w.vendorRoutes},
		{w.desk != nil, w.levelRoutes},
		{w.desk != nil, w.reportRoutes},
		{w.roster != nil, w.adminRoutes},
		{w.roster != nil, w.tokenRoutes},
		{w.roster != nil, w.apiRoutes},
		{w.sso != nil, w.ssoRoutes},
		{w.hooks != nil, w.webhookRoutes},
		{w.central != nil, w.centralRoutes},
		{w.mail != nil, w.mailRoutes},
		{w.figures != nil, w.figureRoutes},
		{w.figures != nil, w.surveyRoutes},
		{w.copies != nil, w.copyRoutes},
	} {
		if part.there {
			routes = append(routes, part.routes()...)
		}
	}
	return routes
}
