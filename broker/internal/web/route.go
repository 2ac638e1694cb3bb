package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"consento/broker/internal/access"
)

// Who is who may be asked for at an address.
type Who string

// Whom an address is for.
const (
	Anyone  Who = "anyone"
	Holder  Who = "holder"  // who holds a customer's cookie or a private link: the page itself looks at it
	Visitor Who = "visitor" // anyone; who is signed in is known to the page
	Own     Who = "own"     // who is signed in, whatever their role, about what is their own
	Staff   Who = "staff"   // who may do one of the rule's actions somewhere; the page asks about the very thing
)

// Rule says who gets what is at an address by one method. There is no page without one.
type Rule struct {
	Who     Who
	Actions []access.Action // of Staff: any of these
}

// Route is one address. Post is the zero Rule where nothing is posted.
type Route struct {
	Path      string // a pattern of http.ServeMux
	Get, Post Rule

	get, post action
	slow      bool // it keeps its own time
}

// action is a handler for one method of one path. It either writes the whole
// response itself or returns an error, which becomes a page.
type action func(http.ResponseWriter, *http.Request) error

// staffAction is action for somebody who is signed in.
type staffAction func(http.ResponseWriter, *http.Request, access.Account) error

// ruled is an action with its rule: the one way to put a page at an address.
type ruled struct {
	rule Rule
	do   action
}

func anyone(do action) ruled  { return ruled{Rule{Who: Anyone}, do} }
func holder(do action) ruled  { return ruled{Rule{Who: Holder}, do} }
func visitor(do action) ruled { return ruled{Rule{Who: Visitor}, do} }

// own is for who is signed in; others sign in first.
func own(do staffAction) ruled {
	return ruled{Rule{Who: Own}, func(rw http.ResponseWriter, r *http.Request) error {
		if account, ok := access.Current(r); ok {
			return do(rw, r, account)
		}
		http.Redirect(rw, r, "/signin?next="+url.QueryEscape(r.URL.Path), http.StatusSeeOther)
		return nil
	}}
}

// may is for whose role and profile allow one of the actions somewhere. Others are told
// whom the page is for.
func (w *Web) may(do staffAction, any ...access.Action) ruled {
	return w.mayElse(do, w.forbid, any...)
}

// mayElse is may with an ruled of its own for others; ok: somebody is signed in.
func (w *Web) mayElse(do staffAction, others func(rw http.ResponseWriter, r *http.Request, by access.Account, ok bool, any []access.Action) error, any ...access.Action) ruled {
	return ruled{Rule{Who: Staff, Actions: any}, func(rw http.ResponseWriter, r *http.Request) error {
		account, ok := access.Current(r)
		if ok && slices.ContainsFunc(any, func(a access.Action) bool { return access.May(account, a) }) {
			return do(rw, r, account)
		}
		return others(rw, r, account, ok, any)
	}}
}

// at is an address that is read, and where something may be posted.
func at(path string, get ruled, post ...ruled) Route {
	route := Route{Path: path, Get: get.rule, get: get.do}
	for _, a := range post {
		route.Post, route.post = a.rule, a.do
	}
	return route
}

// slowly is r without the limit of time of an ordinary page: a stream, or bytes over a slow line.
func slowly(r Route) Route {
	r.slow = true
	return r
}

// Routes lists every address, with who gets it.
func (w *Web) Routes() []Route { return slices.Clone(w.table) }

// mux serves the table.
func (w *Web) mux() http.Handler {
	mux := http.NewServeMux()
	for _, r := range w.table {
		h := w.methods(r.get, r.post)
		if !r.slow {
			h = brief(h)
		}
		if r.Get.signedIn() || r.Post.signedIn() {
			h = w.accounts.LoadSession(h)
		}
		mux.Handle(r.Path, h)
	}
	return mux
}

// signedIn says whether the page is to know who is signed in.
func (r Rule) signedIn() bool { return r.Who == Visitor || r.Who == Own || r.Who == Staff }

// briefly is how long an ordinary page may take.
const briefly = 15 * time.Second

// brief is h with a limit of time.
func brief(h http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), briefly)
		defer cancel()
		deadline, _ := ctx.Deadline()
		rc := http.NewResponseController(rw)
		// A connection that cannot have deadlines is a test's recorder.
		_ = rc.SetReadDeadline(deadline)
		_ = rc.SetWriteDeadline(deadline.Add(briefly))
		h.ServeHTTP(rw, r.WithContext(ctx))
	})
}

// methods answers GET, HEAD and POST, and every other method with a page that
// says so (RFC 9110, section 15.5.6).
func (w *Web) methods(get, post action) http.Handler {
	allow := "GET, HEAD"
	if post != nil {
		allow += ", POST"
	}
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		var err error
		switch {
		case r.Method == http.MethodGet || r.Method == http.MethodHead:
			err = get(rw, r)
		case r.Method == http.MethodPost && post != nil:
			err = post(rw, r)
		default:
			rw.Header().Set("Allow", allow)
			err = errMethod
		}
		if err != nil {
			w.failed(rw, r, err)
		}
	})
}

// redirectTo sends on who arrives at the address of a form by its address.
func redirectTo(path string) action {
	return func(rw http.ResponseWriter, r *http.Request) error {
		http.Redirect(rw, r, path, http.StatusSeeOther)
		return nil
	}
}

// forbiddenPage is the data of the template "forbidden".
type forbiddenPage struct {
	SignedIn bool
	Body     string
	Lacks    string // the right that a profile could give; "" none
	SignIn   string // the address to sign in at, which leads back here
}

// forbid says whom a page is for, and who is signed in.
func (w *Web) forbid(rw http.ResponseWriter, r *http.Request, by access.Account, ok bool, any []access.Action) error {
	p := w.newPage(r, "forbidden.title")
	var roles []string
	for _, role := range access.Roles() {
		if slices.ContainsFunc(access.Grants(role), func(g access.Grant) bool { return slices.Contains(any, g.Action) }) {
			roles = append(roles, p.T("signin.role."+string(role)))
		}
	}
	of := strings.Join(roles, ", ")
	data := forbiddenPage{SignedIn: ok, SignIn: "/signin?next=" + url.QueryEscape(r.URL.Path), Body: p.T("forbidden.nobody", "roles", of)}
	if ok {
		data.Body = p.T("forbidden.other", "name", isolate(by.Name), "role", p.T("signin.role."+string(by.Role)), "roles", of)
		for _, a := range any {
			for _, why := range access.Why(by, a) {
				if !why.Given {
					data.Lacks = p.T("forbidden.right", "right", p.T("right."+string(why.Right)))
				}
			}
		}
	}
	p.Data = data
	return w.show(rw, http.StatusForbidden, "forbidden", p)
}
