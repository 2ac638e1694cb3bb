package main

import (
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/desk"
	"consento/broker/internal/hooks"
	"consento/broker/internal/ops"
	"consento/broker/internal/session"
	"consento/protocol"
)

// TestEventsLeaveTheBroker: a ticket and a session of the whole broker are told of at another
// system, without names and texts.
func TestEventsLeaveTheBroker(t *testing.T) {
	var mu sync.Mutex
	var got []string
	other := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // a broken one lacks what is looked for
		mu.Lock()
		defer mu.Unlock()
		got = append(got, string(body))
	}))
	t.Cleanup(other.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: other.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	b := opened(t, func(c *ops.Config) { c.Webhooks = ops.WebhookConfig{Allow: []string{"127.0.0.1"}, CA: ca} })
	boss := access.Account{ID: "boss", Role: access.Administrator}
	if _, _, err := b.hooks.Add(t.Context(), boss, hooks.Target{Name: "Other", URL: other.URL, Events: hooks.EventTypes()}); err != nil {
		t.Fatal(err)
	}
	n := access.NewAccount{Email: "anna@office.example", Name: "Anna Rossi", Role: access.Technician, Team: "Help desk", Level: access.L1, Profile: protocol.ProfileFullSupport, Password: "four brown owls under Trento"}
	anna, err := b.access.Add(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	token, err := b.access.AddToken(t.Context(), n.Email, access.NewToken{Name: "test", Scopes: []access.TokenScope{access.ScopeTickets}})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, b.url+"/api/v1/tickets", strings.NewReader(`{"type":"incident","title":"A secret title","requester":{"name":"Maria","phone":"0471"}}`))
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	if w.Code != http.StatusCreated {
		t.Fatal(w.Code, w.Body)
	}
	id := filepath.Base(w.Header().Get("Location"))
	r = httptest.NewRequest(http.MethodPost, b.url+"/api/v1/tickets/"+id+"/acts", strings.NewReader(`{"kind":"`+string(desk.ActTake)+`"}`))
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("If-Match", w.Header().Get("ETag"))
	w = httptest.NewRecorder()
	if b.handler.ServeHTTP(w, r); w.Code != http.StatusOK {
		t.Fatal(w.Code, w.Body)
	}
	now := time.Now()
	if err := b.tellOfSession(t.Context(), b.db, session.Listed{ID: "s1", Team: anna.Team, Technician: anna.Name, Issued: now, Active: now, Ended: now, EndReason: protocol.EndCustomer}); err != nil {
		t.Fatal(err)
	}
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	all := ""
	for range 2000 {
		mu.Lock()
		all = strings.Join(got, "\n")
		mu.Unlock()
		if strings.Contains(all, `"session.ended"`) {
			break
		}
		<-again.C
	}
	for _, part := range []string{`"ticket.opened"`, `"ticket.changed"`, `"act":"take"`, `"session.ended"`, `"end_reason":"customer"`, b.url + "/api/v1/tickets/" + id} {
		if !strings.Contains(all, part) {
			t.Errorf("%s is not told:\n%s", part, all)
		}
	}
	for _, part := range []string{"Maria", "secret title", "0471", "Anna"} {
		if strings.Contains(all, part) {
			t.Errorf("%s is told:\n%s", part, all)
		}
	}
}
