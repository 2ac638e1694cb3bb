package web

import "net/http"

// seenCookie remembers that this browser was in a session before. It holds
// nothing else: it is the same for everybody, and no session can be told by it.
const seenCookie = "__Host-consento-seen"

// seenLifetime is in seconds.
const seenLifetime = 365 * 24 * 3600

// firstTime reports whether this browser was in no session yet. Who comes the
// first time is told what swindlers do, and has to say that they asked for help.
func firstTime(r *http.Request) bool {
	c, err := r.Cookie(seenCookie)
	return err != nil || c.Value != "1"
}

func rememberVisit(rw http.ResponseWriter) {
	http.SetCookie(rw, &http.Cookie{Name: seenCookie, Value: "1", Path: "/", MaxAge: seenLifetime, Secure: true, HttpOnly: true,
		SameSite: http.SameSiteLaxMode})
}
