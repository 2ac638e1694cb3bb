package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"
	_ "time/tzdata" // the customer's time zone, whatever this machine knows

	"consento/broker/internal/session"
	"consento/broker/internal/web/page"
	"consento/protocol"
)

// logPage is the data of the templates "log" and "logfile".
type logPage struct {
	Log     session.Log
	Zone    string // as it is told to people
	Asked   bool   // the zone was asked for, not guessed
	Until   string
	Since   string
	Reason  string // of the end
	Days    []logDay
	Save    string // query of the addresses to save from
	Written string
	Style   template.CSS
	Receipt string // what the global log says of the session; "" nothing
}

// logDay is what happened on one day.
type logDay struct {
	Date    string
	Entries []told
}

// told is one entry in words.
type told struct {
	Time string // of the day, in the page's zone
	At   string // RFC 3339
	Code protocol.EventCode
	Text string
}

// showLog is the customer's copy of the log as a page.
func (w *Web) showLog(rw http.ResponseWriter, r *http.Request) error {
	p, err := w.logOf(r)
	if errors.Is(err, session.ErrNoLog) {
		return w.logGone(rw, r)
	}
	if err != nil {
		return err
	}
	return w.Show(rw, http.StatusOK, "log", p)
}

// logGone says honestly that the copy is not here, and where the log still is.
func (w *Web) logGone(rw http.ResponseWriter, r *http.Request) error {
	id, _ := w.cookies.session(r)
	p := w.NewPage(r, "log.gone.title")
	p.Data = id
	return w.Show(rw, http.StatusGone, "loggone", p)
}

// logOf reads the log of this browser's session.
func (w *Web) logOf(r *http.Request) (*page.Page, error) {
	id, ok := w.cookies.session(r)
	if !ok {
		return nil, session.ErrNoSession
	}
	log, err := w.sessions.Log(r.Context(), id)
	if err != nil {
		return nil, err
	}
	p := w.NewPage(r, "log.title")
	zone, asked := zoneOf(r)
	data := &logPage{Log: log, Asked: asked, Written: moment(p, time.Now().In(zone)), Style: w.logStyle}
	if data.Receipt, err = w.receiptOf(r, log.Session.ID); err != nil {
		return nil, err
	}
	if log.Session.EndReason.Valid() {
		data.Reason = p.T("end." + string(log.Session.EndReason))
	}
	if !log.Until.IsZero() {
		data.Until = moment(p, log.Until.In(zone))
	}
	if !log.Since.IsZero() {
		data.Since = moment(p, log.Since.In(zone))
	}
	data.Zone = page.Zone(zone, time.Now())
	if asked {
		data.Save = "?zone=" + template.URLQueryEscaper(zone.String())
	}
	for _, e := range log.Entries {
		at := e.At.In(zone)
		date := page.Day(p, at)
		if n := len(data.Days); n == 0 || data.Days[n-1].Date != date {
			data.Days = append(data.Days, logDay{Date: date})
		}
		last := &data.Days[len(data.Days)-1]
		last.Entries = append(last.Entries, told{Time: at.Format(time.TimeOnly), At: e.At.UTC().Format(time.RFC3339), Code: e.Code, Text: tell(p.Texts, e)})
	}
	p.Data = data
	return p, nil
}

// maxZone bounds the name of a time zone, in bytes.
const maxZone = 64

// zoneOf is the time zone that the page asked for by its IANA name, else the
// office's.
func zoneOf(r *http.Request) (zone *time.Location, asked bool) {
	name := r.URL.Query().Get("zone")
	if name == "" || len(name) > maxZone || name == "Local" {
		return time.Local, false
	}
	zone, err := time.LoadLocation(name) // refuses names that lead out of its folder
	if err != nil {
		return time.Local, false
	}
	return zone, true
}

func moment(p *page.Page, at time.Time) string {
	return page.Day(p, at) + " " + at.Format(time.TimeOnly)
}

