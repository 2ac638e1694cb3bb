package admin

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"consento/broker/internal/access"
	"consento/broker/internal/web/page"
	"rsc.io/qr"
)

// factorsPage is the part about second factors of the template "account".
type factorsPage struct {
	TOTP     string // in words, "" if there is none
	Spent    bool
	Any      bool
	Codes    string // how many are left, in words
	Few      bool
	Required bool
	Passkeys []passkeyLine
	NoName   bool // the public address is no name: there are no passkeys
}

// codePage is the data of the template "signin-second".
type codePage struct {
	Next    string
	Code    secret
	Passkey *passkeyForm // nil: the account has none
	First   bool         // and it is all there is
}

// totpPage is the data of the template "account-totp".
type totpPage struct {
	Path   string
	Forced bool // on the way in
	Next   string
	QR     qrCode
	Key    string
	URL    string
	Other  bool // a passkey will do as well
	Code   secret
}

// codesPage is the data of the template "account-codes".
type codesPage struct {
	Codes []string
	Next  string
}

// provePage is the data of the templates "account-confirm" and "account-remove".
type provePage struct {
	Path, Next string
	Password   secret
	Passkey    *passkeyForm // nil: the account has none
}

// qrCode is a QR code as the path of an SVG picture.
type qrCode struct {
	Size int
	Path string
}

func newQR(text string) (qrCode, error) {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return qrCode{}, fmt.Errorf("QR code: %w", err)
	}
	const quiet = 4 // modules around it, ISO/IEC 18004
	var d strings.Builder
	for y := range code.Size {
		for x := range code.Size {
			if code.Black(x, y) {
				fmt.Fprintf(&d, "M%d %dh1v1h-1z", x+quiet, y+quiet)
			}
		}
	}
	return qrCode{code.Size + 2*quiet, d.String()}, nil
}

// ownLocal is own for accounts that sign in here: what is asked of the others is their
// provider's matter.
func (ps *Pages) ownLocal(do page.StaffAction) page.Ruled {
	return page.ForOwner(func(rw http.ResponseWriter, r *http.Request, by access.Account) error {
		if by.Central {
			return ps.NotFound(rw, r)
		}
		return do(rw, r, by)
	})
}

// proven is ownLocal for pages that change factors: who did not say a moment ago who they are
// is asked first.
func (ps *Pages) proven(do page.StaffAction) page.Ruled {
	return ps.ownLocal(func(rw http.ResponseWriter, r *http.Request, by access.Account) error {
		if ps.accounts.Proven(r) {
			return do(rw, r, by)
		}
		return ps.toConfirm(rw, r)
	})
}

func (ps *Pages) toConfirm(rw http.ResponseWriter, r *http.Request) error {
	to := r.URL.Path
	if to == "/account/codes" {
		to = "/account"
	}
	http.Redirect(rw, r, "/account/confirm?next="+url.QueryEscape(to), http.StatusSeeOther)
	return nil
}

func (ps *Pages) showConfirm(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	return ps.confirmForm(rw, r, by, http.StatusOK, nextOf(r), "")
}

func (ps *Pages) confirmForm(rw http.ResponseWriter, r *http.Request, by access.Account, status int, next, problem string) error {
	p := ps.NewPage(r, "account.confirm.title")
	data := provePage{Path: "/account/confirm", Next: next, Password: secretField(p, "password", "account.password.before", "", "current-password", problem)}
	data.Password.Focus = true
	if f, err := ps.accounts.Factors(r.Context(), by.ID); err != nil {
		return err
	} else if len(f.Passkeys) > 0 {
		data.Passkey = ps.passkeyForm(p, "get", "/account/confirm", next, "account.passkey.confirm")
	}
	if problem != "" {
		p.Error = p.T("account.error.some")
	}
	return ps.account(rw, r, by, status, "account-confirm", p, data)
}

func (ps *Pages) confirm(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	next := localNext(values.Get("next"))
	if answer := values.Get("credential"); answer != "" {
		_, err = ps.accounts.UsePasskey(r, answer)
		if status, key := passkeyProblem(err); key != "" {
			return ps.confirmForm(rw, r, by, status, next, key)
		}
	} else {
		err = ps.accounts.Confirm(r, values.Get("password"))
	}
	switch {
	case errors.Is(err, access.ErrThrottled):
		return ps.confirmForm(rw, r, by, http.StatusTooManyRequests, next, "signin.throttled")
	case errors.Is(err, access.ErrCredentials):
		return ps.confirmForm(rw, r, by, http.StatusUnprocessableEntity, next, "account.error.before")
	case errors.Is(err, access.ErrCentralOnly):
		return ps.confirmForm(rw, r, by, http.StatusForbidden, next, "sso.only")
	case errors.Is(err, access.ErrNoSignIn):
		return page.ErrForm
	case err != nil:
		return err
	}
	http.Redirect(rw, r, next, http.StatusSeeOther)
	return nil
}

