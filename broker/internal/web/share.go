package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"consento/broker/internal/session"
	"consento/broker/internal/web/page"
	"consento/protocol"
)

// sharePage is the data of the template "share": what has to be known before
// the screen is shown, and the help program.
type sharePage struct {
	Session    protocol.Session
	Technician protocol.Person
	KeptDays   int         // of the recording
	LogMonths  int         // of its log
	Program    *offer      // nil when there is none to offer
	NoProgram  string      // then: why, as a key of portal.program.none.*
	Browser    *browserWay // nil when this browser is not the way
	Choose     bool        // offer to say that this computer runs Linux after all
	Joined     bool        // the help program is still to be fetched or started
	Live       bool        // the list below goes on by itself
	Later      []heading
	Copy       *copyOffer // nil: there is no private link
}

// heading is what the page is called once the session has come to State.
type heading struct {
	State protocol.State
	Title string
}

// offer is the help program as it is offered to one session.
type offer struct {
	URL     string
	File    string // name of the downloaded file, with the ticket in it
	Size    string // megabytes, rounded up
	SHA256  string
	Command string // one line for a terminal: checks the hash, then starts
}

func (w *Web) showShare(rw http.ResponseWriter, r *http.Request, id string, s protocol.Session) error {
	data := &sharePage{Copy: w.offerOf(s.ID, false), Session: s, Technician: s.Technician, Joined: s.State == protocol.StateJoined}
	title := "portal.share.title"
	later := []heading{{protocol.StateWaiting, "portal.waiting.title"}, {protocol.StateActive, "portal.active.title"}}
	for i, h := range later {
		if s.State == h.State {
			title, later = h.Title, later[i+1:]
			break
		}
	}
	p := w.NewPage(r, title)
	for _, h := range later {
		data.Later = append(data.Later, heading{h.State, p.T(h.Title)})
	}
	if data.KeptDays = s.KeptDays; data.KeptDays == 0 {
		data.KeptDays = p.Office.RecordingDays
	}
	if data.LogMonths = s.LogMonths; data.LogMonths == 0 {
		data.LogMonths = p.Office.LogMonths
	}
	p.Data = data
	if data.Joined {
		if err := w.offerProgram(r, id, data); err != nil {
			return err
		}
		if err := w.offerBrowser(r, id, p, data); err != nil {
			return err
		}
	}
	return w.stream(rw, r, id, "share", p, func(s protocol.Session) bool { return s.State.Over() },
		func(live bool) { data.Live = live })
}

// offerProgram fills in the help program for the customer's computer, or why
// there is none.
func (w *Web) offerProgram(r *http.Request, id string, data *sharePage) error {
	sys := systemOf(r.UserAgent())
	if r.URL.Query().Get("system") == string(systemLinux) {
		sys = systemLinux
	}
	if sys != systemLinux {
		data.NoProgram, data.Choose = string(sys), sys != systemPhone
		return nil
	}
	prog, err := w.agents.find(sys)
	if errors.Is(err, errNoAgent) {
		data.NoProgram = "unprepared"
		return nil
	}
	if err != nil {
		return err
	}
	ticket, err := w.sessions.Ticket(r.Context(), id, page.TextsOf(r).Tag)
	if errors.Is(err, session.ErrNotNow) {
		data.Joined = false // the agent joined in this very moment
		return nil
	}
	if err != nil {
		return err
	}
	file := protocol.AgentFilePrefix + string(ticket)
	data.Program = &offer{
		URL: "/session/agent?system=" + string(sys), File: file, SHA256: prog.SHA256,
		Size: strconv.FormatInt((prog.Size+999_999)/1_000_000, 10),
		// xdg-user-dir names the home folder where no downloads folder was chosen.
		Command: fmt.Sprintf(`for d in "$(xdg-user-dir DOWNLOAD 2>/dev/null)" ~/Downloads .; do [ -f "$d/%[2]s" ] && cd "$d" && break; done; echo '%[1]s  %[2]s' | sha256sum -c && chmod +x %[2]s && ./%[2]s`,
			prog.SHA256, file),
	}
	return nil
}

// stall is how long one piece of a download may take to be accepted.
const stall = 30 * time.Second

// giveAgent hands out the help program under a name that binds it to the
// session. Only a body that was sent to its end counts as fetched.
func (w *Web) giveAgent(rw http.ResponseWriter, r *http.Request) error {
	id, ok := w.cookies.session(r)
	if !ok {
		return session.ErrNoSession
	}
	ticket, err := w.sessions.Ticket(r.Context(), id, page.TextsOf(r).Tag)
	switch {
	case errors.Is(err, session.ErrNotNow):
		http.Redirect(rw, r, "/session", http.StatusSeeOther)
		return nil
	case err != nil:
		return err
	}
	file, prog, err := w.agents.open(system(r.URL.Query().Get("system")))
	if errors.Is(err, errNoAgent) {
		return w.NotFound(rw, r)
	}
	if err != nil {
		return err
	}
	defer file.Close()
	h := rw.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", `attachment; filename="`+protocol.AgentFilePrefix+string(ticket)+`"`)
	h.Set("Vary", "Accept-Encoding")
	size := prog.Size
	if acceptsGzip(r) {
		if packed, n, ok := w.agents.packed(prog); ok {
			defer packed.Close()
			h.Set("Content-Encoding", "gzip") // less than half the way for a slow line
			file, size = packed, n
		}
	}
	h.Set("Content-Length", strconv.FormatInt(size, 10))
	if r.Method == http.MethodHead {
		return nil
	}
	n, err := io.Copy(&patient{rw: rw, rc: http.NewResponseController(rw)}, file)
	if err != nil || n != size {
		panic(http.ErrAbortHandler) // the browser sees a broken download, not a short program
	}
	if err := http.NewResponseController(rw).Flush(); err != nil {
		return nil
	}
	// The body is out: what the browser does with its request now changes
	// nothing about it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), page.Briefly)
	defer cancel()
	err = w.sessions.AgentFetched(ctx, id, string(prog.System), prog.SHA256)
	if err != nil && !errors.Is(err, session.ErrNotNow) && !errors.Is(err, session.ErrNoSession) {
		// The answer is sent, so no page can say it any more.
		w.Log.ErrorContext(ctx, "fetched agent could not be noted", "err", err)
	}
	return nil
}

// acceptsGzip reads Accept-Encoding (RFC 9110, section 12.5.3): gzip is named,
// and not with a weight of nothing.
func acceptsGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, weight, _ := strings.Cut(part, ";")
		if strings.TrimSpace(name) == "gzip" {
			q, err := strconv.ParseFloat(strings.TrimPrefix(strings.TrimSpace(weight), "q="), 64)
			return weight == "" || err == nil && q > 0
		}
	}
	return false
}

// patient writes as slowly as the line asks for, as long as something moves.
type patient struct {
	rw http.ResponseWriter
	rc *http.ResponseController
}

func (p *patient) Write(b []byte) (int, error) {
	_ = p.rc.SetWriteDeadline(time.Now().Add(stall)) // a recorder in a test has none
	return p.rw.Write(b)
}

// fetched reports whether the help program was handed out.
func fetched(s protocol.Session) bool { return slices.Contains(s.Steps, protocol.StepAgentFetched) }

// started reports whether the help program ever reached the broker.
func started(s protocol.Session) bool {
	return slices.Contains(s.Steps, protocol.StepAgentStarted) ||
		(s.State == protocol.StateWaiting || s.State == protocol.StateActive) && !byBrowser(s)
}
