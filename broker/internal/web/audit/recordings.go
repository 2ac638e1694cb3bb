package audit

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/evidence"
	"consento/broker/internal/web/page"
	"consento/broker/internal/web/player"
	"consento/protocol"
)

// Evidence is what the auditor's pages ask about recordings. Every method checks
// the right of who asks, with the session's scope, and returns evidence.ErrNotFound,
// ErrForbidden, ErrGrant or ErrShredded for what is not to be had.
type Evidence interface {
	Sessions(ctx context.Context, by access.Account, q evidence.Query) (evidence.Page, error)
	Session(ctx context.Context, by access.Account, id string) (evidence.Recording, error)
	Verdict(ctx context.Context, by access.Account, id string) (evidence.Verdict, error)
	// View states a viewing: it is on the log, durably, before View returns. how is
	// one of ViewWays. The grant opens this session to this account for GrantTime.
	View(ctx context.Context, by access.Account, id, reason, how string) (grant string, err error)
	// Segment opens the bytes of a segment, and says when they changed last.
	Segment(ctx context.Context, by access.Account, grant, id string, n int) (io.ReadSeekCloser, time.Time, error)
	Bag(ctx context.Context, by access.Account, grant, id string, n int) ([]byte, error)
	LogKeys(ctx context.Context, by access.Account, grant, id string, n int) ([]byte, error)
	// Proof needs no grant: there is no content in it.
	Proof(ctx context.Context, by access.Account, id string) ([]byte, error)
	Timestamp(ctx context.Context, by access.Account, id string) ([]byte, error)
	// Trail is for auditors and the data-protection officer, as is what is sealed
	// beside its entries.
	Trail(ctx context.Context, by access.Account, q evidence.TrailQuery) (evidence.Trail, error)
	SealedBody(ctx context.Context, by access.Account, body string) ([]byte, error)
}

// Keys keeps the keys that auditors' browsers made.
type Keys interface {
	AuditorKeys(ctx context.Context, by access.Account) ([]access.AuditorKey, error)
	AddAuditorKey(ctx context.Context, by access.Account, n access.NewAuditorKey) (access.AuditorKey, error)
	RemoveAuditorKey(ctx context.Context, by access.Account, id string) error
	RelockAuditorKey(ctx context.Context, by access.Account, id, wrapped string) error
	AddPasskey(ctx context.Context, by access.Account, key string, n access.NewPasskey) error
	RemovePasskey(ctx context.Context, by access.Account, key, credential string) error
}

// GrantTime is how long a stated viewing lasts.
const GrantTime = 8 * time.Hour

// ViewWays are the ways in which content leaves the broker, as they stand on the log.
func ViewWays() []string { return []string{"page", "download", "export"} }

// auditRoutes lists the auditor's addresses.
func (ps *Pages) auditRoutes() []page.Route {
	auditor, trail := ps.forAuditors, ps.forTrail
	return []page.Route{
		page.At("/audit", page.RedirectTo("/audit/")),
		page.At("/audit/{$}", auditor(ps.listRecordings)),
		page.At("/audit/keys", trail(ps.showKeys), trail(ps.changeKeys)),
		page.At("/audit/trail", trail(ps.showTrail)),
		page.At("/audit/trail/sealed/{body}", trail(ps.giveSealed)),
		page.At("/audit/sessions/{id}", auditor(ps.showRecording)),
		page.At("/audit/sessions/{id}/view", auditor(backToRecording), auditor(ps.view)).Back("/audit/sessions/{id}"),
		page.At("/audit/sessions/{id}/play", auditor(ps.play)),
		page.At("/audit/sessions/{id}/files", auditor(ps.showFiles)),
		page.At("/audit/sessions/{id}/segments/{n}", auditor(ps.giveAudited(player.Whole))).Slowly(), // over a slow line
		page.At("/audit/sessions/{id}/index/{n}", auditor(ps.giveAudited(player.Index(ps.Log)))).Slowly(),
		page.At("/audit/sessions/{id}/records/{n}", auditor(ps.giveAudited(player.Records(ps.Log)))).Slowly(),
		page.At("/audit/sessions/{id}/bags/{n}", auditor(ps.giveBag)),
		page.At("/audit/sessions/{id}/logs/{n}", auditor(ps.giveLogKeys)),
		page.At("/audit/sessions/{id}/proof", auditor(ps.giveProof)),
		page.At("/audit/sessions/{id}/timestamp", auditor(ps.giveTimestamp)),
	}
}

// forAuditors is a page that only auditors get, forTrail one for who may read the trail.
func (ps *Pages) forAuditors(do page.StaffAction) page.Ruled {
	return ps.May(ps.auditTold(do), access.ReadEvidence)
}
func (ps *Pages) forTrail(do page.StaffAction) page.Ruled {
	return ps.May(ps.auditTold(do), access.ReadTrail)
}

