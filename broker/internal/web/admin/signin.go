package admin

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"consento/broker/internal/access"
	"consento/broker/internal/web/page"
)

// signInPage is the data of the template "signin".
type signInPage struct {
	Passkey *passkeyForm // nil: there are no passkeys
	Email   string
	Next    string // where to go afterwards

	SSO       string // what people call the provider of single sign-on; "": none
	SSOLink   string
	Directory string // what they call the directory whose passwords are good here; "": none
}

func (ps *Pages) signInData(email, next string) signInPage {
	d := signInPage{Email: email, Next: next, Directory: ps.directory}
	if ps.sso != nil {
		d.SSO, d.SSOLink = ps.sso.Name(), "/signin/sso?next="+url.QueryEscape(next)
	}
	return d
}

func (ps *Pages) showSignIn(rw http.ResponseWriter, r *http.Request) error {
	if _, ok := access.Current(r); ok {
		http.Redirect(rw, r, localNext(r.URL.Query().Get("next")), http.StatusSeeOther)
		return nil
	}
	return ps.signInForm(rw, r, http.StatusOK, "", localNext(r.URL.Query().Get("next")), "")
}

// signInForm shows the page; problem is a key of the language files, "" if there is none.
func (ps *Pages) signInForm(rw http.ResponseWriter, r *http.Request, status int, email, next, problem string, values ...string) error {
	p := ps.NewPage(r, "signin.title")
	data := ps.signInData(email, next)
	data.Passkey = ps.passkeyForm(p, "get", "/signin/passkey", next, "account.passkey.signin")
	p.Data = data
	if problem != "" {
		p.Error = p.T(problem, values...)
	}
	return ps.Show(rw, status, "signin", p)
}

func (ps *Pages) signIn(rw http.ResponseWriter, r *http.Request) error {
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	next := localNext(values.Get("next"))
	step, err := ps.accounts.SignIn(r, values.Get("email"), values.Get("password"))
	email := page.Limited(values.Get("email"), 254)
	var refusal *access.Refusal
	switch {
	case errors.Is(err, access.ErrThrottled):
		return ps.signInForm(rw, r, http.StatusTooManyRequests, email, next, "signin.throttled")
	case errors.Is(err, access.ErrCredentials):
		return ps.signInForm(rw, r, http.StatusUnprocessableEntity, email, next, "signin.wrong")
	case errors.As(err, &refusal):
		return ps.signInForm(rw, r, http.StatusForbidden, email, next, "sso.refused."+refusal.Code, "name", page.Isolate(ps.directory))
	case errors.Is(err, access.ErrProviderAway):
		ps.Log.WarnContext(r.Context(), "the directory does not answer", "err", err)
		return ps.signInForm(rw, r, http.StatusBadGateway, email, next, "sso.directory_away", "name", page.Isolate(ps.directory))
	case errors.Is(err, access.ErrProviderAnswer):
		ps.Log.WarnContext(r.Context(), "the directory's answer is not valid", "err", err)
		return ps.signInForm(rw, r, http.StatusBadGateway, email, next, "sso.invalid", "name", page.Isolate(ps.directory))
	case errors.Is(err, access.ErrCentralOnly):
		return ps.signInForm(rw, r, http.StatusForbidden, email, next, "sso.only")
	case err != nil:
		return err
	}
	http.Redirect(rw, r, stepPath(step, next), http.StatusSeeOther)
	return nil
}

func (ps *Pages) signOut(rw http.ResponseWriter, r *http.Request) error {
	account, ok := access.Current(r)
	if err := ps.accounts.SignOut(r); err != nil {
		return err
	}
	if ok {
		ps.audit.EndSearches(account.ID)
	}
	to := "/signin"
	if ok && account.Central && ps.sso != nil {
		to = "/signed-out"
	}
	http.Redirect(rw, r, to, http.StatusSeeOther)
	return nil
}

// localNext returns next if it is a page of those who work here, else the console: a
// sign-in never sends people to another site.
func localNext(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || len(next) > 256 || !strings.HasPrefix(u.Path, "/") || strings.Contains(u.Path, "..") || strings.ContainsAny(u.Path, "\\") {
		return "/console/"
	}
	if part, _, _ := strings.Cut(u.Path[1:], "/"); !slices.Contains([]string{"console", "desk", "figures", "audit", "admin", "settings", "summaries", "shared", "account", "api", "survey"}, part) {
		return "/console/"
	}
	return next
}
