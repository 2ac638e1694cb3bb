package web

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"path"
	"runtime/debug"
	"slices"
	"strings"

	"consento/broker/internal/access"
	"consento/broker/internal/desk"
	"consento/broker/internal/evidence"
	"consento/protocol/lang"
	"consento/recordings/translog"
)

// Limits of what a request may bring.
const (
	maxForm   = 64 << 10 // bytes of a body
	maxFields = 32
)

// bodyLimit is how much a form may bring: those of the office bring a logo or
// whole texts.
func bodyLimit(path string) int64 {
	if path == "/setup" || path == "/settings" || strings.HasPrefix(path, "/settings/") {
		return access.MaxLogo + 4*maxForm
	}
	if strings.HasPrefix(path, "/admin/desk/") {
		return 4 * maxForm // steps in six languages
	}
	if strings.HasSuffix(path, "/files") && (strings.HasPrefix(path, "/desk/") || strings.HasPrefix(path, "/request/")) {
		return desk.MaxFile + maxForm
	}
	if path == "/desk/import" {
		return desk.MaxFile + maxForm // what is too large is told so
	}
	if path == "/audit/policy" {
		return translog.MaxPolicy + maxForm
	}
	if strings.HasPrefix(path, "/audit/sessions/") && strings.HasSuffix(path, "/share") {
		return 8 << 20 // the keys of up to 64 segments
	}
	if strings.HasPrefix(path, "/audit/rewrap/") && strings.HasSuffix(path, "/log") {
		return evidence.MaxLogKeys
	}
	return maxForm
}

// policy is the content security policy of every page (W3C CSP level 3).
// Scripts, styles and fonts come from this broker's files only.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' data:; " +
	"connect-src 'self'; media-src 'self' blob:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types 'none'"

// consolePolicy lets the console show pictures that it made itself.
var consolePolicy = strings.Replace(policy, "img-src 'self' data:", "img-src 'self' data: blob:", 1)

// guard stands around every page: headers, language, size and origin of what is
// posted, and a page instead of a crash.
func (w *Web) guard(next http.Handler) http.Handler {
	origin := http.NewCrossOriginProtection()
	origin.SetDenyHandler(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.failed(rw, r, errOrigin)
	}))
	inner := origin.Handler(next)
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		setHeaders(rw.Header(), r.Host)
		office, err := w.office(r.Context())
		if err != nil {
			// Pages are shown without the office's name: what they say stays true.
			w.log.ErrorContext(r.Context(), "office cannot be read", "err", err)
		}
		offered := w.texts.Only(office.Languages...)
		if tag := r.URL.Query().Get("lang"); tag != "" && r.Method == http.MethodGet && slices.Contains(offered.Tags(), tag) {
			w.switchLanguage(rw, r, tag)
			return
		}
		r = r.WithContext(context.WithValue(r.Context(), readerKey{}, reader{office: office, texts: textsFor(offered, r)}))
		r.Body = http.MaxBytesReader(rw, r.Body, bodyLimit(r.URL.Path))
		defer func() {
			if p := recover(); p != nil {
				if p == http.ErrAbortHandler {
					panic(p)
				}
				w.log.ErrorContext(r.Context(), "page crashed", "path", r.Pattern, "panic", p, "stack", string(debug.Stack()))
				w.failed(rw, r, errCrashed)
			}
		}()
		inner.ServeHTTP(rw, r)
	})
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

// reader is what guard found out for a page: the office as it is now, and the
// texts in the best of the languages that it offers.
type reader struct {
	office Office
	texts  lang.Texts
}

func readerOf(r *http.Request) reader {
	found, _ := r.Context().Value(readerKey{}).(reader)
	return found
}

// textsOf returns the texts in the language that guard chose.
func textsOf(r *http.Request) lang.Texts { return readerOf(r).texts }

func textsFor(offered *lang.Catalog, r *http.Request) lang.Texts {
	chosen := ""
	if c, err := r.Cookie(languageCookie); err == nil {
		chosen = c.Value
	}
	return offered.Match(chosen, r.Header.Get("Accept-Language"))
}

// switchLanguage remembers the language and shows the same page again. The
// address is cleaned first: "//elsewhere/?lang=it" must not lead elsewhere.
func (w *Web) switchLanguage(rw http.ResponseWriter, r *http.Request, tag string) {
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

var errForm = errors.New("form cannot be read")

// form reads a posted form: each field once at most, everything within bodyLimit.
func form(r *http.Request) (url.Values, error) {
	var err error
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/form-data") {
		err = r.ParseMultipartForm(bodyLimit(r.URL.Path)) // never touches the disk: the body is no larger
	} else {
		err = r.ParseForm()
	}
	if err != nil {
		return nil, errForm
	}
	if len(r.PostForm) > maxFields {
		return nil, errForm
	}
	for _, values := range r.PostForm {
		if len(values) != 1 {
			return nil, errForm
		}
	}
	return r.PostForm, nil
}
