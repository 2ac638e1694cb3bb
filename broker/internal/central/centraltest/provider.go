// Package centraltest runs what central accounts are tested against: a real provider of
// OpenID Connect, with a page to sign in on. It serves tests alone.
package centraltest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"html/template"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
	"golang.org/x/text/language"

	"consento/broker/internal/ops"
)

// Person is somebody whom the provider knows.
type Person struct {
	ID, Login, Password string
	First, Last, Email  string
	Unconfirmed         bool // the e-mail
	Groups              []string
}

// Provider is an OpenID Connect provider on a loopback address, with a certificate of its
// own. It asks for PKCE only if the client does, and takes a code once.
type Provider struct {
	URL    string
	Config ops.OIDCConfig // for a broker at back

	server *httptest.Server
	kept   *kept
	mu     sync.Mutex
	people map[string]Person
}

const clientID, clientSecret = "consento", "grey herons over Bolzano"

// New starts one; dir gets its certificate and the client's secret. back is the public
// address of the broker that it knows.
func New(dir, back string, people ...Person) (*Provider, error) {
	p := &Provider{people: map[string]Person{}}
	for _, person := range people {
		p.Set(person)
	}
	p.server = httptest.NewUnstartedServer(nil)
	p.URL = "https://" + p.server.Listener.Addr().String()
	handler, err := p.handler(back)
	if err != nil {
		return nil, err
	}
	p.server.Config.Handler = handler
	p.server.StartTLS()
	p.Config = ops.OIDCConfig{Issuer: p.URL, ClientID: clientID, Name: "Office account", SecretFile: filepath.Join(dir, "oidc.secret"), CAFile: filepath.Join(dir, "oidc.pem")}
	if err := os.WriteFile(p.Config.SecretFile, []byte(clientSecret+"\n"), 0o600); err != nil {
		return nil, err
	}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.server.Certificate().Raw})
	return p, os.WriteFile(p.Config.CAFile, certificate, 0o600)
}

// Close ends it; from then on it does not answer.
func (p *Provider) Close() {
	p.server.CloseClientConnections()
	p.server.Close()
}

// Set adds or changes a person.
func (p *Provider) Set(person Person) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.people[person.ID] = person
}

// LogoutToken is what the provider sends when somebody signed out there (Back-Channel Logout
// 1.0, 2.4), signed with its key.
func (p *Provider) LogoutToken(ctx context.Context, subject string) (string, error) {
	key, err := p.kept.SigningKey(ctx)
	if err != nil {
		return "", err
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: key.SignatureAlgorithm(), Key: jose.JSONWebKey{Key: key.Key(), KeyID: key.ID()}}, nil)
	if err != nil {
		return "", err
	}
	now := time.Now()
	claims, err := json.Marshal(map[string]any{"iss": p.URL, "aud": clientID, "sub": subject, "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(), "jti": rand.Text(),
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}})
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(claims)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

func (p *Provider) person(is func(Person) bool) (Person, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, person := range p.people {
		if is(person) {
			return person, true
		}
	}
	return Person{}, false
}

func (p *Provider) handler(back string) (http.Handler, error) {
	kept := &kept{p: p, back: back}
	p.kept = kept
	kept.Storage = storage.NewStorageWithClients(kept, map[string]*storage.Client{clientID: storage.WebClient(clientID, clientSecret, back+"/signin/sso/return")})
	config := &op.Config{CryptoKey: [32]byte{1}, DefaultLogoutRedirectURI: "/out", CodeMethodS256: true, SupportedUILocales: []language.Tag{language.English}}
	provider, err := op.NewProvider(config, kept, op.StaticIssuer(p.URL))
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login/username", func(w http.ResponseWriter, r *http.Request) {
		_ = page.Execute(w, r.URL.Query().Get("authRequestID"))
	})
	back2 := op.AuthCallbackURL(provider)
	mux.Handle("POST /login/username", op.NewIssuerInterceptor(provider.IssuerFromRequest).HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.PostFormValue("id")
		if err := kept.CheckUsernamePassword(r.PostFormValue("username"), r.PostFormValue("password"), id); err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		http.Redirect(w, r, back2(r.Context(), id), http.StatusFound)
	}))
	mux.Handle("/", provider)
	return mux, nil
}

var page = template.Must(template.New("").Parse(`<!DOCTYPE html><html lang="en"><title>Office account</title>
<form method="post" action="/login/username"><input type="hidden" name="id" value="{{.}}">
<label>Name <input id="username" name="username"></label> <label>Password <input id="password" type="password" name="password"></label>
<button id="in">Sign in</button></form></html>`))

// kept adds groups, and addresses to come back to, to the provider's storage.
type kept struct {
	*storage.Storage
	p    *Provider
	back string
}

func (k *kept) GetClientByClientID(ctx context.Context, id string) (op.Client, error) {
	c, err := k.Storage.GetClientByClientID(ctx, id)
	if err != nil {
		return nil, err
	}
	return client{c, k.back}, nil
}

type client struct {
	op.Client
	back string
}

func (c client) PostLogoutRedirectURIs() []string { return []string{c.back + "/signin"} }

func (k *kept) groups(info *oidc.UserInfo, id string) {
	if person, ok := k.p.person(func(p Person) bool { return p.ID == id }); ok && person.Groups != nil {
		info.AppendClaims("groups", person.Groups)
	}
}

// SetUserinfoFromToken adds the groups to what the userinfo endpoint says.
func (k *kept) SetUserinfoFromToken(ctx context.Context, info *oidc.UserInfo, token, subject, origin string) error {
	err := k.Storage.SetUserinfoFromToken(ctx, info, token, subject, origin)
	k.groups(info, subject)
	return err
}

func (k *kept) GetUserByID(id string) *storage.User {
	return user(k.p.person(func(p Person) bool { return p.ID == id }))
}

func (k *kept) GetUserByUsername(name string) *storage.User {
	return user(k.p.person(func(p Person) bool { return p.Login == name }))
}

func (k *kept) ExampleClientID() string { return "service" }

func user(p Person, ok bool) *storage.User {
	if !ok {
		return nil
	}
	return &storage.User{ID: p.ID, Username: p.Login, Password: p.Password, FirstName: p.First, LastName: p.Last, Email: p.Email, EmailVerified: !p.Unconfirmed, PreferredLanguage: language.Italian}
}
