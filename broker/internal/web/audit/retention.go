package audit

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"consento/broker/internal/access"
	"consento/broker/internal/evidence"
	"consento/broker/internal/web/page"
	"consento/protocol/lang"
	"consento/recordings/translog"
)

// maxPicks bounds what is decided about at once.
const maxPicks = 200

// retentionPage is the data of the templates "audit-retention" and "audit-sure".
type retentionPage struct {
	Account access.Account
	Said    string
	Refused []string // what was not done, and why

	Breaches string // that suspected data breaches wait, "" if none does

	Waiting []erasureRow // for this person's decision
	Asked   []erasureRow // for the other role's
	Decided []erasureRow
	Due     []recordingRow
	Held    []subjectRow

	// Of the page that asks once more:
	Step          string // ask, decide
	Chosen        []chosenRow
	Lost          string
	MayKeep, Keep bool // their logs may stay; that is chosen
	Why           string
	Wrong         map[string]string
	Max           int
	Days          string
}

type erasureRow struct {
	ID, Session, Short, Started, Technician, Team, Asked, Outcome string
}

// erasureRows is the data of the template "erasures".
type erasureRows struct {
	lang.Texts
	Rows []erasureRow
	ID   string // of the heading
	Pick bool   // they can be chosen
}

func rowsOf(p *page.Page, rows []erasureRow, id string, pick bool) erasureRows {
	return erasureRows{p.Texts, rows, id, pick}
}

type subjectRow struct {
	recordingRow
	Until string
}

// chosenRow is a session that somebody is about to decide about: Pick is posted.
type chosenRow struct{ Pick, Session, Short, Started, Technician, Team, Scope string }

func (ps *Pages) showRetention(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	said := ""
	switch s := r.URL.Query().Get("said"); s {
	case "asked", "approved", "refused":
		said = "audit.retention.said." + s
	}
	return ps.retention(rw, r, by, http.StatusOK, said, "", nil)
}

// retention shows the lists.
func (ps *Pages) retention(rw http.ResponseWriter, r *http.Request, by access.Account, status int, said, wrong string, refused []string) error {
	p := ps.NewPage(r, "audit.retention.title")
	data := retentionPage{Account: by, Refused: refused, Days: p.Count("days", p.Office.RecordingDays)}
	if said != "" {
		data.Said = p.T(said)
	}
	if wrong != "" {
		p.Error = p.T(wrong)
	}
	erasures, err := ps.decisions.Erasures(r.Context(), by)
	if err != nil {
		return err
	}
	for _, e := range erasures {
		row := erasureOf(p, e)
		switch {
		case !e.Decided.IsZero():
			data.Decided = append(data.Decided, row)
		case e.AskedRole == string(by.Role):
			data.Asked = append(data.Asked, row)
		default:
			data.Waiting = append(data.Waiting, row)
		}
	}
	due, err := ps.decisions.Due(r.Context(), by)
	if err != nil {
		return err
	}
	for _, s := range due {
		data.Due = append(data.Due, rowOf(p, s))
	}
	held, err := ps.decisions.Held(r.Context(), by)
	if err != nil {
		return err
	}
	for _, s := range held {
		data.Held = append(data.Held, subjectRow{rowOf(p, s.Summary), until(p, s)})
	}
	if data.Breaches, err = ps.breachNotice(r, p, by); err != nil {
		return err
	}
	p.Data = data
	return ps.Show(rw, status, "audit-retention", p)
}

func until(p *page.Page, s evidence.Subject) string {
	if s.Until.IsZero() || gone(p, s.Erasures) != "" {
		return ""
	}
	return page.Day(p, s.Until)
}

// gone is when the keys of a recording were destroyed here; "": they were not. Its log
// may have been erased later, by another decision.
func gone(p *page.Page, erasures []evidence.Erasure) string {
	first := ""
	for _, e := range erasures { // the newest first
		if !e.Here.IsZero() {
			first = page.Minute(p, e.Here)
		}
	}
	return first
}

