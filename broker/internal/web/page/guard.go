package page

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"path"
	"runtime/debug"
	"slices"
	"strings"

	"consento/broker/internal/access"
	"consento/protocol/lang"
)

// MaxForm is how much is posted to a route that says nothing else, in bytes, and maxFields
// how many fields are.
const (
	MaxForm   = 64 << 10
	MaxFields = 32
)

// BodyLimit is how much may be posted where r goes, in bytes.
func BodyLimit(r *http.Request) int64 { return max(MaxForm, readerOf(r).route.limit) }

// policy is the content security policy of every page (W3C CSP level 3).
// Scripts, styles and fonts come from this broker's files only.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' data:; " +
	"connect-src 'self'; media-src 'self' blob:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types 'none'"

// ConsolePolicy lets the console show pictures that it made itself.
var ConsolePolicy = strings.Replace(policy, "img-src 'self' data:", "img-src 'self' data: blob:", 1)

// guard stands around every page: headers, language, size and origin of what is
// posted, and a page instead of a crash.
func (g *Ground) guard(next http.Handler, routeOf func(*http.Request) Route) http.Handler {
	origin := http.NewCrossOriginProtection()
	origin.SetDenyHandler(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		g.failed(rw, r, errOrigin)
	}))
	inner := origin.Handler(next)
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		setHeaders(rw.Header(), r.Host)
		office, err := g.Office(r.Context())
		if err != nil {
			// Pages are shown without the office's name: what they say stays true.
			g.Log.ErrorContext(r.Context(), "office cannot be read", "err", err)
		}
		offered := g.Texts.Only(office.Languages...)
		r = r.WithContext(context.WithValue(r.Context(), readerKey{}, reader{office: office, texts: textsFor(offered, r), route: routeOf(r)}))
		r.Body = http.MaxBytesReader(rw, r.Body, BodyLimit(r))
		defer func() {
			if p := recover(); p != nil {
				if p == http.ErrAbortHandler {
					panic(p)
				}
				g.Log.ErrorContext(r.Context(), "page crashed", "path", r.Pattern, "panic", p, "stack", string(debug.Stack()))
				g.failed(rw, r, errCrashed)
			}
		}()
		if tag := r.URL.Query().Get("lang"); tag != "" && r.Method == http.MethodGet && g.Offers(r, tag) {
			g.switchLanguage(rw, r, tag)
			return
		}
		inner.ServeHTTP(rw, r)
	})
}

// Offers says whether the office has its pages in this language.
func (g *Ground) Offers(r *http.Request, tag string) bool {
	return slices.Contains(g.Texts.Only(readerOf(r).office.Languages...).Tags(), tag)
}

func setHeaders(h http.Header, host string) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=(), usb=(), serial=(), "+
		"display-capture=(self), clipboard-read=(self), clipboard-write=(self), fullscreen=(self)")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cache-Control", "no-store")
	if !isLocal(host) {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// isLocal reports whether a Host header names this very machine. A browser told
// to insist on HTTPS for localhost would do so for all that its owner develops.
func isLocal(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.Trim(name, "[]")
	if ip := net.ParseIP(name); ip != nil {
		return ip.IsLoopback()
	}
	return name == "localhost" || strings.HasSuffix(name, ".localhost")
}

// languageCookie remembers the choice of the language switch.
const languageCookie = "__Host-consento-language"

type readerKey struct{}

// reader is what guard found out for a page: the office as it is now, the texts in the
// best of the languages that it offers, and the route.
type reader struct {
	office Office
	texts  lang.Texts
	route  Route
}

func readerOf(r *http.Request) reader {
	found, _ := r.Context().Value(readerKey{}).(reader)
	return found
}

// OfficeFor is the office as it is for the page that answers r.
func OfficeFor(r *http.Request) Office { return readerOf(r).office }

// TextsOf returns the texts in the language that guard chose.
func TextsOf(r *http.Request) lang.Texts { return readerOf(r).texts }

func textsFor(offered *lang.Catalog, r *http.Request) lang.Texts {
	chosen := ""
	if c, err := r.Cookie(languageCookie); err == nil {
		chosen = c.Value
	}
	return offered.Match(chosen, r.Header.Get("Accept-Language"))
}

// switchLanguage remembers the language and shows the same page again; whoever is signed
// in has mails in it from then on, if it was a page of this broker that led here.
func (g *Ground) switchLanguage(rw http.ResponseWriter, r *http.Request, tag string) {
	if r.Header.Get("Sec-Fetch-Site") != "same-origin" {
		g.inLanguage(rw, r, tag)
		return
	}
	g.accounts.LoadSession(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if by, ok := access.Current(r); ok && by.Language != tag {
			if err := g.accounts.SetLanguage(r.Context(), by, tag); err != nil {
				g.failed(rw, r, err)
				return
			}
		}
		g.inLanguage(rw, r, tag)
	})).ServeHTTP(rw, r)
}

// inLanguage leads to the same page in this language. The address is cleaned first:
// "//elsewhere/?lang=it" must not lead elsewhere.
func (g *Ground) inLanguage(rw http.ResponseWriter, r *http.Request, tag string) {
	// The console reads it as well, and it is no secret: not HttpOnly.
	http.SetCookie(rw, &http.Cookie{Name: languageCookie, Value: tag, Path: "/", MaxAge: 365 * 24 * 3600,
		Secure: true, SameSite: http.SameSiteLaxMode})
	query := r.URL.Query()
	query.Del("lang")
	to := url.URL{Path: path.Clean("/" + r.URL.Path), RawQuery: query.Encode()}
	if strings.HasSuffix(r.URL.Path, "/") && to.Path != "/" {
		to.Path += "/"
	}
	rw.Header().Set("Location", to.String())
	rw.WriteHeader(http.StatusSeeOther)
}
