package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync/atomic"
	"time"

	"github.com/uptrace/bun"

	"consento/broker/internal/access"
	"consento/broker/internal/desk"
	"consento/broker/internal/evidence"
	"consento/broker/internal/figures"
	"consento/broker/internal/hooks"
	"consento/broker/internal/mail"
	"consento/broker/internal/ops"
	"consento/broker/internal/session"
	"consento/broker/internal/sfu"
	"consento/broker/internal/web"
	"consento/broker/internal/web/legal"
	"consento/protocol/lang"
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
	trust        *ops.Trust
	secrets      *ops.Secrets
	manifest     atomic.Pointer[[]byte]
	db           *bun.DB
	access       *access.Access
	hooks        *hooks.Hooks
	media        *sfu.SFU
	reserve      *ops.Reserve
	evidence     *evidence.Evidence
	sessions     *session.Manager
	desk         *desk.Desk
	texts        *lang.Catalog
	legal        *legal.Documents
	mail         *mail.Mail
	counted      *figures.Figures
	site         *web.Web
	health       *ops.Health
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
	if b.secrets, err = ops.OpenSecrets(b.folder); err != nil {
		return err
	}
	if b.trust, err = ops.OpenTrust(b.folder); err != nil {
		return err
	}
	if b.db, err = ops.OpenDatabase(ctx, b.config.Data); err != nil {
		return err
	}
	b.later(b.db.Close)
	people, err := b.withDirectory(access.Config{DB: b.db, Office: b.config.Office, Log: b.log, Derive: b.secrets.Derive, PublicURL: b.url})
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
	return b.compose(ctx)
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