// auditTold is do with what auditors are told when something is not to be had.
func (ps *Pages) auditTold(do page.StaffAction) page.StaffAction {
	return func(rw http.ResponseWriter, r *http.Request, by access.Account) error {
		return ps.auditProblem(rw, r, do(rw, r, by))
	}
}

// auditProblem answers what auditors are told when something is not to be had.
func (ps *Pages) auditProblem(rw http.ResponseWriter, r *http.Request, err error) error {
	for _, known := range []struct {
		err    error
		status int
		what   string
	}{
		{evidence.ErrNotFound, http.StatusNotFound, "audit.problem.missing"},
		{evidence.ErrForbidden, http.StatusForbidden, "audit.problem.own"},
		{evidence.ErrGrant, http.StatusForbidden, "audit.problem.grant"},
		{evidence.ErrShredded, http.StatusGone, "audit.problem.shredded"},
		{evidence.ErrHeld, http.StatusConflict, "audit.problem.held"},
		{evidence.ErrSameRole, http.StatusForbidden, "audit.problem.same_role"},
		{evidence.ErrDecided, http.StatusConflict, "audit.problem.decided"},
		{evidence.ErrGoesOn, http.StatusConflict, "audit.problem.goes_on"},
		{evidence.ErrNoProof, http.StatusNotFound, "audit.problem.no_proof"},
	} {
		if errors.Is(err, known.err) {
			p := ps.NewPage(r, known.what+".title")
			back := "/audit/"
			if strings.HasPrefix(r.URL.Path, "/audit/retention") {
				back = "/audit/retention"
			} else if id := r.PathValue("id"); id != "" && known.err != evidence.ErrNotFound {
				back += "sessions/" + url.PathEscape(id)
			}
			p.Data = auditProblemPage{Body: p.T(known.what + ".body"), Back: back}
			return ps.Show(rw, known.status, "audit-problem", p)
		}
	}
	return err
}

type auditProblemPage struct{ Body, Back string }

// recordingsPage is the data of the template "audit".
type recordingsPage struct {
	Account    access.Account
	Filter     url.Values
	Filtered   bool
	Wrong      string
	Found      string
	Teams      []page.Option
	Reasons    []page.Option
	Tests, Has []page.Option
	Rows       []recordingRow
	Alone      string // all of it lies on one machine; "": it does not
	Page       int
	Steps      []guardStep // what auditors have to set up; none: it is done
	// Unguarded: recordings are made that nobody reads once the auditors' keys are lost.
	Unguarded bool
	Newer     string // addresses of the pages beside this one, "" none
	Older     string
}

// recordingRow is one session in words.
type recordingRow struct {
	ID, Short, Started, Length, Team, Technician, Ended, Size, Verdict string
	State                                                              evidence.State
	LogKept                                                            bool // its recording is erased
	Test, Held, Shredded, Live                                         bool
	Ticket                                                             string // number of the ticket that it belongs to; "": none
	Has                                                                []string
}

func (ps *Pages) listRecordings(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	p := ps.NewPage(r, "audit.title")
	filter := r.URL.Query()
	q, wrong := recordingsQuery(filter)
	status := http.StatusOK
	if wrong != "" {
		p.Error, status = p.T("audit.filter.wrong."+wrong), http.StatusUnprocessableEntity
	}
	data := recordingsPage{Account: by, Filter: filter, Wrong: wrong, Page: q.Page}
	found, err := evidence.Page{}, error(nil)
	if wrong == "" {
		if found, err = ps.evidence.Sessions(r.Context(), by, q); err != nil {
			return err
		}
	}
	data.Found = p.Count("sessions", found.Total)
	filter.Del("page")
	filter.Del("lang")
	for _, values := range filter {
		data.Filtered = data.Filtered || slices.ContainsFunc(values, func(v string) bool { return v != "" })
	}
	data.Newer, data.Older = pagesBeside("/audit/", filter, q.Page, found.Total)
	if q.Team != "" && !slices.Contains(found.Teams, q.Team) {
		found.Teams = append(found.Teams, q.Team)
	}
	for _, t := range found.Teams {
		data.Teams = append(data.Teams, page.Option{Value: t, Label: t, Chosen: t == q.Team})
	}
	for _, e := range protocol.EndReasons() {
		data.Reasons = append(data.Reasons, page.Option{Value: string(e), Label: p.T("audit.end." + string(e)), Chosen: e == q.Ended})
	}
	for _, t := range []string{"without", "only"} {
		data.Tests = append(data.Tests, page.Option{Value: t, Label: p.T("audit.filter.tests." + t), Chosen: t == q.Tests})
	}
	for _, h := range []evidence.HeldContent{evidence.HasVideo, evidence.HasChat, evidence.HasShell, evidence.HasFiles} {
		data.Has = append(data.Has, page.Option{Value: string(h), Label: p.T("audit.has." + string(h)), Chosen: slices.Contains(q.Has, h)})
	}
	for _, s := range found.Sessions {
		data.Rows = append(data.Rows, rowOf(p, s))
	}
	switch found.Witness {
	case "none":
		data.Alone = p.T("audit.storage.places.none")
	case "embedded":
		data.Alone = p.T("audit.storage.places.one")
	}
	data.Unguarded = ps.Unguarded()
	if data.Steps, err = ps.guardSteps(r, by, p); err != nil {
		return err
	}
	p.Data = data
	return ps.Show(rw, status, "audit", p)
}

