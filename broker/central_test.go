package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"consento/broker/internal/central/centraltest"
	"consento/broker/internal/ops"
	"consento/build/slapd"
)

// TestCentralAccountsByConfiguration: what the configuration names is what the broker that
// serves offers, and a secret that is missing is told at the start.
func TestCentralAccountsByConfiguration(t *testing.T) {
	dir := t.TempDir()
	provider, err := centraltest.New(dir, "https://support.example")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(provider.Close)
	server, err := slapd.Serve(t.Context(), t.TempDir(), "dn: "+slapd.Base+"\nobjectClass: dcObject\nobjectClass: organization\no: x\ndc: esempio\n", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	secret := filepath.Join(dir, "ldap")
	if err := os.WriteFile(secret, []byte(slapd.Password), 0o600); err != nil {
		t.Fatal(err)
	}
	b := opened(t, func(c *ops.Config) {
		c.PublicURL = "https://support.example"
		c.OIDC = provider.Config
		c.LDAP = ops.LDAPConfig{URL: server.LDAPS, Name: "Office network", CAFile: server.CA, BindDN: slapd.Root, PasswordFile: secret, Base: slapd.Base}
		if err := c.Validate(); err != nil {
			t.Error(err)
		}
	})
	ask := func(method, path, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), method, "https://support.example"+path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		b.handler.ServeHTTP(w, r)
		return w
	}
	if page := ask(http.MethodGet, "/signin", "").Body.String(); !strings.Contains(page, "/signin/sso?next=") || !strings.Contains(page, "Office network") {
		t.Errorf("the page of sign-in: %s", page)
	}
	if w := ask(http.MethodGet, "/signin/sso", ""); !strings.HasPrefix(w.Header().Get("Location"), provider.URL+"/authorize?") {
		t.Errorf("%d to %s", w.Code, w.Header().Get("Location"))
	}
	if w := ask(http.MethodPost, "/signin", "email=nobody%40esempio.example&password=something"); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("the directory knows nobody: %d %s", w.Code, w.Body)
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	if w := ask(http.MethodPost, "/signin", "email=nobody%40esempio.example&password=something"); w.Code != http.StatusBadGateway {
		t.Errorf("the directory is away: %d", w.Code)
	}
	if w := ask(http.MethodGet, "/scim/v2/Users", ""); w.Code != http.StatusUnauthorized || w.Header().Get("WWW-Authenticate") == "" {
		t.Errorf("SCIM without a token: %d", w.Code)
	}
	for what, change := range map[string]func(*ops.Config){
		"oidc": func(c *ops.Config) { c.OIDC.SecretFile = filepath.Join(dir, "none") },
		"ldap": func(c *ops.Config) { c.LDAP.PasswordFile = filepath.Join(dir, "none") },
	} {
		other := &broker{config: b.config, log: b.log}
		other.config.Data, other.config.Listen = t.TempDir(), "127.0.0.1:0"
		change(&other.config)
		if err := other.open(t.Context()); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("without the secret of %s: %v", what, err)
		}
		if err := other.close(); err != nil {
			t.Error(err)
		}
	}
}

// TestCentralConfiguration: what cannot work is refused with the name of the key.
func TestCentralConfiguration(t *testing.T) {
	oidc := ops.OIDCConfig{Issuer: "https://login.example", ClientID: "c", SecretFile: "s", Name: "n"}
	ldap := ops.LDAPConfig{URL: "ldaps://ldap.example", Name: "n", Base: "dc=x"}
	for name, change := range map[string]func(*ops.Config){
		"issuer":           func(c *ops.Config) { c.OIDC.Issuer = "http://login.example" },
		"client_id":        func(c *ops.Config) { c.OIDC.ClientID = "" },
		"client_secret":    func(c *ops.Config) { c.OIDC.SecretFile = "" },
		"oidc: name":       func(c *ops.Config) { c.OIDC.Name = "" },
		"ldap: url":        func(c *ops.Config) { c.LDAP.URL = "https://ldap.example" },
		"base":             func(c *ops.Config) { c.LDAP.Base = "" },
		"bind_dn":          func(c *ops.Config) { c.LDAP.BindDN = "cn=x" },
		"{login}":          func(c *ops.Config) { c.LDAP.Filter = "(mail=x)" },
		"{dn}":             func(c *ops.Config) { c.LDAP.GroupFilter = "(member=x)" },
		"ldap: name is mi": func(c *ops.Config) { c.LDAP.Name = "" },
	} {
		c := ops.DefaultConfig()
		c.OIDC, c.LDAP = oidc, ldap
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
