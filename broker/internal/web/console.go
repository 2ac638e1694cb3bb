package web

import (
	"net/http"
	"net/url"

	"consento/broker/internal/access"
	"consento/broker/internal/web/page"
)

// noConsole sends others to where they work.
func (w *Web) noConsole(rw http.ResponseWriter, r *http.Request, account access.Account, ok bool, _ []access.Action) error {
	to := ""
	switch {
	case !ok:
		to = "/signin?next=" + url.QueryEscape("/console/")
	case access.May(account, access.ManageOffice):
		to = "/settings"
	case w.audit.HasRecordings() && page.ReadsEvidence(account):
		to = "/audit/"
	case w.audit.HasRecordings() && access.May(account, access.ReadTrail):
		to = "/audit/trail"
	default:
		p := w.NewPage(r, "signin.no_console.title")
		p.Data = p.T("signin.no_console.body", "name", page.Isolate(account.Name), "role", p.T("signin.role."+string(account.Role)))
		return w.Show(rw, http.StatusForbidden, "noconsole", p)
	}
	http.Redirect(rw, r, to, http.StatusSeeOther)
	return nil
}

// showConsole serves the hull of the console to those who work in it.
func (w *Web) showConsole(rw http.ResponseWriter, r *http.Request, _ access.Account) error {
	if w.console == nil {
		w.Problem(rw, r, http.StatusServiceUnavailable, "page.problem.unbuilt")
		return nil
	}
	h := rw.Header()
	h.Set("Content-Security-Policy", page.ConsolePolicy)
	h.Set("Content-Type", "text/html; charset=utf-8")
	_, _ = rw.Write(w.console) // the browser went away: nobody is left to be told
	return nil
}
