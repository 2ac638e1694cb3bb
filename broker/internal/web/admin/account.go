package admin

import (
	"errors"
	"net/http"
	"net/url"

	"consento/broker/internal/access"
	"consento/broker/internal/web/page"
)

// accountPage is the data of the pages of one's own account.
type accountPage struct {
	Account access.Account
	Saved   string
	Data    any
}

// ownPage is the data of the template "account".
type ownPage struct {
	Role     string
	Password string // when it was chosen
	Factors  factorsPage
	Places   []placeLine
	Others   bool          // there are other sign-ins to end
	Mails    []page.Option // languages
}

type placeLine struct {
	What, Network, Since string
	Here                 bool
}

// passwordPage is the data of the template "account-password".
type passwordPage struct {
	Path   string // where the form goes
	Email  string
	Forced string // why another one is needed, in words; "" if it is one's own wish
	Next   string
	Fields []secret
}

// secret is a field for a password or a code.
type secret struct {
	page.Input
	Auto  string // what browsers fill in
	Focus bool
}

// accountRoutes are the pages of one's own account, and the steps of a sign-in.
func (ps *Pages) accountRoutes() []page.Route {
	return []page.Route{
		page.At("/account", page.ForOwner(ps.showAccount)),
		page.At("/account/language", page.RedirectTo("/account"), page.ForOwner(ps.changeLanguage)),
		page.At("/account/rights", page.ForOwner(ps.showOwnRights)),
		page.At("/account/confirm", ps.ownLocal(ps.showConfirm), ps.ownLocal(ps.confirm)),
		page.At("/account/totp", ps.proven(ps.showTOTP), ps.proven(ps.takeTOTP)),
		page.At("/account/totp/remove", ps.proven(ps.askRemoveTOTP), ps.proven(ps.removeTOTP)),
		page.At("/passkey", page.RedirectTo("/signin"), page.ForVisitor(ps.beginPasskey)),
		page.At("/account/passkey", ps.proven(ps.showAddPasskey), ps.proven(ps.addPasskey)),
		page.At("/account/passkey/{id}/remove", ps.proven(ps.askRemovePasskey), ps.proven(ps.removePasskey)),
		page.At("/signin/passkey", page.RedirectTo("/signin"), page.ForVisitor(ps.usePasskey)),
		page.At("/signin/enrol/passkey", ps.arriving(access.StepEnrol, ps.showEnrolPasskey), ps.arriving(access.StepEnrol, ps.enrolPasskey)),
		page.At("/account/codes", page.RedirectTo("/account"), ps.proven(ps.newCodes)),
		page.At("/signin/second", ps.arriving(access.StepSecond, ps.showSecond), ps.arriving(access.StepSecond, ps.second)),
		page.At("/signin/enrol", ps.arriving(access.StepEnrol, ps.showEnrol), ps.arriving(access.StepEnrol, ps.enrolTOTP)),
		page.At("/account/password", ps.ownLocal(ps.showPassword), ps.ownLocal(ps.changePassword)),
		page.At("/account/others", page.RedirectTo("/account"), page.ForOwner(ps.endOthers)),
		page.At("/signin/password", ps.arriving(access.StepPassword, ps.showRenewal), ps.arriving(access.StepPassword, ps.renew)),
	}
}

// arriving is action for who has to take this step of a sign-in; others are sent to where
// they stand.
func (ps *Pages) arriving(step access.Step, do func(http.ResponseWriter, *http.Request, access.Arrival) error) page.Ruled {
	return page.ForVisitor(func(rw http.ResponseWriter, r *http.Request) error {
		arrival, ok := access.Arriving(r)
		if !ok {
			http.Redirect(rw, r, "/signin?next="+url.QueryEscape(nextOf(r)), http.StatusSeeOther)
			return nil
		}
		if arrival.Step != step {
			http.Redirect(rw, r, stepPath(arrival.Step, nextOf(r)), http.StatusSeeOther)
			return nil
		}
		return do(rw, r, arrival)
	})
}

// stepPath is the page of a step of a sign-in, or where it leads once there is none.
func stepPath(step access.Step, next string) string {
	if step == "" {
		return next
	}
	return "/signin/" + string(step) + "?next=" + url.QueryEscape(next)
}

func nextOf(r *http.Request) string { return localNext(r.URL.Query().Get("next")) }

// account shows a page of one's own account.
func (ps *Pages) account(rw http.ResponseWriter, r *http.Request, by access.Account, status int, template string, p *page.Page, data any) error {
	a := accountPage{Account: by, Data: data}
	if said := "account.saved." + page.Limited(r.URL.Query().Get("saved"), 20); status == http.StatusOK && r.Method == http.MethodGet && p.Has(said) {
		a.Saved = p.T(said)
	}
	p.Data = a
	return ps.Show(rw, status, template, p)
}

func (ps *Pages) showAccount(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	p := ps.NewPage(r, "account.title")
	data := ownPage{Role: p.T("signin.role." + string(by.Role)), Mails: ps.mailLanguages(p, by)}
	if !by.PasswordAt.IsZero() {
		data.Password = p.T("account.password.since", "day", page.Day(p, by.PasswordAt.UTC()))
	}
	var err error
	if data.Factors, err = ps.factorsOf(r, p, by); err != nil {
		return err
	}
	places, err := ps.accounts.Places(r)
	if err != nil {
		return err
	}
	for _, place := range places {
		line := placeLine{Network: place.Network, Here: place.Here, What: p.T("account.places.unknown")}
		switch {
		case place.Browser != "" && place.System != "":
			line.What = p.T("account.places.what", "browser", place.Browser, "system", place.System)
		case place.Browser+place.System != "":
			line.What = place.Browser + place.System
		}
		if !place.Since.IsZero() {
			line.Since = p.T("account.places.since", "time", page.Minute(p, place.Since))
		}
		data.Places = append(data.Places, line)
		data.Others = data.Others || !place.Here
	}
	return ps.account(rw, r, by, http.StatusOK, "account", p, data)
}

