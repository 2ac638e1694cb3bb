package web

import (
	"net/http"

	"consento/protocol"
)

// endedPage is the data of the template "ended".
type endedPage struct {
	Session  protocol.Session
	Reason   string
	Reported bool
	Live     bool
}

// showEnd says that it is over and why, and goes on until it is known whether
// the help program has removed itself.
func (w *Web) showEnd(rw http.ResponseWriter, r *http.Request, id string, s protocol.Session) error {
	p := w.newPage(r, "portal.end.title")
	data := &endedPage{Session: s, Reported: r.URL.Query().Get("reported") != ""}
	if s.EndReason.Valid() {
		data.Reason = p.T("end." + string(s.EndReason))
	}
	p.Data = data
	return w.stream(rw, r, id, "ended", p, func(protocol.Session) bool { return false },
		func(live bool) { data.Live = live })
}
