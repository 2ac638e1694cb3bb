package web_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"consento/broker/internal/access"
	tickets "consento/broker/internal/desk"
	"consento/broker/internal/figures"
	"consento/broker/internal/hooks"
	"consento/broker/internal/mail"
	"consento/broker/internal/ops"
	"consento/broker/internal/ops/opstest"
	"consento/broker/internal/session"
	"consento/broker/internal/web"
	"consento/broker/internal/web/legal"
	"consento/broker/internal/web/page"
	"consento/protocol"
	"consento/protocol/lang"
	"github.com/uptrace/bun"
)

const (
	goodKey      = protocol.SessionKey("ACDEFGH")
	goodPassword = "seven grey herons over Bolzano"
)

var office = ops.Office{Name: "Comune di Esempio", Phone: "+39 0471 000 000", PrivacyContact: "privacy@esempio.example"}

// desk stands in for the sessions: it keeps each in memory and moves it by the
// protocol's own rules. What it refuses, the real one refuses too.
type desk struct {
	mu       sync.Mutex
	keys     map[protocol.SessionKey]string
	sessions map[string]*kept
	redeem   error // answer of Redeem, if any
	fetched  []string
	reported []string
	logs     map[string]session.Log
	ratings  map[string]int
	opened   map[string]bool                                            // by the way that the help program shows
	language string                                                     // that the agent is told
	copies   func(id string, key session.CopyKey) (session.Copy, error) // nil: none are promised
	missing  []session.MissingSummary
	asked    [2]string // of whom they were asked for
	guesses  int       // wrong ones
}

type kept struct {
	value   protocol.Session
	ticket  protocol.Ticket
	changed chan struct{} // closed at each change
}

func newDesk() *desk {
	return &desk{keys: map[protocol.SessionKey]string{}, sessions: map[string]*kept{},
		logs: map[string]session.Log{}, ratings: map[string]int{}, opened: map[string]bool{}}
}

// issue makes a session whose key is key.
func (d *desk) issue(key protocol.SessionKey, technician protocol.Person) string {
	return d.issueAs(rand.Text(), key, technician)
}

// issueAs makes a session of a certain id.
func (d *desk) issueAs(id string, key protocol.SessionKey, technician protocol.Person) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var secret [16]byte
	rand.Read(secret[:])
	d.keys[key] = id
	d.sessions[id] = &kept{ticket: protocol.TicketFrom(secret), changed: make(chan struct{}),
		value: protocol.Session{ID: id, State: protocol.StateIssued, Technician: technician}}
	return id
}

// set changes a session and tells who follows it.
func (d *desk) set(id string, change func(*protocol.Session)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	k := d.sessions[id]
	change(&k.value)
	close(k.changed)
	k.changed = make(chan struct{})
}

// answer lets each try of a key end with err; nil: as the keys are.
func (d *desk) answer(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.redeem = err
}

func step(s protocol.State, steps ...protocol.Step) func(*protocol.Session) {
	return func(v *protocol.Session) {
		v.State = s
		v.Steps = append(v.Steps, steps...)
	}
}

func ended(s protocol.State, reason protocol.EndReason, removed *bool) func(*protocol.Session) {
	return func(v *protocol.Session) { v.State, v.EndReason, v.Removed = s, reason, removed }
}

func (d *desk) get(id string) (*kept, error) {
	k, ok := d.sessions[id]
	if !ok {
		return nil, session.ErrNoSession
	}
	return k, nil
}

func (d *desk) Redeem(_ context.Context, key protocol.SessionKey, address string) (string, error) {
	d.mu.Lock()
	id, ok := d.keys[key]
	err := d.redeem
	delete(d.keys, key)
	d.mu.Unlock()
	if err != nil {
		return "", err
	}
	if !ok || address == "" {
		return "", session.ErrKey
	}
	d.set(id, step(protocol.StateJoined, protocol.StepKeyTyped))
	return id, nil
}

func (d *desk) Snapshot(_ context.Context, id string) (protocol.Session, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	k, err := d.get(id)
	if err != nil {
		return protocol.Session{}, err
	}
	return k.value, nil
}

