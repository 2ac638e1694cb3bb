package web

import (
	"context"
	"errors"
	"net/http"

	"consento/broker/internal/session"
)

var (
	errMethod  = errors.New("method not allowed")
	errOrigin  = errors.New("posted from another site")
	errCrashed = errors.New("page crashed")
)

// failed answers with the page that belongs to err. Only what is our fault is
// logged.
func (w *Web) failed(rw http.ResponseWriter, r *http.Request, err error) {
	var tooLarge *http.MaxBytesError
	status, what := http.StatusInternalServerError, "page.problem.broken"
	switch {
	case errors.Is(err, session.ErrNoSession):
		w.noSession(rw, r)
		return
	case errors.Is(err, errMethod):
		status, what = http.StatusMethodNotAllowed, "page.problem.method"
	case errors.Is(err, errOrigin):
		status, what = http.StatusForbidden, "page.problem.origin"
	case errors.Is(err, errForm), errors.As(err, &tooLarge):
		status, what = http.StatusBadRequest, "page.problem.form"
	case errors.Is(err, session.ErrStopping), errors.Is(err, context.DeadlineExceeded):
		status, what = http.StatusServiceUnavailable, "page.problem.busy"
	case errors.Is(err, session.ErrEvidence):
		status, what = http.StatusServiceUnavailable, "page.problem.evidence"
	case errors.Is(err, context.Canceled) && r.Context().Err() != nil:
		return // nobody is there any more
	}
	if status >= http.StatusInternalServerError && !errors.Is(err, errCrashed) {
		w.log.ErrorContext(r.Context(), "page failed", "path", r.Pattern, "err", err)
	}
	w.problem(rw, r, status, what)
}

// problem shows the texts WHAT.title and WHAT.body: what went wrong, and what to
// do next.
func (w *Web) problem(rw http.ResponseWriter, r *http.Request, status int, what string) {
	p := w.newPage(r, what+".title")
	p.Data = p.T(what + ".body")
	if err := w.show(rw, status, "problem", p); err != nil {
		w.log.ErrorContext(r.Context(), "page failed", "path", r.Pattern, "err", err)
		http.Error(rw, http.StatusText(status), status)
	}
}

func (w *Web) notFound(rw http.ResponseWriter, r *http.Request) error {
	w.problem(rw, r, http.StatusNotFound, "page.problem.missing")
	return nil
}
