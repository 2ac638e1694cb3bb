package central_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"consento/broker/internal/access"
	"consento/broker/internal/central"
	"consento/broker/internal/central/centraltest"
	"consento/broker/internal/ops"
)

const broker = "https://help.esempio.example"

// TestSignInAtARealProvider goes the whole way, but for the browser.
func TestSignInAtARealProvider(t *testing.T) {
	op, err := centraltest.New(t.TempDir(), broker, centraltest.Person{ID: "7f3a", Login: "anna", Password: "verysecure", First: "Anna", Last: "Bianchi", Email: "anna@esempio.example", Groups: []string{"Help desk", "All"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(op.Close)
	p, err := central.NewProvider(op.Config, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	back := broker + "/signin/sso/return"
	answerOf := func(address string) url.Values { return signInAt(t, address, "anna", "verysecure") }
	address, secret, err := p.Begin(t.Context(), back, "it")
	if err != nil {
		t.Fatal(err)
	}
	if u, _ := url.Parse(address); u.Query().Get("code_challenge_method") != "S256" || u.Query().Get("nonce") == "" || u.Query().Get("state") == "" {
		t.Errorf("asks with %s", address)
	}
	answer := answerOf(address)
	got, err := p.Complete(t.Context(), back, secret, answer)
	if err != nil {
		t.Fatal(err)
	}
	if got.Issuer != op.URL || got.Subject != "7f3a" || got.Email != "anna@esempio.example" || !got.Verified || got.Name != "Anna Bianchi" || strings.Join(got.Groups, ",") != "Help desk,All" {
		t.Errorf("%+v", got)
	}
	if _, err := p.Complete(t.Context(), back, secret, answer); !errors.Is(err, access.ErrProviderAnswer) {
		t.Errorf("a code is good twice: %v", err)
	}
	// Another browser's question, and an answer without the verifier of the question.
	address, _, _ = p.Begin(t.Context(), back, "it")
	_, other, _ := p.Begin(t.Context(), back, "it")
	answer = answerOf(address)
	if _, err := p.Complete(t.Context(), back, other, answer); !errors.Is(err, access.ErrProviderAnswer) {
		t.Errorf("another's state: %v", err)
	}
	var trip map[string]string
	if err := json.Unmarshal([]byte(other), &trip); err != nil {
		t.Fatal(err)
	}
	trip["State"] = answer.Get("state")
	forged, _ := json.Marshal(trip)
	if _, err := p.Complete(t.Context(), back, string(forged), answer); !errors.Is(err, access.ErrProviderAnswer) {
		t.Errorf("without the verifier: %v", err)
	}
	for answer, want := range map[string]error{"error=access_denied&state=" + trip["State"]: access.ErrDeclined, "error=server_error&state=" + trip["State"]: access.ErrProviderAway,
		"error=%0Aevil&state=" + trip["State"]: access.ErrProviderAnswer, "": access.ErrProviderAnswer, "code=x&iss=https://elsewhere.example&state=" + trip["State"]: access.ErrProviderAnswer} {
		q, _ := url.ParseQuery(answer)
		if _, err := p.Complete(t.Context(), back, string(forged), q); !errors.Is(err, want) {
			t.Errorf("%s: %v", answer, err)
		}
	}
	if out := p.SignOut(t.Context(), broker+"/signin", "it"); !strings.HasPrefix(out, op.URL+"/end_session?") || !strings.Contains(out, "post_logout_redirect_uri=https%3A%2F%2Fhelp") {
		t.Errorf("signs out at %s", out)
	} else if r := ask(t, out); r.StatusCode != http.StatusFound || r.Header.Get("Location") != broker+"/signin" {
		t.Errorf("after signing out there: %d %s", r.StatusCode, r.Header.Get("Location"))
	}
	op.Close()
	fresh, err := central.NewProvider(op.Config, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := fresh.Begin(t.Context(), back, "it"); !errors.Is(err, access.ErrProviderAway) {
		t.Errorf("away: %v", err)
	}
	if fresh.SignOut(t.Context(), broker, "it") != "" {
		t.Error("signs out at a provider that is away")
	}
}

// visitor knows the provider's certificate and stops where it would leave it.
func visitor(t *testing.T) *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewTLSServer(nil) // its client trusts every server of httptest
	server.Close()
	c := server.Client()
	c.Jar = jar
	c.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), broker) {
			return http.ErrUseLastResponse
		}
		return nil
	}
	return c
}

func ask(t *testing.T, address string) *http.Response {
	t.Helper()
	r, err := visitor(t).Get(address)
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	return r
}

// signInAt signs in on the provider's page, and returns the answer that the browser is
// sent back with.
func signInAt(t *testing.T, address, name, password string) url.Values {
	t.Helper()
	c := visitor(t)
	r, err := c.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	page, err := io.ReadAll(r.Body)
	r.Body.Close()
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("%d %v: %s", r.StatusCode, err, page)
	}
	_, id, _ := strings.Cut(string(page), `name="id" value="`)
	id, _, _ = strings.Cut(id, `"`)
	r, err = c.PostForm(r.Request.URL.String(), url.Values{"id": {id}, "username": {name}, "password": {password}})
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	to, err := url.Parse(r.Header.Get("Location"))
	if err != nil || !strings.HasPrefix(to.String(), broker) {
		t.Fatalf("%d: sent to %q", r.StatusCode, r.Header.Get("Location"))
	}
	return to.Query()
}

