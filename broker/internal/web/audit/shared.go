package audit

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/evidence"
	"consento/broker/internal/ops"
	"consento/broker/internal/web/page"
	"consento/broker/internal/web/player"
)

// Sharing is what the pages ask of what auditors share with technicians. Every
// method checks who asks: the addressee, as their account is now.
type Sharing interface {
	MakeShare(ctx context.Context, by access.Account, session string, n evidence.NewShare) (evidence.Share, error)
	SharedWith(ctx context.Context, by access.Account) ([]evidence.Share, error)
	Shared(ctx context.Context, by access.Account, id string) (evidence.Share, error)
	// OpenShared states the viewing: it is on the log before OpenShared returns.
	OpenShared(ctx context.Context, by access.Account, id string) (evidence.Share, string, error)
	SharedSegment(ctx context.Context, by access.Account, grant, id string, n int) (io.ReadSeekCloser, time.Time, error)
	SharedKeys(ctx context.Context, by access.Account, grant, id string, n int) ([]byte, error)
	SharedForms(ctx context.Context, by access.Account, grant, id string) ([]byte, error)
}

// sharedCookie carries the grant of one share; its path keeps it to that share.
const sharedCookie = "__Secure-consento-shared"

// maxShare is how much a share may bring, in bytes: the keys of up to 64 segments.
const maxShare = 8 << 20

func (ps *Pages) sharedRoutes() []page.Route {
	may := func(do page.StaffAction) page.Ruled { return ps.May(do, access.ReadShared) }
	segment := func(serve player.Server) page.Ruled {
		return may(func(rw http.ResponseWriter, r *http.Request, by access.Account) error {
			return player.Give(func(r *http.Request, n int) (io.ReadSeekCloser, time.Time, error) {
				return ps.sharing.SharedSegment(r.Context(), by, sharedGrant(r), r.PathValue("id"), n)
			}, serve)(rw, r)
		})
	}
	return []page.Route{
		page.At("/audit/sessions/{id}/share", ps.forAuditors(backToRecording), ps.forAuditors(ps.makeShare)).UpTo(maxShare),
		page.At("/shared", may(ps.listShared)),
		page.At("/shared/{id}", may(ps.showShared)),
		page.At("/shared/{id}/open", page.RedirectTo("/shared"), may(ps.openShared)),
		page.At("/shared/{id}/segments/{n}", segment(player.Whole)).Slowly(),
		page.At("/shared/{id}/index/{n}", segment(player.Index(ps.Log))).Slowly(),
		page.At("/shared/{id}/records/{n}", segment(player.Records(ps.Log))).Slowly(),
		page.At("/shared/{id}/shares/{n}", may(ps.giveSharedKeys)),
		page.At("/shared/{id}/forms", may(ps.giveSharedForms)),
	}
}

// addresseesOf lists whom a part of a session can be shared with: technicians and
// their teams, as the form posts them.
func (ps *Pages) addresseesOf(r *http.Request, p *page.Page) ([]page.Option, error) {
	if ps.people == nil {
		return nil, nil
	}
	accounts, err := ps.people(r.Context())
	if err != nil {
		return nil, err
	}
	var people, teams []page.Option
	known := map[string]bool{}
	for _, a := range accounts {
		if !access.Can(a, access.ReadShared, access.Scope{}) {
			continue
		}
		people = append(people, page.Option{Value: evidence.ToAccount + ":" + a.ID, Label: a.Name + ", " + a.Team})
		if a.Team != "" && !known[a.Team] {
			known[a.Team] = true
			teams = append(teams, page.Option{Value: evidence.ToTeam + ":" + a.Team, Label: p.T("audit.shares.team", "name", a.Team)})
		}
	}
	return append(people, teams...), nil
}

// makeShare takes what an auditor's browser shares.
func (ps *Pages) makeShare(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	offered, err := ps.addresseesOf(r, ps.NewPage(r, "audit.play.title"))
	if err != nil {
		return err
	}
	n := evidence.NewShare{}
	for _, o := range offered {
		if o.Value == values.Get("whom") {
			n.Kind, n.To, _ = strings.Cut(o.Value, ":")
			n.ToName = n.To
			if n.Kind == evidence.ToAccount {
				n.ToName = o.Label
			}
		}
	}
	var files []string
	from, ferr := strconv.Atoi(values.Get("from"))
	upto, uerr := strconv.Atoi(values.Get("to"))
	if n.Why, err = ops.CleanLine(values.Get("why"), evidence.MaxReason); err != nil || ferr != nil || uerr != nil || upto > 1<<20 || from < 0 ||
		json.Unmarshal([]byte(values.Get("files")), &files) != nil {
		return page.ErrForm
	}
	n.From, n.Upto = time.Duration(from)*time.Minute, time.Duration(upto)*time.Minute
	for _, f := range files {
		n.Files = append(n.Files, []byte(f))
	}
	if forms := values.Get("forms"); forms != "" {
		n.Forms = []byte(forms)
	}
	s, err := ps.sharing.MakeShare(r.Context(), by, r.PathValue("id"), n)
	switch {
	case errors.Is(err, evidence.ErrShare), errors.Is(err, evidence.ErrReason):
		return page.AnswerJSON(rw, http.StatusUnprocessableEntity, map[string]string{"problem": "share"})
	case errors.Is(err, evidence.ErrDecided), errors.Is(err, evidence.ErrShredded):
		return page.AnswerJSON(rw, http.StatusConflict, map[string]string{"problem": "moved"})
	case err != nil:
		return err
	}
	return page.AnswerJSON(rw, http.StatusOK, map[string]string{"id": s.ID})
}

