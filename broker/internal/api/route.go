package api

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"reflect"
	"runtime/debug"
	"slices"
	"sort"
	"strings"
	"time"

	"consento/broker/internal/access"
)

// Anyone is the rule of what every token may: to ask about itself.
const Anyone access.Action = ""

// route is one operation: what is served, described and checked.
type route struct {
	method, path string
	id           string // operationId: stable, clients are generated from it
	group        string
	summary      string        // one line
	more         string        // what else is worth knowing
	needs        access.Action // in some scope; what is asked about is checked as well
	query        []parameter
	takes, gives reflect.Type // of bodies; takes nil without one
	status       int          // of success
	versioned    bool         // the answer has an ETag
	matched      bool         // a change, which needs If-Match
	serve        func(a *API, c *call) (any, error)
}

// get makes a route that reads. Each argument is needed: without a rule or a description
// it does not compile.
func get[Out any](path, id, group, summary, more string, needs access.Action, query []parameter, serve func(*API, *call) (Out, error)) route {
	return route{method: http.MethodGet, path: path, id: id, group: group, summary: summary, more: more, needs: needs, query: query, gives: reflect.TypeFor[Out](), status: http.StatusOK,
		serve: func(a *API, c *call) (any, error) { return serve(a, c) }}
}

// post makes a route that changes something; its body is an In.
func post[In, Out any](path, id, group, summary, more string, needs access.Action, status int, serve func(*API, *call, In) (Out, error)) route {
	return route{method: http.MethodPost, path: path, id: id, group: group, summary: summary, more: more, needs: needs, takes: reflect.TypeFor[In](), gives: reflect.TypeFor[Out](), status: status,
		serve: func(a *API, c *call) (any, error) {
			var in In
			if err := decode(c.body, &in); err != nil {
				return nil, err
			}
			return serve(a, c, in)
		}}
}

func (r route) withVersion() route { r.versioned = true; return r }
func (r route) matching() route    { r.matched = true; return r }

// routes is the whole table.
func routes() []route { return slices.Concat(ticketRoutes(), sessionRoutes(), officeRoutes()) }

// Operation is one line of the table, for a page that people read.
type Operation struct {
	Method, Path, ID, Group, Summary, More string
	Needs                                  access.Action
}

// Operations lists the table in the order of the description.
func Operations() (list []Operation) {
	for _, r := range routes() {
		list = append(list, Operation{r.method, r.path, r.id, r.group, r.summary, r.more, r.needs})
	}
	return list
}

// Failure is one code of a Problem.
type Failure struct {
	Code   string
	Status int
}

// Failures lists all codes, by status.
func Failures() (list []Failure) {
	for code, status := range problems {
		list = append(list, Failure{code, status})
	}
	slices.SortFunc(list, func(a, b Failure) int { return cmp.Or(cmp.Compare(a.Status, b.Status), cmp.Compare(a.Code, b.Code)) })
	return list
}

// briefly is how long one request may take.
const briefly = 15 * time.Second

// known answers the methods of one path; with none, nothing is there.
func (a *API) known(methods map[string]route) http.Handler {
	allow := make([]string, 0, len(methods)+1)
	for m := range methods {
		if allow = append(allow, m); m == http.MethodGet {
			allow = append(allow, http.MethodHead)
		}
	}
	sort.Strings(allow)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), briefly)
		defer cancel()
		rc := http.NewResponseController(w)
		// A connection that cannot have deadlines is a test's recorder.
		_ = rc.SetReadDeadline(time.Now().Add(briefly))
		_ = rc.SetWriteDeadline(time.Now().Add(2 * briefly))
		c := &call{w: w, r: r.WithContext(ctx), texts: a.Texts.Match(r.Header.Get("Accept-Language"))}
		c.headers()
		defer func() {
			if p := recover(); p != nil {
				if p == http.ErrAbortHandler {
					panic(p)
				}
				a.Log.ErrorContext(ctx, "API crashed", slog.String("route", r.Pattern), slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
				a.problem(c, errCrashed)
			}
		}()
		if err := a.answer(c, methods, allow); err != nil {
			a.problem(c, err)
		}
	})
}

func (a *API) answer(c *call, methods map[string]route, allow []string) error {
	known, err := a.Accounts.ByToken(c.r)
	if err != nil {
		return err
	}
	c.r = known
	c.by, _ = access.Current(known)
	c.token, _ = access.CurrentToken(known)
	method := c.r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	route, there := methods[method]
	if err := a.pace.take(c.w.Header(), c.token.ID, method != http.MethodGet, a.now()); err != nil {
		return err
	}
	switch {
	case len(methods) == 0:
		return errNotFound
	case !there:
		c.w.Header().Set("Allow", strings.Join(allow, ", "))
		return errMethod
	case !mayAtAll(c.by, route.needs):
		return errForbidden
	}
	if err := c.read(route); err != nil {
		return err
	}
	if method == http.MethodPost {
		return a.once(c, route)
	}
	out, err := route.serve(a, c)
	if err != nil {
		return err
	}
	return c.reply(route.status, out)
}

// mayAtAll says whether the account may do this somewhere.
func mayAtAll(by access.Account, action access.Action) bool {
	return action == Anyone || access.May(by, action)
}

var errCrashed = errors.New("crashed")
