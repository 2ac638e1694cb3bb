package page

import (
	"encoding/json"
	"math"
	"net"
	"net/http"
	"time"
)

// Attach serves a file of this media type to be kept under this name.
func Attach(rw http.ResponseWriter, kind, name string, body []byte) error {
	h := rw.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	_, _ = rw.Write(body) // the browser went away: nobody is left to be told
	return nil
}

// AnswerJSON serves what a script of ours asked for, as JSON.
func AnswerJSON(rw http.ResponseWriter, status int, what any) error {
	body, err := json.Marshal(what)
	if err != nil {
		return err
	}
	rw.Header().Set("Content-Type", "application/json")
	rw.WriteHeader(status)
	_, _ = rw.Write(body) // the browser went away: nobody is left to be told
	return nil
}

// ClientAddress is the address that tries are counted for.
func ClientAddress(r *http.Request) string {
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		return host
	}
	return r.RemoteAddr
}

// WholeSeconds rounds up: who comes back then is not turned away again.
func WholeSeconds(d time.Duration) int { return max(1, int(math.Ceil(d.Seconds()))) }
