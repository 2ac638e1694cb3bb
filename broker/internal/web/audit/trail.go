package audit

import (
	"net/http"
	"net/url"
	"strconv"

	"consento/broker/internal/access"
	"consento/broker/internal/evidence"
	"consento/broker/internal/web/page"
)

// trailPage is the data of the template "audit-trail".
type trailPage struct {
	Account      access.Account
	Reads        bool // recordings too
	UnlockHow    string
	Keys         []playKey
	Sent         trailData
	Filter       url.Values
	Wrong        bool
	Found        string
	Kinds        []page.Option
	People       []page.Option // none: they are not known here
	Rows         []trailRow
	Newer, Older string // addresses of the pages beside this one, "" none

	names map[string]string // of accounts
}

// trailData is what the page's script is given.
type trailData struct {
	Keys  []playKey         `json:"keys"`
	Texts map[string]string `json:"texts"`
}

// trailRow is one entry in words, but for what is sealed.
type trailRow struct {
	Number                              uint64
	When, Kind, What, By, Session, Body string
}

// trailKinds are the kinds that one looks for, as leaves of the log have them.
var trailKinds = []string{"admin", "access", "search", "share", "revoke", "hold", "release", "erase", "shred", "purge", "rewrap", "logkeys", "rotation", "witness", "timestamp", "policy", "opened", "closed", "recovered"}

func (ps *Pages) showTrail(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	p := ps.NewPage(r, "audit.trail.title")
	keys, err := ps.lockedKeys(r, by)
	if err != nil {
		return err
	}
	filter := r.URL.Query()
	chosen, wrong := recordingsQuery(filter)
	data := trailPage{Account: by, Reads: page.ReadsEvidence(by), UnlockHow: p.T("audit.trail.unlock_how"), Keys: keys, Filter: filter, Wrong: wrong != "",
		Sent: trailData{Keys: keys, Texts: p.All("audit.js.")}}
	q := evidence.TrailQuery{From: chosen.From, To: chosen.To, Session: chosen.ID, Page: chosen.Page}
	for _, kind := range trailKinds {
		picked := filter.Get("kind") == kind
		if picked {
			q.Kind = kind
		}
		data.Kinds = append(data.Kinds, page.Option{Value: kind, Label: p.T("audit.kind." + kind), Chosen: picked})
	}
	if err := ps.trailPeople(r, p, &q, &data); err != nil {
		return err
	}
	status := http.StatusOK
	if wrong != "" {
		p.Error, status = p.T("audit.filter.wrong."+wrong), http.StatusUnprocessableEntity
	} else if err := ps.trailRows(r, by, p, q, &data); err != nil {
		return err
	}
	p.Data = data
	return ps.Show(rw, status, "audit-trail", p)
}

// trailPeople offers those who may stand behind an entry.
func (ps *Pages) trailPeople(r *http.Request, p *page.Page, q *evidence.TrailQuery, data *trailPage) error {
	if ps.people == nil {
		return nil
	}
	accounts, err := ps.people(r.Context())
	if err != nil {
		return err
	}
	q.By = page.Limited(data.Filter.Get("by"), 64)
	data.names = map[string]string{"customer": p.T("audit.trail.by.customer"), "broker": p.T("audit.trail.broker")}
	for _, a := range accounts {
		data.names[a.ID] = a.Name
		data.People = append(data.People, page.Option{Value: a.ID, Label: a.Name, Chosen: a.ID == q.By})
	}
	data.People = append(data.People, page.Option{Value: "command", Label: p.T("audit.trail.command"), Chosen: q.By == "command"},
		page.Option{Value: "broker", Label: p.T("audit.trail.broker"), Chosen: q.By == "broker"}, page.Option{Value: "customer", Label: p.T("audit.trail.by.customer"), Chosen: q.By == "customer"})
	return nil
}

func (ps *Pages) trailRows(r *http.Request, by access.Account, p *page.Page, q evidence.TrailQuery, data *trailPage) error {
	trail, err := ps.evidence.Trail(r.Context(), by, q)
	if err != nil {
		return err
	}
	data.Found = p.Count("entries", trail.Total)
	data.Newer, data.Older = pagesBeside("/audit/trail", data.Filter, q.Page, trail.Total)
	for _, e := range trail.Entries {
		row := trailRow{Number: e.Number, When: page.Minute(p, e.At), Kind: e.Kind, What: e.What, By: e.By, Session: e.Session, Body: e.Body}
		if key := "audit.kind." + e.Kind; p.Has(key) {
			row.Kind = p.T(key)
		}
		if key := "audit.act." + e.What; p.Has(key) {
			row.What = p.T(key)
		}
		if n, err := strconv.Atoi(e.What); err == nil && e.Kind == "search" {
			row.What = p.Count("sessions", n)
		}
		switch name, known := data.names[e.By]; {
		case known:
			row.By = name
		case e.By == "command":
			row.By = p.T("audit.trail.command")
		case len(e.By) > 8:
			row.By = e.By[:8] // the name is sealed
		}
		data.Rows = append(data.Rows, row)
	}
	return nil
}

// pagesBeside are the addresses of the pages before and after one of a list; "" for none.
func pagesBeside(path string, filter url.Values, page, total int) (newer, older string) {
	beside := func(page int) string {
		to := url.Values{}
		for name, values := range filter {
			to[name] = values
		}
		to.Del("lang")
		to.Set("page", strconv.Itoa(page))
		return path + "?" + to.Encode()
	}
	if page > 1 {
		newer = beside(page - 1)
	}
	if page*evidence.PageSize < total {
		older = beside(page + 1)
	}
	return newer, older
}

// giveSealed serves what is sealed beside an entry; a key opens it in the browser.
func (ps *Pages) giveSealed(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	body, err := ps.evidence.SealedBody(r.Context(), by, r.PathValue("body"))
	if err != nil {
		return err
	}
	rw.Header().Set("Content-Type", "application/json")
	_, _ = rw.Write(body) // the browser went away: nobody is left to be told
	return nil
}
