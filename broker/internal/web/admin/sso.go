package admin

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/web/page"
)

// SingleSignOn is a provider that says who somebody is.
type SingleSignOn interface {
	Name() string
	Issuer() string
	// Begin returns where somebody signs in, and what Complete needs to know them by.
	// Errors: access.ErrProviderAway, access.ErrProviderAnswer.
	Begin(ctx context.Context, back, language string) (address, secret string, err error)
	Complete(ctx context.Context, back, secret string, answer url.Values) (access.Identity, error)
	// LoggedOut says whom a logout token of the provider names.
	LoggedOut(ctx context.Context, token string) (issuer, subject string, err error)
	// SignOut is where somebody signs out of the provider too, "" for nowhere.
	SignOut(ctx context.Context, back, language string) string
}

const (
	// ssoCookie is sealed: what proves that an answer is to this browser's question.
	ssoCookie   = "__Host-consento-sso"
	ssoTime     = 10 * time.Minute
	ssoReturn   = "/signin/sso/return"
	maxSSOValue = 2 << 10
)

// ssoRoutes are the ways to the provider of single sign-on and back.
func (ps *Pages) ssoRoutes() []page.Route {
	return []page.Route{
		page.At("/signin/sso", page.ForVisitor(ps.beginSSO)),
		page.At(ssoReturn, page.ForVisitor(ps.completeSSO)),
		page.At("/signin/sso/logout", page.RedirectTo("/signin"), page.ForAnyone(ps.loggedOut)),
		page.At("/signed-out", page.ForAnyone(ps.showSignedOut)),
	}
}

// journey is what the sealed cookie holds.
type journey struct {
	Secret, Next string
	Until        time.Time
}

func (ps *Pages) beginSSO(rw http.ResponseWriter, r *http.Request) error {
	next := localNext(r.URL.Query().Get("next"))
	if _, ok := access.Current(r); ok {
		http.Redirect(rw, r, next, http.StatusSeeOther)
		return nil
	}
	address, secret, err := ps.sso.Begin(r.Context(), ps.PublicURL+ssoReturn, page.TextsOf(r).Tag)
	if err != nil {
		return ps.ssoFailed(rw, r, next, err)
	}
	sealed, err := ps.seal(journey{secret, next, time.Now().Add(ssoTime)})
	if err != nil {
		return err
	}
	ps.setSSOCookie(rw, sealed, int(ssoTime.Seconds()))
	http.Redirect(rw, r, address, http.StatusSeeOther)
	return nil
}