// hostile is a provider that can lie in every answer.
type hostile struct {
	*httptest.Server
	key      *rsa.PrivateKey
	config   ops.OIDCConfig
	discover func(map[string]any)
	claims   func(map[string]any)
	sign     func(h *hostile, claims []byte) string // nil: as it should be
	token    http.HandlerFunc                       // nil: an ID token
	userinfo map[string]any
	nonce    string
}

func newHostile(t *testing.T) *hostile {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	h := &hostile{key: key}
	answer := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(v); err != nil {
			t.Log(err) // who asked had enough
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		d := map[string]any{"issuer": h.URL, "authorization_endpoint": h.URL + "/auth", "token_endpoint": h.URL + "/token", "jwks_uri": h.URL + "/keys", "userinfo_endpoint": h.URL + "/userinfo",
			"id_token_signing_alg_values_supported": []string{"RS256", "none", "HS256"}}
		if h.discover != nil {
			h.discover(d)
		}
		answer(w, d)
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, r *http.Request) {
		answer(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k", Algorithm: "RS256", Use: "sig"}}})
	})
	mux.HandleFunc("/userinfo", func(w http.ResponseWriter, r *http.Request) { answer(w, h.userinfo) })
	mux.HandleFunc("/loop", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/loop", http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		if h.token != nil {
			h.token(w, r)
			return
		}
		now := time.Now()
		c := map[string]any{"iss": h.URL, "sub": "s", "aud": "consento", "exp": now.Add(time.Hour).Unix(), "iat": now.Unix(), "nonce": h.nonce, "email": "anna@esempio.example", "email_verified": true, "groups": []string{"Help desk"}}
		if h.claims != nil {
			h.claims(c)
		}
		data, err := json.Marshal(c)
		if err != nil {
			t.Error(err)
		}
		sign := h.sign
		if sign == nil {
			sign = func(h *hostile, claims []byte) string {
				return signed(t, jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: h.key, KeyID: "k"}}, claims)
			}
		}
		answer(w, map[string]any{"access_token": "a", "token_type": "Bearer", "expires_in": 60, "id_token": sign(h, data)})
	})
	h.Server = httptest.NewTLSServer(mux)
	t.Cleanup(h.Close)
	dir := t.TempDir()
	h.config = ops.OIDCConfig{Issuer: h.URL, ClientID: "consento", Name: "Office", SecretFile: filepath.Join(dir, "s"), CAFile: filepath.Join(dir, "ca")}
	for path, data := range map[string][]byte{h.config.SecretFile: []byte("secret"), h.config.CAFile: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: h.Certificate().Raw})} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

