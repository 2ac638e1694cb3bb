package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/evidence"
	"consento/broker/internal/ops"
	"consento/broker/internal/session"
	"consento/protocol"
)

// TestMetrics: what operators scrape has its values, zeros included, and the
// README names all of it.
func TestMetrics(t *testing.T) {
	registry := ops.NewMetrics()
	registry.MustRegister(newCollector(func() session.Figures {
		return session.Figures{
			Sessions: map[protocol.State]int{protocol.StateActive: 3}, Away: 1, Hidden: 2, Published: 3, Viewers: 4, Returned: 5, Reported: 6,
			Limited: map[protocol.NetworkLimit]int{protocol.LimitCustomer: 1}, Ended: map[protocol.EndReason]uint64{protocol.EndCustomer: 7},
		}
	}))
	failed := false
	registry.MustRegister(newStorage(func(context.Context) (evidence.Figures, error) {
		if failed {
			return evidence.Figures{}, errors.New("no database")
		}
		return evidence.Figures{Bytes: 8, Reserve: 12, Kept: 9, Held: 10, Due: 11, Witnesses: 2, Nearest: 1500 * time.Millisecond, Furthest: time.Minute}, nil
	}, slog.New(slog.DiscardHandler)))
	scrape := func() string {
		w := httptest.NewRecorder()
		ops.MetricsHandler(registry).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		return w.Body.String()
	}
	text := scrape()
	for _, want := range []string{
		`consento_sessions{state="Active"} 3`, `consento_sessions{state="Issued"} 0`, "consento_sessions_away 1", "consento_sessions_hidden 2",
		"consento_pictures 3", "consento_viewers 4", `consento_pictures_limited{by="customer"} 1`, `consento_pictures_limited{by="viewers"} 0`, `consento_pictures_limited{by="computer"} 0`,
		"consento_agent_returns_total 5", `consento_sessions_ended_total{reason="customer"} 7`, `consento_sessions_ended_total{reason="limit"} 0`,
		"consento_sessions_reported_total 6", "consento_evidence_bytes 8", "consento_evidence_reserve_bytes 12",
		`consento_recordings{state="kept"} 9`, `consento_recordings{state="held"} 10`, `consento_recordings{state="due"} 11`,
		`consento_witness_lag_seconds{witness="nearest"} 1.5`, `consento_witness_lag_seconds{witness="furthest"} 60`,
	} {
		if !strings.Contains(text, "\n"+want+"\n") {
			t.Errorf("the figures lack %q", want)
		}
	}
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(regexp.MustCompile(`(?m)^# HELP (consento_\S+)`).FindAllString(text, -1), "# HELP consento_evidence_free_bytes") {
		if name = strings.TrimPrefix(name, "# HELP "); !strings.Contains(string(readme), "`"+name) {
			t.Errorf("the README does not name %s", name)
		}
	}
	failed = true
	if text := scrape(); strings.Contains(text, "consento_evidence_bytes 8") || !strings.Contains(text, "\nconsento_viewers 4\n") {
		t.Errorf("without a database:\n%s", text)
	}
}

// opened is a whole broker, as serve puts it together, that nobody connects to.
func opened(t testing.TB, change func(*ops.Config)) *broker {
	t.Helper()
	b := &broker{config: ops.DefaultConfig(), log: slog.New(slog.DiscardHandler)}
	b.config.Listen, b.config.Data = "127.0.0.1:0", t.TempDir()
	change(&b.config)
	t.Cleanup(func() {
		if err := b.close(); err != nil {
			t.Error(err)
		}
	})
	if err := b.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	return b
}

// figures asks for /metrics and returns the answer's code. It fails if anything but
// an answer of 200 holds figures.
func (b *broker) figures(t *testing.T, from, host string, header http.Header) int {
	t.Helper()
	r := httptest.NewRequest("GET", "https://"+host+"/metrics", nil)
	r.RemoteAddr = from
	for name := range header {
		r.Header.Set(name, header.Get(name))
	}
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	if told := strings.Contains(w.Body.String(), "consento_sessions_away 0") && strings.Contains(w.Body.String(), "consento_evidence_bytes 0"); told != (w.Code == 200) {
		t.Errorf("%s at %s: %d, and figures %t", from, host, w.Code, told)
	}
	return w.Code
}