// witnessNames lists witnesses as the storage page calls them.
func witnessNames(p *page.Page, names []string) string {
	said := make([]string, len(names))
	for i, name := range names {
		if said[i] = page.Isolate(name); name == translog.EmbeddedWitness {
			said[i] = p.T("audit.storage.witness.embedded")
		}
	}
	return strings.Join(said, ", ")
}

func erasureOf(p *page.Page, e evidence.Erasure) erasureRow {
	row := erasureRow{ID: e.ID, Session: e.Session, Short: e.Session[:min(8, len(e.Session))], Started: page.Minute(p, e.Started), Technician: e.Technician, Team: e.Team,
		Asked: p.T("audit.retention.asked_by", "name", page.Isolate(e.AskedBy), "role", p.T("signin.role."+e.AskedRole), "time", page.Minute(p, e.Asked))}
	switch {
	case e.Decided.IsZero():
		other := map[string]string{"auditor": "dpo", "dpo": "auditor"}[e.AskedRole]
		row.Outcome = p.T("audit.retention.waits."+other, "role", p.T("signin.role."+other))
	case !e.Approved:
		row.Outcome = p.T("audit.retention.outcome.refused", "name", page.Isolate(e.DecidedBy), "time", page.Minute(p, e.Decided))
	case e.Done.IsZero() && !e.Here.IsZero() && len(e.Waits) > 0:
		row.Outcome = p.T("audit.retention.outcome.elsewhere", "name", page.Isolate(e.DecidedBy), "time", page.Minute(p, e.Here), "witness", witnessNames(p, e.Waits))
	case e.Done.IsZero():
		row.Outcome = p.T("audit.retention.outcome.under_way", "name", page.Isolate(e.DecidedBy), "time", page.Minute(p, e.Decided))
	default:
		row.Outcome = p.T("audit.retention.outcome.done", "name", page.Isolate(e.DecidedBy), "time", page.Minute(p, e.Done))
	}
	if e.Log {
		row.Asked += " " + p.T("audit.retention.scope.contents")
	}
	return row
}

// picks reads a form in which many may be chosen.
func picks(r *http.Request) (url.Values, []string, error) {
	if err := r.ParseForm(); err != nil {
		return nil, nil, page.ErrForm
	}
	chosen := slices.Compact(slices.Sorted(slices.Values(r.PostForm["pick"])))
	if len(chosen) > maxPicks || len(r.PostForm) > page.MaxFields {
		return nil, nil, page.ErrForm
	}
	for name, values := range r.PostForm {
		if name != "pick" && len(values) != 1 {
			return nil, nil, page.ErrForm
		}
	}
	return r.PostForm, chosen, nil
}

// stated reports whether a reason is one that package evidence takes.
func stated(why string) bool {
	n := utf8.RuneCountInString(strings.TrimSpace(why))
	return n >= 3 && n <= evidence.MaxReason && utf8.ValidString(why)
}

// changeRetention asks once more about what was chosen, and then does it.
func (ps *Pages) changeRetention(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	values, chosen, err := picks(r)
	if err != nil {
		return err
	}
	step := values.Get("step")
	if !slices.Contains([]string{"review_ask", "review_decide", "ask", "approve", "refuse"}, step) {
		return page.ErrForm
	}
	if len(chosen) == 0 {
		return ps.retention(rw, r, by, http.StatusUnprocessableEntity, "", "audit.retention.none_chosen", nil)
	}
	if step == "review_ask" || step == "review_decide" {
		return ps.sure(rw, r, by, step[len("review_"):], chosen, values, nil)
	}
	p := ps.NewPage(r, "audit.retention.title")
	wrong := map[string]string{}
	if !stated(values.Get("why")) {
		wrong["why"] = p.T("audit.why.wrong")
	}
	if step == "approve" && values.Get("sure") != "yes" {
		wrong["sure"] = p.T("audit.retention.sure.wrong")
	}
	if len(wrong) > 0 {
		return ps.sure(rw, r, by, map[string]string{"ask": "ask", "approve": "decide", "refuse": "decide"}[step], chosen, values, wrong)
	}
	var refused []string
	for _, id := range chosen {
		if step == "ask" {
			err = ps.decisions.AskErasure(r.Context(), by, id, values.Get("why"), values.Get("log") == "keep")
		} else {
			err = ps.decisions.DecideErasure(r.Context(), by, id, step == "approve", values.Get("why"))
		}
		said, known := refusal(p, err)
		if !known {
			return err
		}
		if said != "" {
			refused = append(refused, p.T("audit.retention.not_done", "session", id[:min(8, len(id))], "why", said))
		}
	}
	if len(refused) > 0 {
		return ps.retention(rw, r, by, http.StatusConflict, "", "audit.retention.some_not_done", refused)
	}
	said := map[string]string{"ask": "asked", "approve": "approved", "refuse": "refused"}[step]
	http.Redirect(rw, r, "/audit/retention?said="+said, http.StatusSeeOther)
	return nil
}

