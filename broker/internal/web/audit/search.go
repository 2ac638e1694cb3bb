package audit

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/evidence"
	"consento/broker/internal/ops"
	"consento/broker/internal/web/page"
)

// Searching gives auditors' browsers what they search by: encrypted summaries of
// sessions, and the keys to them. The words that are looked for never come here.
type Searching interface {
	// BeginSearch states why; the grant opens the summaries to this account for GrantTime.
	BeginSearch(ctx context.Context, by access.Account, reason string) (grant string, err error)
	// EndSearches ends all grants of an account.
	EndSearches(account string)
	// Searchable returns evidence.ErrGrant without a grant that is good. salt ends with it.
	Searchable(ctx context.Context, by access.Account, grant string) (list []evidence.Searchable, salt [32]byte, err error)
	// SearchStated reports whether the grant is good.
	SearchStated(by access.Account, grant string) bool
	// Summaries takes as many of the ids as fit into one answer, done of them; which
	// sessions these are is on the log first.
	Summaries(ctx context.Context, by access.Account, grant string, ids, keys []string) (parts []evidence.SummaryPart, done int, err error)
}

// searchCookie carries the grant of a search.
const searchCookie = "__Secure-consento-search"

const searchPath = "/audit/search"

// searchRoutes lists the addresses of the search.
func (ps *Pages) searchRoutes() []page.Route {
	auditor := ps.forAuditors
	return []page.Route{
		page.At(searchPath, auditor(ps.showSearch), auditor(ps.beginSearch)),
		page.At(searchPath+"/sessions", auditor(ps.listSearchable)),
		page.At(searchPath+"/summaries", auditor(backToSearch), auditor(ps.giveSummaries)),
	}
}

// searchPage is the data of the template "audit-search".
type searchPage struct {
	Account   access.Account
	Stated    bool // why; else the page asks
	Reason    string
	Wrong     string
	Max       int
	Keys      []playKey
	UnlockHow string
	Sent      searchData
}

// searchData is what the page's script is given.
type searchData struct {
	Keys  []playKey         `json:"keys"`
	Most  int               `json:"most"` // sessions in one request
	Texts map[string]string `json:"texts"`
}

func backToSearch(rw http.ResponseWriter, r *http.Request, _ access.Account) error {
	http.Redirect(rw, r, searchPath, http.StatusSeeOther)
	return nil
}

// EndSearches ends what an account may search, which lasts no longer than its sign-in.
func (ps *Pages) EndSearches(account string) {
	if ps.searching != nil {
		ps.searching.EndSearches(account)
	}
}

func searchGrant(r *http.Request) string {
	if c, err := r.Cookie(searchCookie); err == nil {
		return page.Limited(c.Value, 128)
	}
	return ""
}

func (ps *Pages) showSearch(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	return ps.searchPage(rw, r, by, http.StatusOK, func(*page.Page, *searchPage) {})
}

func (ps *Pages) searchPage(rw http.ResponseWriter, r *http.Request, by access.Account, status int, with func(*page.Page, *searchPage)) error {
	p := ps.NewPage(r, "audit.search.title")
	keys, err := ps.lockedKeys(r, by)
	if err != nil {
		return err
	}
	data := searchPage{Account: by, Max: evidence.MaxReason, Keys: keys, UnlockHow: p.T("audit.search.unlock_how"),
		Stated: ps.searching.SearchStated(by, searchGrant(r)), Sent: searchData{Keys: keys, Most: evidence.MaxSearched, Texts: map[string]string{}}}
	for _, prefix := range []string{"audit.js.", "audit.end.", "count.sessions."} {
		for key, text := range p.All(prefix) {
			data.Sent.Texts[key] = text
		}
	}
	with(p, &data)
	p.Data = data
	return ps.Show(rw, status, "audit-search", p)
}

// beginSearch takes the reason, and leads to the search.
func (ps *Pages) beginSearch(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	reason, err := ops.CleanLine(values.Get("reason"), evidence.MaxReason)
	if err != nil || len([]rune(reason)) < 3 {
		return ps.searchPage(rw, r, by, http.StatusUnprocessableEntity, func(p *page.Page, data *searchPage) {
			data.Stated, data.Reason, data.Wrong = false, page.Limited(values.Get("reason"), 4*evidence.MaxReason), p.T("audit.why.wrong")
			p.Error = data.Wrong
		})
	}
	grant, err := ps.searching.BeginSearch(r.Context(), by, reason)
	if err != nil {
		return err
	}
	http.SetCookie(rw, &http.Cookie{Name: searchCookie, Value: grant, Path: searchPath, MaxAge: int(GrantTime.Seconds()),
		Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode})
	http.Redirect(rw, r, searchPath, http.StatusSeeOther)
	return nil
}

// searchableJSON is one session as the search page lists it.
type searchableJSON struct {
	ID         string    `json:"id"`
	Started    time.Time `json:"started"`
	Technician string    `json:"technician"`
	Team       string    `json:"team"`
	Ticket     string    `json:"ticket"` // number; "": it belongs to none
	End        string    `json:"end"`
	Parts      int       `json:"parts"`
}

// listSearchable lists the sessions, as JSON.
func (ps *Pages) listSearchable(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	list, salt, err := ps.searching.Searchable(r.Context(), by, searchGrant(r))
	if err != nil {
		return err
	}
	answer := struct {
		Salt     []byte           `json:"salt"` // base64
		Sessions []searchableJSON `json:"sessions"`
	}{salt[:], make([]searchableJSON, len(list))}
	for i, s := range list {
		answer.Sessions[i] = searchableJSON{s.ID, s.Started, s.Technician, s.Team, s.Ticket, string(s.Reason), s.Parts}
	}
	rw.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(rw).Encode(answer)
}

// summaryJSON is the summary of one segment, encrypted.
type summaryJSON struct {
	ID      string `json:"id"`
	Segment int    `json:"segment"`
	Commit  string `json:"commit"`
	Bag     string `json:"bag"`
	Record  []byte `json:"record"` // base64; null: the segment has none
}

// giveSummaries hands out summaries and keys of the sessions that the form names.
func (ps *Pages) giveSummaries(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	list := func(name string) []string { return strings.Split(values.Get(name), ",") }
	parts, done, err := ps.searching.Summaries(r.Context(), by, searchGrant(r), list("ids"), list("keys"))
	if err != nil {
		return err
	}
	answer := struct {
		Done  int           `json:"done"`
		Parts []summaryJSON `json:"parts"`
	}{done, make([]summaryJSON, len(parts))}
	for i, s := range parts {
		answer.Parts[i] = summaryJSON{s.Session, s.Segment, hex.EncodeToString(s.Commit[:]), string(s.Bag), s.Record}
	}
	rw.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(rw).Encode(answer)
}