func (ps *Pages) setSSOCookie(rw http.ResponseWriter, value string, age int) {
	http.SetCookie(rw, &http.Cookie{Name: ssoCookie, Value: value, Path: "/", MaxAge: age, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

func (ps *Pages) completeSSO(rw http.ResponseWriter, r *http.Request) error {
	if _, ok := access.Current(r); ok { // the answer was used, and somebody went back to it
		http.Redirect(rw, r, "/console/", http.StatusSeeOther)
		return nil
	}
	j := ps.journeyOf(r)
	ps.setSSOCookie(rw, "", -1)
	if j.Secret == "" {
		return ps.ssoFailed(rw, r, localNext(""), errJourney)
	}
	err := ps.accounts.SignInCentral(r, func(ctx context.Context) (access.Identity, error) {
		return ps.sso.Complete(ctx, ps.PublicURL+ssoReturn, j.Secret, r.URL.Query())
	})
	if err != nil {
		return ps.ssoFailed(rw, r, j.Next, err)
	}
	http.Redirect(rw, r, j.Next, http.StatusSeeOther)
	return nil
}

// errJourney says that an answer came without a question, or too late.
var errJourney = errors.New("no question waits for this answer")

// ssoFailed says on the page of sign-in why nobody was signed in there, and leaves the
// way by password open.
func (ps *Pages) ssoFailed(rw http.ResponseWriter, r *http.Request, next string, err error) error {
	p := ps.NewPage(r, "signin.title")
	p.Data = ps.signInData("", next)
	status, key := http.StatusForbidden, ""
	var refusal *access.Refusal
	switch {
	case errors.As(err, &refusal):
		key = "sso.refused." + refusal.Code
	case errors.Is(err, access.ErrThrottled):
		status, key = http.StatusTooManyRequests, "signin.throttled"
	case errors.Is(err, access.ErrProviderAway):
		status, key = http.StatusBadGateway, "sso.away"
		ps.Log.WarnContext(r.Context(), "the provider of single sign-on does not answer", "err", err)
	case errors.Is(err, access.ErrDeclined):
		key = "sso.declined"
	case errors.Is(err, errJourney):
		key = "sso.again"
	case errors.Is(err, access.ErrProviderAnswer):
		status, key = http.StatusBadGateway, "sso.invalid"
		ps.Log.WarnContext(r.Context(), "the provider's answer is not valid", "err", err)
	default:
		return err
	}
	p.Error = p.T(key, "name", page.Isolate(ps.sso.Name()))
	return ps.Show(rw, status, "signin", p)
}

// loggedOut is the provider's call that somebody signed out there (Back-Channel Logout 1.0,
// 2.5 and 2.8). Who sends it is a program, so no page is shown.
func (ps *Pages) loggedOut(rw http.ResponseWriter, r *http.Request) error {
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	err = ps.accounts.SignOutCentral(r, func(ctx context.Context) (string, string, error) {
		return ps.sso.LoggedOut(ctx, page.Limited(values.Get("logout_token"), 16<<10))
	})
	status := http.StatusOK
	switch {
	case errors.Is(err, access.ErrThrottled):
		status = http.StatusTooManyRequests
	case errors.Is(err, access.ErrProviderAnswer):
		status = http.StatusBadRequest
		ps.Log.WarnContext(r.Context(), "a logout token is not valid", "err", err)
	case errors.Is(err, access.ErrProviderAway):
		status = http.StatusServiceUnavailable
	case err != nil:
		return err
	}
	rw.WriteHeader(status)
	return nil
}

// signedOutPage is the data of the template "signed-out".
type signedOutPage struct{ Name, Address string }

// showSignedOut says that somebody is out here, and leads to where they may still be in.
// It is a link, since a form would not be let go to another site.
func (ps *Pages) showSignedOut(rw http.ResponseWriter, r *http.Request) error {
	p := ps.NewPage(r, "sso.out.title")
	p.Data = signedOutPage{ps.sso.Name(), ps.sso.SignOut(r.Context(), ps.PublicURL+"/signin", p.Tag)}
	return ps.Show(rw, http.StatusOK, "signed-out", p)
}

func (ps *Pages) ssoAEAD() (cipher.AEAD, error) {
	block, err := aes.NewCipher(ps.ssoKey)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func (ps *Pages) seal(j journey) (string, error) {
	data, err := json.Marshal(j)
	if err != nil {
		return "", err
	}
	aead, err := ps.ssoAEAD()
	if err != nil {
		return "", err
	}
	nonce := make([]byte, aead.NonceSize())
	rand.Read(nonce) // never fails since Go 1.24
	return base64.RawURLEncoding.EncodeToString(aead.Seal(nonce, nonce, data, []byte(ssoCookie))), nil
}

// journeyOf returns the zero journey where there is none, or it is too old.
func (ps *Pages) journeyOf(r *http.Request) (j journey) {
	cookie, err := r.Cookie(ssoCookie)
	if err != nil || len(cookie.Value) > maxSSOValue {
		return journey{}
	}
	data, err := base64.RawURLEncoding.DecodeString(cookie.Value)
	if err != nil {
		return journey{}
	}
	aead, err := ps.ssoAEAD()
	if err != nil || len(data) < aead.NonceSize() {
		return journey{}
	}
	plain, err := aead.Open(nil, data[:aead.NonceSize()], data[aead.NonceSize():], []byte(ssoCookie))
	if err != nil || json.Unmarshal(plain, &j) != nil || time.Now().After(j.Until) {
		return journey{}
	}
	return j
}