// refusal says in words why something was not done; "" for no error.
func refusal(p *page.Page, err error) (said string, known bool) {
	if err == nil {
		return "", true
	}
	for _, r := range []struct {
		err error
		key string
	}{{evidence.ErrHeld, "held"}, {evidence.ErrSameRole, "same_role"}, {evidence.ErrDecided, "decided"}, {evidence.ErrGoesOn, "goes_on"},
		{evidence.ErrNotFound, "missing"}, {evidence.ErrForbidden, "own"}} {
		if errors.Is(err, r.err) {
			return p.T("audit.problem." + r.key + ".body"), true
		}
	}
	return "", false
}

// sure shows what was chosen, and says what is lost for ever.
func (ps *Pages) sure(rw http.ResponseWriter, r *http.Request, by access.Account, step string, chosen []string, values url.Values, wrong map[string]string) error {
	p := ps.NewPage(r, "audit.retention."+step+".title")
	data := retentionPage{Account: by, Step: step, Why: page.Limited(values.Get("why"), 4*evidence.MaxReason), Wrong: wrong, Max: evidence.MaxReason}
	status := http.StatusOK
	for _, field := range []string{"sure", "why"} {
		if wrong[field] != "" {
			p.Error, status = wrong[field], http.StatusUnprocessableEntity
		}
	}
	of := map[string]string{} // erasure: session
	logs := map[string]bool{} // of these the log is to stay
	if step == "decide" {
		all, err := ps.decisions.Erasures(r.Context(), by)
		if err != nil {
			return err
		}
		for _, e := range all {
			of[e.ID], logs[e.Session] = e.Session, e.Log && e.Decided.IsZero()
		}
	}
	for _, pick := range chosen {
		id := pick
		if step == "decide" {
			id = of[pick]
		}
		s, err := ps.decisions.Subject(r.Context(), by, id)
		if err != nil {
			return err
		}
		row := rowOf(p, s.Summary)
		chosen := chosenRow{Pick: pick, Session: id, Short: row.Short, Started: row.Started, Technician: row.Technician, Team: row.Team}
		if logs[id] {
			chosen.Scope = p.T("audit.retention.scope.contents")
		}
		data.Chosen = append(data.Chosen, chosen)
		data.MayKeep = data.MayKeep || step == "ask" && s.LogApart && !s.Shredded
	}
	data.Keep = values.Get("log") != "erase"
	data.Lost = p.Count("sessions", len(chosen))
	p.Data = data
	return ps.Show(rw, status, "audit-sure", p)
}

// subjectPage is the data of the template "audit-subject".
type subjectPage struct {
	Account  access.Account
	ID       string
	Row      recordingRow
	Until    string // that it is kept; "": it is not any more
	Gone     string // when its keys were destroyed
	Holds    []string
	Erasures []erasureRow
	MayAsk   bool

	Confirm   bool // a preliminary hold waits for this role
	Confirmed bool // none that lapses

	Why   string
	Wrong string
	Max   int
	Watch bool
	Said  string
}

// findSubject leads from a number that somebody was told to its page.
func findSubject(rw http.ResponseWriter, r *http.Request, _ access.Account) error {
	id := strings.ToLower(strings.TrimSpace(r.URL.Query().Get("id")))
	if len(id) != 32 {
		return evidence.ErrNotFound
	}
	http.Redirect(rw, r, "/audit/retention/"+url.PathEscape(id), http.StatusSeeOther)
	return nil
}

