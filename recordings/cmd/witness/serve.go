package main

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"consento/recordings/mirror"
	"consento/recordings/store"
	"consento/recordings/store/s3store"
	"consento/recordings/translog"
)

type serve struct {
	Dir    string `required:"" placeholder:"D" help:"Folder of the witness, made by init."`
	Listen string `required:"" placeholder:"HOST:PORT" help:"Where the broker reaches it."`
	LogKey string `required:"" placeholder:"FILE" help:"Public key of the broker's log: its data/keys/log.pub."`
	Keep   int    `default:"180" placeholder:"DAYS" help:"How long a closed recording is kept at least."`
}

// maxHeader bounds a request's header; the broker's has a token and little more.
const maxHeader = 16 << 10

// Run serves until it is told to stop.
func (c *serve) Run(out io.Writer) error {
	if c.Keep < 1 || c.Keep > 36_500 {
		return failure{exitUsage, fmt.Errorf("--keep: %d days", c.Keep)}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	w := &witness{dir: folder(c.Dir), keep: time.Duration(c.Keep) * 24 * time.Hour, log: logger}
	if err := w.open(ctx, c.LogKey); err != nil {
		return coded(errors.Join(err, w.close()))
	}
	err := w.serve(ctx, c.Listen, out)
	if err = errors.Join(err, w.close()); err != nil {
		return failure{exitFailed, err}
	}
	return nil
}

// witness holds what serve puts together.
type witness struct {
	dir     folder
	keep    time.Duration
	log     *slog.Logger
	name    string
	key     ed25519.PrivateKey
	logKeys []ed25519.PublicKey
	token   string
	tls     *tls.Config
	store   store.Store
	bucket  *s3store.Store // the same; nil for a folder
	handler http.Handler
	closers []io.Closer
}

func (w *witness) close() error {
	var errs []error
	for i := len(w.closers) - 1; i >= 0; i-- {
		errs = append(errs, w.closers[i].Close())
	}
	return errors.Join(errs...)
}

// open makes ready what serve needs.
func (w *witness) open(ctx context.Context, logKey string) (err error) {
	if w.name, err = w.dir.line("name"); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("no witness was made in %s: consento-witness init", w.dir)
	} else if err != nil {
		return err
	}
	if w.key, err = w.dir.key(); err != nil {
		return err
	}
	if w.token, err = w.dir.line("token"); err != nil {
		return err
	}
	cert, err := w.dir.read("tls.crt")
	if err != nil {
		return err
	}
	certKey, err := w.dir.read("tls.key")
	if err != nil {
		return err
	}
	if w.tls, _, err = mirror.ServerTLS(cert, certKey); err != nil {
		return err
	}
	// The store first: its lock keeps a second process away from everything else.
	folder, err := store.OpenFolder(w.dir.path("rec"), w.dir.path("bags"), nil)
	if err != nil {
		return err
	}
	w.store, w.closers = folder, append(w.closers, folder)
	if w.bucket, err = w.dir.bucket(ctx, w.log); err != nil {
		return err
	}
	if w.bucket != nil {
		w.store = w.bucket
		w.log.Info("recordings and bags are kept in a bucket", slog.String("bucket", w.bucket.Name()))
	}
	if w.logKeys, err = w.dir.logKeys(logKey); err != nil {
		return err
	}
	origin, err := w.dir.line("origin")
	if errors.Is(err, fs.ErrNotExist) {
		w.handler = mirror.Await(w.token, w.logKeys, w.first, func(err error) { w.log.Error("the log's name is not kept", slog.Any("error", err)) })
		return nil
	}
	if err != nil {
		return err
	}
	w.handler, err = w.watch(origin)
	return err
}

// first keeps the name of the log. Of an interrupted attempt the empty state may
// be there already.
func (w *witness) first(origin string) (http.Handler, error) {
	cosigner, err := translog.CreateCosigner(w.cosigner(origin))
	if err == nil {
		err = cosigner.Close()
	} else if errors.Is(err, translog.ErrExists) {
		err = nil
	}
	if err == nil {
		err = w.dir.write("origin", []byte(origin+"\n"))
	}
	if err != nil {
		return nil, err
	}
	w.log.Info("watching", slog.String("log", origin))
	return w.watch(origin)
}

func (w *witness) cosigner(origin string) translog.CosignerConfig {
	return translog.CosignerConfig{Name: w.name, Key: w.key, Origin: origin, Log: w.logKeys, State: w.dir.path("state")}
}

func (w *witness) watch(origin string) (http.Handler, error) {
	cosigner, err := translog.OpenCosigner(w.cosigner(origin))
	if err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	w.closers = append(w.closers, cosigner)
	replica, err := translog.OpenReplica(w.dir.path("log"), origin, w.logKeys)
	if err != nil {
		return nil, fmt.Errorf("log: %w", err)
	}
	w.closers = append(w.closers, replica)
	return mirror.NewServer(mirror.Config{Store: w.store, Replica: replica, Cosigner: cosigner, Key: w.key, LogKeys: w.logKeys, Token: w.token, Keep: w.keep, Logger: w.log})
}

func (w *witness) serve(ctx context.Context, listen string, out io.Writer) error {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler: w.handler, MaxHeaderBytes: maxHeader,
		// Bodies and long answers extend these piece by piece.
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 3 * time.Minute, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(w.log.Handler(), slog.LevelDebug), // handshakes of scanners
	}
	if _, err := fmt.Fprintf(out, "ready https://%s\n", l.Addr()); err != nil {
		return errors.Join(err, l.Close())
	}
	if w.bucket != nil {
		guarding, stop := context.WithCancel(ctx)
		var guard sync.WaitGroup
		guard.Go(func() { w.bucket.Guard(guarding) })
		defer guard.Wait()
		defer stop()
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(tls.NewListener(limited(l), w.tls)) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	stopping, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err = server.Shutdown(stopping); errors.Is(err, context.DeadlineExceeded) {
		err = server.Close()
	}
	if served := <-failed; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
