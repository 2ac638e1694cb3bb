package web_test

import (
	"context"
	"crypto/rand"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/ops"
	"consento/broker/internal/session"
	"consento/broker/internal/web"
	"consento/protocol"
	"consento/protocol/lang"
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
}

type kept struct {
	value   protocol.Session
	ticket  protocol.Ticket
	changed chan struct{} // closed at each change
}

func newDesk() *desk {
	return &desk{keys: map[protocol.SessionKey]string{}, sessions: map[string]*kept{}}
}

// issue makes a session whose key is key.
func (d *desk) issue(key protocol.SessionKey, technician protocol.Person) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	id := rand.Text()
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
	d.mu.Lock()
	d.reported = append(d.reported, id)
	d.mu.Unlock()
	return d.ConfirmName(ctx, id, false)
}

func (d *desk) Ticket(_ context.Context, id string) (protocol.Ticket, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
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
	office ops.Office // as configured; zero: from the set-up
}

type option func(*web.Config, *house)

// unset leaves the office to the first set-up.
func unset(_ *web.Config, h *house) { h.office = ops.Office{} }

func withConsole(files fs.FS) option { return func(c *web.Config, _ *house) { c.Console = files } }

func newHouse(t testing.TB, options ...option) *house {
	t.Helper()
	texts, err := lang.Load()
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	db, err := ops.OpenDatabase(t.Context(), t.TempDir()+"/data")
	if err != nil {
		t.Fatal(err)
	}
	h := &house{desk: newDesk(), office: office, agents: fstest.MapFS{"consento-agent-linux-amd64": &fstest.MapFile{
		Data: []byte("#!/bin/sh\ntouch \"$MARK\"\n"), ModTime: time.Unix(1_700_000_000, 0)}}}
	const public = "https://help.esempio.example"
	legal, err := web.NewLegal(texts, public)
	if err != nil {
		t.Fatal(err)
	}
	c := web.Config{Sessions: h.desk, Texts: texts, PublicURL: public, CookieKey: []byte(strings.Repeat("k", 32)),
		Legal: legal, Agents: h.agents, Logger: log}
	for _, o := range options {
		o(&c, h)
	}
	if h.access, err = access.New(t.Context(), access.Config{DB: db, Office: h.office, Log: log}); err != nil {
		t.Fatal(err)
	}
	c.Accounts, c.Setup = h.access, h.access
	c.Office = func(ctx context.Context) (web.Office, error) {
		o, err := h.access.Office(ctx)
		return web.Office{Name: o.Name, Phone: o.Phone, Controller: o.Controller, DPO: o.PrivacyContact, RecordingDays: 90, LogMonths: 6}, err
	}
	pages, err := web.New(c)
	if err != nil {
		t.Fatal(err)
	}
	h.server = httptest.NewUnstartedServer(pages)
	h.server.EnableHTTP2 = true
	h.server.Config.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelDebug)
	h.server.StartTLS()
	t.Cleanup(func() {
		h.server.CloseClientConnections()
		h.server.Close()
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
