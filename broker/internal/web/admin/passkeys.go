package admin

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/url"

	"consento/broker/internal/access"
	"consento/broker/internal/web/page"
)

// passkeyForm is the data of the template "passkey": a form that passkey.js fills in with
// the answer of an authenticator, and what it says before the broker hears of it.
type passkeyForm struct {
	Kind                                              string // get or add
	Path, Next, Label                                 string
	Name                                              *page.Input // of a new one
	Origin                                            string
	None, Elsewhere, Asking, Refused, Already, Failed string
}

// passkeyLine is one of the passkeys of an account.
type passkeyLine struct{ ID, Name, When, Remove string }

// addPasskeyPage is the data of the template "account-passkey".
type addPasskeyPage struct {
	Path    string
	Forced  bool // on the way in
	Next    string
	Passkey *passkeyForm
}

// passkeyForm is nil where the public address is no name: there are no passkeys then.
func (ps *Pages) passkeyForm(p *page.Page, kind, path, next, label string) *passkeyForm {
	u, err := url.Parse(ps.PublicURL)
	if err != nil || net.ParseIP(u.Hostname()) != nil {
		return nil
	}
	return &passkeyForm{Kind: kind, Path: path, Next: next, Label: p.T(label), Origin: ps.PublicURL, Elsewhere: p.T("account.passkey.elsewhere", "address", ps.PublicURL),
		None: p.T("account.passkey.none"), Asking: p.T("account.passkey.asking"), Refused: p.T("account.passkey.refused"), Already: p.T("account.passkey.already"), Failed: p.T("account.passkey.failed")}
}

// beginPasskey answers passkey.js: the question for the authenticator, a sentence to say,
// or where to go first.
func (ps *Pages) beginPasskey(rw http.ResponseWriter, r *http.Request) error {
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	question, err := ps.accounts.BeginPasskey(r, values.Get("for") == "add")
	status, say := http.StatusOK, map[string]string{}
	t := page.TextsOf(r)
	switch {
	case errors.Is(err, access.ErrUnproven):
		status, say["go"] = http.StatusForbidden, "/account/confirm?next="+url.QueryEscape("/account/passkey")
	case errors.Is(err, access.ErrThrottled):
		status, say["say"] = http.StatusTooManyRequests, t.T("signin.throttled")
	case errors.Is(err, access.ErrInvalid):
		status, say["say"] = http.StatusConflict, t.T("account.passkey.too_many")
	case errors.Is(err, access.ErrNoPasskeys), errors.Is(err, access.ErrPasskey), errors.Is(err, access.ErrNoSignIn):
		status, say["say"] = http.StatusConflict, t.T("account.passkey.refused")
	case err != nil:
		return err
	}
	if status != http.StatusOK {
		if question, err = json.Marshal(say); err != nil {
			return err
		}
	}
	rw.Header().Set("Content-Type", "application/json")
	rw.WriteHeader(status)
	_, _ = rw.Write(question) // the browser went away: nobody is left to be told
	return nil
}

// passkeyProblem names the sentence for what is wrong with a passkey, "" for what is our fault.
func passkeyProblem(err error) (status int, key string) {
	switch {
	case errors.Is(err, access.ErrPasskeyCopied):
		return http.StatusUnprocessableEntity, "account.passkey.copied"
	case errors.Is(err, access.ErrPasskey), errors.Is(err, access.ErrCredentials), errors.Is(err, access.ErrNoPasskeys):
		return http.StatusUnprocessableEntity, "account.passkey.wrong"
	case errors.Is(err, access.ErrThrottled):
		return http.StatusTooManyRequests, "signin.throttled"
	}
	return 0, ""
}

// usePasskey signs in by a passkey, or takes it as second factor.
func (ps *Pages) usePasskey(rw http.ResponseWriter, r *http.Request) error {
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	next := localNext(values.Get("next"))
	if _, in := access.Current(r); in {
		http.Redirect(rw, r, next, http.StatusSeeOther)
		return nil
	}
	step, err := ps.accounts.UsePasskey(r, values.Get("credential"))
	if status, key := passkeyProblem(err); key != "" {
		if a, ok := access.Arriving(r); ok && a.Step == access.StepSecond {
			return ps.secondForm(rw, r, a, status, next, key)
		}
		return ps.signInForm(rw, r, status, "", next, key)
	}
	if errors.Is(err, access.ErrCentralOnly) {
		return ps.signInForm(rw, r, http.StatusForbidden, "", next, "sso.only")
	}
	if err != nil {
		return err
	}
	http.Redirect(rw, r, stepPath(step, next), http.StatusSeeOther)
	return nil
}

func (ps *Pages) showAddPasskey(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	return ps.addPasskeyForm(rw, r, by, http.StatusOK, addPasskeyPage{Path: "/account/passkey", Next: "/account"}, "", "", "")
}

