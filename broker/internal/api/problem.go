package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/desk"
	"consento/broker/internal/ops"
)

// Problem is the body of every error (RFC 9457). Type and Code are stable; Title and
// Detail are for people, in the language that was asked for.
type Problem struct {
	Type   string  `json:"type" doc:"Address of a description; ends with the code."`
	Title  string  `json:"title" doc:"What went wrong, in words."`
	Status int     `json:"status" doc:"The status of the answer."`
	Detail string  `json:"detail,omitempty" doc:"What can be done about it."`
	Code   string  `json:"code" doc:"What went wrong, as one of a closed set."`
	Errors []Wrong `json:"errors,omitempty" doc:"Which members or parameters are not accepted."`
}

// Wrong is one member or parameter that is not accepted.
type Wrong struct {
	Field  string `json:"field" doc:"Its name."`
	Code   string `json:"code" doc:"Why: missing, malformed, unknown, too_long, range, repeated, ..."`
	Detail string `json:"detail,omitempty" doc:"Why, in words."`
}

var (
	errNotFound  = errors.New("there is nothing of that name")
	errMethod    = errors.New("the method is not known here")
	errForbidden = errors.New("the token may not do this")
	errMedia     = errors.New("the body is not application/json")
	errLarge     = errors.New("the body is too large")
	errUnmatched = errors.New("If-Match is missing")
	errReused    = errors.New("the Idempotency-Key was used for something else")
	errUnsettled = errors.New("the first request of this Idempotency-Key is not answered")
)

// refused says which part of a request is not accepted.
func refused(field, code string) error {
	return &access.Invalid{Field: field, Code: code, Reason: "is " + code}
}

// problems are the codes of a Problem, with the status of each.
var problems = map[string]int{
	"invalid": http.StatusUnprocessableEntity, "missing": http.StatusUnprocessableEntity, "key_reused": http.StatusUnprocessableEntity, "too_few": http.StatusUnprocessableEntity,
	"too_many_tickets": http.StatusUnprocessableEntity,
	"malformed":        http.StatusBadRequest, "unauthorized": http.StatusUnauthorized, "forbidden": http.StatusForbidden, "not_found": http.StatusNotFound,
	"method": http.StatusMethodNotAllowed, "step": http.StatusConflict, "unsettled": http.StatusConflict, "stale": http.StatusPreconditionFailed,
	"too_large": http.StatusRequestEntityTooLarge, "media_type": http.StatusUnsupportedMediaType, "if_match": http.StatusPreconditionRequired,
	"too_many": http.StatusTooManyRequests, "internal": http.StatusInternalServerError, "busy": http.StatusServiceUnavailable,
}

// codeOf is which problem an error is.
func codeOf(err error) string {
	var wrong *access.Invalid
	var missing *desk.Missing
	switch {
	case errors.As(err, &wrong):
		switch wrong.Field {
		case "body", "query", "cursor", "limit", "If-Match", "Idempotency-Key":
			return "malformed"
		}
		return "invalid"
	case errors.As(err, &missing):
		return "missing"
	case errors.Is(err, access.ErrThrottled):
		return "too_many"
	case errors.Is(err, access.ErrNoToken), errors.Is(err, access.ErrEnded):
		return "unauthorized"
	case errors.Is(err, errForbidden), errors.Is(err, desk.ErrForbidden), errors.Is(err, access.ErrForbidden):
		return "forbidden"
	case errors.Is(err, errNotFound), errors.Is(err, desk.ErrNoTicket):
		return "not_found"
	case errors.Is(err, errMethod):
		return "method"
	case errors.Is(err, desk.ErrFew):
		return "too_few"
	case errors.Is(err, desk.ErrTooMany):
		return "too_many_tickets"
	case errors.Is(err, desk.ErrStale):
		return "stale"
	case errors.Is(err, desk.ErrStep):
		return "step"
	case errors.Is(err, errUnsettled):
		return "unsettled"
	case errors.Is(err, errReused):
		return "key_reused"
	case errors.Is(err, errLarge):
		return "too_large"
	case errors.Is(err, errMedia):
		return "media_type"
	case errors.Is(err, errUnmatched):
		return "if_match"
	case errors.Is(err, context.DeadlineExceeded):
		return "busy"
	}
	return "internal"
}

