package ops

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// checkTimeout bounds all checks of one round.
	checkTimeout = 3 * time.Second
	// checkFor is how long an answer is good: /readyz is open to everybody, and a
	// flood of it must not become a flood of disk writes.
	checkFor = time.Second
)

// Check says what keeps a part of the broker from working, or nil.
type Check func(context.Context) error

// Health answers /healthz and /readyz.
type Health struct {
	log      *slog.Logger
	checks   map[string]Check
	draining atomic.Bool

	mu      sync.Mutex // one round of checks at a time
	at      time.Time
	failed  map[string]error
	running map[string]chan error // checks that have not answered yet
}

// NewHealth takes the checks by name. Details of a failure go to log, once when
// it begins and once when it ends; callers see only the name.
func NewHealth(log *slog.Logger, checks map[string]Check) *Health {
	return &Health{log: log, checks: maps.Clone(checks), failed: map[string]error{}, running: map[string]chan error{}}
}

// Drain makes /readyz say no from now on, so that nothing new is sent here.
func (h *Health) Drain() { h.draining.Store(true) }

// Live answers 200 as long as the process can answer.
func (h *Health) Live() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, readiness{Status: "ok"})
	})
}

// Ready answers 200 when every check passes and the broker is not draining, and
// 503 otherwise, with {"status": ready|not_ready|draining, "checks": {NAME: ok|failed}}.
func (h *Health) Ready() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h.draining.Load() {
			answer(w, http.StatusServiceUnavailable, readiness{Status: "draining"})
			return
		}
		failed := h.round(r.Context())
		result, code := readiness{Status: "ready", Checks: map[string]string{}}, http.StatusOK
		for name := range h.checks {
			result.Checks[name] = "ok"
			if failed[name] != nil {
				result.Checks[name] = "failed"
				result.Status, code = "not_ready", http.StatusServiceUnavailable
			}
		}
		answer(w, code, result)
	})
}

type readiness struct {
	Status string            `json:"status"`
	Checks map[string]string `json:"checks,omitempty"`
}

func answer(w http.ResponseWriter, code int, body readiness) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	// The only error is a caller who has gone.
	_ = json.NewEncoder(w).Encode(body)
}

// round returns the checks that fail, at most checkFor old.
func (h *Health) round(ctx context.Context) map[string]error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.at.IsZero() && time.Since(h.at) < checkFor {
		return h.failed
	}
	// The answer is for everybody who asks: the first one leaving must not spoil it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkTimeout)
	defer cancel()
	for name, check := range h.checks {
		if h.running[name] == nil {
			done := make(chan error, 1)
			h.running[name] = done
			go func() { done <- check(ctx) }()
		}
	}
	failed := map[string]error{}
	for name := range h.checks {
		var err error
		select {
		case err = <-h.running[name]:
			delete(h.running, name)
		case <-ctx.Done():
			// A disk that hangs hangs its check too: the next round waits for the
			// same one instead of starting another.
			err = fmt.Errorf("no answer: %w", ctx.Err())
		}
		if err != nil {
			failed[name] = err
		}
		switch before := h.failed[name]; {
		case err != nil && before == nil:
			h.log.Error("health check fails", "check", name, "error", err)
		case err == nil && before != nil:
			h.log.Info("health check passes again", "check", name)
		}
	}
	h.failed, h.at = failed, time.Now()
	return failed
}

// DatabaseCheck asks for one row.
func DatabaseCheck(db *sql.DB) Check {
	return func(ctx context.Context) error {
		var one int
		return db.QueryRowContext(ctx, "SELECT 1").Scan(&one)
	}
}

// FolderCheck writes into dir and looks at the free space of its disk.
func FolderCheck(dir string, minFree Size) Check {
	return func(context.Context) error {
		free, err := freeBytes(dir)
		if err != nil {
			return plain(err)
		}
		if free < uint64(minFree) {
			return fmt.Errorf("%w: %d MiB, at least %d MiB are needed", ErrNoSpace, free>>20, minFree>>20)
		}
		if err := probe(dir); err != nil {
			return plain(err)
		}
		return nil
	}
}
