package page

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

	get, post Action
	slow      bool   // it keeps its own time
	back      string // where the answer to what was posted is asked for again; "": at its own address
	limit     int64  // bytes of what is posted; 0: MaxForm
}

// Action is a handler for one method of one path. It either writes the whole
// response itself or returns an error, which becomes a page.
type Action func(http.ResponseWriter, *http.Request) error

// StaffAction is an Action for somebody who is signed in.
type StaffAction func(http.ResponseWriter, *http.Request, access.Account) error

// Ruled is an Action with its rule: the one way to put a page at an address.
type Ruled struct {
	rule Rule
	do   Action
	to   string // where a redirect leads; "": it is none
}

// ForAnyone is a page for everybody.
func ForAnyone(do Action) Ruled { return Ruled{rule: Rule{Who: Anyone}, do: do} }

// ForHolder is for who has a cookie or link that the page itself looks at.
func ForHolder(do Action) Ruled { return Ruled{rule: Rule{Who: Holder}, do: do} }

// ForVisitor is for everybody; the page knows who is signed in.
func ForVisitor(do Action) Ruled { return Ruled{rule: Rule{Who: Visitor}, do: do} }

// ForOwner is for who is signed in; others sign in first.
func ForOwner(do StaffAction) Ruled {
	return Ruled{rule: Rule{Who: Own}, do: func(rw http.ResponseWriter, r *http.Request) error {
		if account, ok := access.Current(r); ok {
			return do(rw, r, account)
		}
		http.Redirect(rw, r, "/signin?next="+url.QueryEscape(r.URL.Path), http.StatusSeeOther)
		return nil
	}}
}

// May is for whose role and profile allow one of the actions somewhere. Others are told
// whom the page is for.
func (g *Ground) May(do StaffAction, any ...access.Action) Ruled {
	return g.MayElse(do, g.Forbid, any...)
}

// MayElse is May with an action of its own for others; ok: somebody is signed in.
func (g *Ground) MayElse(do StaffAction, others func(rw http.ResponseWriter, r *http.Request, by access.Account, ok bool, any []access.Action) error, any ...access.Action) Ruled {
	return Ruled{rule: Rule{Who: Staff, Actions: any}, do: func(rw http.ResponseWriter, r *http.Request) error {
		account, ok := access.Current(r)
		if ok && slices.ContainsFunc(any, func(a access.Action) bool { return access.May(account, a) }) {
			return do(rw, r, account)
		}
		return others(rw, r, account, ok, any)
	}}
}

// With is the page with something around its action.
func (r Ruled) With(around func(Action) Action) Ruled {
	r.do = around(r.do)
	return r
}

// At is an address that is read, and where something may be posted.
func At(path string, get Ruled, post ...Ruled) Route {
	route := Route{Path: path, Get: get.rule, get: get.do, back: get.to}
	for _, a := range post {
		route.Post, route.post = a.rule, a.do
	}
	return route
}

// Slowly takes the limit of time of an ordinary page away: a stream, or bytes over a slow line.
func (r Route) Slowly() Route {
	r.slow = true
	return r
}

// Back says where the answer to what is posted here is asked for again, in another language:
// at a path without wildcards, or at a beginning of the route's own path. Else it is the
// page that who arrives by the address is sent to, or the address itself.
func (r Route) Back(path string) Route {
	r.back = path
	return r
}

// UpTo sets how many bytes what is posted here may have.
func (r Route) UpTo(bytes int64) Route {
	r.limit = bytes
	return r
}

// backFrom is where the answer of a form that was posted to path is asked for again.
func (r Route) backFrom(path string) string {
	switch {
	case r.back == "":
		return path
	case !strings.Contains(r.back, "{"):
		return r.back
	}
	for range strings.Count(r.Path, "/") - strings.Count(r.back, "/") {
		path = path[:max(0, strings.LastIndexByte(path, '/'))]
	}
	return path
}

// Handler serves a table of routes. A path that is not in it is answered by its "/".
func (g *Ground) Handler(routes []Route) http.Handler {
	mux, known := http.NewServeMux(), map[string]Route{}
	for _, r := range routes {
		h := g.methods(r.get, r.post)
		if !r.slow {
			h = brief(h)
		}
		if r.Get.signedIn() || r.Post.signedIn() {
			h = g.accounts.LoadSession(h)
		}
		if r.limit == 0 {
			r.limit = MaxForm
		}
		if strings.Contains(r.back, "{") && !strings.HasPrefix(r.Path, r.back+"/") {
			panic("page: " + r.back + " is no beginning of " + r.Path) // as the mux does with what is no pattern
		}
		mux.Handle(r.Path, h)
		known[r.Path] = r
	}
	return g.guard(mux, func(r *http.Request) Route {
		_, pattern := mux.Handler(r)
		return known[pattern]
	})
}

// signedIn says whether the page is to know who is signed in.
func (r Rule) signedIn() bool { return r.Who == Visitor || r.Who == Own || r.Who == Staff }

// Briefly is how long an ordinary page may take.
const Briefly = 15 * time.Second

// brief is h with a limit of time.
func brief(h http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), Briefly)
		defer cancel()
		deadline, _ := ctx.Deadline()
		rc := http.NewResponseController(rw)
		// A connection that cannot have deadlines is a test's recorder.
		_ = rc.SetReadDeadline(deadline)
		_ = rc.SetWriteDeadline(deadline.Add(Briefly))
		h.ServeHTTP(rw, r.WithContext(ctx))
	})
}

// methods answers GET, HEAD and POST, and every other method with a page that
// says so (RFC 9110, section 15.5.6).
func (g *Ground) methods(get, post Action) http.Handler {
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
			g.failed(rw, r, err)
		}
	})
}

// RedirectTo sends on who arrives at the address of a form by its address.
func RedirectTo(path string) Ruled {
	return Ruled{rule: Rule{Who: Anyone}, to: path, do: func(rw http.ResponseWriter, r *http.Request) error {
		http.Redirect(rw, r, path, http.StatusSeeOther)
		return nil
	}}
}

// forbiddenPage is the data of the template "forbidden".
type forbiddenPage struct {
	SignedIn bool
	Body     string
	Lacks    string // the right that a profile could give; "" none
	SignIn   string // the address to sign in at, which leads back here
}

// Forbid says whom a page is for, and who is signed in.
func (g *Ground) Forbid(rw http.ResponseWriter, r *http.Request, by access.Account, ok bool, any []access.Action) error {
	p := g.NewPage(r, "forbidden.title")
	var roles []string
	for _, role := range access.Roles() {
		if slices.ContainsFunc(access.Grants(role), func(g access.Grant) bool { return slices.Contains(any, g.Action) }) {
			roles = append(roles, p.T("signin.role."+string(role)))
		}
	}
	of := strings.Join(roles, ", ")
	data := forbiddenPage{SignedIn: ok, SignIn: "/signin?next=" + url.QueryEscape(r.URL.Path), Body: p.T("forbidden.nobody", "roles", of)}
	if ok {
		data.Body = p.T("forbidden.other", "name", Isolate(by.Name), "role", p.T("signin.role."+string(by.Role)), "roles", of)
		for _, a := range any {
			for _, why := range access.Why(by, a) {
				if !why.Given {
					data.Lacks = p.T("forbidden.right", "right", p.T("right."+string(why.Right)))
				}
			}
		}
	}
	p.Data = data
	return g.Show(rw, http.StatusForbidden, "forbidden", p)
}