func signed(t *testing.T, key jose.SigningKey, claims []byte) string {
	signer, err := jose.NewSigner(key, nil)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign(claims)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func unsigned(header string, claims []byte) string {
	return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString(claims) + "."
}

// TestHostileProvider: nobody comes in by an answer that is not what was asked for.
func TestHostileProvider(t *testing.T) {
	set := func(k string, v any) func(map[string]any) { return func(c map[string]any) { c[k] = v } }
	lies := map[string]struct {
		set func(*hostile)
		why string
	}{
		"wrong issuer in the token": {func(h *hostile) { h.claims = set("iss", "https://elsewhere.example") }, "different provider"},
		"wrong audience":            {func(h *hostile) { h.claims = set("aud", "another") }, "audience"},
		"for two, made for another": {func(h *hostile) {
			h.claims = func(c map[string]any) { c["aud"], c["azp"] = []string{"consento", "x"}, "x" }
		}, "another client"},
		"for two, for nobody": {func(h *hostile) { h.claims = set("aud", []string{"consento", "x"}) }, "another client"},
		"expired":             {func(h *hostile) { h.claims = set("exp", time.Now().Add(-time.Minute).Unix()) }, "expired"},
		"another nonce":       {func(h *hostile) { h.claims = set("nonce", "x") }, "nonce"},
		"no nonce":            {func(h *hostile) { h.claims = func(c map[string]any) { delete(c, "nonce") } }, "nonce"},
		"alg none":            {func(h *hostile) { h.sign = func(_ *hostile, c []byte) string { return unsigned(`{"alg":"none"}`, c) } }, "malformed jwt"},
		"signed with the secret": {func(h *hostile) {
			h.sign = func(_ *hostile, c []byte) string {
				return signed(t, jose.SigningKey{Algorithm: jose.HS256, Key: []byte(strings.Repeat("secret", 8))}, c)
			}
		}, "malformed jwt"},
		"signed by somebody else": {func(h *hostile) {
			other, _ := rsa.GenerateKey(rand.Reader, 2048)
			h.sign = func(_ *hostile, c []byte) string {
				return signed(t, jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: other, KeyID: "k"}}, c)
			}
		}, "verify signature"},
		"no ID token": {func(h *hostile) {
			h.token = func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				io.WriteString(w, `{"access_token":"a","token_type":"Bearer"}`)
			}
		}, "no ID token"},
		"a redirect for the token": {func(h *hostile) {
			h.token = func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "/loop", http.StatusTemporaryRedirect)
			}
		}, "redirect"},
		"a token without end": {func(h *hostile) {
			h.token = func(w http.ResponseWriter, _ *http.Request) {
				io.WriteString(w, `{"access_token":"`)
				for range 40 {
					w.Write(make([]byte, 64<<10))
				}
			}
		}, ""},
		"groups that are no list": {func(h *hostile) { h.claims = set("groups", map[string]any{"a": 1}) }, "groups"},
		"userinfo of another": {func(h *hostile) {
			h.claims = func(c map[string]any) { delete(c, "groups") }
			h.userinfo = map[string]any{"sub": "other", "groups": []string{"Administrators"}}
		}, "somebody else"},
		"userinfo without end": {func(h *hostile) {
			h.claims = func(c map[string]any) { delete(c, "groups") }
			h.userinfo = map[string]any{"sub": "s", "x": strings.Repeat("x", 2<<20)}
		}, "longer"},
	}
	for name, lie := range lies {
		t.Run(name, func(t *testing.T) {
			h := newHostile(t)
			lie.set(h)
			_, err := h.signIn(t)
			if err == nil || !errors.Is(err, access.ErrProviderAnswer) && lie.why != "" || !strings.Contains(err.Error(), lie.why) {
				t.Errorf("%v, not %q", err, lie.why)
			}
		})
	}
	discoveries := map[string]func(*hostile, map[string]any){
		"another issuer":  func(_ *hostile, d map[string]any) { d["issuer"] = "https://elsewhere.example" },
		"token in clear":  func(_ *hostile, d map[string]any) { d["token_endpoint"] = "http://127.0.0.1/token" },
		"keys in clear":   func(_ *hostile, d map[string]any) { d["jwks_uri"] = "http://127.0.0.1/keys" },
		"a script":        func(_ *hostile, d map[string]any) { d["authorization_endpoint"] = "javascript:alert(1)" },
		"no token":        func(_ *hostile, d map[string]any) { d["token_endpoint"] = "" },
		"sign-out script": func(_ *hostile, d map[string]any) { d["end_session_endpoint"] = "javascript:alert(1)" },
		"without end":     func(_ *hostile, d map[string]any) { d["x"] = strings.Repeat("x", 2<<20) },
	}
	for name, lie := range discoveries {
		t.Run(name, func(t *testing.T) {
			h := newHostile(t)
			h.discover = func(d map[string]any) { lie(h, d) }
			if _, err := h.signIn(t); !errors.Is(err, access.ErrProviderAnswer) && !errors.Is(err, access.ErrProviderAway) {
				t.Error(err)
			}
		})
	}
	t.Run("the truth", func(t *testing.T) {
		h := newHostile(t)
		h.claims = func(c map[string]any) { maps.Copy(c, map[string]any{"email_verified": "true", "groups": "Help desk"}) }
		got, err := h.signIn(t)
		if err != nil || !got.Verified || len(got.Groups) != 1 {
			t.Error(got, err)
		}
	})
}

