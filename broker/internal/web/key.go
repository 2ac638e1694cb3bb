package web

import (
	"errors"
	"net/http"
	"strconv"

	"consento/broker/internal/session"
	"consento/broker/internal/web/page"
	"consento/broker/internal/web/servicedesk"
	"consento/protocol"
)

// keyPage is the data of the template "key".
type keyPage struct {
	Key   string // as it stands in the field
	Ready bool   // the office is set up
	First bool   // this browser was in no session yet

	Requests bool // help can be asked for in writing
	Outages  servicedesk.OutagePart
}

func (w *Web) showKey(rw http.ResponseWriter, r *http.Request) error {
	return w.keyForm(rw, r, http.StatusOK, "", "")
}

// showKeyFilledIn answers the link that a technician sent. It uses nothing up:
// mail scanners and previews follow links too.
func (w *Web) showKeyFilledIn(rw http.ResponseWriter, r *http.Request) error {
	key, err := protocol.ParseSessionKey(r.PathValue("key"))
	if err != nil {
		return w.keyForm(rw, r, http.StatusNotFound, "", page.TextsOf(r).T("portal.key.wrong"))
	}
	return w.keyForm(rw, r, http.StatusOK, key.Spaced(), "")
}

// redeem uses up the key that was typed. A key of the wrong form is told the
// same as a wrong one, without costing the customer one of the tries.
func (w *Web) redeem(rw http.ResponseWriter, r *http.Request) error {
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	typed := values.Get("key")
	if len(typed) > 64 {
		typed = ""
	}
	texts := page.TextsOf(r)
	key, err := protocol.ParseSessionKey(typed)
	if err != nil {
		return w.keyForm(rw, r, http.StatusUnprocessableEntity, typed, texts.T("portal.key.wrong"))
	}
	id, err := w.sessions.Redeem(r.Context(), key, page.ClientAddress(r))
	var throttled *session.ThrottledError
	switch {
	case errors.Is(err, session.ErrKey):
		return w.keyForm(rw, r, http.StatusUnprocessableEntity, key.Spaced(), texts.T("portal.key.wrong"))
	case errors.As(err, &throttled):
		seconds := page.WholeSeconds(throttled.RetryAfter)
		rw.Header().Set("Retry-After", strconv.Itoa(seconds))
		return w.keyForm(rw, r, http.StatusTooManyRequests, key.Spaced(), texts.T("portal.key.throttled", "seconds", texts.Count("seconds", seconds)))
	case err != nil:
		return err
	}
	w.cookies.set(rw, id)
	http.Redirect(rw, r, "/session", http.StatusSeeOther)
	return nil
}

func (w *Web) keyForm(rw http.ResponseWriter, r *http.Request, status int, key, problem string) error {
	p := w.NewPage(r, "portal.key.title")
	p.Error = problem
	outages, err := w.desk.Outages(r, p)
	if err != nil {
		return err
	}
	p.Data = keyPage{Key: key, Ready: p.Office.Name != "", First: firstTime(r), Requests: w.desk.HasTickets(), Outages: outages}
	if p.Office.Name == "" {
		p.Title, p.Error = p.T("portal.key.not_ready.title"), ""
	}
	return w.Show(rw, status, "key", p)
}
