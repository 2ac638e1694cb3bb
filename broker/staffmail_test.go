package main

import (
	"bytes"
	"encoding/pem"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/desk"
	"consento/broker/internal/hooks"
	"consento/broker/internal/mail/mailtest"
	"consento/broker/internal/ops"
	"consento/protocol"
	"consento/protocol/lang"
)

// plainText is what a letter says without pictures.
func plainText(t testing.TB, m *mail.Message) string {
	t.Helper()
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	part, err := multipart.NewReader(m.Body, params["boundary"]).NextRawPart()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(quotedprintable.NewReader(part))
	if err != nil {
		t.Fatal(err)
	}
	return string(bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n")))
}

// TestMailsToStaff: by a real mail server, each is told in the language of their account, or
// in the office's; of a suspected breach, and once of a webhook that was switched off.
func TestMailsToStaff(t *testing.T) {
	s := mailtest.New(t, ops.MailStartTLS)
	other := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) }))
	t.Cleanup(other.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: other.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	b := opened(t, func(c *ops.Config) {
		c.Mail = s.Config(ops.MailStartTLS)
		c.Webhooks = ops.WebhookConfig{Allow: []string{"127.0.0.1"}, CA: ca}
	})
	people := map[string]string{"ada": "ja", "bruno": "", "carla": "de", "dora": "fr"}
	by := map[string]access.Account{}
	for name, tag := range people {
		n := access.NewAccount{Email: name + "@office.example", Name: name, Role: access.Administrator, Password: "four brown owls under Trento"}
		switch name {
		case "carla":
			n.Role, n.Team, n.Level, n.Profile = access.Technician, "Help desk", access.L1, protocol.ProfileFullSupport
		case "dora":
			n.Role = access.DPO
		}
		a, err := b.access.Add(t.Context(), n)
		if err == nil {
			err = b.access.SetLanguage(t.Context(), a, tag)
		}
		if err != nil {
			t.Fatal(err)
		}
		by[name] = a
	}
	carla, err := b.access.ByID(t.Context(), by["carla"].ID)
	if err != nil {
		t.Fatal(err)
	}
	ticket, err := b.desk.Open(t.Context(), carla, desk.NewTicket{Type: desk.Incident, Title: "A list was sent", Channel: desk.ByPhone, Team: desk.Team{Name: "Help desk", Level: access.L1}, Requester: desk.Requester{Name: "Maria", Phone: "0471"}})
	if err == nil {
		_, err = b.desk.Do(t.Context(), carla, ticket.ID, ticket.Version, desk.Act{Kind: desk.ActCategory, Category: "breach"})
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.hooks.Add(t.Context(), by["ada"], hooks.Target{Name: "Ticket system", URL: other.URL, Events: hooks.EventTypes(), Active: true}); err != nil {
		t.Fatal(err)
	}
	if err := b.tellOfTicket(t.Context(), b.db, ticket, "open"); err != nil {
		t.Fatal(err)
	}
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for range 3000 {
		if len(s.Letters()) >= 3 {
			break
		}
		<-again.C
	}
	texts, err := lang.Load()
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]int{}
	for _, m := range s.Messages() {
		name, _, _ := strings.Cut(m.Header.Get("Envelope-To"), "@")
		told[name]++
		tag := people[name]
		if tag == "" {
			tag = "en" // the office's: it chose none of its own
		}
		x := texts.Match(tag)
		what := []string{x.T("webhooks.mail.off", "name", "Ticket system"), x.T("webhooks.stopped.gone"), b.url + "/admin/webhooks/"}
		if name == "dora" {
			what = []string{x.T("breach.mail.begun"), b.url + "/audit/breaches/" + ticket.ID}
		}
		body := strings.Join(strings.Fields(plainText(t, m)), " ")
		for _, want := range append(what, x.T("mail.hello", "name", name)) {
			if !strings.Contains(body, strings.Join(strings.Fields(want), " ")) {
				t.Errorf("%s, in %s, is not told %q: %s", name, tag, want, body)
			}
		}
		if got := m.Header.Get("Content-Language"); got != tag || strings.Contains(body, "A list was sent") {
			t.Errorf("%s gets %s: %s", name, got, body)
		}
	}
	if len(told) != 3 || told["ada"] != 1 || told["bruno"] != 1 || told["dora"] != 1 {
		t.Errorf("told: %v", told)
	}
}
