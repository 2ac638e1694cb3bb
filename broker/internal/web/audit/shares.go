package audit

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/evidence"
	"consento/broker/internal/ops"
	"consento/broker/internal/web/page"
)

// Shares is what the page of a session's copies and shares asks. Every method
// checks the right of who asks.
type Shares interface {
	Shares(ctx context.Context, by access.Account, session string) ([]evidence.Share, error)
	Revoke(ctx context.Context, by access.Account, id, why string) error
}

func (ps *Pages) shareRoutes() []page.Route {
	trail := ps.forTrail
	return []page.Route{
		page.At("/audit/sessions/{id}/shares", trail(ps.showShares), trail(ps.revokeShare)),
	}
}

// sharesPage is the data of the template "audit-shares".
type sharesPage struct {
	Account access.Account
	ID      string
	Said    string
	Wrong   string
	Pick    string // the share that was to be ended
	Reason  string // as it was typed
	Max     int
	Rows    []shareRow
}

// shareRow is one copy or share in words.
type shareRow struct {
	ID, To, What, Made, Until, State string
	Open                             bool
}

func (ps *Pages) showShares(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	return ps.sharesOf(rw, r, by, http.StatusOK, sharesPage{})
}

func (ps *Pages) sharesOf(rw http.ResponseWriter, r *http.Request, by access.Account, status int, data sharesPage) error {
	p := ps.NewPage(r, "audit.shares.title")
	id := r.PathValue("id")
	all, err := ps.shares.Shares(r.Context(), by, id)
	if err != nil {
		return err
	}
	data.Account, data.ID, data.Max = by, id, evidence.MaxReason
	if r.URL.Query().Get("said") == "revoked" {
		data.Said = p.T("audit.shares.revoked")
	}
	if data.Wrong != "" {
		data.Wrong = p.T(data.Wrong)
		p.Error = data.Wrong
	}
	for _, s := range all {
		data.Rows = append(data.Rows, shareRowOf(p, s, time.Now()))
	}
	p.Data = data
	return ps.Show(rw, status, "audit-shares", p)
}

func shareRowOf(p *page.Page, s evidence.Share, now time.Time) shareRow {
	row := shareRow{ID: s.ID, What: whatIsShared(p, s), Made: p.T("audit.shares.made", "time", page.Minute(p, s.Made)), Until: p.T("audit.shares.until", "time", page.Minute(p, s.Until))}
	switch s.Kind {
	case evidence.ToCustomer:
		row.To = p.T("audit.shares.customer")
	case evidence.ToTeam:
		row.To = p.T("audit.shares.team", "name", page.Isolate(s.ToName))
	default:
		row.To = page.Isolate(s.ToName)
	}
	if s.ByName != "" {
		row.Made += " " + p.T("audit.shares.by", "name", page.Isolate(s.ByName))
	}
	switch err := s.Over(now); {
	case err == nil:
		row.State, row.Open = p.T("audit.shares.state.open"), true
	case errors.Is(err, evidence.ErrRevoked):
		row.State = p.T("audit.shares.state.revoked", "name", page.Isolate(s.RevokedBy))
	case errors.Is(err, evidence.ErrShredded):
		row.State = p.T("audit.shares.state.erased")
	default:
		row.State = p.T("audit.shares.state.expired")
	}
	return row
}

// whatIsShared names tracks and, of what an auditor shared, the time.
func whatIsShared(p *page.Page, s evidence.Share) string {
	if len(s.Tracks) == 0 {
		return p.T("audit.shares.log_only")
	}
	var names []string
	for _, t := range s.Tracks {
		names = append(names, p.T("audit.track."+strconv.Itoa(t)))
	}
	what := strings.Join(names, ", ")
	if s.Kind != evidence.ToCustomer {
		what += " " + p.T("audit.range", "from", clockOf(s.From), "to", clockOf(s.Upto))
	}
	return what
}

// revokeShare ends a copy or share.
func (ps *Pages) revokeShare(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	pick := page.Limited(values.Get("share"), 32)
	reason, err := ops.CleanLine(values.Get("reason"), evidence.MaxReason)
	if err != nil || len([]rune(reason)) < 3 {
		return ps.sharesOf(rw, r, by, http.StatusUnprocessableEntity, sharesPage{Wrong: "audit.why.wrong", Pick: pick, Reason: page.Limited(values.Get("reason"), 4*evidence.MaxReason)})
	}
	if err := ps.shares.Revoke(r.Context(), by, pick, reason); err != nil {
		return err
	}
	http.Redirect(rw, r, "/audit/sessions/"+url.PathEscape(r.PathValue("id"))+"/shares?said=revoked", http.StatusSeeOther)
	return nil
}
