package main

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/api"
	"consento/broker/internal/central"
	"consento/broker/internal/desk"
	"consento/broker/internal/evidence"
	"consento/broker/internal/figures"
	"consento/broker/internal/hooks"
	"consento/broker/internal/mail"
	"consento/broker/internal/ops"
	"consento/broker/internal/session"
	"consento/broker/internal/sfu"
	"consento/broker/internal/sockets"
	"consento/broker/internal/web"
	"consento/broker/internal/web/admin"
	"consento/broker/internal/web/audit"
	"consento/broker/internal/web/legal"
	"consento/broker/internal/web/page"
	"consento/broker/internal/web/servicedesk"
	"consento/console"
	"consento/protocol"
	"consento/protocol/lang"
	"consento/recordings"
	"github.com/uptrace/bun"
)

// lookAtPromises is how often the promises of tickets are looked at.
const lookAtPromises = 30 * time.Second

// shutdownTime is how long open sessions have to close their evidence when the
// broker is stopped.
const shutdownTime = 10 * time.Second

type serveCommand struct {
	Listen    string `placeholder:"HOST:PORT" help:"TCP for pages, the same port in UDP for media."`
	Data      string `placeholder:"DIR" type:"path" help:"The data folder; made if there is none."`
	PublicURL string `placeholder:"URL" help:"The https address that people type."`
	Config    string `placeholder:"FILE" type:"existingfile" help:"Configuration in TOML."`
}

// Run serves until ctx ends.
func (c serveCommand) Run(ctx context.Context) (err error) {
	config, err := c.config()
	if err != nil {
		return err
	}
	log, err := ops.NewLogger(os.Stderr, config.Log)
	if err != nil {
		return err
	}
	b := &broker{config: config, log: log}
	defer func() { err = errors.Join(err, b.close()) }()
	if err := b.open(ctx); err != nil {
		return err
	}
	return b.serve(ctx)
}

func (c serveCommand) config() (ops.Config, error) {
	config, err := ops.LoadConfig(c.Config)
	if err != nil {
		return config, err
	}
	for _, flag := range []struct{ from, to *string }{{&c.Listen, &config.Listen}, {&c.Data, &config.Data}, {&c.PublicURL, &config.PublicURL}} {
		if *flag.from != "" {
			*flag.to = *flag.from
		}
	}
	return config, config.Validate()
}

// broker holds what serve puts together.
type broker struct {
	config ops.Config
	log    *slog.Logger

	url          string
	folder       *ops.Folder
	listener     net.Listener
	certificates *ops.Certificates
	trust        *ops.Trust
	manifest     atomic.Pointer[[]byte]
	db           *bun.DB
	access       *access.Access
	hooks        *hooks.Hooks
	media        *sfu.SFU
	reserve      *ops.Reserve
	evidence     *evidence.Evidence
	sessions     *session.Manager
	desk         *desk.Desk
	health       *ops.Health
	mail         *mail.Mail
	site         *web.Web
	doors        []door
	handler      http.Handler
	closers      []func() error // last in, first out
}

func (b *broker) later(f func() error) { b.closers = append(b.closers, f) }

// background runs do until the broker is closed, and waits for its end then.
func (b *broker) background(do func(context.Context)) {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		do(ctx)
	}()
	b.later(func() error {
		stop()
		<-done
		return nil
	})
}

func (b *broker) close() error {
	var errs []error
	for i := len(b.closers) - 1; i >= 0; i-- {
		errs = append(errs, b.closers[i]())
	}
	return errors.Join(errs...)
}

