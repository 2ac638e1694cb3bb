package page

import (
	"context"
	"errors"
	"net/http"
)

var (
	errMethod  = errors.New("method not allowed")
	errOrigin  = errors.New("posted from another site")
	errCrashed = errors.New("page crashed")
)

// failed answers with the page that belongs to err. Only what is our fault is
// logged.
func (g *Ground) failed(rw http.ResponseWriter, r *http.Request, err error) {
	var tooLarge *http.MaxBytesError
	status, what := http.StatusInternalServerError, "page.problem.broken"
	switch {
	case errors.Is(err, errMethod):
		status, what = http.StatusMethodNotAllowed, "page.problem.method"
	case errors.Is(err, errOrigin):
		status, what = http.StatusForbidden, "page.problem.origin"
	case errors.Is(err, ErrForm), errors.As(err, &tooLarge):
		status, what = http.StatusBadRequest, "page.problem.form"
	case errors.Is(err, context.DeadlineExceeded):
		status, what = http.StatusServiceUnavailable, "page.problem.busy"
	case errors.Is(err, context.Canceled) && r.Context().Err() != nil:
		return // nobody is there any more
	default:
		if known, said := g.explain(rw, err); known != 0 {
			status, what = known, said
		}
	}
	if status >= http.StatusInternalServerError && !errors.Is(err, errCrashed) {
		g.Log.ErrorContext(r.Context(), "page failed", "path", r.Pattern, "err", err)
	}
	g.Problem(rw, r, status, what)
}

// Problem shows the texts WHAT.title and WHAT.body: what went wrong, and what to
// do next.
func (g *Ground) Problem(rw http.ResponseWriter, r *http.Request, status int, what string) {
	p := g.NewPage(r, what+".title")
	p.Data = p.T(what + ".body")
	if err := g.Show(rw, status, "problem", p); err != nil {
		g.Log.ErrorContext(r.Context(), "page failed", "path", r.Pattern, "err", err)
		http.Error(rw, http.StatusText(status), status)
	}
}

// NotFound says that there is no such page.
func (g *Ground) NotFound(rw http.ResponseWriter, r *http.Request) error {
	g.Problem(rw, r, http.StatusNotFound, "page.problem.missing")
	return nil
}
