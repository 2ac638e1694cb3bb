package central

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"consento/broker/internal/access"
	"consento/broker/internal/ops"
)

// Provider is single sign-on: OpenID Connect Core 1.0, authorization code with PKCE
// (RFC 7636). It is safe for concurrent use.
type Provider struct {
	config ops.OIDCConfig
	secret string
	http   *http.Client
	log    *slog.Logger

	mu     sync.Mutex
	found  *discovered
	used   map[string]time.Time // logout tokens, until they are too old
	failed error                // the last answer, for a moment: nobody waits for the same in a queue
	until  time.Time
}

// discovered is what the provider says of itself; it is asked again now and then.
type discovered struct {
	*oidc.Provider
	at      time.Time
	style   oauth2.AuthStyle
	signOut string // end_session_endpoint, "" for none
	saysIss bool   // its answers name their issuer (RFC 9207)
}

const askAgain = time.Hour

// algorithms of signatures that are believed: none of them takes a shared secret.
var algorithms = []string{oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA}

// NewProvider reads the secret; it does not ask the provider yet, which may be away.
func NewProvider(c ops.OIDCConfig, log *slog.Logger) (*Provider, error) {
	secret, err := ops.SecretFile(c.SecretFile)
	if err != nil {
		return nil, fmt.Errorf("oidc: %w", err)
	}
	trust, err := tlsConfig(c.CAFile)
	if err != nil {
		return nil, fmt.Errorf("oidc: %w", err)
	}
	if c.Groups == "" {
		c.Groups = "groups"
	}
	if c.Scopes == "" {
		c.Scopes = "email profile"
	}
	return &Provider{config: c, secret: secret, http: httpClient(trust), log: log}, nil
}

// Name is what people call it.
func (p *Provider) Name() string { return p.config.Name }

// Issuer is the provider's address.
func (p *Provider) Issuer() string { return p.config.Issuer }

// discover returns what the provider says of itself, not older than age; those who wait
// here share one answer.
func (p *Provider) discover(ctx context.Context, age time.Duration) (*discovered, error) {
	oldest := time.Now().Add(-age)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found != nil && p.found.at.After(oldest) {
		return p.found, nil
	}
	if time.Now().Before(p.until) {
		return nil, p.failed
	}
	found, err := p.ask(ctx)
	if err == nil {
		p.found = found
		return found, nil
	}
	if !errors.Is(ctx.Err(), context.Canceled) {
		p.failed, p.until = err, time.Now().Add(3*time.Second)
	}
	return nil, err
}

func (p *Provider) ask(ctx context.Context) (*discovered, error) {
	known, err := oidc.NewProvider(oidc.ClientContext(ctx, p.http), p.config.Issuer)
	if err != nil {
		var other *oidc.IssuerMismatchError
		if errors.As(err, &other) {
			return nil, fmt.Errorf("%w: %w", access.ErrProviderAnswer, err)
		}
		return nil, fmt.Errorf("%w: %w", access.ErrProviderAway, err)
	}
	var more struct {
		JWKS    string   `json:"jwks_uri"`
		Styles  []string `json:"token_endpoint_auth_methods_supported"`
		SignOut string   `json:"end_session_endpoint"`
		SaysIss bool     `json:"authorization_response_iss_parameter_supported"`
	}
	if err := known.Claims(&more); err != nil {
		return nil, fmt.Errorf("%w: %w", access.ErrProviderAnswer, err)
	}
	for what, address := range map[string]string{"authorization_endpoint": known.Endpoint().AuthURL, "token_endpoint": known.Endpoint().TokenURL, "jwks_uri": more.JWKS,
		"userinfo_endpoint": known.UserInfoEndpoint(), "end_session_endpoint": more.SignOut} {
		optional := what == "userinfo_endpoint" || what == "end_session_endpoint"
		if address == "" && optional {
			continue
		}
		if u, err := url.Parse(address); err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "" {
			return nil, fmt.Errorf("%w: %s is no https address", access.ErrProviderAnswer, what)
		}
	}
	found := &discovered{Provider: known, at: time.Now(), signOut: more.SignOut, saysIss: more.SaysIss, style: oauth2.AuthStyleInHeader}
	basic := len(more.Styles) == 0 // the default (Discovery 1.0, section 3)
	for _, s := range more.Styles {
		basic = basic || s == "client_secret_basic"
	}
	if !basic {
		found.style = oauth2.AuthStyleInParams
	}
	return found, nil
}