func (d *desk) Follow(ctx context.Context, id string) (<-chan protocol.Session, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.get(id); err != nil {
		return nil, err
	}
	out := make(chan protocol.Session)
	go func() {
		defer close(out)
		for {
			d.mu.Lock()
			value, changed := d.sessions[id].value, d.sessions[id].changed
			d.mu.Unlock()
			select {
			case out <- value:
			case <-ctx.Done():
				return
			}
			if value.State == protocol.StateClosed {
				return
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out, nil
}

func (d *desk) ConfirmName(ctx context.Context, id string, confirmed bool) error {
	if _, err := d.Snapshot(ctx, id); err != nil {
		return err
	}
	if confirmed {
		d.set(id, step(protocol.StateJoined, protocol.StepNameConfirmed))
	} else {
		d.set(id, ended(protocol.StateClosed, protocol.EndNameNotConfirmed, nil))
	}
	return nil
}

func (d *desk) Report(ctx context.Context, id string) error {
	s, err := d.Snapshot(ctx, id)
	if err != nil {
		return err
	}
	d.mu.Lock()
	d.reported = append(d.reported, id)
	d.mu.Unlock()
	if !s.State.Over() {
		d.set(id, ended(protocol.StateClosed, protocol.EndReported, nil))
	}
	return nil
}

func (d *desk) Rate(ctx context.Context, id string, rating protocol.Rating) error {
	d.mu.Lock()
	full := d.ratings[id] > 3
	d.ratings[id]++
	d.mu.Unlock()
	if full {
		return session.ErrNotNow
	}
	d.set(id, func(v *protocol.Session) { v.Stars = rating.Stars })
	d.mu.Lock()
	defer d.mu.Unlock()
	if log, ok := d.logs[id]; ok {
		log.Rating = rating
		d.logs[id] = log
	}
	return nil
}

func (d *desk) Log(ctx context.Context, id string) (session.Log, error) {
	s, err := d.Snapshot(ctx, id)
	if err != nil {
		return session.Log{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	log, ok := d.logs[id]
	log.Session = s
	if !ok {
		return log, session.ErrNoLog
	}
	return log, nil
}

func (d *desk) OfferCopy(_ context.Context, id string, key session.CopyKey) (session.Copy, error) {
	if d.copies == nil {
		return session.Copy{}, session.ErrNotNow
	}
	return d.copies(id, key)
}

func (d *desk) Guess(_ context.Context, _ string, try func() error) error {
	d.mu.Lock()
	err := d.redeem
	d.mu.Unlock()
	if err != nil {
		return err
	}
	if err = try(); errors.Is(err, session.ErrKey) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.guesses++
	}
	return err
}

func (d *desk) OpenLog(ctx context.Context, ticket string) (string, error) {
	id, found := strings.CutSuffix(ticket, ".ticket")
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.get(id); !found || err != nil || d.opened[id] {
		return "", session.ErrKey
	}
	d.opened[id] = true
	return id, nil
}

// OpenInvite opens the link "good", once.
func (d *desk) OpenInvite(_ context.Context, _, link, name, company string) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	asked := protocol.GuestAsk{Guest: protocol.Guest{Epoch: 1, Name: name, Team: company, Way: protocol.WayVendor, By: "A", State: protocol.ConsentAsked}}
	if company == "" || asked.Validate() != nil {
		return "", protocol.ErrMalformed
	}
	if link != "good" {
		return "", session.ErrKey
	}
	return "device", nil
}

func (d *desk) VendorOf(_ context.Context, device string) (session.Vendor, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for id := range d.sessions {
		if device == "device" {
			return session.Vendor{Technician: session.Technician{Name: "Max Muster", Team: "Printers"}, Session: id}, nil
		}
	}
	return session.Vendor{}, session.ErrNoSession
}

func (d *desk) MissingSummaries(_ context.Context, technicianID, team string) ([]session.MissingSummary, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = [2]string{technicianID, team}
	return d.missing, nil
}

func (d *desk) Ticket(_ context.Context, id, language string) (protocol.Ticket, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.language = language
	k, err := d.get(id)
	if err != nil {
		return "", err
	}
	if k.value.State != protocol.StateJoined {
		return "", session.ErrNotNow
	}
	return k.ticket, nil
}

func (d *desk) AgentFetched(_ context.Context, id, system, sha256hex string) error {
	d.mu.Lock()
	d.fetched = append(d.fetched, system+" "+sha256hex)
	d.mu.Unlock()
	d.set(id, step(protocol.StateJoined, protocol.StepAgentFetched))
	return nil
}

func (d *desk) Stop(ctx context.Context, id string) error {
	s, err := d.Snapshot(ctx, id)
	if err != nil {
		return err
	}
	if s.State.Over() {
		return session.ErrNotNow
	}
	d.set(id, ended(protocol.StateEnding, protocol.EndCustomer, nil))
	return nil
}

// house is a broker's pages on a real TLS server, with real accounts.
type house struct {
	desk   *desk
	access *access.Access
	server *httptest.Server
	agents fstest.MapFS
	office ops.Office                      // as configured; zero: from the set-up
	front  func(http.Handler) http.Handler // what stands before the pages, nil for nothing
	days   int                             // that recordings are kept; 0: as the settings say
	months int                             // that logs are
	shelf  *shelf                          // of recordings, behind the auditor's pages; nil: none
	vault  *vault                          // the real thing behind them; nil: none
	db     *bun.DB
	hooks  func() *hooks.Hooks // nil: there are no webhooks
	listen net.Listener        // nil: any port
	mail   ops.MailConfig      // zero: no mail server
	people access.Directory    // of those who have no password here
}

type option func(*web.Config, *house)

// unset leaves the office to the first set-up.
func unset(_ *web.Config, h *house) { h.office = ops.Office{} }

func keeping(days, months int) option {
	return func(_ *web.Config, h *house) { h.days, h.months = days, months }
}

// at gives the broker another public address.
func at(address string) option { return func(c *web.Config, _ *house) { c.PublicURL = address } }

// atItself makes the address that people are given the one at which a browser here reaches it.
func atItself(c *web.Config, h *house) {
	c.PublicURL = "https://localhost:" + strconv.Itoa(h.server.Listener.Addr().(*net.TCPAddr).Port)
}

func withConsole(files fs.FS) option { return func(c *web.Config, _ *house) { c.Console = files } }

// testKeys stand in for the server's secrets.
func testKeys(purpose string) []byte { h := sha256.Sum256([]byte(purpose)); return h[:] }

func newHouse(t testing.TB, options ...option) *house {
	t.Helper()
	texts, err := lang.Load()
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	db := opstest.Database(t, t.TempDir()+"/data")
	h := &house{db: db, desk: newDesk(), office: office, agents: fstest.MapFS{"consento-agent-linux-amd64": &fstest.MapFile{
		Data: []byte("#!/bin/sh\ntouch \"$MARK\"\n"), ModTime: time.Unix(1_700_000_000, 0)}}}
	c := web.Config{Sessions: h.desk, Texts: texts, PublicURL: "https://help.esempio.example", CookieKey: []byte(strings.Repeat("k", 32)),
		Agents: h.agents, Logger: log}
	h.server = httptest.NewUnstartedServer(nil)
	for _, o := range options {
		o(&c, h)
	}
	if h.access, err = access.New(t.Context(), access.Config{DB: db, Office: h.office, Log: log, Rounds: 1000, Central: c.SSO != nil, Directory: h.people, Derive: testKeys, PublicURL: c.PublicURL}); err != nil {
		t.Fatal(err)
	}
	if c.Legal, err = legal.New(texts, c.PublicURL, h.access); err != nil {
		t.Fatal(err)
	}
	c.Accounts, c.Setup, c.Settings, c.Roster = h.access, h.access, h.access, h.access
	c.Central = h.access
	if c.Desk, err = tickets.New(t.Context(), tickets.Config{Database: db, LinkKey: []byte(strings.Repeat("d", 32)), Files: t.TempDir(), FileKey: make([]byte, 32), Log: log}); err != nil {
		t.Fatal(err)
	}
	sender := func(context.Context) (mail.Office, error) {
		return mail.Office{Name: office.Name, Phone: office.Phone}, nil
	}
	letters, err := mail.Open(mail.Config{Database: db, Server: h.mail, Texts: texts, Office: sender, Every: 50 * time.Millisecond, Log: log,
		Sources: []mail.Source{tickets.Post{Desk: c.Desk.(*tickets.Desk), Texts: texts, Office: sender, URL: c.PublicURL}}})
	if err != nil {
		t.Fatal(err)
	}
	c.Mail = letters
	if c.Figures, err = figures.New(figures.Config{Database: db, Hours: c.Desk.Hours, Log: log}); err != nil {
		t.Fatal(err)
	}
	c.Exports = h.access
	c.Audit.Breaches = c.Desk.(*tickets.Desk)
	if c.Audit.Evidence != nil {
		c.Audit.Keys = h.access
	}
	if c.Audit.Policies != nil {
		c.Audit.Custody = h.access
	}
	if c.Audit.Decisions != nil {
		c.Audit.People = h.access.Accounts
	}
	c.Office = func(ctx context.Context) (page.Office, error) {
		s, err := h.access.Settings(ctx)
		if h.days > 0 {
			s.RecordingDays, s.LogMonths = h.days, h.months
		}
		return page.OfficeOf(s), err
	}
	if h.hooks != nil {
		c.Hooks = h.hooks()
	}
	pages, err := web.New(c)
	if err != nil {
		t.Fatal(err)
	}
	var handler http.Handler = pages
	if h.front != nil {
		handler = h.front(pages)
	}
	h.server.Config.Handler = handler
	if h.listen != nil {
		h.server.Listener.Close()
		h.server.Listener = h.listen
	}
	h.server.EnableHTTP2 = true
	h.server.Config.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelDebug)
	h.server.StartTLS()
	t.Cleanup(func() {
		h.server.CloseClientConnections()
		h.server.Close()
		letters.Close()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// person is somebody with a browser of their own; it follows redirects and keeps
// cookies, and knows no JavaScript.
type person struct {
	t      testing.TB
	http   *http.Client
	base   string
	header http.Header
}

func (h *house) visitor(t testing.TB, header ...string) *person {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := *h.server.Client()
	c.Jar = jar
	p := &person{t: t, http: &c, base: h.server.URL, header: http.Header{
		"User-Agent": {"Mozilla/5.0 (X11; Linux x86_64) Test"}, "Accept-Language": {"en-GB,en;q=0.9"}}}
	for i := 0; i+1 < len(header); i += 2 {
		p.header.Set(header[i], header[i+1])
	}
	return p
}

func (p *person) do(method, path, body string, header ...string) *http.Response {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), method, p.base+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header = p.header.Clone()
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := p.http.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { response.Body.Close() })
	return response
}

// seen is a page that was read to its end.
type seen struct {
	*http.Response
	text string
}

func (p *person) read(r *http.Response) seen {
	p.t.Helper()
	data, err := io.ReadAll(r.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return seen{r, strings.ReplaceAll(string(data), "&#43;", "+")}
}

func (p *person) get(path string) seen { p.t.Helper(); return p.read(p.do(http.MethodGet, path, "")) }

func (p *person) post(path string, pairs ...string) seen {
	p.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	return p.read(p.do(http.MethodPost, path, form.Encode()))
}

// shows fails unless the page holds every part.
func (s seen) shows(t testing.TB, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(s.text, part) {
			t.Errorf("%s (%d) does not show %q:\n%s", s.Request.URL, s.StatusCode, part, s.text)
		}
	}
}

func (s seen) hides(t testing.TB, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if strings.Contains(s.text, part) {
			t.Errorf("%s (%d) shows %q", s.Request.URL, s.StatusCode, part)
		}
	}
}