func (b *broker) open(ctx context.Context) error {
	var err error
	if b.folder, err = ops.OpenFolder(b.config.Data); err != nil {
		return err
	}
	release, err := b.folder.Serve()
	if err != nil {
		return err
	}
	b.later(release)
	moved, err := b.folder.MoveBags()
	if err != nil {
		return err
	}
	if moved > 0 {
		b.log.Info("keys lie apart from the recordings now", slog.Int("files", moved), slog.String("folder", b.folder.Bags()))
	}
	if b.listener, err = net.Listen("tcp", b.config.Listen); err != nil {
		return fmt.Errorf("listen on %s: %w", b.config.Listen, err)
	}
	b.later(func() error {
		if err := b.listener.Close(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
	address := b.listener.Addr().(*net.TCPAddr)
	b.url = b.config.PublicURLAt(address.Port)
	if b.certificates, err = ops.OpenCertificates(b.folder, b.config); err != nil {
		return err
	}
	secrets, err := ops.OpenSecrets(b.folder)
	if err != nil {
		return err
	}
	if b.trust, err = ops.OpenTrust(b.folder); err != nil {
		return err
	}
	if b.db, err = ops.OpenDatabase(ctx, b.config.Data); err != nil {
		return err
	}
	b.later(b.db.Close)
	people, err := b.withDirectory(access.Config{DB: b.db, Office: b.config.Office, Log: b.log, Derive: secrets.Derive, PublicURL: b.url})
	if err != nil {
		return err
	}
	if b.access, err = access.New(ctx, people); err != nil {
		return err
	}
	if b.media, err = sfu.New(sfu.Config{Address: &net.UDPAddr{IP: address.IP, Port: address.Port, Zone: address.Zone}, Announce: b.config.Media.Addresses}); err != nil {
		return err
	}
	b.later(b.media.Close)
	return b.compose(ctx, secrets)
}

// compose makes sessions and pages of what is open.
func (b *broker) compose(ctx context.Context, secrets *ops.Secrets) error {
	texts, err := lang.Load()
	if err != nil {
		return err
	}
	if err := b.access.SeedTemplates(ctx, admin.StartingTemplates(texts)); err != nil {
		return err
	}
	legal, err := legal.New(texts, b.url, b.access)
	if err != nil {
		return err
	}
	origin, err := evidence.LogOrigin(b.url)
	if err != nil {
		return err
	}
	witness, err := b.witness(secrets)
	if err != nil {
		return err
	}
	clock, err := b.clock()
	if err != nil {
		return err
	}
	sign := func(auditors ed25519.PublicKey) error {
		return b.signManifest(secrets.LogKey().Public().(ed25519.PublicKey), auditors)
	}
	if b.reserve, err = ops.OpenReserve(b.log, b.config.Evidence.MinFree, b.folder.Evidence(), b.folder.Path(), b.folder.Log(), b.folder.Bags()); err != nil {
		return err
	}
	b.evidence, err = evidence.Open(ctx, evidence.Config{Database: b.db, Folder: b.folder.Log(), Recordings: b.folder.Evidence(), Bags: b.folder.Bags(), Origin: origin,
		Key: secrets.LogKey(), Readers: b.access.TrailReaders, Policies: b.folder.Keys(), PolicyChanged: sign, Retention: b.retention, Copies: b.copies,
		Keys: b.evidenceKeys, Sweep: b.sweep(), Witness: witness, Timestamps: clock, MinFree: int64(b.config.Evidence.MinFree), Reserve: b.reserve, PurgeAfter: time.Duration(b.config.Evidence.PurgeAfter), Logger: b.log})
	if err != nil {
		return err
	}
	b.later(b.evidence.Close)
	if policy, ok := b.evidence.Policy(); ok {
		err = sign(policy.Root)
	} else {
		err = sign(nil)
	}
	if err != nil {
		return err
	}
	enough := ops.FolderCheck(b.folder.Evidence(), b.config.Evidence.MinFree)
	space := func(ctx context.Context) error {
		if err := enough(ctx); err != nil {
			return err
		}
		return b.reserve.Hold()
	}
	if b.hooks, err = b.openHooks(secrets); err != nil {
		return err
	}
	b.background(b.hooks.Run)
	b.sessions, err = session.New(ctx, session.Config{
		Outbox:   b.tellOfSession,
		Database: b.db, Media: b.media, Evidence: b.folder.Evidence(), Bags: b.folder.Bags(), Origin: b.url,
		Recipients: b.recipients, Kept: b.kept, Script: func(ctx context.Context, technician session.Technician, id string, version uint32) (protocol.OwnScript, error) {
			return b.access.Script(ctx, technician.Team, id, version)
		}, Summary: func(ctx context.Context, technician session.Technician) (bool, error) {
			return b.access.SummaryWanted(ctx, technician.Team)
		}, Ticket: b.sessionTicket, Attach: b.attachSealed, Technician: b.technician, Space: space, Reserve: b.reserve, Office: b.person,
		Terms: func(ctx context.Context, language string) (protocol.Terms, error) {
			office, err := b.office(ctx)
			if err != nil {
				return protocol.Terms{}, err
			}
			return legal.Terms(ctx, language, office)
		},
		Copies: b.evidence, Global: b.evidence, Witnessed: b.evidence.Witnessed, LogKey: secrets.LogKey(), Derive: secrets.Derive, Log: b.log,
		Limits: session.Limits{Active: time.Duration(b.config.Session.MaxDuration), Return: time.Duration(b.config.Session.Return), Restart: time.Duration(b.config.Session.Restart)},
	})
	if err != nil {
		return err
	}
	b.later(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), shutdownTime)
		defer cancel()
		return b.sessions.Close(ctx)
	})
	tickets, err := desk.New(ctx, desk.Config{Database: b.db, LinkKey: secrets.Derive("ticket link"), Files: b.folder.Attachments(), FileKey: secrets.Derive("attachments"), Outbox: b.tellOfTicket, Log: b.log})
	if err != nil {
		return err
	}
	b.desk = tickets
	b.background(b.linkSessions)
	if b.mail, err = b.openMail(tickets, texts); err != nil {
		return err
	}
	b.later(b.mail.Close)
	staff := desk.StaffPost{Speaks: b.speaks(texts), URL: b.url, Queue: b.mail.Queue}
	tickets.OnAlert(staff.Alert)
	tickets.OnBreach(staff.Breach)
	b.hooks.OnStopped(hooks.StaffPost{Speaks: staff.Speaks, URL: b.url, Queue: b.mail.Queue}.Stopped)
	b.background(func(ctx context.Context) {
		tickets.Watch(ctx, lookAtPromises, b.holdConcerned, b.evidence.LapseHolds, tickets.Forget)
	})
	b.background(func(ctx context.Context) {
		for range tickets.Changes(ctx) { // at once, and again with the next look where that failed
			if err := b.holdConcerned(ctx); err != nil && ctx.Err() == nil {
				b.log.Error("sessions of a suspected data breach are not held", slog.Any("err", err))
			}
		}
	})
	counted, err := figures.New(figures.Config{Database: b.db, Hours: tickets.Hours, Log: b.log})
	if err != nil {
		return err
	}
	if err := counted.Begin(ctx, servicedesk.StartingSurveys(texts)); err != nil {
		return err
	}
	pages := web.Config{
		Audit: audit.Config{Evidence: b.evidence, Keys: b.access, Policies: b.evidence, Custody: b.access, Rewraps: b.evidence, Decisions: b.evidence, People: b.access.Accounts,
			Shares: b.evidence, Sharing: b.evidence, Searching: b.evidence, Breaches: tickets},
		Sessions: b.sessions, Accounts: b.access, Setup: b.access, Settings: b.access, Receipts: b.evidence.Receipt, Copies: b.evidence, Roster: b.access, Hooks: b.hooks, Desk: tickets, Exports: b.access, Figures: counted, Mail: b.mail, Office: b.office, Texts: texts, Legal: legal,
		PublicURL: b.url, CookieKey: secrets.Derive("customer cookie"), Agents: os.DirFS(b.folder.Agents()), Logger: b.log,
	}
	if err := b.centralPages(&pages); err != nil {
		return err
	}
	if console.Built() {
		pages.Console = console.Files()
	} else {
		pages.Style = console.Style()
	}
	site, err := web.New(pages)
	if err != nil {
		return err
	}
	software := "consento-broker " + version
	agents, err := sockets.NewAgent(sockets.AgentConfig{Sessions: b.sessions, Software: software, Log: b.log})
	if err != nil {
		return err
	}
	consoles, err := sockets.NewConsole(sockets.ConsoleConfig{Sessions: b.sessions, Desk: tickets, Accounts: b.access, Office: b.person, Colleagues: b.access.Accounts,
		PublicURL: b.url, Software: software, Log: b.log})
	if err != nil {
		return err
	}
	vendors, err := sockets.NewVendor(sockets.VendorConfig{Sessions: b.sessions, Inviter: sockets.InviterOf(b.access.Accounts), Office: b.person, Software: software, Log: b.log})
	if err != nil {
		return err
	}
	b.health = ops.NewHealth(b.log, map[string]ops.Check{
		"database": ops.DatabaseCheck(b.db.DB), "evidence": space, "witness": b.evidence.WitnessCheck, "timestamp": b.evidence.ClockCheck, "certificate": b.certificates.Check,
	})
	programs, err := api.New(api.Config{Accounts: b.access, Desk: tickets, Database: b.db, Texts: texts, PublicURL: b.url, Software: software, Log: b.log})
	if err != nil {
		return err
	}
	b.site = site
	b.doors = []door{
		{"GET /ws/agent", page.Rule{Who: page.Holder}, agents}, // of a session key, or of what a session gave it
		{"GET /ws/console", page.Rule{Who: page.Staff, Actions: []access.Action{access.Assist}}, b.access.LoadSession(consoles)},
		{"GET /ws/vendor", page.Rule{Who: page.Holder}, vendors}, // of an invitation that was opened on that device
		{"GET /healthz", page.Rule{Who: page.Anyone}, b.health.Live()},
		{"GET /readyz", page.Rule{Who: page.Anyone}, b.health.Ready()},
		{"GET /metrics", page.Rule{Who: page.Staff, Actions: []access.Action{access.SeeMetrics}}, b.access.LoadAny(b.metrics())}, // and a scraper on this machine
		{"/api/v1/", page.Rule{Who: page.Holder}, programs},                                                                      // of an API token: api.Operations has the rules
		{"GET /api/openapi.json", page.Rule{Who: page.Anyone}, programs},
		{"GET " + protocol.ManifestPath, page.Rule{Who: page.Anyone}, http.HandlerFunc(b.serveManifest)},
		{"GET " + protocol.PolicyPath + "{hash}", page.Rule{Who: page.Anyone}, http.HandlerFunc(b.servePolicy)},
	}
	mux := http.NewServeMux()
	for _, d := range b.doors {
		mux.Handle(d.pattern, d.handler)
	}
	mux.Handle("/scim/v2/", central.NewSCIM(b.access, b.url, b.log))
	mux.Handle("/", site)
	b.handler = ops.LogRequests(b.log, mux, mux)
	return nil
}