func (p *Provider) oauth(d *discovered, back string) *oauth2.Config {
	endpoint := d.Endpoint()
	endpoint.AuthStyle = d.style
	return &oauth2.Config{ClientID: p.config.ClientID, ClientSecret: p.secret, Endpoint: endpoint, RedirectURL: back,
		Scopes: append([]string{oidc.ScopeOpenID}, strings.Fields(p.config.Scopes)...)}
}

// trip is what one person's way to the provider and back is known by.
type trip struct{ State, Nonce, Verifier string }

// Begin returns the address at which somebody signs in, and a secret for Complete, which
// their browser alone may hold. back is where they return. Errors:
// access.ErrProviderAway, access.ErrProviderAnswer.
func (p *Provider) Begin(ctx context.Context, back, language string) (address, secret string, err error) {
	ctx, cancel := briefly(ctx)
	defer cancel()
	d, err := p.discover(ctx, 0) // one that is away is known here, not by an empty window
	if err != nil {
		return "", "", err
	}
	t := trip{State: random(), Nonce: random(), Verifier: oauth2.GenerateVerifier()}
	data, err := json.Marshal(t)
	if err != nil {
		return "", "", err
	}
	address = p.oauth(d, back).AuthCodeURL(t.State, oauth2.S256ChallengeOption(t.Verifier), oidc.Nonce(t.Nonce), oauth2.SetAuthURLParam("ui_locales", language))
	return address, string(data), nil
}

// short is what somebody else said, fit for a log.
func short(s string) string { return fmt.Sprintf("%.60q", s) }

