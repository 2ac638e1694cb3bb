package main

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/uptrace/bun"

	"consento/broker/internal/access"
	"consento/broker/internal/ops"
	"consento/broker/internal/session"
	"consento/broker/internal/sfu"
	"consento/broker/internal/sockets"
	"consento/broker/internal/web"
	"consento/console"
	"consento/protocol"
	"consento/protocol/lang"
	"consento/recordings"
)

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
	manifest     []byte
	db           *bun.DB
	access       *access.Access
	media        *sfu.SFU
	sessions     *session.Manager
	health       *ops.Health
	handler      http.Handler
	closers      []func() error // last in, first out
}

func (b *broker) later(f func() error) { b.closers = append(b.closers, f) }

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
	trust, err := ops.OpenTrust(b.folder)
	if err != nil {
		return err
	}
	if b.manifest, err = trust.Manifest(b.certificates, secrets.LogKey().Public().(ed25519.PublicKey)); err != nil {
		return err
	}
	if b.db, err = ops.OpenDatabase(ctx, b.config.Data); err != nil {
		return err
	}
	b.later(b.db.Close)
	if b.access, err = access.New(ctx, access.Config{DB: b.db, Office: b.config.Office, Log: b.log}); err != nil {
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
	legal, err := web.NewLegal(texts, b.url)
	if err != nil {
		return err
	}
	space := ops.FolderCheck(b.folder.Evidence(), b.config.Evidence.MinFree)
	b.sessions, err = session.New(ctx, session.Config{
		Database: b.db, Media: b.media, Evidence: b.folder.Evidence(), Origin: b.url,
		Recipients: b.recipients, Space: space, Office: b.person,
		Terms: func(ctx context.Context, language string) (protocol.Terms, error) {
			office, err := b.office(ctx)
			return legal.Terms(language, office), err
		},
		LogKey: secrets.LogKey(), Derive: secrets.Derive, Log: b.log,
		Limits: session.Limits{Active: time.Duration(b.config.Session.MaxDuration)},
	})
	if err != nil {
		return err
	}
	b.later(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), shutdownTime)
		defer cancel()
		return b.sessions.Close(ctx)
	})
	pages := web.Config{
		Sessions: b.sessions, Accounts: b.access, Setup: b.access, Office: b.office, Texts: texts, Legal: legal,
		PublicURL: b.url, CookieKey: secrets.Derive("customer cookie"), Agents: os.DirFS(b.folder.Agents()), Logger: b.log,
	}
	if console.Built() {
		pages.Console = console.Files()
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
	consoles, err := sockets.NewConsole(sockets.ConsoleConfig{Sessions: b.sessions, Accounts: b.access, Office: b.person,
		PublicURL: b.url, Software: software, Log: b.log})
	if err != nil {
		return err
	}
	b.health = ops.NewHealth(b.log, map[string]ops.Check{
		"database": ops.DatabaseCheck(b.db.DB), "evidence": space, "certificate": b.certificates.Check,
	})
	mux := http.NewServeMux()
	mux.Handle("GET /ws/agent", agents)
	mux.Handle("GET /ws/console", b.access.LoadSession(consoles))
	mux.Handle("GET /healthz", b.health.Live())
	mux.Handle("GET /readyz", b.health.Ready())
	mux.Handle("GET /metrics", b.access.LoadSession(b.metrics()))
	mux.HandleFunc("GET "+protocol.ManifestPath, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		// An error means that the caller is gone.
		_, _ = w.Write(b.manifest)
	})
	mux.Handle("/", site)
	b.handler = ops.LogRequests(b.log, mux, mux)
	return nil
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

func (b *broker) recipients(ctx context.Context, technician session.Technician) ([]recordings.Recipient, error) {
	named, err := b.access.RecipientsFor(ctx, technician.Team, technician.Territory)
	keys := make([]recordings.Recipient, len(named))
	for i, r := range named {
		keys[i] = r.Key
	}
	return keys, err
}

func (b *broker) office(ctx context.Context) (web.Office, error) {
	o, err := officeOf(ctx, b.access, b.url)
	return web.Office{Name: o.Name, Phone: o.Phone, Controller: o.Controller, DPO: o.PrivacyContact, RecordingDays: 90, LogMonths: 6}, err
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

// metrics answers who may see them: an account with the right, by cookie or
// token, or a scraper on this machine.
func (b *broker) metrics() http.Handler {
	registry := ops.NewMetrics()
	registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "consento_sessions_active", Help: "Sessions whose screen is shown."},
			func() float64 { return float64(b.sessions.Live()[protocol.StateActive]) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "consento_sessions_open", Help: "Sessions that are not closed."},
			func() float64 {
				n := 0
				for _, count := range b.sessions.Live() {
					n += count
				}
				return float64(n)
			}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "consento_evidence_free_bytes", Help: "Free space for evidence."},
			func() float64 {
				free, err := b.folder.Free()
				if err != nil {
					return -1
				}
				return float64(free)
			}),
	)
	figures := ops.MetricsHandler(registry)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		account, ok := access.Current(r)
		if (!ok || !access.Can(account, access.SeeMetrics, access.Scope{})) && !fromThisMachine(r) {
			http.Error(w, "the figures are for maintainers", http.StatusForbidden)
			return
		}
		figures.ServeHTTP(w, r)
	})
}

func fromThisMachine(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	ip := net.ParseIP(host)
	return err == nil && ip != nil && ip.IsLoopback()
}
