package web

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"consento/broker/internal/web/page"
	"consento/protocol"
)

// Limits of the live status.
const (
	streamLife       = 30 * time.Minute // then the page asks for itself again, unless the browser shares
	streamBeat       = 5 * time.Second  // a blank, so that each side notices that the other went away
	streamsPerID     = 4
	maxStreamedLines = 200
)

// streams counts the live pages of each session.
type streams struct {
	mu   sync.Mutex
	open map[string]int
}

func newStreams() *streams { return &streams{open: map[string]int{}} }

// enter takes one of the session's places; leave gives it back.
func (s *streams) enter(id string) (leave func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[id] >= streamsPerID {
		return nil, false
	}
	s.open[id]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.open[id]--; s.open[id] == 0 {
			delete(s.open, id)
		}
	}, true
}

// line is one entry of the live status. Its key is portal.status.KEY.
type line struct {
	Key    string
	State  protocol.State
	Text   string
	Offer  *offer // with the line "fetched": how to start the help program
	Detail bool   // the line is more than a sentence
}

// linePage is the data of the template "line".
type linePage struct {
	*page.Page
	Line line
}

// stream answers with the template name up to its list, and keeps the response
// open: each change of the session becomes a line that is flushed at once. A
// browser without JavaScript shows it as it comes. When over says that another
// page is due, the rest of this one leads there. The template called name+"-end"
// closes the page. live is told beforehand whether the list will go on.
func (w *Web) stream(rw http.ResponseWriter, r *http.Request, id, name string, p *page.Page,
	over func(protocol.Session) bool, live func(bool)) error {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	life := time.NewTimer(streamLife)
	defer life.Stop()
	rc := http.NewResponseController(rw)
	_ = rc.SetReadDeadline(time.Time{}) // else the server takes the browser for gone (net/http, HTTP/1)

	leave, ok := w.streams.enter(id)
	if ok {
		defer leave()
	}
	changes, err := w.sessions.Follow(ctx, id)
	if err != nil {
		return err
	}
	now, open := <-changes
	if !open {
		return ctx.Err()
	}
	moving := ok && r.Method == http.MethodGet && now.State != protocol.StateClosed
	live(moving)
	top, err := w.Render(name, p)
	if err != nil {
		return err
	}
	h := rw.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", p.Tag)
	h.Set("X-Accel-Buffering", "no") // asks proxies not to hold it back
	send := func(b []byte) error {
		_ = rc.SetWriteDeadline(time.Now().Add(page.Briefly))
		if _, err := rw.Write(b); err != nil {
			return err
		}
		return rc.Flush()
	}
	list := lines{page: p, ground: w.Ground, sent: map[string]bool{}}
	first, err := list.next(now)
	if err != nil {
		return err
	}
	if send(append(top, first...)) != nil {
		return nil // the browser went away
	}
	next := "" // address that the finished page leads to
	if over(now) {
		next = "/session"
	}
	beat := time.NewTicker(streamBeat)
	defer beat.Stop()
	for moving && next == "" {
		var piece []byte
		select {
		case s, open := <-changes:
			if !open {
				if r.Context().Err() != nil {
					return nil
				}
				moving = false // the broker has no more to tell
				continue
			}
			if piece, err = list.next(s); err != nil {
				w.Log.ErrorContext(ctx, "live status failed", "err", err)
				return nil
			}
			if now = s; over(s) {
				next = "/session"
			}
		case <-beat.C:
			piece = []byte("\n")
		case <-life.C:
			if byBrowser(now) {
				life.Reset(streamLife) // this page may be the one that shares: to leave it is the end
				continue
			}
			next = "/session"
		case <-ctx.Done():
			return nil
		}
		if send(piece) != nil {
			return nil
		}
	}
	bottom, err := w.Render(name+"-end", endPage{Page: p, Next: next})
	if err != nil {
		w.Log.ErrorContext(ctx, "live status failed", "err", err)
		return nil
	}
	_ = send(bottom) // the browser went away
	return nil
}

// endPage is the data of the templates that close a live page.
type endPage struct {
	*page.Page
	Next string // where the page leads now, "" if it is the last
}

// lines turns the session's successive values into lines that were not sent yet.
type lines struct {
	page   *page.Page
	ground *page.Ground
	sent   map[string]bool
}

// next renders the lines that s adds.
func (l *lines) next(s protocol.Session) ([]byte, error) {
	var out []byte
	for _, line := range linesOf(s) {
		id := line.Key + "\x00" + line.Text
		if l.sent[id] || len(l.sent) >= maxStreamedLines {
			continue
		}
		l.sent[id] = true
		line.State = s.State
		data, sharing := l.page.Data.(*sharePage)
		if sharing && s.State == protocol.StateJoined && data.Joined {
			switch {
			case line.Key == "fetched":
				line.Offer, line.Detail = data.Program, data.Program != nil
			case line.Key == "joined" && data.Browser != nil && data.Browser.Primary:
				line.Key = "joined_browser"
			case line.Key == "joined" && data.Program == nil:
				line.Key = "joined_without"
			}
		}
		line.Text = l.page.T("portal.status."+line.Key, "name", page.Isolate(s.Technician.Name), "viewers", line.Text)
		b, err := l.ground.Render("line", linePage{Page: l.page, Line: line})
		if err != nil {
			return nil, err
		}
		out = append(out, b...)
	}
	return out, nil
}

// linesOf lists what can be said about a session, in order. It only grows while
// a session goes on, but for who is watching.
func linesOf(s protocol.Session) []line {
	var all []line
	add := func(when bool, key string) {
		if when {
			all = append(all, line{Key: key})
		}
	}
	if s.State.Over() {
		closed := s.State == protocol.StateClosed
		add(started(s) && s.Removed == nil && !closed, "removing")
		add(s.Removed != nil && *s.Removed, "removed")
		add(s.Removed != nil && !*s.Removed, "partly_removed")
		add(started(s) && s.Removed == nil && closed, "removal_unknown")
		add(byBrowser(s), "browser_over")
		add(!started(s) && fetched(s) && !byBrowser(s), "never_started")
		add(!started(s) && !fetched(s) && !byBrowser(s), "never_fetched")
		add(closed, "closed")
		return all
	}
	has := func(step protocol.Step) bool { return slices.Contains(s.Steps, step) }
	add(true, "joined")
	add(fetched(s), "fetched")
	program, browser := !byBrowser(s), byBrowser(s)
	add(started(s), "waiting")
	add(browser, "browser_waiting")
	add(has(protocol.StepTermsAccepted) && program, "terms")
	add(has(protocol.StepTermsAccepted) && browser, "browser_terms")
	add(s.State == protocol.StateActive && program, "active")
	add(s.State == protocol.StateActive && browser, "browser_active")
	if s.State == protocol.StateActive && len(s.Viewers) > 0 {
		names := make([]string, 0, len(s.Viewers))
		for _, v := range s.Viewers {
			names = append(names, page.Isolate(v))
		}
		all = append(all, line{Key: "watching", Text: strings.Join(names, ", ")})
	}
	return all
}
