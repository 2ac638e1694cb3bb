package access

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"
)

func askBearer(t *testing.T, site *httptest.Server, token string) (code int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, site.URL+"/figures", nil)
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

func mustToken(t *testing.T, a *Access, owner Account, n NewToken) (Token, string) {
	t.Helper()
	if n.Name == "" {
		n.Name = "a program"
	}
	token, secret, err := a.MakeToken(t.Context(), owner, n)
	if err != nil {
		t.Fatal(err)
	}
	return token, secret
}

func TestToken(t *testing.T) {
	a := newTestAccess(t, newTestDB(t))
	mustAdd(t, a, technician("anna@office.example"))
	token, err := a.AddToken(t.Context(), "ANNA@office.example", NewToken{Name: "a program"})
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^consento_[0-9A-Za-z]{49}$`).MatchString(token) {
		t.Errorf("no scanner finds %q", token)
	}
	site, _ := newTestSite(t, a)
	if code, body := askBearer(t, site, token); code != http.StatusOK || body != "anna@office.example" {
		t.Fatalf("%d %q", code, body)
	}
	for name, wrong := range map[string]string{
		"empty": "", "prefix only": tokenPrefix, "cut": token[:len(token)-1], "changed": token[:len(token)-1] + "~", "another": newAPIToken(),
		"old form": oldPrefix + newToken(), "hash": hashToken(token), "long": tokenPrefix + strings.Repeat("A", 5000), "two": token + " " + token,
	} {
		if code, _ := askBearer(t, site, wrong); code != http.StatusUnauthorized {
			t.Errorf("%s token: %d", name, code)
		}
	}
	var rows []tokenRow
	if err := a.db.NewSelect().Model(&rows).Scan(t.Context()); err != nil || len(rows) != 1 || strings.Contains(rows[0].TokenHash, token) {
		t.Fatalf("stored %+v, %v", rows, err)
	}
	if rows[0].UsedAt.IsZero() {
		t.Error("it does not say when it was used")
	}
	if _, err := a.AddToken(t.Context(), "nobody@office.example", NewToken{Name: "x"}); !errors.Is(err, ErrNotFound) {
		t.Fatalf("token for nobody: %v", err)
	}
}

// TestTokenIsNoPerson: on pages and sockets a token is nobody, and it cannot sign in.
func TestTokenIsNoPerson(t *testing.T) {
	a := newTestAccess(t, newTestDB(t))
	_, token := mustToken(t, a, mustAdd(t, a, technician("anna@office.example")), NewToken{})
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	r.Header.Set("Authorization", "bearer "+token)
	a.LoadSession(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if _, ok := Current(r); ok {
			t.Error("a token stands for a person")
		}
	})).ServeHTTP(httptest.NewRecorder(), r)
	a.LoadAny(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if _, ok := Current(r); !ok {
			t.Error("the token is not taken in small letters")
		}
		if _, err := a.SignIn(r, "anna@office.example", goodPassword); !errors.Is(err, ErrNoSignIn) {
			t.Errorf("sign in: %v", err)
		}
	})).ServeHTTP(httptest.NewRecorder(), r)
	if _, err := a.ByToken(httptest.NewRequest(http.MethodGet, "/?access_token="+token, nil)); !errors.Is(err, ErrNoToken) {
		t.Errorf("a token in an address: %v", err)
	}
	r.Header.Add("Authorization", "Bearer "+token)
	if _, err := a.ByToken(r); !errors.Is(err, ErrEnded) {
		t.Errorf("two headers: %v", err)
	}
}

// byToken is whom a token stands for.
func byToken(t *testing.T, a *Access, secret string) (Account, error) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Authorization", "Bearer "+secret)
	r, err := a.ByToken(r)
	if err != nil {
		return Account{}, err
	}
	account, ok := Current(r)
	if token, known := CurrentToken(r); !ok || !known || token.Account != account.ID {
		t.Errorf("%+v comes by %+v", account, token)
	}
	return account, nil
}

// TestTokenNeverExceeds walks every role, scope and action: a token may no more than its
// owner, no more than its scope, and never what needs a person.
func TestTokenNeverExceeds(t *testing.T) {
	a := newTestAccess(t, newTestDB(t))
	person := map[Action]bool{Assist: true, JoinSession: true, TakeOver: true, TransferSession: true, InviteVendor: true, Export: true, IssueKey: true, ViewSession: true, EndSession: true, ReadEvidence: true, ReadTrail: true, ReadShared: true, DecideErasure: true,
		ManageRecipients: true, ManageAuditors: true, ManageOffice: true, ManageDesk: true}
	for _, role := range Roles() {
		n := technician(string(role) + "@office.example")
		n.Role = role
		owner := mustAdd(t, a, n)
		own := Scope{Owner: owner.ID, Team: owner.Team, Territory: owner.Territory}
		for _, scopes := range [][]TokenScope{nil, {ScopeTickets}, {ScopeTicketsRead}, {ScopeSessions}, {ScopeFigures}, {ScopeMetrics}, {ScopePeople}, {ScopeMetrics, ScopeSessions}} {
			_, secret := mustToken(t, a, owner, NewToken{Scopes: scopes})
			by, err := byToken(t, a, secret)
			if err != nil {
				t.Fatal(err)
			}
			within := actionsOf(scopes)
			for _, action := range Actions() {
				if got, want := Can(by, action, own), Can(owner, action, own) && within[action] && !person[action]; got != want {
					t.Errorf("%s with %v: %s %t", role, scopes, action, got)
				}
			}
			if _, _, err := a.MakeToken(t.Context(), by, NewToken{Name: "more"}); !errors.Is(err, ErrForbidden) {
				t.Errorf("a token makes tokens: %v", err)
			}
		}
		for _, s := range TokenScopes() {
			some := false
			for _, action := range scopeActions[s] {
				if person[action] {
					t.Errorf("scope %s gives %s", s, action)
				}
				some = some || Can(owner, action, own)
			}
			if s.Offers(owner) && !some {
				t.Errorf("%s is offered %s", role, s)
			}
		}
	}
}

// TestTokenFollowsItsOwner: what the owner loses, the token has lost with the next request.
func TestTokenFollowsItsOwner(t *testing.T) {
	a := newTestAccess(t, newTestDB(t))
	boss := mustAdd(t, a, NewAccount{Email: "boss@office.example", Name: "Boss", Role: Administrator, Password: goodPassword})
	anna := mustAdd(t, a, technician("anna@office.example"))
	kept, secret := mustToken(t, a, anna, NewToken{Days: 30})
	by, err := byToken(t, a, secret)
	if err != nil || !Can(by, WorkTickets, Scope{Team: anna.Team}) {
		t.Fatal(by, err)
	}
	if _, err := a.ChangeAccount(t.Context(), boss, anna.ID, NewAccount{Name: anna.Name, Role: Maintainer}); err != nil {
		t.Fatal(err)
	}
	if by, err = byToken(t, a, secret); err != nil || Can(by, WorkTickets, Scope{Team: anna.Team}) || !Can(by, SeeMetrics, Scope{}) {
		t.Errorf("after another role: %+v, %v", by, err)
	}
	if _, err := a.db.NewUpdate().Model((*tokenRow)(nil)).Set("expires_at = ?", time.Now().Add(-time.Second)).Where("id = ?", kept.ID).Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := byToken(t, a, secret); !errors.Is(err, ErrEnded) {
		t.Errorf("expired: %v", err)
	}
	other, secret := mustToken(t, a, anna, NewToken{})
	if err := a.RemoveToken(t.Context(), boss.ID, boss.ID, other.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("somebody else's token: %v", err)
	}
	if list, err := a.Tokens(t.Context(), anna.ID); err != nil || len(list) != 2 || !list[1].Over(time.Now()) || list[0].ID != other.ID {
		t.Errorf("%+v, %v", list, err)
	}
	if err := a.RemoveToken(t.Context(), anna.ID, anna.ID, other.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := byToken(t, a, secret); !errors.Is(err, ErrEnded) {
		t.Errorf("removed: %v", err)
	}
	_, secret = mustToken(t, a, anna, NewToken{})
	if err := a.EndAccount(t.Context(), boss, anna.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := byToken(t, a, secret); !errors.Is(err, ErrEnded) {
		t.Errorf("of who ended: %v", err)
	}
}

func TestTokenLimits(t *testing.T) {
	a := newTestAccess(t, newTestDB(t))
	anna := mustAdd(t, a, technician("anna@office.example"))
	for field, n := range map[string]NewToken{"name": {}, "days": {Name: "x", Days: MaxTokenLife + 1}, "scope": {Name: "x", Scopes: []TokenScope{"everything"}}} {
		var wrong *Invalid
		if _, _, err := a.MakeToken(t.Context(), anna, n); !errors.As(err, &wrong) || wrong.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	for range MaxTokens {
		mustToken(t, a, anna, NewToken{})
	}
	if _, _, err := a.MakeToken(t.Context(), anna, NewToken{Name: "one more"}); !errors.Is(err, ErrInvalid) {
		t.Errorf("any number: %v", err)
	}
}

// TestWrongTokensAreSlowedDown: who tries many is told to wait; a right one works meanwhile.
func TestWrongTokensAreSlowedDown(t *testing.T) {
	a := newTestAccess(t, newTestDB(t))
	_, secret := mustToken(t, a, mustAdd(t, a, technician("anna@office.example")), NewToken{})
	var wait *Throttled
	for n := 0; !errors.As(wrongToken(t, a), &wait); n++ {
		if n > 100 {
			t.Fatal("never slowed down")
		}
	}
	if h := (http.Header{}); Challenge(h, wait) != http.StatusTooManyRequests || h.Get("Retry-After") == "" {
		t.Errorf("%v", h)
	}
	if _, err := byToken(t, a, secret); err != nil {
		t.Errorf("a right token from the same address: %v", err)
	}
	if err := a.addresses.take(network(httptest.NewRequest(http.MethodGet, "/", nil))); err != nil {
		t.Errorf("nobody signs in from there: %v", err)
	}
}

func wrongToken(t *testing.T, a *Access) error {
	t.Helper()
	_, err := byToken(t, a, newAPIToken())
	return err
}

// FuzzBearer: no header makes trouble, and what is taken for a token comes back whole.
func FuzzBearer(f *testing.F) {
	for _, s := range []string{"", "Bearer", "Bearer ", "bearer x", "Bearer x y", "Basic eA==", "Bearer \x00", "Bearer " + newAPIToken(), "BEARER  a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		token, err := bearer(http.Header{"Authorization": {header}})
		if err != nil {
			if token != "" {
				t.Errorf("%q with %v", token, err)
			}
			return
		}
		if token == "" || strings.ContainsAny(token, " \t\r\n,;\"") || !strings.HasSuffix(strings.TrimRight(header, " "), token) {
			t.Errorf("%q from %q", token, header)
		}
		if wellFormed(token) && !strings.HasPrefix(token, "consento") {
			t.Errorf("%q is well formed", token)
		}
	})
}
