package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// TestExample links the example with a real broker: what the other system opens is a ticket
// here once, and what happens here is known there.
func TestExample(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	var receives atomic.Pointer[link]
	other := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { receives.Load().ServeHTTP(w, r) }))
	t.Cleanup(other.Close)
	ca := file("target.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: other.Certificate().Raw})))
	broker, data := filepath.Join(dir, "consento-broker"), filepath.Join(dir, "data")
	run := func(name string, args ...string) string {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), name, args...).Output()
		if err != nil {
			t.Fatalf("%s %v: %v", name, args, err)
		}
		return strings.TrimSpace(string(out))
	}
	run("go", "build", "-o", broker, "consento/broker")
	const password = "four brown owls under Trento"
	secret := file("password", password)
	run(broker, "account", "add", "--data", data, "--email", "boss@office.example", "--name", "Carla Neri", "--role", "administrator", "--password-file", secret)
	run(broker, "account", "add", "--data", data, "--email", "lead@office.example", "--name", "Anna Rossi", "--role", "lead", "--team", "Help desk", "--password-file", secret)
	token := run(broker, "token", "add", "--data", data, "--account", "lead@office.example", "--name", "example", "--scope", "tickets")

	serve := exec.CommandContext(t.Context(), broker, "serve", "--listen", "127.0.0.1:0", "--data", data, "--config", file("consento.toml", "[webhooks]\nallow = [\"127.0.0.1\"]\nca = '"+ca+"'\n"))
	serve.Cancel = func() error { return serve.Process.Signal(syscall.SIGTERM) }
	said, err := serve.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = serve.Wait() }) // the test's context has ended it
	address := ""
	for lines := bufio.NewScanner(said); address == "" && lines.Scan(); {
		address, _ = strings.CutPrefix(lines.Text(), "ready ")
		if !strings.HasPrefix(lines.Text(), "ready ") {
			address = ""
		}
	}
	go io.Copy(io.Discard, said)
	authority, err := os.ReadFile(filepath.Join(data, "tls", "ca.pem"))
	if err != nil || address == "" {
		t.Fatal(address, err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(transport.CloseIdleConnections)

	// The administrator names the other system in a browser, and hands on the secret.
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	boss := &http.Client{Transport: transport, Jar: jar}
	post := func(path string, form url.Values) string {
		t.Helper()
		response, err := boss.PostForm(address+path, form)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		page, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return html.UnescapeString(string(page))
	}
	post("/signin", url.Values{"email": {"boss@office.example"}, "password": {password}})
	page := post("/admin/webhooks", url.Values{"name": {"Other system"}, "url": {other.URL}, "event.ticket.opened": {"on"}, "event.ticket.changed": {"on"}, "active": {"on"}})
	l, err := newLink(address, token, regexp.MustCompile(`whsec_[0-9A-Za-z+/=]+`).FindString(page), &http.Client{Transport: transport})
	if err != nil {
		t.Fatalf("%v: %s", err, page)
	}
	receives.Store(l)

	first, err := l.open(t.Context(), "INC-4711", "The printer does not print", "Maria Rossi", "maria@comune.example")
	if err != nil {
		t.Fatal(err)
	}
	again, err := l.open(t.Context(), "INC-4711", "The printer does not print", "Maria Rossi", "maria@comune.example")
	if err != nil || again.ID != first.ID {
		t.Errorf("sent twice it is %s and %s, %v", first.ID, again.ID, err)
	}
	if err := l.comment(t.Context(), first.ID, "Cable looked at."); err != nil {
		t.Fatal(err)
	}
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	var known ticket
	for range 1000 {
		l.mu.Lock()
		known = l.mirrors[first.ID]
		l.mu.Unlock()
		if known.Version == 2 {
			break
		}
		<-look.C
	}
	if known.Ref != first.Ref || known.Version != 2 || known.Title != "The printer does not print" || !strings.HasPrefix(known.URL, address+"/desk/") {
		t.Errorf("the other system knows %+v", known)
	}

	// What is not signed, or was signed long ago, is not taken in.
	for name, h := range map[string]http.Header{"unsigned": {}, "wrong": {"Webhook-Id": {"x"}, "Webhook-Timestamp": {"1"}, "Webhook-Signature": {"v1,AAAA"}}} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(`{"type":"ticket.opened"}`))
		r.Header = h
		if l.ServeHTTP(w, r); w.Code != http.StatusUnauthorized {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
}
