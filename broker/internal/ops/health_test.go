package ops

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/prometheus/client_golang/prometheus"
)

func ask(t *testing.T, h http.Handler) (int, readiness) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
	var body readiness
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatalf("%q: %v", w.Body, err)
	}
	return w.Code, body
}

func TestHealth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var broken atomic.Bool
		var asked atomic.Int64
		h := NewHealth(slog.New(slog.NewTextHandler(&log, nil)), map[string]Check{
			"database": func(context.Context) error { return nil },
			"evidence": func(context.Context) error {
				asked.Add(1)
				if broken.Load() {
					return errors.New("disk of /secret/path is full")
				}
				return nil
			},
		})
		if code, body := ask(t, h.Ready()); code != 200 || body.Status != "ready" || body.Checks["database"] != "ok" || body.Checks["evidence"] != "ok" {
			t.Fatalf("%d %+v", code, body)
		}
		broken.Store(true)
		for range 100 {
			ask(t, h.Ready())
		}
		if asked.Load() != 1 {
			t.Fatalf("%d checks within a second", asked.Load())
		}
		for range 3 {
			time.Sleep(checkFor)
			if code, body := ask(t, h.Ready()); code != 503 || body.Status != "not_ready" || body.Checks["database"] != "ok" || body.Checks["evidence"] != "failed" {
				t.Fatalf("%d %+v", code, body)
			}
		}
		if code, _ := ask(t, h.Live()); code != 200 {
			t.Fatalf("the process lives, but %d", code)
		}
		broken.Store(false)
		time.Sleep(checkFor)
		if code, _ := ask(t, h.Ready()); code != 200 {
			t.Fatalf("mended, but %d", code)
		}
		if n := strings.Count(log.String(), "\n"); n != 2 || !strings.Contains(log.String(), "/secret/path") {
			t.Fatalf("log of %d lines: %s", n, log.String())
		}
		h.Drain()
		if code, body := ask(t, h.Ready()); code != 503 || body.Status != "draining" {
			t.Fatalf("%d %+v", code, body)
		}
	})
}

func TestHangingCheckFailsAndIsNotStartedTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var started atomic.Int64
		hang := make(chan struct{})
		h := NewHealth(slog.New(slog.DiscardHandler), map[string]Check{
			"disk": func(context.Context) error { started.Add(1); <-hang; return nil }, // deaf to its context, as a disk is
		})
		for range 5 {
			if code, _ := ask(t, h.Ready()); code != 503 {
				t.Fatalf("%d", code)
			}
			time.Sleep(checkFor)
		}
		if started.Load() != 1 {
			t.Fatalf("%d checks hang", started.Load())
		}
		close(hang)
		synctest.Wait()
		if code, _ := ask(t, h.Ready()); code != 200 {
			t.Fatalf("%d", code)
		}
	})
}

func TestMetrics(t *testing.T) {
	one, two := NewMetrics(), NewMetrics() // no global registry: two in one process
	sessions := prometheus.NewGauge(prometheus.GaugeOpts{Name: "consento_sessions", Help: "Live sessions."})
	one.MustRegister(sessions)
	sessions.Set(3)
	for registry, want := range map[*prometheus.Registry]bool{one: true, two: false} {
		w := httptest.NewRecorder()
		MetricsHandler(registry).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		if w.Code != 200 || !strings.Contains(w.Body.String(), "go_goroutines") || strings.Contains(w.Body.String(), "consento_sessions 3") != want {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
}

// safeBuffer is written by a server's goroutines.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func TestRequestLogHoldsNoSecrets(t *testing.T) {
	log := &safeBuffer{}
	logger, err := NewLogger(log, LogConfig{Level: "info", Format: "json"})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /k/{key}", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "hello") })
	mux.HandleFunc("POST /setup", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusForbidden) })
	mux.HandleFunc("GET /empty", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /panic", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	mux.HandleFunc("GET /socket", func(w http.ResponseWriter, r *http.Request) {
		if c, err := websocket.Accept(w, r, nil); err != nil {
			t.Error(err)
		} else {
			c.CloseNow()
		}
	})
	mux.HandleFunc("GET /flush", func(w http.ResponseWriter, r *http.Request) {
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
	})
	// Another layer that makes a new request, as sign-in does.
	inner := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mux.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), &log, 1)))
	})
	site := httptest.NewServer(LogRequests(logger, mux, inner))
	defer site.Close()
	for _, c := range []struct{ method, path string }{
		{"GET", "/k/SECRETK"}, {"POST", "/setup?token=SECRETTOKEN"}, {"GET", "/SECRETK"}, {"GET", "/empty"}, {"GET", "/panic"}, {"SECRETMETHOD", "/empty"}, {"GET", "/flush"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), c.method, site.URL+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer SECRETBEARER")
		req.Header.Set("User-Agent", "SECRETAGENT")
		if res, err := site.Client().Do(req); err == nil {
			res.Body.Close()
		} else if c.path != "/panic" {
			t.Fatal(err)
		}
	}
	if c, _, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(site.URL, "http")+"/socket", nil); err != nil {
		t.Fatal(err)
	} else {
		c.CloseNow()
	}
	site.Close() // waits for the handlers
	text := log.String()
	if strings.Contains(text, "SECRET") || strings.Contains(text, "127.0.0.1") {
		t.Fatalf("secrets or addresses in the log:\n%s", text)
	}
	for _, want := range []string{
		`"method":"GET","route":"GET /k/{key}","protocol":"HTTP/1.1","status":200,"bytes":5`,
		`"method":"POST","route":"POST /setup","protocol":"HTTP/1.1","status":403,"bytes":0`,
		`"route":"","protocol":"HTTP/1.1","status":404`,
		`"route":"GET /empty","protocol":"HTTP/1.1","status":200,"bytes":0`,
		`"level":"ERROR","msg":"request","method":"GET","route":"GET /panic","protocol":"HTTP/1.1","status":500`,
		`"method":"other"`,
		`"route":"GET /socket","protocol":"HTTP/1.1","status":101`,
		`"route":"GET /flush"`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
}

func TestLogger(t *testing.T) {
	var b bytes.Buffer
	logger, err := NewLogger(&b, LogConfig{Level: "warn", Format: "text"})
	if err != nil {
		t.Fatal(err)
	}
	logger.Info("quiet")
	logger.Warn("loud")
	if strings.Contains(b.String(), "quiet") || !strings.Contains(b.String(), "msg=loud") {
		t.Fatal(b.String())
	}
	for _, c := range []LogConfig{{"loud", "text"}, {"info", "xml"}, {}} {
		if _, err := NewLogger(&b, c); !errors.Is(err, ErrConfig) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