// TestHostileLogout: nobody is signed out by what is no logout token of the provider.
func TestHostileLogout(t *testing.T) {
	h := newHostile(t)
	p, err := central.NewProvider(h.config, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	token := func(change func(map[string]any)) string {
		now := time.Now()
		c := map[string]any{"iss": h.URL, "aud": "consento", "sub": "s", "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(), "jti": rand.Text(),
			"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}}
		change(c)
		data, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		return signed(t, jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: h.key, KeyID: "k"}}, data)
	}
	if _, subject, err := p.LoggedOut(t.Context(), token(func(map[string]any) {})); err != nil || subject != "s" {
		t.Errorf("%s %v", subject, err)
	}
	for name, change := range map[string]func(map[string]any){
		"another issuer":   func(c map[string]any) { c["iss"] = "https://elsewhere.example" },
		"another audience": func(c map[string]any) { c["aud"] = "x" },
		"an ID token":      func(c map[string]any) { c["nonce"] = "n" },
		"no event":         func(c map[string]any) { delete(c, "events") },
		"a session alone":  func(c map[string]any) { delete(c, "sub"); c["sid"] = "x" },
		"too old":          func(c map[string]any) { c["exp"] = time.Now().Add(-time.Hour).Unix() },
		"without an end":   func(c map[string]any) { delete(c, "exp") },
		"without an id":    func(c map[string]any) { delete(c, "jti") },
	} {
		if _, subject, err := p.LoggedOut(t.Context(), token(change)); !errors.Is(err, access.ErrProviderAnswer) {
			t.Errorf("%s: %s %v", name, subject, err)
		}
	}
	for _, text := range []string{"", "x", "a.b.c", unsigned(`{"alg":"none"}`, []byte(`{"sub":"s"}`))} {
		if _, _, err := p.LoggedOut(t.Context(), text); !errors.Is(err, access.ErrProviderAnswer) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func (h *hostile) signIn(t *testing.T) (access.Identity, error) {
	p, err := central.NewProvider(h.config, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	address, secret, err := p.Begin(t.Context(), broker+"/signin/sso/return", "en")
	if err != nil {
		return access.Identity{}, err
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	h.nonce = u.Query().Get("nonce")
	return p.Complete(t.Context(), broker+"/signin/sso/return", secret, url.Values{"code": {"c"}, "state": {u.Query().Get("state")}})
}