// sharedPage is the data of the templates "shared" and "shared-list".
type sharedPage struct {
	Account access.Account
	Rows    []sharedRow
	Row     sharedRow
	Wrong   string // why it does not open
	Play    sharedPlay
}

type sharedRow struct {
	ID, Started, Technician, Team, By, What, Until, State string
	Open                                                  bool
}

type sharedPlay struct {
	ID       string            `json:"id"`
	Session  string            `json:"session"`
	Segments []player.Part     `json:"segments"`
	Texts    map[string]string `json:"texts"`
}

func sharedRowOf(p *page.Page, s evidence.Share) sharedRow {
	row := shareRowOf(p, s, time.Now())
	return sharedRow{ID: s.ID, Started: page.Minute(p, s.Started), Technician: s.Technician, Team: s.Team, By: row.Made, What: row.What, Until: row.Until, State: row.State, Open: row.Open}
}

func (ps *Pages) listShared(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	p := ps.NewPage(r, "shared.title")
	all, err := ps.sharing.SharedWith(r.Context(), by)
	if err != nil {
		return err
	}
	data := sharedPage{Account: by}
	for _, s := range all {
		data.Rows = append(data.Rows, sharedRowOf(p, s))
	}
	p.Data = data
	return ps.Show(rw, http.StatusOK, "shared-list", p)
}

func (ps *Pages) showShared(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	p := ps.NewPage(r, "shared.one.title")
	s, err := ps.sharing.Shared(r.Context(), by, r.PathValue("id"))
	data := sharedPage{Account: by}
	status := http.StatusOK
	switch {
	case errors.Is(err, evidence.ErrNotFound):
		data.Wrong, status = p.T("shared.wrong"), http.StatusNotFound
	case errors.Is(err, evidence.ErrHeld):
		data.Wrong, status = p.T("shared.held"), http.StatusForbidden
	case errors.Is(err, evidence.ErrExpired), errors.Is(err, evidence.ErrRevoked), errors.Is(err, evidence.ErrShredded):
		data.Wrong, status = p.T("shared.over"), http.StatusGone
	case err != nil:
		return err
	default:
		data.Row = sharedRowOf(p, s)
		data.Play = sharedPlay{ID: s.ID, Session: s.Session, Segments: []player.Part{}, Texts: player.Texts(p)}
		for _, part := range s.Parts {
			data.Play.Segments = append(data.Play.Segments, player.Part{Number: part.Number, Keys: part.Keys, Log: false})
		}
	}
	p.Data = data
	rw.Header().Set("Content-Security-Policy", page.ConsolePolicy)
	return ps.Show(rw, status, "shared", p)
}

func (ps *Pages) openShared(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	s, grant, err := ps.sharing.OpenShared(r.Context(), by, r.PathValue("id"))
	if err != nil {
		return player.Refused(rw, err)
	}
	http.SetCookie(rw, &http.Cookie{Name: sharedCookie, Value: grant, Path: "/shared/" + s.ID + "/", MaxAge: int(GrantTime.Seconds()),
		Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode})
	rw.WriteHeader(http.StatusNoContent)
	return nil
}

func sharedGrant(r *http.Request) string {
	if c, err := r.Cookie(sharedCookie); err == nil {
		return page.Limited(c.Value, 128)
	}
	return ""
}

func (ps *Pages) giveSharedKeys(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	n, err := player.Segment(r)
	if err != nil {
		return err
	}
	b, err := ps.sharing.SharedKeys(r.Context(), by, sharedGrant(r), r.PathValue("id"), n)
	if err != nil {
		return player.Refused(rw, err)
	}
	return page.Attach(rw, "application/json", "share.json", b)
}

func (ps *Pages) giveSharedForms(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	b, err := ps.sharing.SharedForms(r.Context(), by, sharedGrant(r), r.PathValue("id"))
	if err != nil {
		return player.Refused(rw, err)
	}
	return page.Attach(rw, "text/plain; charset=utf-8", "forms", b)
}
