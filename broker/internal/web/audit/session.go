package audit

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/evidence"
	"consento/broker/internal/ops"
	"consento/broker/internal/web/page"
	"consento/broker/internal/web/player"
)

// grantCookie carries the grant of one session; its path keeps it to that session.
const grantCookie = "__Secure-consento-viewing"

// recordingPage is the data of the templates "audit-session", "audit-play" and
// "audit-files".
type recordingPage struct {
	Account  access.Account
	Row      recordingRow
	ID       string
	Until    string // that it is kept; "": it is not any more
	Gone     string // when its keys were destroyed
	Holds    []string
	Parts    []partRow
	Readable bool // some segment can be read, or its log
	Erased   []string
	LogKept  string // how long the log stays; "": it does not
	Stamped  bool   // an outside clock has seen its end
	Verdict  verdictStrip
	Reason   string // as it was typed
	Wrong    string
	Max      int
	Play     playData
	// What the template "unlock" says, and the keys that it offers.
	UnlockHow   string
	Keys        []playKey
	Decisions   bool          // there are pages of retention and holds
	Shares      bool          // there is a page of copies and shares
	Whom        []page.Option // whom a part can be shared with; none: there is no form
	ShareTracks []page.Option
}

type partRow struct {
	Number               int
	Size                 string
	Final, Bag, Shredded bool
	Purged, Log          bool
}

// verdictStrip is a verdict in words.
type verdictStrip struct {
	State   evidence.State
	Title   string
	Reasons []string
	Stores  string
	Checked string
}

// playData is what the player's script is given; its texts come with it.
type playData struct {
	ID       string            `json:"id"`
	Segments []playSegment     `json:"segments"`
	Keys     []playKey         `json:"keys"`
	Texts    map[string]string `json:"texts"`
	Report   playReport        `json:"report"`
}

type playSegment struct {
	Number int   `json:"number"`
	Bytes  int64 `json:"bytes"`
	Bag    bool  `json:"bag"`
	Log    bool  `json:"log"` // keys of its events, where there is no bag any more
}

type playKey struct {
	ID       string        `json:"id"`
	Name     string        `json:"name"`
	Wrapped  string        `json:"wrapped"`
	Passkeys []playPasskey `json:"passkeys"`
}

// playPasskey is one way to unlock a key beside the passphrase.
type playPasskey struct {
	Credential string `json:"credential"`
	Wrapped    string `json:"wrapped"`
}

// playReport is what a report says besides what stands in the recording.
type playReport struct {
	Office     string         `json:"office"`
	Auditor    string         `json:"auditor"`
	Technician string         `json:"technician"`
	Team       string         `json:"team"`
	Verdict    evidence.State `json:"verdict"`
	Reasons    []string       `json:"reasons"`
}

// recordingOf reads what every page about one session says.
func (ps *Pages) recordingOf(r *http.Request, by access.Account, p *page.Page) (recordingPage, evidence.Recording, error) {
	id := r.PathValue("id")
	rec, err := ps.evidence.Session(r.Context(), by, id)
	if err != nil {
		return recordingPage{}, rec, err
	}
	verdict, err := ps.evidence.Verdict(r.Context(), by, id)
	if err != nil {
		return recordingPage{}, rec, err
	}
	data := recordingPage{Account: by, Row: rowOf(p, rec.Summary), ID: id, Max: evidence.MaxReason, Verdict: stripOf(p, verdict), Stamped: !verdict.Before.IsZero(), Decisions: ps.decisions != nil, Shares: ps.shares != nil}
	if data.Gone = gone(p, rec.Erased); data.Gone == "" && !rec.Until.IsZero() {
		data.Until = page.Day(p, rec.Until.UTC())
	}
	for _, h := range rec.Holds {
		data.Holds = append(data.Holds, p.T("audit.hold", "name", page.Isolate(h.By), "date", page.Day(p, h.Since.UTC())))
	}
	for _, s := range rec.Parts {
		data.Parts = append(data.Parts, partRow{Number: s.Number, Size: page.Size(s.Bytes), Final: s.Final, Bag: s.Bag, Shredded: s.Shredded, Purged: s.Purged, Log: s.Log})
		data.Readable = data.Readable || s.Bag && !s.Shredded || s.Log
	}
	for _, e := range rec.Erased {
		row := erasureOf(p, e)
		data.Erased = append(data.Erased, row.Asked+" "+row.Outcome)
	}
	if rec.LogKept {
		data.LogKept = p.T("audit.log_kept")
		if !rec.LogUntil.IsZero() {
			data.LogKept = p.T("audit.log_kept_until", "date", page.Day(p, rec.LogUntil.UTC()))
		}
	}
	return data, rec, nil
}

// stripOf says a verdict in words. A finding without words is shown by its code:
// nothing is left out.
func stripOf(p *page.Page, v evidence.Verdict) verdictStrip {
	s := verdictStrip{State: v.State, Title: p.T("audit.verdict." + string(v.State)), Checked: p.T("audit.checked", "time", page.Minute(p, v.Checked))}
	for _, reason := range v.Reasons {
		key, pairs := "audit.reason."+reason.Code, []string{"code", reason.Code, "segment", strconv.Itoa(reason.Segment)}
		for name, value := range reason.Values {
			pairs = append(pairs, name, page.Isolate(value))
		}
		if !p.Has(key) {
			key = "audit.reason.unknown"
		}
		said := p.T(key, pairs...)
		if reason.To > 0 {
			said += " " + p.T("audit.range", "from", clockOf(reason.From), "to", clockOf(reason.To))
		}
		s.Reasons = append(s.Reasons, said)
	}
	witness := v.Witness
	if witness != "embedded" && witness != "independent" {
		witness = "none"
	}
	s.Stores = p.T("audit.witness." + witness)
	switch {
	case v.Stores > 1 && v.Hosts > 1:
		s.Stores += " " + p.T("audit.stores.apart")
	case v.Stores > 1:
		s.Stores += " " + p.T("audit.stores.together")
	default:
		s.Stores += " " + p.T("audit.stores.one")
	}
	switch {
	case v.Clock == nil:
	case !v.Before.IsZero():
		s.Stores += " " + p.T("audit.clock.before", "time", page.Minute(p, v.Before.Add(time.Minute-1)))
	case v.Clock.Late:
		s.Stores += " " + p.T("audit.clock.late")
	default:
		s.Stores += " " + p.T("audit.clock.waits")
	}
	return s
}