// recordingsQuery reads the filter; wrong names a field that makes no sense.
func recordingsQuery(v url.Values) (q evidence.Query, wrong string) {
	q.Page = 1
	if text := v.Get("page"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 1_000_000 {
			return q, "page"
		}
		q.Page = n
	}
	for _, f := range []struct {
		name string
		to   *time.Time
		add  int
	}{{"from", &q.From, 0}, {"to", &q.To, 1}} {
		text := v.Get(f.name)
		if text == "" {
			continue
		}
		day, err := time.Parse(time.DateOnly, text)
		if err != nil || day.Year() < 1970 || day.Year() > 9000 {
			return q, f.name
		}
		*f.to = day.AddDate(0, 0, f.add) // the last day belongs to it
	}
	q.ID = strings.ToLower(strings.TrimSpace(v.Get("id")))
	if len(q.ID) > 32 || strings.Trim(q.ID, "0123456789abcdef") != "" {
		return q, "id"
	}
	if q.Ticket, wrong = ticketNumber(v.Get("ticket")); wrong != "" {
		return q, wrong
	}
	q.Team, q.Technician = page.Limited(v.Get("team"), 400), page.Limited(strings.TrimSpace(v.Get("technician")), 400)
	if e := protocol.EndReason(v.Get("ended")); e.Valid() {
		q.Ended = e
	}
	if t := v.Get("tests"); t == "only" || t == "without" {
		q.Tests = t
	}
	for _, h := range []evidence.HeldContent{evidence.HasVideo, evidence.HasChat, evidence.HasShell, evidence.HasFiles} {
		if slices.Contains(v["has"], string(h)) {
			q.Has = append(q.Has, h)
		}
	}
	return q, ""
}

// ticketNumber reads how the number of a ticket begins: T-7KQ4PZ, or 7kq4 as people type it.
func ticketNumber(typed string) (number, wrong string) {
	number = strings.ToUpper(strings.Join(strings.Fields(typed), ""))
	if number != "" && number != "T" && !strings.HasPrefix(number, "T-") {
		number = "T-" + number
	}
	if rest, _ := strings.CutPrefix(number, "T-"); len(number) > len("T-7KQ4PZ") || strings.Trim(rest, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return "", "ticket"
	}
	return number, ""
}

func rowOf(p *page.Page, s evidence.Summary) recordingRow {
	row := recordingRow{ID: s.ID, Short: s.ID[:min(8, len(s.ID))], Started: page.Minute(p, s.Started), Team: s.Team, Technician: s.Technician,
		Test: s.Test, Held: s.Held, Shredded: s.Shredded, LogKept: s.LogKept, Live: s.Ended.IsZero(), State: s.Verdict, Size: page.Size(s.Bytes), Ticket: s.Ticket}
	if row.Live {
		row.Length = p.T("audit.live")
	} else {
		row.Length = clockOf(s.Ended.Sub(s.Started))
	}
	if s.Reason.Valid() {
		row.Ended = p.T("audit.end." + string(s.Reason))
	}
	if s.Verdict != "" {
		row.Verdict = p.T("audit.state." + string(s.Verdict))
	}
	for _, h := range s.Has {
		row.Has = append(row.Has, p.T("audit.has."+string(h)))
	}
	return row
}

// clockOf writes a length as 9:58 or 1:02:03.
func clockOf(d time.Duration) string {
	s := int(max(0, d).Round(time.Second).Seconds())
	two := func(n int) string { return strconv.Itoa(n + 100)[1:] }
	if s >= 3600 {
		return strconv.Itoa(s/3600) + ":" + two(s/60%60) + ":" + two(s%60)
	}
	return strconv.Itoa(s/60) + ":" + two(s%60)
}