// door is an address beside the pages, with who comes in.
type door struct {
	pattern string
	rule    page.Rule
	handler http.Handler
}

func (b *broker) serveManifest(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	// An error means that the caller is gone.
	_, _ = w.Write(*b.manifest.Load())
}

// serve answers until ctx ends, and then lets open sessions close.
func (b *broker) serve(ctx context.Context) error {
	server := &http.Server{
		Handler: b.handler, TLSConfig: b.certificates.TLSConfig(),
		ReadHeaderTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, // streams and downloads extend their own
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10,
		ErrorLog: slog.NewLogLogger(b.log.Handler(), slog.LevelDebug), // handshakes of scanners
	}
	if err := b.greet(ctx); err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(tls.NewListener(b.listener, server.TLSConfig)) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	b.health.Drain()
	b.log.Info("stopping")
	stopping, cancel := context.WithTimeout(context.Background(), shutdownTime)
	defer cancel()
	// Sessions first: agents and consoles are told through open sockets.
	err := b.sessions.Close(stopping)
	if shut := server.Shutdown(stopping); shut != nil && !errors.Is(shut, context.DeadlineExceeded) {
		err = errors.Join(err, shut)
	}
	err = errors.Join(err, server.Close())
	if served := <-failed; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// greet prints what scripts wait for, and the way to the first accounts.
func (b *broker) greet(ctx context.Context) error {
	token, err := b.access.NewSetupToken(ctx)
	switch {
	case err == nil:
		fmt.Printf("first set-up (once, within 24 hours): %s/setup?token=%s\n", b.url, url.QueryEscape(token))
	case !errors.Is(err, access.ErrSetupDone):
		return err
	}
	fmt.Println("ready", b.url)
	return nil
}

// technician is an account as it is now, with session.ErrNotAllowed where it may
// not open sessions any more.
func (b *broker) technician(ctx context.Context, id string) (session.Technician, error) {
	a, err := b.access.ByID(ctx, id)
	if err != nil {
		return session.Technician{}, err
	}
	technician := session.Technician{ID: a.ID, Name: a.Name, Team: a.Team, Territory: a.Territory, Profile: a.Profile}
	if !access.Can(a, access.Assist, access.Scope{Owner: a.ID, Team: a.Team, Territory: a.Territory}) {
		return technician, session.ErrNotAllowed
	}
	return technician, nil
}

// signManifest says to agents which keys the office uses; auditors is the root key
// of the recipient policy, nil as long as there is none.
func (b *broker) signManifest(log, auditors ed25519.PublicKey) error {
	manifest, err := b.trust.Manifest(b.certificates, log, auditors)
	if err == nil {
		b.manifest.Store(&manifest)
	}
	return err
}

// recipients is what the signed policy says of this technician's sessions; as
// long as there is none, the list of keys that were named here.
func (b *broker) recipients(ctx context.Context, technician session.Technician) (session.Recipients, error) {
	if policy, ok := b.evidence.Policy(); ok {
		stanzas, err := policy.Stanzas(technician.Team, technician.Territory)
		if errors.Is(err, recordings.ErrNotForYou) {
			return session.Recipients{}, nil // nobody is named, so no session starts
		}
		return session.Recipients{Stanzas: stanzas, Policy: policy.Hash()}, err
	}
	named, err := b.access.RecipientsFor(ctx, technician.Team, technician.Territory)
	keys := make([]recordings.Recipient, len(named))
	for i, r := range named {
		keys[i] = r.Key
	}
	return session.Recipients{Stanzas: recordings.Alone(recordings.ClassAuditor, keys...)}, err
}

// servePolicy gives a signed recipient policy to an agent that was told its hash.
func (b *broker) servePolicy(w http.ResponseWriter, r *http.Request) {
	hash, err := hex.DecodeString(r.PathValue("hash"))
	if err == nil && len(hash) == sha256.Size {
		if file, ok := b.evidence.PolicyFile([sha256.Size]byte(hash)); ok {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			w.Header().Set("X-Content-Type-Options", "nosniff")
			w.Header().Set("Cache-Control", "no-store")
			_, _ = w.Write(file) // an error means that the caller is gone
			return
		}
	}
	http.NotFound(w, r)
}

// kept is for how long this technician's sessions are kept.
func (b *broker) kept(ctx context.Context, technician session.Technician) (session.Kept, error) {
	k, err := b.access.KeptFor(ctx, technician.Team)
	return session.Kept(k), err
}

// sweep deletes the database's rows when their period is over.
func (b *broker) sweep() *evidence.SweepConfig {
	return &evidence.SweepConfig{
		LogMonths: func(ctx context.Context) (int, error) {
			s, err := b.access.Settings(ctx)
			return s.LogMonths, err
		},
		Forget: func(ctx context.Context, tx bun.IDB, empty, gone []string) error {
			return errors.Join(session.Forget(ctx, tx, empty, gone), figures.Forget(ctx, tx, slices.Concat(empty, gone)...), access.Forget(ctx, tx), api.Forget(ctx, tx, time.Now()), hooks.Forget(ctx, tx, time.Now()))
		},
	}
}

func (b *broker) retention(ctx context.Context) (int, error) {
	s, err := b.access.Settings(ctx)
	return s.RecordingDays, err
}

// copies is what the office decided about customers' copies of recordings.
func (b *broker) copies(ctx context.Context) (give bool, days int, err error) {
	s, err := b.access.Settings(ctx)
	return !s.WithholdRecording, s.CustomerDays, err
}

func (b *broker) office(ctx context.Context) (page.Office, error) {
	s, err := b.access.Settings(ctx)
	if err != nil {
		return page.Office{}, err
	}
	if s.Office, err = officeOf(ctx, b.access, b.url); err != nil {
		return page.Office{}, err
	}
	if policy, ok := b.evidence.Policy(); ok && !policy.Customer {
		s.WithholdRecording = true // the auditors' word wins
	}
	return page.OfficeOf(s), nil
}

// openMail begins to tell people of their tickets.
func (b *broker) openMail(tickets *desk.Desk, texts *lang.Catalog) (*mail.Mail, error) {
	office := func(ctx context.Context) (mail.Office, error) {
		o, err := officeOf(ctx, b.access, b.url)
		return mail.Office{Name: o.Name, Phone: o.Phone}, err
	}
	return mail.Open(mail.Config{Database: b.db, Server: b.config.Mail, Texts: texts, Office: office, Log: b.log,
		Sources: []mail.Source{desk.Post{Desk: tickets, Texts: texts, Office: office, URL: b.url}}})
}

// speaks finds the texts for mails to who works here: in their own language as long as the
// office has it, else in the office's, which is that of its pages for who prefers none.
func (b *broker) speaks(texts *lang.Catalog) func(ctx context.Context, language string) (lang.Texts, error) {
	return func(ctx context.Context, language string) (lang.Texts, error) {
		s, err := b.access.Settings(ctx)
		return texts.Only(s.Languages...).Match(language), err
	}
}

func (b *broker) person(ctx context.Context) (protocol.Person, error) {
	o, err := officeOf(ctx, b.access, b.url)
	return protocol.Person{Office: o.Name, Phone: o.Phone}, err
}

// officeOf is the office as it was set up. Where accounts were made by command
// before anybody gave the office a name, the broker's host name stands for it.
func officeOf(ctx context.Context, a *access.Access, address string) (ops.Office, error) {
	office, err := a.Office(ctx)
	if err != nil || office.Name != "" {
		return office, err
	}
	accounts, err := a.Accounts(ctx)
	if err != nil || len(accounts) == 0 {
		return office, err
	}
	u, err := url.Parse(address)
	if err != nil {
		return office, err
	}
	office.Name = u.Hostname()
	return office, nil
}