func (ps *Pages) showSubject(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	said := r.URL.Query().Get("said")
	if said != "held" && said != "released" && said != "confirmed" {
		said = ""
	}
	return ps.subject(rw, r, by, http.StatusOK, said, "", "")
}

func (ps *Pages) subject(rw http.ResponseWriter, r *http.Request, by access.Account, status int, said, why, wrong string) error {
	s, err := ps.decisions.Subject(r.Context(), by, r.PathValue("id"))
	if err != nil {
		return err
	}
	p := ps.NewPage(r, "audit.retention.subject.title")
	data := subjectPage{Account: by, ID: s.ID, Row: rowOf(p, s.Summary), Until: until(p, s), Gone: gone(p, s.Erasures), Why: why, Max: evidence.MaxReason, Watch: page.ReadsEvidence(by),
		MayAsk: !s.Ended.IsZero() && len(s.Holds) == 0}
	if said != "" {
		data.Said = p.T("audit.retention.said." + said)
	}
	if wrong != "" {
		data.Wrong = p.T(wrong)
		p.Error = data.Wrong
	}
	for _, h := range s.Holds {
		data.Holds = append(data.Holds, holdSaid(p, h))
		mine := map[access.Role]string{access.Auditor: h.Auditor, access.DPO: h.DPO}[by.Role]
		data.Confirm = data.Confirm || !h.Until.IsZero() && mine == ""
		data.Confirmed = data.Confirmed || h.Until.IsZero()
	}
	data.Confirmed = data.Confirmed || len(s.Holds) == 0
	for _, e := range s.Erasures {
		data.Erasures = append(data.Erasures, erasureOf(p, e))
		data.MayAsk = data.MayAsk && !e.Decided.IsZero() && (!e.Approved || e.Log && s.LogKept)
	}
	p.Data = data
	return ps.Show(rw, status, "audit-subject", p)
}

// holdSaid says who put a hold, and what becomes of one that the broker put by itself.
func holdSaid(p *page.Page, h evidence.Hold) string {
	if !h.Broker {
		return p.T("audit.hold", "name", page.Isolate(h.By), "date", page.Day(p, h.Since))
	}
	said := p.T("breach.hold.put", "time", page.Minute(p, h.Since))
	for _, c := range []struct{ key, name string }{{"breach.hold.auditor", h.Auditor}, {"breach.hold.dpo", h.DPO}} {
		if c.name != "" {
			said += " " + p.T(c.key, "name", page.Isolate(page.Plain(c.name)))
		}
	}
	if !h.Until.IsZero() {
		said += " " + p.T("breach.hold.until", "time", page.Minute(p, h.Until))
	}
	return said
}

func backToSubject(rw http.ResponseWriter, r *http.Request, _ access.Account) error {
	http.Redirect(rw, r, "/audit/retention/"+url.PathEscape(r.PathValue("id")), http.StatusSeeOther)
	return nil
}

// changeHold puts a legal hold on a session, or takes all off.
func (ps *Pages) changeHold(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	id, why, said := r.PathValue("id"), values.Get("why"), "held"
	if !stated(why) {
		return ps.subject(rw, r, by, http.StatusUnprocessableEntity, "", page.Limited(why, 4*evidence.MaxReason), "audit.why.wrong")
	}
	switch values.Get("step") {
	case "put":
		err = ps.decisions.PutHold(r.Context(), by, id, why)
	case "confirm":
		said = "confirmed"
		err = ps.decisions.ConfirmHold(r.Context(), by, id, why)
	case "release":
		said = "released"
		err = ps.decisions.ReleaseHolds(r.Context(), by, id, why)
	default:
		return page.ErrForm
	}
	if err != nil {
		return err
	}
	http.Redirect(rw, r, "/audit/retention/"+url.PathEscape(id)+"?said="+said, http.StatusSeeOther)
	return nil
}
