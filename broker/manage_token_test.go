package main

import (
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"consento/broker/internal/access"
	"consento/broker/internal/ops"
)

// printed is what a command writes on standard output.
func printed(t *testing.T, run func() error) string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout := os.Stdout
	os.Stdout = w
	failed := run()
	os.Stdout = stdout
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	said, err := io.ReadAll(r)
	if err != nil || failed != nil {
		t.Fatal(err, failed)
	}
	return string(said)
}

// TestTokenCommands: add prints one token and nothing else, beside a broker that serves;
// list names it, remove ends it at once.
func TestTokenCommands(t *testing.T) {
	b := opened(t, func(*ops.Config) {})
	data := dataFlag{Data: b.config.Data}
	n := access.NewAccount{Email: "mara@office.example", Name: "Mara Rossi", Role: access.Maintainer, Password: "four brown owls under Trento"}
	if _, err := b.access.Add(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	out := printed(t, func() error {
		return tokenAddCommand{dataFlag: data, Account: n.Email, Name: "scraper", Days: 30, Scope: []string{"metrics"}}.Run(t.Context())
	})
	if !regexp.MustCompile(`^consento_[0-9A-Za-z]{49}\n$`).MatchString(out) {
		t.Fatalf("printed %q", out)
	}
	asks := func() int {
		return b.figures(t, "192.0.2.7:40000", "support.example", http.Header{"Authorization": {"Bearer " + strings.TrimSpace(out)}})
	}
	if code := asks(); code != http.StatusOK {
		t.Errorf("at once: %d", code)
	}
	list := printed(t, func() error { return tokenListCommand{data, n.Email}.Run(t.Context()) })
	found := regexp.MustCompile(`^([-0-9a-f]{36})  scraper: \[metrics\]; made `).FindStringSubmatch(list)
	if found == nil || strings.Contains(list, "consento_") {
		t.Fatalf("listed %q", list)
	}
	printed(t, func() error { return tokenRemoveCommand{data, n.Email, found[1]}.Run(t.Context()) })
	if code := asks(); code != http.StatusUnauthorized {
		t.Errorf("removed: %d", code)
	}
	if err := (tokenAddCommand{dataFlag: data, Account: "nobody@office.example", Name: "x"}).Run(t.Context()); err == nil {
		t.Error("a token for nobody")
	}
}