// secretField is a field named key; problem is a key of the language files, "" if none.
func secretField(p *page.Page, name, label, hint, auto, problem string) secret {
	f := secret{page.Input{Name: name, Label: p.T(label), Type: "password", Max: access.MaxPassword, Required: true, ErrorWord: p.T("page.error")}, auto, false}
	if hint != "" {
		f.Hint = p.T(hint)
	}
	if problem != "" {
		f.Error = p.T(problem)
	}
	return f
}

func (ps *Pages) showPassword(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	if by.Central { // it has none here
		http.Redirect(rw, r, "/account", http.StatusSeeOther)
		return nil
	}
	return ps.passwordForm(rw, r, by, http.StatusOK, passwordPage{Path: "/account/password"}, "", "")
}

func (ps *Pages) showRenewal(rw http.ResponseWriter, r *http.Request, a access.Arrival) error {
	return ps.renewalForm(rw, r, a, http.StatusOK, nextOf(r), "")
}

func (ps *Pages) renewalForm(rw http.ResponseWriter, r *http.Request, a access.Arrival, status int, next, problem string) error {
	why := "account.password.why." + access.WhyWeak
	if a.Why == access.WhyOld {
		why = "account.password.why." + access.WhyOld
	}
	return ps.passwordForm(rw, r, a.Account, status, passwordPage{Path: "/signin/password", Forced: page.TextsOf(r).T(why), Next: next}, "", problem)
}

func (ps *Pages) passwordForm(rw http.ResponseWriter, r *http.Request, by access.Account, status int, data passwordPage, before, problem string) error {
	p := ps.NewPage(r, "account.password.change")
	data.Email = by.Email
	if data.Forced == "" {
		data.Fields = append(data.Fields, secretField(p, "before", "account.password.before", "", "current-password", before))
	}
	data.Fields = append(data.Fields, secretField(p, "password", "account.password.new", "setup.password.hint", "new-password", problem))
	if f, err := ps.accounts.Factors(r.Context(), by.ID); err != nil {
		return err
	} else if f.Any() {
		last := &data.Fields[len(data.Fields)-1]
		last.Hint = p.T("account.password.hint_second")
		if problem == "setup.error.too_short" {
			last.Error = p.T("account.error.short_second")
		}
	}
	data.Fields[0].Focus = true
	if before != "" || problem != "" {
		p.Error = p.T("account.error.some")
	}
	return ps.account(rw, r, by, status, "account-password", p, data)
}

func (ps *Pages) changePassword(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	if by.Central { // it has none here
		http.Redirect(rw, r, "/account", http.StatusSeeOther)
		return nil
	}
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	_, err = ps.accounts.ChangePassword(r, values.Get("before"), values.Get("password"))
	data := passwordPage{Path: "/account/password"}
	var wrong *access.Invalid
	switch {
	case errors.As(err, &wrong):
		return ps.passwordForm(rw, r, by, http.StatusUnprocessableEntity, data, "", passwordProblem(r, wrong))
	case errors.Is(err, access.ErrCredentials):
		return ps.passwordForm(rw, r, by, http.StatusUnprocessableEntity, data, "account.error.before", "")
	case errors.Is(err, access.ErrCentralOnly):
		return ps.passwordForm(rw, r, by, http.StatusForbidden, data, "sso.only", "")
	case errors.Is(err, access.ErrThrottled):
		return ps.passwordForm(rw, r, by, http.StatusTooManyRequests, data, "signin.throttled", "")
	case errors.Is(err, access.ErrEnded), errors.Is(err, access.ErrNoSignIn):
		return page.ErrForm // the sign-in ended meanwhile, or it is a program's
	case err != nil:
		return err
	}
	http.Redirect(rw, r, "/account?saved=password", http.StatusSeeOther)
	return nil
}

// passwordProblem names the sentence that says what is wrong with a password.
func passwordProblem(r *http.Request, wrong *access.Invalid) string {
	for _, key := range []string{"account.error." + wrong.Code, "setup.error." + wrong.Code} {
		if page.TextsOf(r).Has(key) {
			return key
		}
	}
	return "admin.error.other"
}

func (ps *Pages) renew(rw http.ResponseWriter, r *http.Request, a access.Arrival) error {
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	next := localNext(values.Get("next"))
	step, err := ps.accounts.ChangePassword(r, "", values.Get("password"))
	var wrong *access.Invalid
	switch {
	case errors.As(err, &wrong):
		return ps.renewalForm(rw, r, a, http.StatusUnprocessableEntity, next, passwordProblem(r, wrong))
	case errors.Is(err, access.ErrThrottled):
		return ps.renewalForm(rw, r, a, http.StatusTooManyRequests, next, "signin.throttled")
	case errors.Is(err, access.ErrEnded):
		http.Redirect(rw, r, "/signin?next="+url.QueryEscape(next), http.StatusSeeOther)
		return nil
	case err != nil:
		return err
	}
	http.Redirect(rw, r, stepPath(step, next), http.StatusSeeOther)
	return nil
}

func (ps *Pages) endOthers(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	err := ps.accounts.EndOthers(r)
	if errors.Is(err, access.ErrEnded) || errors.Is(err, access.ErrNoSignIn) {
		return page.ErrForm
	}
	if err != nil {
		return err
	}
	ps.audit.EndSearches(by.ID)
	http.Redirect(rw, r, "/account?saved=others", http.StatusSeeOther)
	return nil
}