// saveLog hands the log out as one file that needs nothing else to be read.
func (w *Web) saveLog(rw http.ResponseWriter, r *http.Request) error {
	p, err := w.logOf(r)
	if errors.Is(err, session.ErrNoLog) {
		return w.logGone(rw, r)
	}
	if err != nil {
		return err
	}
	body, err := w.Render("logfile", p)
	if err != nil {
		return err
	}
	return page.Attach(rw, "text/html; charset=utf-8", logName(p)+".html", body)
}

// savedLog is the log as data. PROTOCOL.md describes it.
type savedLog struct {
	Format  string             `json:"format"`
	Version int                `json:"version"`
	Office  string             `json:"office"`
	Session savedSession       `json:"session"`
	Written time.Time          `json:"written"`
	Begins  time.Time          `json:"begins,omitzero"`
	LeftOut int                `json:"left_out"`
	Entries []session.LogEntry `json:"entries"`
	Receipt string             `json:"receipt,omitempty"`
}

type savedSession struct {
	ID         string             `json:"id"`
	State      protocol.State     `json:"state"`
	Technician protocol.Person    `json:"technician"`
	Reason     string             `json:"reason,omitempty"`
	IssuedAt   time.Time          `json:"issued_at"`
	ActiveAt   time.Time          `json:"active_at,omitzero"`
	EndedAt    time.Time          `json:"ended_at,omitzero"`
	EndReason  protocol.EndReason `json:"end_reason,omitempty"`
}

// saveLogData hands the log out as JSON.
func (w *Web) saveLogData(rw http.ResponseWriter, r *http.Request) error {
	p, err := w.logOf(r)
	if errors.Is(err, session.ErrNoLog) {
		return w.logGone(rw, r)
	}
	if err != nil {
		return err
	}
	log := p.Data.(*logPage).Log
	s := log.Session
	body, err := json.MarshalIndent(savedLog{Format: "consento customer log", Version: 1, Office: p.Office.Name,
		Session: savedSession{ID: s.ID, State: s.State, Technician: s.Technician, Reason: s.Reason,
			IssuedAt: s.IssuedAt, ActiveAt: s.ActiveAt, EndedAt: s.EndedAt, EndReason: s.EndReason},
		Written: time.Now().UTC().Truncate(time.Second), Begins: log.Since, LeftOut: log.LeftOut, Entries: log.Entries, Receipt: p.Data.(*logPage).Receipt}, "", "  ")
	if err != nil {
		return fmt.Errorf("log of %s: %w", s.ID, err)
	}
	return page.Attach(rw, "application/json", logName(p)+".json", append(body, '\n'))
}

// logName is the name of a saved log, without its ending.
func logName(p *page.Page) string {
	s := p.Data.(*logPage).Log.Session
	return "consento-" + s.IssuedAt.UTC().Format("2006-01-02") + "-" + s.ID[:min(8, len(s.ID))]
}

// openLog takes the way to the log that the help program showed in its last
// window. It works once, because it makes this browser the customer's.
func (w *Web) openLog(rw http.ResponseWriter, r *http.Request) error {
	ticket := r.PathValue("ticket")
	if r.Method != http.MethodGet || len(ticket) > maxCustomerCookie {
		return w.NotFound(rw, r)
	}
	// Who is in another session in this browser meanwhile is not thrown out of it.
	if id, ok := w.cookies.session(r); ok {
		if mine := strings.HasPrefix(ticket, id+"."); mine {
			http.Redirect(rw, r, "/session/log", http.StatusSeeOther)
			return nil
		}
		if s, err := w.sessions.Snapshot(r.Context(), id); err == nil && !s.State.Over() {
			http.Redirect(rw, r, "/session", http.StatusSeeOther)
			return nil
		}
	}
	id, err := w.sessions.OpenLog(r.Context(), ticket)
	if errors.Is(err, session.ErrKey) {
		w.Problem(rw, r, http.StatusNotFound, "log.ticket")
		return nil
	}
	if err != nil {
		return err
	}
	w.cookies.set(rw, id)
	http.Redirect(rw, r, "/session/log", http.StatusSeeOther)
	return nil
}
