package web

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// customerCookie tells the broker which session this browser belongs to.
const customerCookie = "__Host-consento-session"

// customerLifetime is how long a customer can come back to the session's pages.
const customerLifetime = 12 * time.Hour

// maxCustomerCookie bounds what is looked at, in bytes.
const maxCustomerCookie = 256

// customerCookies signs and checks the cookie: base64url(id) "." expiry in Unix
// seconds "." base64url(HMAC-SHA-256 of what stands before it). The id itself
// is random and of 128 bits, so the signature only keeps ids that somebody saw
// elsewhere (a console shows them) from being used as a customer's cookie.
type customerCookies struct {
	key []byte
	now func() time.Time
}

func (c customerCookies) set(rw http.ResponseWriter, id string) {
	http.SetCookie(rw, &http.Cookie{Name: customerCookie, Value: c.seal(id, c.now().Add(customerLifetime)), Path: "/",
		MaxAge: int(customerLifetime / time.Second), Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

// session returns the session of this browser.
func (c customerCookies) session(r *http.Request) (id string, ok bool) {
	cookie, err := r.Cookie(customerCookie)
	if err != nil {
		return "", false
	}
	return c.open(cookie.Value)
}

func (c customerCookies) clear(rw http.ResponseWriter) {
	http.SetCookie(rw, &http.Cookie{Name: customerCookie, Path: "/", MaxAge: -1, Secure: true, HttpOnly: true,
		SameSite: http.SameSiteLaxMode})
}

func (c customerCookies) seal(id string, expires time.Time) string {
	body := base64.RawURLEncoding.EncodeToString([]byte(id)) + "." + strconv.FormatInt(expires.Unix(), 10)
	return body + "." + c.sign(body)
}

func (c customerCookies) open(value string) (id string, ok bool) {
	if len(value) > maxCustomerCookie {
		return "", false
	}
	cut := strings.LastIndexByte(value, '.')
	if cut < 0 || !hmac.Equal([]byte(value[cut+1:]), []byte(c.sign(value[:cut]))) {
		return "", false
	}
	encoded, expiry, ok := strings.Cut(value[:cut], ".")
	if !ok {
		return "", false
	}
	seconds, err := strconv.ParseInt(expiry, 10, 64)
	if err != nil || !c.now().Before(time.Unix(seconds, 0)) {
		return "", false
	}
	raw, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil || len(raw) == 0 {
		return "", false
	}
	return string(raw), true
}

func (c customerCookies) sign(body string) string {
	mac := hmac.New(sha256.New, c.key)
	mac.Write([]byte(body))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
