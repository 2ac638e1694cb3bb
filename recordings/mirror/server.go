package mirror

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"consento/recordings"
	"consento/recordings/store"
	"consento/recordings/translog"
	"consento/recordings/translog/tlogwitness"
)

// Config of a server. All but Keep, Now is required.
type Config struct {
	Store    store.Store
	Replica  *translog.Replica
	Cosigner *translog.Cosigner
	Key      ed25519.PrivateKey  // countersigns heads; that of Cosigner
	LogKeys  []ed25519.PublicKey // may have sealed what a crash interrupted
	Token    string              // that the broker shows
	Keep     time.Duration       // how long a closed recording is kept at least; 0: 180 days
	Logger   *slog.Logger
	Now      func() time.Time // nil: time.Now
}

const (
	defaultKeep = 180 * 24 * time.Hour
	minToken    = 32
	slots       = 2                // requests with a large body at a time: bounds memory
	bodyTime    = 2 * time.Minute  // for a body to come
	stepTime    = 30 * time.Second // for a piece of an answer to leave
)

// Server answers a broker. It is an http.Handler, safe for concurrent use.
type Server struct {
	c      Config
	token  [sha256.Size]byte
	slots  chan struct{}
	tails  tails
	keeper *keeper
	mux    *http.ServeMux
}

// NewServer checks the configuration.
func NewServer(c Config) (*Server, error) {
	if c.Store == nil || c.Replica == nil || c.Cosigner == nil || len(c.Key) != ed25519.PrivateKeySize || len(c.LogKeys) == 0 || c.Logger == nil {
		return nil, errors.New("mirror: the configuration is not complete")
	}
	if len(c.Token) < minToken {
		return nil, errors.New("mirror: the token is too short")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Keep == 0 {
		c.Keep = defaultKeep
	}
	s := &Server{c: c, token: sha256.Sum256([]byte(c.Token)), slots: make(chan struct{}, slots), mux: http.NewServeMux()}
	s.tails = tails{store: c.Store, logKeys: c.LogKeys, open: map[string]*tail{}}
	s.keeper = newKeeper(c.Store, c.Store, c.Replica.Entries, c.Logger, c.Now)
	// What was decided before a crash is carried out first.
	if err := s.keeper.follow(context.Background(), c.Replica.Size()); err != nil {
		return nil, fmt.Errorf("mirror: key bags: %w", err)
	}
	s.mux.HandleFunc("GET /rec", s.list)
	s.mux.HandleFunc("GET /rec/{name}", s.read)
	s.mux.HandleFunc("POST /rec/{name}", s.append)
	s.mux.HandleFunc("GET /bags", s.listBags)
	s.mux.HandleFunc("GET /bags/{name}", s.bag)
	s.mux.HandleFunc("PUT /bags/{name}", s.putBag)
	s.mux.HandleFunc("GET /log", s.log)
	s.mux.HandleFunc("POST /log/entries", s.entries)
	s.mux.HandleFunc("PUT /log/sealed/{hash}", s.sealed)
	s.mux.Handle("/add-checkpoint", tlogwitness.Handler(c.Cosigner, func(err error) {
		c.Logger.Error("checkpoint not kept", slog.Any("error", err))
	}))
	return s, nil
}

// ServeHTTP lets in who shows the token.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	shown, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if sum := sha256.Sum256([]byte(shown)); !ok || subtle.ConstantTimeCompare(sum[:], s.token[:]) != 1 {
		w.Header().Set("WWW-Authenticate", "Bearer")
		http.Error(w, "not the token of this mirror", http.StatusUnauthorized)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	s.mux.ServeHTTP(w, r)
}

// body reads a request of limited length in limited time.
func body(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, bool) {
	// Where deadlines cannot be set, the server's own hold.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTime))
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		http.Error(w, "the body is too long", http.StatusRequestEntityTooLarge)
	case err != nil:
		http.Error(w, "the body ended early", http.StatusBadRequest)
	}
	return b, err == nil
}

// slot waits for its turn to hold a large body in memory.
func (s *Server) slot(ctx context.Context) (release func(), err error) {
	select {
	case s.slots <- struct{}{}:
		return func() { <-s.slots }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *Server) append(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	at, err := strconv.ParseInt(r.URL.Query().Get("at"), 10, 64)
	if err != nil || at < 0 || !segmentName.MatchString(name) {
		http.Error(w, "no recording, or no offset", http.StatusBadRequest)
		return
	}
	release, err := s.slot(r.Context())
	if err != nil {
		return // nobody waits for an answer
	}
	defer release()
	b, ok := body(w, r, MaxBody)
	if !ok {
		return
	}
	// What came is carried out, whoever still waits for it.
	held, err := s.take(context.WithoutCancel(r.Context()), name, at, b)
	s.answer(w, r, held, err)
}

// take adds what follows and ends with a seal, and countersigns the head.
func (s *Server) take(ctx context.Context, name string, at int64, b []byte) (Held, error) {
	t := s.tails.take(name)
	defer s.tails.give(t)
	if err := t.load(ctx, s.tails.store, s.c.LogKeys); err != nil {
		return Held{}, err
	}
	held := Held{Name: name, Size: t.size}
	if at != t.size || t.size == 0 && len(b) == 0 {
		held.Sealed = t.report().Final
		return held, ErrHeld
	}
	if len(b) > 0 {
		if err := t.add(ctx, s.tails.store, b); err != nil {
			return held, err
		}
	}
	rep := t.report()
	if rep.Final {
		if err := s.seal(ctx, name); err != nil {
			return held, err
		}
	}
	return Held{Name: name, Size: t.size, Sealed: rep.Final, Cosignature: recordings.Cosign(s.c.Key, rep.Open.Session, rep.Head)}, nil
}

// seal makes a closed recording one that stays.
func (s *Server) seal(ctx context.Context, name string) error {
	info, err := s.c.Store.Stat(ctx, name)
	if err != nil || info.Sealed {
		return err
	}
	return s.c.Store.Seal(ctx, name, s.c.Now().Add(s.c.Keep))
}

// answer tells how much there is, or why it is not more.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, held any, err error) {
	status := http.StatusOK
	switch {
	case err == nil:
	case errors.Is(err, ErrHeld):
		status = http.StatusConflict
	case errors.Is(err, ErrRefused):
		s.c.Logger.Warn("refused", slog.String("path", r.URL.Path), slog.Any("error", err))
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	case errors.Is(err, recordings.ErrNoSpace):
		s.c.Logger.Error("no space", slog.String("path", r.URL.Path))
		http.Error(w, recordings.ErrNoSpace.Error(), http.StatusInsufficientStorage)
		return
	default:
		s.c.Logger.Error("not kept", slog.String("path", r.URL.Path), slog.Any("error", err))
		http.Error(w, "the mirror failed", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(held) // who does not hear it asks again
}
