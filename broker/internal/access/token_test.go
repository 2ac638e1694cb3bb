package access

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func askBearer(t *testing.T, site *httptest.Server, token string) (code int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, site.URL+"/who", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := site.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Cookies()) != 0 {
		t.Errorf("a token was answered with cookies %v", res.Cookies())
	}
	if res.StatusCode == http.StatusUnauthorized && !strings.HasPrefix(res.Header.Get("WWW-Authenticate"), "Bearer") {
		t.Errorf("401 without WWW-Authenticate")
	}
	return res.StatusCode, string(b)
}

func TestToken(t *testing.T) {
	a := newTestAccess(t, newTestDB(t))
	mustAdd(t, a, technician("anna@office.example"))
	token, err := a.AddToken(t.Context(), "ANNA@office.example")
	if err != nil {
		t.Fatal(err)
	}
	site, _ := newTestSite(t, a)
	if code, body := askBearer(t, site, token); code != http.StatusOK || body != "anna@office.example" {
		t.Fatalf("%d %q", code, body)
	}
	for name, wrong := range map[string]string{
		"empty": "", "prefix only": tokenPrefix, "cut": token[:len(token)-1], "changed": token[:len(token)-1] + "~",
		"hash": hashToken(token), "long": tokenPrefix + strings.Repeat("A", 5000), "two": token + " " + token,
	} {
		if code, _ := askBearer(t, site, wrong); code != http.StatusUnauthorized {
			t.Errorf("%s token: %d", name, code)
		}
	}
	var rows []tokenRow
	if err := a.db.NewSelect().Model(&rows).Scan(t.Context()); err != nil || len(rows) != 1 || strings.Contains(rows[0].TokenHash, token) {
		t.Fatalf("stored %+v, %v", rows, err)
	}
	if _, err := a.AddToken(t.Context(), "nobody@office.example"); !errors.Is(err, ErrNotFound) {
		t.Fatalf("token for nobody: %v", err)
	}
}

func TestTokenCannotSignIn(t *testing.T) {
	a := newTestAccess(t, newTestDB(t))
	mustAdd(t, a, technician("anna@office.example"))
	token, err := a.AddToken(t.Context(), "anna@office.example")
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	r.Header.Set("Authorization", "bearer "+token)
	a.LoadSession(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if _, ok := Current(r); !ok {
			t.Error("the token is not taken in small letters")
		}
		if err := a.SignIn(r, "anna@office.example", goodPassword); !errors.Is(err, ErrNoSignIn) {
			t.Errorf("sign in: %v", err)
		}
	})).ServeHTTP(httptest.NewRecorder(), r)
}
