package web

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"consento/broker/internal/session"
	"consento/broker/internal/web/page"
	"consento/protocol"
)

// shareScript is the part of the built console that makes a page the session's
// agent.
const shareScript = "share.js"

// browserWay is sharing straight from the browser, as it is offered to one
// session.
type browserWay struct {
	Ticket   string
	Software string // name and version of the script
	Version  string // of the terms
	Terms    []string
	Primary  bool // there is no help program for this computer, or the technician tries a session
}

// offerBrowser fills in the way without a help program, where the script was
// built. The ticket is that of the help program: of page and program the
// first has the session.
func (w *Web) offerBrowser(r *http.Request, id string, p *page.Page, data *sharePage) error {
	if !w.Assets.Has(shareScript) || data.NoProgram == string(systemPhone) {
		return nil
	}
	ticket, err := w.sessions.Ticket(r.Context(), id, p.Tag)
	if errors.Is(err, session.ErrNotNow) {
		data.Joined = false // an agent joined in this very moment
		return nil
	}
	if err != nil {
		return err
	}
	terms, err := w.legal.Terms(r.Context(), p.Tag, p.Office)
	if err != nil {
		return err
	}
	data.Browser = &browserWay{Ticket: string(ticket), Software: protocol.BrowserSoftware + w.Assets.Hash(shareScript),
		Version: terms.Version, Terms: strings.Split(terms.Text, "\n\n"), Primary: data.Program == nil || data.Session.Test}
	return nil
}

// Sources are the kinds of things that a browser shows.
func (*browserWay) Sources() []protocol.Source {
	return []protocol.Source{protocol.SourceMonitor, protocol.SourceWindow, protocol.SourceTab, protocol.SourceUnknown}
}

// byBrowser reports whether the customer shares from the browser: nothing was
// started, and nothing has to be removed.
func byBrowser(s protocol.Session) bool { return slices.Contains(s.Steps, protocol.StepBrowserJoined) }