// factorsOf are one's own, for the page of the account.
func (ps *Pages) factorsOf(r *http.Request, p *page.Page, by access.Account) (factorsPage, error) {
	f, err := ps.accounts.Factors(r.Context(), by.ID)
	if err != nil {
		return factorsPage{}, err
	}
	data := factorsPage{Any: f.Any(), Spent: f.Spent, Few: f.RecoveryLeft <= 3, Codes: p.Count("recovery_codes", f.RecoveryLeft)}
	if f.TOTP {
		data.TOTP = p.T("account.totp.since", "day", page.Day(p, f.Made.UTC()))
		if !f.Used.IsZero() {
			data.TOTP += " " + p.T("account.factor.used", "time", page.Minute(p, f.Used))
		}
	}
	data.NoName = ps.passkeyForm(p, "", "", "", "account.passkey.add") == nil
	for _, k := range f.Passkeys {
		line := passkeyLine{ID: k.ID, Name: k.Name, When: p.T("account.passkey.since", "day", page.Day(p, k.Made.UTC())), Remove: p.T("account.passkey.remove", "name", page.Plain(k.Name))}
		if !k.Used.IsZero() {
			line.When += " " + p.T("account.factor.used", "time", page.Minute(p, k.Used))
		}
		data.Passkeys = append(data.Passkeys, line)
	}
	if ps.roster == nil {
		return data, nil
	}
	rules, err := ps.roster.SignInRules(r.Context())
	for _, rule := range rules {
		data.Required = data.Required || rule.Role == by.Role && rule.SecondFactor
	}
	return data, err
}

// codeField is where a code of an app, or a recovery code, is typed.
func codeField(p *page.Page, label, hint, problem string) secret {
	f := secretField(p, "code", label, hint, "one-time-code", problem)
	f.Type, f.Max, f.Focus = "text", 40, true
	return f
}

func (ps *Pages) showSecond(rw http.ResponseWriter, r *http.Request, a access.Arrival) error {
	return ps.secondForm(rw, r, a, http.StatusOK, nextOf(r), "")
}

func (ps *Pages) secondForm(rw http.ResponseWriter, r *http.Request, a access.Arrival, status int, next, problem string) error {
	p := ps.NewPage(r, "account.second.title")
	if problem != "" {
		p.Error = p.T("account.error.some")
	}
	f, err := ps.accounts.Factors(r.Context(), a.Account.ID)
	if err != nil {
		return err
	}
	hint := "account.second.hint"
	if !f.TOTP {
		hint = "account.second.hint_recovery"
	}
	data := codePage{Next: next, Code: codeField(p, "account.second.code", hint, problem)}
	if len(f.Passkeys) > 0 {
		data.Passkey = ps.passkeyForm(p, "get", "/signin/passkey", next, "account.passkey.second")
		data.First = !f.TOTP && data.Passkey != nil
	}
	return ps.account(rw, r, a.Account, status, "signin-second", p, data)
}

func (ps *Pages) second(rw http.ResponseWriter, r *http.Request, a access.Arrival) error {
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	next := localNext(values.Get("next"))
	step, err := ps.accounts.SecondFactor(r, values.Get("code"))
	switch {
	case errors.Is(err, access.ErrCodesSpent):
		return ps.secondForm(rw, r, a, http.StatusUnprocessableEntity, next, "account.second.spent")
	case errors.Is(err, access.ErrCode):
		return ps.secondForm(rw, r, a, http.StatusUnprocessableEntity, next, "account.second.wrong")
	case errors.Is(err, access.ErrThrottled):
		return ps.secondForm(rw, r, a, http.StatusTooManyRequests, next, "signin.throttled")
	case errors.Is(err, access.ErrEnded):
		http.Redirect(rw, r, "/signin?next="+url.QueryEscape(next), http.StatusSeeOther)
		return nil
	case err != nil:
		return err
	}
	http.Redirect(rw, r, stepPath(step, next), http.StatusSeeOther)
	return nil
}

func (ps *Pages) showTOTP(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	return ps.totpForm(rw, r, by, http.StatusOK, totpPage{Path: "/account/totp", Next: "/account"}, "")
}

func (ps *Pages) showEnrol(rw http.ResponseWriter, r *http.Request, a access.Arrival) error {
	return ps.totpForm(rw, r, a.Account, http.StatusOK, totpPage{Path: "/signin/enrol", Forced: true, Next: nextOf(r)}, "")
}

func (ps *Pages) totpForm(rw http.ResponseWriter, r *http.Request, by access.Account, status int, data totpPage, problem string) error {
	title := "account.totp.title"
	if data.Forced {
		title = "account.enrol.title"
	}
	p := ps.NewPage(r, title)
	issuer := page.Plain(p.Office.Name)
	if issuer == "" {
		issuer = "Consento"
	}
	made, err := ps.accounts.BeginTOTP(r, issuer)
	if err != nil {
		return err
	}
	if data.QR, err = newQR(made.URL); err != nil {
		return err
	}
	data.Key, data.URL = made.Key, made.URL
	data.Other = data.Forced && ps.passkeyForm(p, "", "", "", "account.passkey.add") != nil
	data.Code = codeField(p, "account.totp.code", "account.totp.code.hint", problem)
	if problem != "" {
		p.Error = p.T("account.error.some")
	}
	return ps.account(rw, r, by, status, "account-totp", p, data)
}