func (ps *Pages) showRecording(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	p := ps.NewPage(r, "audit.session.title")
	data, _, err := ps.recordingOf(r, by, p)
	if err != nil {
		return err
	}
	p.Data = data
	return ps.Show(rw, http.StatusOK, "audit-session", p)
}

// backToRecording leads from the address of a form to its page.
func backToRecording(rw http.ResponseWriter, r *http.Request, _ access.Account) error {
	http.Redirect(rw, r, "/audit/sessions/"+url.PathEscape(r.PathValue("id")), http.StatusSeeOther)
	return nil
}

// view states a viewing, and leads to what it opens.
func (ps *Pages) view(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	id, how := r.PathValue("id"), values.Get("how")
	if !slices.Contains(ViewWays(), how) {
		return page.ErrForm
	}
	reason, err := ops.CleanLine(values.Get("reason"), evidence.MaxReason)
	if err != nil || len([]rune(reason)) < 3 {
		p := ps.NewPage(r, "audit.session.title")
		data, _, err := ps.recordingOf(r, by, p)
		if err != nil {
			return err
		}
		data.Reason, data.Wrong = page.Limited(values.Get("reason"), 4*evidence.MaxReason), p.T("audit.why.wrong")
		p.Error, p.Data = data.Wrong, data
		return ps.Show(rw, http.StatusUnprocessableEntity, "audit-session", p)
	}
	grant, err := ps.evidence.View(r.Context(), by, id, reason, how)
	if err != nil {
		return err
	}
	base := "/audit/sessions/" + url.PathEscape(id) + "/"
	http.SetCookie(rw, &http.Cookie{Name: grantCookie, Value: grant, Path: base, MaxAge: int(GrantTime.Seconds()),
		Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode})
	switch how {
	case "page":
		http.Redirect(rw, r, base+"play", http.StatusSeeOther)
	case "download":
		http.Redirect(rw, r, base+"files", http.StatusSeeOther)
	default: // the player asked, and goes on by itself
		rw.WriteHeader(http.StatusNoContent)
	}
	return nil
}

// grantOf is the grant that the browser holds for this session.
func grantOf(r *http.Request) string {
	if c, err := r.Cookie(grantCookie); err == nil {
		return page.Limited(c.Value, 128)
	}
	return ""
}

// granted reports whether the viewing that the browser speaks of still holds: the
// page of who comes back after a restart would stay empty otherwise.
func (ps *Pages) granted(r *http.Request, by access.Account, rec evidence.Recording) error {
	if len(rec.Parts) == 0 {
		return evidence.ErrNotFound
	}
	f, _, err := ps.evidence.Segment(r.Context(), by, grantOf(r), rec.ID, rec.Parts[0].Number)
	if err != nil {
		return err
	}
	return f.Close()
}

// play serves the player.
func (ps *Pages) play(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	p := ps.NewPage(r, "audit.play.title")
	data, rec, err := ps.recordingOf(r, by, p)
	if err != nil {
		return err
	}
	if err := ps.granted(r, by, rec); err != nil {
		return err
	}
	keys, err := ps.lockedKeys(r, by)
	if err != nil {
		return err
	}
	data.Play = playData{ID: rec.ID, Segments: []playSegment{}, Keys: keys, Texts: player.Texts(p),
		Report: playReport{Office: p.Office.Name, Auditor: by.Name, Technician: rec.Technician, Team: rec.Team,
			Verdict: data.Verdict.State, Reasons: data.Verdict.Reasons}}
	for _, s := range rec.Parts {
		data.Play.Segments = append(data.Play.Segments, playSegment{Number: s.Number, Bytes: s.Bytes, Bag: s.Bag && !s.Shredded, Log: s.Log})
	}
	data.UnlockHow, data.Keys = p.T("audit.play.unlock_how"), data.Play.Keys
	if ps.sharing != nil {
		if data.Whom, err = ps.addresseesOf(r, p); err != nil {
			return err
		}
		for _, t := range []int{0, 1, 2, 3, 4, 5, 6, 8, 9} { // not 7: what auditors search by is theirs
			name := strconv.Itoa(t)
			data.ShareTracks = append(data.ShareTracks, page.Option{Value: name, Label: p.T("audit.track." + name), Chosen: t == player.VideoTrack || t == 6})
		}
	}
	p.Data = data
	rw.Header().Set("Content-Security-Policy", page.ConsolePolicy)
	return ps.Show(rw, http.StatusOK, "audit-play", p)
}

// showFiles is where who stated a download finds the files.
func (ps *Pages) showFiles(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	p := ps.NewPage(r, "audit.files.title")
	data, rec, err := ps.recordingOf(r, by, p)
	if err != nil {
		return err
	}
	if err := ps.granted(r, by, rec); err != nil {
		return err
	}
	p.Data = data
	return ps.Show(rw, http.StatusOK, "audit-files", p)
}