// TestMetricsAccess: at the address where serve puts them, maintainers and
// administrators see the figures from anywhere, and a scraper on this machine;
// nobody else does, whatever they call themselves.
func TestMetricsAccess(t *testing.T) {
	b := opened(t, func(*ops.Config) {})
	port := b.listener.Addr().(*net.TCPAddr).Port
	local := fmt.Sprintf("localhost:%d", port)
	const away = "192.0.2.7:40000"
	for _, c := range []struct {
		from, host string
		header     http.Header
		code       int
	}{
		{"127.0.0.1:40000", local, nil, 200},
		{"127.0.0.1:40000", fmt.Sprintf("127.0.0.1:%d", port), nil, 200},
		{"[::1]:40000", fmt.Sprintf("[::1]:%d", port), nil, 200},
		{away, local, nil, 403},
		{away, local, http.Header{"X-Forwarded-For": {"127.0.0.1"}}, 403},
		{"127.0.0.1:40000", "support.example", nil, 403},
		{"127.0.0.1:40000", local, http.Header{"X-Forwarded-For": {"192.0.2.7"}}, 403},
		{"127.0.0.1:40000", local, http.Header{"X-Forwarded-Host": {"support.example"}}, 403},
		{"127.0.0.1:40000", local, http.Header{"X-Real-Ip": {"192.0.2.7"}}, 403},
		{"127.0.0.1:40000", local, http.Header{"Forwarded": {"for=192.0.2.7"}}, 403},
		{"127.0.0.1:40000", local, http.Header{"Via": {"1.1 proxy"}}, 403},
		{"localhost:1", local, nil, 403}, // no address at all
		{"", local, nil, 403},
		{away, local, http.Header{"Authorization": {"Bearer consento-token-wrong"}}, 401},
	} {
		if code := b.figures(t, c.from, c.host, c.header); code != c.code {
			t.Errorf("%s at %s with %v: %d", c.from, c.host, c.header, code)
		}
	}
	for role, code := range map[access.Role]int{access.Maintainer: 200, access.Administrator: 200, access.Auditor: 403, access.DPO: 403, access.Technician: 403} {
		n := access.NewAccount{Email: string(role) + "@office.example", Name: "Anna Rossi", Role: role, Password: "four brown owls under Trento"}
		if role == access.Technician {
			n.Team, n.Level, n.Profile = "Help desk", access.L1, protocol.ProfileViewOnly
		}
		if _, err := b.access.Add(t.Context(), n); err != nil {
			t.Fatal(err)
		}
		token, err := b.access.AddToken(t.Context(), n.Email, access.NewToken{Name: "scraper"})
		if err != nil {
			t.Fatal(err)
		}
		if got := b.figures(t, away, "support.example", http.Header{"Authorization": {"Bearer " + token}}); got != code {
			t.Errorf("%s: %d", role, got)
		}
	}
}

// TestMetricsBehindAProxy: where people connect to something else than the listener,
// who comes from this machine may be anybody.
func TestMetricsBehindAProxy(t *testing.T) {
	b := opened(t, func(c *ops.Config) { c.PublicURL = "https://support.example" })
	if code := b.figures(t, "127.0.0.1:40000", fmt.Sprintf("127.0.0.1:%d", b.listener.Addr().(*net.TCPAddr).Port), nil); code != 403 {
		t.Errorf("a proxy that says nothing: %d", code)
	}
	for _, c := range []struct {
		public, listen string
		port           int
		direct         bool
	}{
		{"https://localhost:8443", "127.0.0.1", 8443, true},
		{"https://support.example:8443", "0.0.0.0", 8443, true},
		{"https://support.example", "192.0.2.1", 443, true},
		{"https://support.example", "0.0.0.0", 8443, false},
		{"https://support.example:8443", "127.0.0.1", 8443, false},
		{"https://localhost:8444", "127.0.0.1", 8443, false},
		{"://", "127.0.0.1", 8443, false},
	} {
		if got := direct(c.public, &net.TCPAddr{IP: net.ParseIP(c.listen), Port: c.port}); got != c.direct {
			t.Errorf("%s on %s:%d: %t", c.public, c.listen, c.port, got)
		}
	}
}