func random() string {
	var b [32]byte
	rand.Read(b[:]) // never fails since Go 1.24
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// Complete says who came back with an answer. Errors: access.ErrProviderAway,
// access.ErrProviderAnswer, access.ErrDeclined.
func (p *Provider) Complete(ctx context.Context, back, secret string, answer url.Values) (access.Identity, error) {
	wrong := func(what string, err error) (access.Identity, error) {
		if err == nil {
			return access.Identity{}, fmt.Errorf("%w: %s", access.ErrProviderAnswer, what)
		}
		return access.Identity{}, fmt.Errorf("%w: %s: %w", access.ErrProviderAnswer, what, err)
	}
	var t trip
	if err := json.Unmarshal([]byte(secret), &t); err != nil || t.State == "" || t.Nonce == "" {
		return wrong("there was no question", nil)
	}
	if !same(answer.Get("state"), t.State) {
		return wrong("the state is another", nil)
	}
	ctx, cancel := briefly(ctx)
	defer cancel()
	d, err := p.discover(ctx, askAgain)
	if err != nil {
		return access.Identity{}, err
	}
	// Against answers of one provider that are handed in as another's (RFC 9207, 2.4).
	if iss, there := answer["iss"]; there && (len(iss) != 1 || iss[0] != p.config.Issuer) || d.saysIss && !there {
		return wrong("the answer is another issuer's", nil)
	}
	switch code := answer.Get("error"); code {
	case "":
	case "access_denied":
		return access.Identity{}, access.ErrDeclined
	case "temporarily_unavailable", "server_error":
		return access.Identity{}, fmt.Errorf("%w: it says %s", access.ErrProviderAway, code)
	default:
		return wrong("it says "+short(code), nil)
	}
	ctx = oidc.ClientContext(ctx, p.http)
	token, err := p.oauth(d, back).Exchange(ctx, answer.Get("code"), oauth2.VerifierOption(t.Verifier))
	if err != nil {
		var said *oauth2.RetrieveError
		if errors.As(err, &said) && said.Response != nil && said.Response.StatusCode < 500 {
			return wrong("token", fmt.Errorf("it says %d %s", said.Response.StatusCode, short(said.ErrorCode)))
		}
		if errors.Is(err, errRedirect) || errors.Is(err, errLong) {
			return wrong("token", err)
		}
		return access.Identity{}, fmt.Errorf("%w: token: %w", access.ErrProviderAway, err)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return wrong("no ID token", nil)
	}
	checked, err := d.VerifierContext(ctx, &oidc.Config{ClientID: p.config.ClientID, SupportedSigningAlgs: algorithms}).Verify(ctx, raw)
	if err != nil {
		return wrong("ID token", err)
	}
	if !same(checked.Nonce, t.Nonce) {
		return wrong("the nonce is another", nil)
	}
	var said claims
	if err := said.read(checked.Claims, p.config.Groups); err != nil {
		return wrong("ID token", err)
	}
	// Core 1.0, 3.1.3.7: for several audiences, whom it was made for.
	if said.AuthorizedParty != "" && said.AuthorizedParty != p.config.ClientID || len(checked.Audience) > 1 && said.AuthorizedParty == "" {
		return wrong("the ID token is for another client", nil)
	}
	if (said.Email == "" || said.groups == nil) && d.UserInfoEndpoint() != "" {
		info, err := d.UserInfo(ctx, oauth2.StaticTokenSource(token))
		if err != nil {
			return wrong("userinfo", err)
		}
		if info.Subject != checked.Subject { // Core 1.0, 5.3.2
			return wrong("userinfo is somebody else's", nil)
		}
		if err := said.read(info.Claims, p.config.Groups); err != nil {
			return wrong("userinfo", err)
		}
	}
	return access.Identity{Issuer: p.config.Issuer, Subject: checked.Subject, Email: said.Email, Verified: bool(said.Verified) || p.config.TrustEmail, Name: said.Name, Groups: said.groups}, nil
}

// claims are what is read of a person. A later reading adds what was missing.
type claims struct {
	Email           string `json:"email"`
	Verified        truth  `json:"email_verified"`
	Name            string `json:"name"`
	AuthorizedParty string `json:"azp"`

	groups []string // nil: the claim was not there
}

func (c *claims) read(from func(any) error, groups string) error {
	var now claims
	if err := from(&now); err != nil {
		return err
	}
	if c.Email == "" { // the address and what is said of it go together
		c.Email, c.Verified = now.Email, now.Verified
	}
	if c.Name == "" {
		c.Name = now.Name
	}
	if c.AuthorizedParty == "" {
		c.AuthorizedParty = now.AuthorizedParty
	}
	if c.groups != nil {
		return nil
	}
	var all map[string]json.RawMessage
	if err := from(&all); err != nil {
		return err
	}
	value, there := all[groups]
	if !there || string(value) == "null" {
		return nil
	}
	var one string
	if json.Unmarshal(value, &one) == nil {
		c.groups = []string{one}
		return nil
	}
	list := []string{}
	if err := json.Unmarshal(value, &list); err != nil {
		return fmt.Errorf("%s is no list of names", groups)
	}
	c.groups = list
	return nil
}

// truth is a boolean that some providers send as a string.
type truth bool

func (t *truth) UnmarshalJSON(data []byte) error {
	switch string(data) {
	case "true", `"true"`:
		*t = true
	case "false", `"false"`, "null", `""`:
		*t = false
	default:
		return errors.New("email_verified is neither true nor false")
	}
	return nil
}

// maxUsed bounds the memory of logout tokens.
const maxUsed = 10_000

// LoggedOut says who has signed out at the provider, by a token that it sent (OpenID Connect
// Back-Channel Logout 1.0). A token is good once. One that names a session alone says
// nothing here: none is kept. Errors: access.ErrProviderAway, access.ErrProviderAnswer.
func (p *Provider) LoggedOut(ctx context.Context, token string) (issuer, subject string, err error) {
	ctx, cancel := briefly(ctx)
	defer cancel()
	d, err := p.discover(ctx, askAgain)
	if err != nil {
		return "", "", err
	}
	// The common set of keys: what is sent by anybody fetches them no more often than needed.
	checked, err := d.Verifier(&oidc.Config{ClientID: p.config.ClientID, SupportedSigningAlgs: algorithms}).VerifyLogout(ctx, token)
	if err != nil {
		return "", "", fmt.Errorf("%w: logout token: %w", access.ErrProviderAnswer, err)
	}
	if checked.Subject == "" {
		return "", "", fmt.Errorf("%w: the logout token names nobody (sub)", access.ErrProviderAnswer)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for id, until := range p.used {
		if now.After(until) {
			delete(p.used, id)
		}
	}
	if _, again := p.used[checked.TokenID]; again || len(p.used) >= maxUsed || len(checked.TokenID) > 255 {
		return "", "", fmt.Errorf("%w: the logout token was used before", access.ErrProviderAnswer)
	}
	if p.used == nil {
		p.used = map[string]time.Time{}
	}
	p.used[checked.TokenID] = checked.Expiry
	return p.config.Issuer, checked.Subject, nil
}

// SignOut is where somebody signs out of the provider too (OpenID Connect RP-Initiated
// Logout 1.0), to come to back afterwards; "" where it offers none. No token is kept for
// it, so the provider may ask whether they mean it.
func (p *Provider) SignOut(ctx context.Context, back, language string) string {
	ctx, cancel := briefly(ctx)
	defer cancel()
	d, err := p.discover(ctx, askAgain)
	if err != nil || d.signOut == "" {
		return ""
	}
	u, err := url.Parse(d.signOut)
	if err != nil {
		return ""
	}
	q := u.Query()
	q.Set("client_id", p.config.ClientID)
	q.Set("post_logout_redirect_uri", back)
	q.Set("ui_locales", language)
	u.RawQuery = q.Encode()
	return u.String()
}
