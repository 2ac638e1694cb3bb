package main

import (
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

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
	w := httptest.NewRecorder()
	ops.MetricsHandler(registry).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	text := w.Body.String()
	for _, want := range []string{
		`consento_sessions{state="Active"} 3`, `consento_sessions{state="Issued"} 0`, "consento_sessions_away 1", "consento_sessions_hidden 2",
		"consento_pictures 3", "consento_viewers 4", `consento_pictures_limited{by="customer"} 1`, `consento_pictures_limited{by="viewers"} 0`,
		"consento_agent_returns_total 5", `consento_sessions_ended_total{reason="customer"} 7`, `consento_sessions_ended_total{reason="limit"} 0`,
		"consento_sessions_reported_total 6",
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
}
