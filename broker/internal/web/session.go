package web

import (
	"errors"
	"net/http"
	"slices"

	"consento/broker/internal/session"
	"consento/broker/internal/web/page"
	"consento/protocol"
)

// showSession is the one address of the customer's way after the key: it asks,
// informs or says that it is over, as the session's state has it.
func (w *Web) showSession(rw http.ResponseWriter, r *http.Request) error {
	id, ok := w.cookies.session(r)
	if !ok {
		return session.ErrNoSession
	}
	s, err := w.sessions.Snapshot(r.Context(), id)
	switch {
	case err != nil:
		return err
	case s.State.Over():
		return w.showEnd(rw, r, id, s)
	case !slices.Contains(s.Steps, protocol.StepNameConfirmed):
		return w.showName(rw, r, s)
	}
	return w.showShare(rw, r, id, s)
}

// explain says what an error of the sessions means. A browser that belongs to no session, or
// to one that is no longer known, forgets it.
func (w *Web) explain(rw http.ResponseWriter, err error) (status int, what string) {
	switch {
	case errors.Is(err, session.ErrNoSession):
		w.cookies.clear(rw)
		return http.StatusNotFound, "portal.none"
	case errors.Is(err, session.ErrStopping):
		return http.StatusServiceUnavailable, "page.problem.busy"
	case errors.Is(err, session.ErrEvidence):
		return http.StatusServiceUnavailable, "page.problem.evidence"
	}
	return 0, ""
}

// namePage is the data of the template "name".
type namePage struct {
	Technician protocol.Person
	Why        string // the session is needed, as the technician says
	First      bool   // this browser was in no session yet
	Test       bool   // the technician marked the session as a test
}

func (w *Web) showName(rw http.ResponseWriter, r *http.Request, s protocol.Session) error {
	p := w.NewPage(r, "portal.name.title")
	p.Data = namePage{Technician: s.Technician, Why: s.Reason, First: firstTime(r), Test: s.Test}
	return w.Show(rw, http.StatusOK, "name", p)
}

// answerName takes the answer to "is this the person helping you?". Anything
// but a clear yes is a no.
func (w *Web) answerName(rw http.ResponseWriter, r *http.Request) error {
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	answer := values.Get("answer")
	switch answer {
	case "called": // did not ask for help: this is what swindlers do
		return w.report(rw, r)
	case "yes":
		rememberVisit(rw)
	case "no":
	default:
		return page.ErrForm
	}
	return w.change(rw, r, "/session", func(id string) error {
		return w.sessions.ConfirmName(r.Context(), id, answer == "yes")
	})
}

func (w *Web) report(rw http.ResponseWriter, r *http.Request) error {
	return w.change(rw, r, "/session?reported=1", func(id string) error { return w.sessions.Report(r.Context(), id) })
}

func (w *Web) stop(rw http.ResponseWriter, r *http.Request) error {
	return w.change(rw, r, "/session", func(id string) error { return w.sessions.Stop(r.Context(), id) })
}

// change does something to this browser's session and goes back to its page. A
// session that has moved on meanwhile shows where it stands now.
func (w *Web) change(rw http.ResponseWriter, r *http.Request, next string, do func(id string) error) error {
	id, ok := w.cookies.session(r)
	if !ok {
		return session.ErrNoSession
	}
	if err := do(id); err != nil && !errors.Is(err, session.ErrNotNow) {
		return err
	}
	http.Redirect(rw, r, next, http.StatusSeeOther)
	return nil
}