func (ps *Pages) takeTOTP(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	return ps.totpTaken(rw, r, by, totpPage{Path: "/account/totp", Next: "/account"})
}

func (ps *Pages) enrolTOTP(rw http.ResponseWriter, r *http.Request, a access.Arrival) error {
	return ps.totpTaken(rw, r, a.Account, totpPage{Path: "/signin/enrol", Forced: true})
}

func (ps *Pages) totpTaken(rw http.ResponseWriter, r *http.Request, by access.Account, data totpPage) error {
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	if data.Forced {
		data.Next = localNext(values.Get("next"))
	}
	codes, step, err := ps.accounts.TakeTOTP(r, values.Get("code"))
	switch {
	case errors.Is(err, access.ErrCode):
		return ps.totpForm(rw, r, by, http.StatusUnprocessableEntity, data, "account.totp.wrong")
	case errors.Is(err, access.ErrUnproven):
		return ps.toConfirm(rw, r)
	case errors.Is(err, access.ErrEnded), errors.Is(err, access.ErrNoSignIn):
		return page.ErrForm
	case err != nil:
		return err
	}
	next := stepPath(step, data.Next)
	if len(codes) == 0 {
		if !data.Forced {
			next += "?saved=totp"
		}
		http.Redirect(rw, r, next, http.StatusSeeOther)
		return nil
	}
	return ps.showCodes(rw, r, by, codes, next)
}

// showCodes shows recovery codes, this once.
func (ps *Pages) showCodes(rw http.ResponseWriter, r *http.Request, by access.Account, codes []string, next string) error {
	return ps.account(rw, r, by, http.StatusOK, "account-codes", ps.NewPage(r, "account.codes.title"), codesPage{codes, next})
}

func (ps *Pages) newCodes(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	codes, err := ps.accounts.NewRecoveryCodes(r)
	switch {
	case errors.Is(err, access.ErrUnproven):
		return ps.toConfirm(rw, r)
	case errors.Is(err, access.ErrNotFound), errors.Is(err, access.ErrEnded):
		return page.ErrForm // no page offers it
	case err != nil:
		return err
	}
	return ps.showCodes(rw, r, by, codes, "/account")
}

func (ps *Pages) askRemoveTOTP(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	return ps.removeForm(rw, r, by, http.StatusOK, "")
}

func (ps *Pages) removeForm(rw http.ResponseWriter, r *http.Request, by access.Account, status int, problem string) error {
	p := ps.NewPage(r, "account.totp.remove")
	if problem != "" {
		p.Error = p.T(problem)
	}
	return ps.account(rw, r, by, status, "account-remove", p, provePage{Path: r.URL.Path})
}

func (ps *Pages) removeTOTP(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	err := ps.accounts.RemoveTOTP(r)
	switch {
	case errors.Is(err, access.ErrNeeded):
		return ps.removeForm(rw, r, by, http.StatusConflict, "account.factor.needed")
	case errors.Is(err, access.ErrUnproven):
		return ps.toConfirm(rw, r)
	case errors.Is(err, access.ErrNotFound): // it went already
	case errors.Is(err, access.ErrEnded):
		return page.ErrForm
	case err != nil:
		return err
	}
	http.Redirect(rw, r, "/account?saved=factor_gone", http.StatusSeeOther)
	return nil
}

// askFactors asks whether somebody else's factors shall go.
func (ps *Pages) askFactors(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	a, err := ps.personOf(r, by)
	if errors.Is(err, access.ErrNotFound) || err == nil && (a.ID == "" || a.Disabled || a.ID == by.ID) {
		return ps.NotFound(rw, r)
	}
	if err != nil {
		return err
	}
	p := ps.NewPage(r, "admin.factors.title")
	p.Title = p.T("admin.factors.title", "name", page.Isolate(page.Plain(a.Name)))
	return ps.Admin(rw, r, by, http.StatusOK, "admin-factors", p, personPage{ID: a.ID, Person: a, Role: p.T("signin.role." + string(a.Role))})
}

func (ps *Pages) removeFactors(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	if _, err := page.ReadForm(r); err != nil {
		return err
	}
	err := ps.roster.RemoveFactors(r.Context(), by, page.Limited(r.PathValue("id"), 64))
	switch {
	case errors.Is(err, access.ErrNotFound), errors.Is(err, access.ErrForbidden), errors.Is(err, access.ErrOwnAccount):
		return ps.NotFound(rw, r)
	case err != nil:
		return err
	}
	http.Redirect(rw, r, "/admin/people?saved=factors", http.StatusSeeOther)
	return nil
}