// problem answers with what went wrong.
func (a *API) problem(c *call, err error) {
	if ops.CallerGone(c.r) {
		c.w.WriteHeader(ops.StatusCallerGone)
		return
	}
	code := codeOf(err)
	h := c.w.Header()
	access.Challenge(h, err)
	if code == "forbidden" {
		h.Set("WWW-Authenticate", `Bearer realm="consento", error="insufficient_scope"`)
	}
	if code == "internal" && !errors.Is(err, errCrashed) {
		a.Log.ErrorContext(c.r.Context(), "API failed", slog.String("route", c.r.Pattern), slog.Any("error", err))
	}
	p := Problem{Type: a.PublicURL + "/api/#problem-" + code, Code: code, Status: problems[code], Title: c.texts.T("api.problem." + code), Errors: c.wrong(err)}
	if detail := "api.problem." + code + ".detail"; c.texts.Has(detail) {
		p.Detail = c.texts.T(detail)
	}
	body, failed := encode(p)
	if failed != nil {
		a.Log.ErrorContext(c.r.Context(), "API failed", slog.String("route", c.r.Pattern), slog.Any("error", failed))
	}
	h.Set("Content-Type", "application/problem+json")
	c.w.WriteHeader(p.Status)
	if c.r.Method != http.MethodHead {
		_, _ = c.w.Write(body) // the caller went away: nobody is left to be told
	}
}

// wrong is what is not accepted, in the words of the pages where they have some.
func (c *call) wrong(err error) []Wrong {
	var invalid *access.Invalid
	var missing *desk.Missing
	w := Wrong{}
	var keys []string
	switch {
	case errors.As(err, &invalid):
		w.Field, w.Code = invalid.Field, invalid.Code
		keys = []string{"desk.error." + w.Field + "." + w.Code, "desk.error." + w.Field, "api.wrong." + w.Code}
	case errors.As(err, &missing):
		w.Field, w.Code = missing.Field, "missing"
		keys = []string{"desk.error.needs." + w.Field}
	default:
		return nil
	}
	for _, key := range keys {
		if c.texts.Has(key) {
			w.Detail = c.texts.T(key)
			break
		}
	}
	return []Wrong{w}
}

// pace limits how often one token may ask.
type pace struct {
	windows chan map[string]*window // of capacity 1: whoever holds it counts
}

// window counts within a minute.
type window struct {
	began       time.Time
	read, write int
}

// Rates per minute and token.
const (
	readRate  = 600
	writeRate = 120
	perWindow = time.Minute
)

func newPace() *pace {
	p := &pace{windows: make(chan map[string]*window, 1)}
	p.windows <- map[string]*window{}
	return p
}

// take counts a request, and says in RateLimit headers (draft-ietf-httpapi-ratelimit-headers)
// what is left. It fails with *access.Throttled.
func (p *pace) take(h http.Header, token string, write bool, now time.Time) error {
	all := <-p.windows
	defer func() { p.windows <- all }()
	w := all[token]
	if w == nil || now.Sub(w.began) >= perWindow {
		if w == nil {
			for id, old := range all { // tokens come and go
				if now.Sub(old.began) >= perWindow {
					delete(all, id)
				}
			}
		}
		w = &window{began: now}
		all[token] = w
	}
	name, rate, count := "read", readRate, &w.read
	if write {
		name, rate, count = "write", writeRate, &w.write
	}
	*count++
	left := w.began.Add(perWindow).Sub(now)
	h.Set("RateLimit-Policy", `"`+name+`";q=`+strconv.Itoa(rate)+`;w=60`)
	h.Set("RateLimit", `"`+name+`";r=`+strconv.Itoa(max(0, rate-*count))+`;t=`+strconv.Itoa(int((left+time.Second-1)/time.Second)))
	if *count > rate {
		return &access.Throttled{RetryAfter: left}
	}
	return nil
}