func (ps *Pages) showEnrolPasskey(rw http.ResponseWriter, r *http.Request, a access.Arrival) error {
	return ps.addPasskeyForm(rw, r, a.Account, http.StatusOK, addPasskeyPage{Path: "/signin/enrol/passkey", Forced: true, Next: nextOf(r)}, "", "", "")
}

func (ps *Pages) addPasskeyForm(rw http.ResponseWriter, r *http.Request, by access.Account, status int, data addPasskeyPage, name, wrong, problem string) error {
	p := ps.NewPage(r, "account.passkey.add")
	if data.Passkey = ps.passkeyForm(p, "add", data.Path, data.Next, "account.passkey.add"); data.Passkey == nil {
		return ps.NotFound(rw, r)
	}
	field := page.Input{Name: "name", Label: p.T("account.passkey.name"), Hint: p.T("account.passkey.name.hint"), Type: "text", Value: name, Max: 100, Required: true, ErrorWord: p.T("page.error")}
	if wrong != "" {
		field.Error, p.Error = p.T(wrong), p.T("account.error.some")
	}
	data.Passkey.Name = &field
	if problem != "" {
		p.Error = p.T(problem)
	}
	return ps.account(rw, r, by, status, "account-passkey", p, data)
}

func (ps *Pages) addPasskey(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	return ps.passkeyAdded(rw, r, by, addPasskeyPage{Path: "/account/passkey", Next: "/account"})
}

func (ps *Pages) enrolPasskey(rw http.ResponseWriter, r *http.Request, a access.Arrival) error {
	return ps.passkeyAdded(rw, r, a.Account, addPasskeyPage{Path: "/signin/enrol/passkey", Forced: true})
}

func (ps *Pages) passkeyAdded(rw http.ResponseWriter, r *http.Request, by access.Account, data addPasskeyPage) error {
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	if data.Forced {
		data.Next = localNext(values.Get("next"))
	}
	name := values.Get("name")
	codes, step, err := ps.accounts.AddOwnPasskey(r, name, values.Get("credential"))
	var wrong *access.Invalid
	switch {
	case errors.As(err, &wrong):
		return ps.addPasskeyForm(rw, r, by, http.StatusUnprocessableEntity, data, page.Limited(name, 400), "account.passkey.name.wrong", "")
	case errors.Is(err, access.ErrUnproven):
		return ps.toConfirm(rw, r)
	case errors.Is(err, access.ErrEnded), errors.Is(err, access.ErrNoSignIn):
		return page.ErrForm
	}
	if status, key := passkeyProblem(err); key != "" {
		return ps.addPasskeyForm(rw, r, by, status, data, page.Limited(name, 400), "", key)
	}
	if err != nil {
		return err
	}
	next := stepPath(step, data.Next)
	if len(codes) > 0 {
		return ps.showCodes(rw, r, by, codes, next)
	}
	if !data.Forced {
		next += "?saved=passkey"
	}
	http.Redirect(rw, r, next, http.StatusSeeOther)
	return nil
}

// ownPasskey finds one of the passkeys of an account by the address of a page.
func (ps *Pages) ownPasskey(r *http.Request, by access.Account) (access.OwnPasskey, error) {
	f, err := ps.accounts.Factors(r.Context(), by.ID)
	if err != nil {
		return access.OwnPasskey{}, err
	}
	for _, k := range f.Passkeys {
		if k.ID == r.PathValue("id") {
			return k, nil
		}
	}
	return access.OwnPasskey{}, access.ErrNotFound
}

func (ps *Pages) askRemovePasskey(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	return ps.removePasskeyForm(rw, r, by, http.StatusOK, "")
}

func (ps *Pages) removePasskeyForm(rw http.ResponseWriter, r *http.Request, by access.Account, status int, problem string) error {
	k, err := ps.ownPasskey(r, by)
	if errors.Is(err, access.ErrNotFound) {
		return ps.NotFound(rw, r)
	}
	if err != nil {
		return err
	}
	p := ps.NewPage(r, "account.passkey.remove")
	p.Title = p.T("account.passkey.remove", "name", page.Isolate(page.Plain(k.Name)))
	if problem != "" {
		p.Error = p.T(problem)
	}
	return ps.account(rw, r, by, status, "account-remove", p, provePage{Path: r.URL.Path})
}

func (ps *Pages) removePasskey(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	err := ps.accounts.RemoveOwnPasskey(r, page.Limited(r.PathValue("id"), 2048))
	switch {
	case errors.Is(err, access.ErrNeeded):
		return ps.removePasskeyForm(rw, r, by, http.StatusConflict, "account.factor.needed")
	case errors.Is(err, access.ErrUnproven):
		return ps.toConfirm(rw, r)
	case errors.Is(err, access.ErrNotFound):
		return ps.NotFound(rw, r)
	case errors.Is(err, access.ErrEnded):
		return page.ErrForm
	case err != nil:
		return err
	}
	http.Redirect(rw, r, "/account?saved=factor_gone", http.StatusSeeOther)
	return nil
}
