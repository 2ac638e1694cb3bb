package audit

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"consento/broker/internal/access"
	"consento/broker/internal/evidence"
	"consento/broker/internal/web/page"
	"consento/broker/internal/web/player"
	"consento/recordings"
)

// Rewraps lets auditors wrap the keys of recordings for whom the policy in force
// names. Their browsers do it; here it is handed out, put on the log and kept.
type Rewraps interface {
	OutdatedBags(ctx context.Context, by access.Account) (outdated, damaged int, err error)
	// NextBags hands out a few behind a place, and where to look on, "" at the end.
	NextBags(ctx context.Context, by access.Account, after string) ([]evidence.Wrapping, string, error)
	// Rewrap takes one. Errors: evidence.ErrBag, recordings.ErrMalformed, evidence.ErrShredded, evidence.ErrNotFound.
	Rewrap(ctx context.Context, by access.Account, id string, segment int, bag []byte) error
	// RewrapLog takes keys of a segment's log. Errors: those of Rewrap, evidence.ErrGoesOn.
	RewrapLog(ctx context.Context, by access.Account, id string, segment int, keys []byte) error
}

// rewrapPage is the data of the template "audit-rewrap".
type rewrapPage struct {
	Account   access.Account
	Number    int // of the policy; 0: there is none
	Root      string
	Found     string
	Outdated  int
	Keys      []playKey
	UnlockHow string
	Sent      rewrapData
}

// rewrapData is what the page's script is given.
type rewrapData struct {
	File  string            `json:"file"`
	Total int               `json:"total"`
	Keys  []playKey         `json:"keys"`
	Texts map[string]string `json:"texts"`
}

// wrappingJSON is one key bag to be wrapped anew.
type wrappingJSON struct {
	ID        string `json:"id"`
	Segment   int    `json:"segment"`
	Started   string `json:"started"`
	Team      string `json:"team"`
	Territory string `json:"territory"`
	Commit    string `json:"commit"`
	Bag       string `json:"bag"` // "": missing or damaged
	Log       bool   `json:"log"` // it is the keys of the part's log
}

func (ps *Pages) showRewrap(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	p := ps.NewPage(r, "audit.rewrap.title")
	keys, err := ps.lockedKeys(r, by)
	if err != nil {
		return err
	}
	data := rewrapPage{Account: by, Keys: keys, UnlockHow: p.T("audit.rewrap.unlock_how"), Sent: rewrapData{Keys: keys, Texts: p.All("audit.js.")}}
	if current, ok := ps.policies.Policy(); ok {
		data.Number, data.Root, data.Sent.File = current.Number, hex.EncodeToString(current.Root), string(current.Bytes())
		if data.Outdated, _, err = ps.rewraps.OutdatedBags(r.Context(), by); err != nil {
			return err
		}
	}
	data.Sent.Total, data.Found = data.Outdated, p.Count("bags", data.Outdated)
	p.Data = data
	return ps.Show(rw, http.StatusOK, "audit-rewrap", p)
}

func backToRewrap(rw http.ResponseWriter, r *http.Request, _ access.Account) error {
	http.Redirect(rw, r, "/audit/rewrap", http.StatusSeeOther)
	return nil
}

// nextBags hands out some key bags, as JSON.
func (ps *Pages) nextBags(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	found, next, err := ps.rewraps.NextBags(r.Context(), by, page.Limited(values.Get("after"), 64))
	if err != nil {
		return err
	}
	p := ps.NewPage(r, "audit.rewrap.title")
	answer := struct {
		Items []wrappingJSON `json:"items"`
		Next  string         `json:"next"`
	}{[]wrappingJSON{}, next}
	for _, b := range found {
		answer.Items = append(answer.Items, wrappingJSON{b.Session, b.Segment, page.Minute(p, b.Started), b.Team, b.Territory, hex.EncodeToString(b.Commit[:]), string(b.Bag), b.Log})
	}
	rw.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(rw).Encode(answer)
}

// takeBag takes one that was wrapped anew: 204, or 422 when it is not as the policy
// in force says.
func (ps *Pages) takeBag(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	return ps.takeWrapped(rw, r, by, ps.rewraps.Rewrap)
}

// takeLogKeys takes keys of a log.
func (ps *Pages) takeLogKeys(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	return ps.takeWrapped(rw, r, by, ps.rewraps.RewrapLog)
}

func (ps *Pages) takeWrapped(rw http.ResponseWriter, r *http.Request, by access.Account, take func(ctx context.Context, by access.Account, id string, segment int, bag []byte) error) error {
	n, err := player.Segment(r)
	if err != nil {
		return err
	}
	bag, err := io.ReadAll(r.Body) // the guard limits it
	if err != nil {
		return page.ErrForm
	}
	err = take(r.Context(), by, r.PathValue("id"), n, bag)
	if errors.Is(err, evidence.ErrBag) || errors.Is(err, recordings.ErrMalformed) {
		ps.Log.WarnContext(r.Context(), "key bag refused", "session", r.PathValue("id"), "segment", n, "err", err)
		http.Error(rw, "refused", http.StatusUnprocessableEntity)
		return nil
	}
	if err != nil {
		return err
	}
	rw.WriteHeader(http.StatusNoContent)
	return nil
}
