package page

import (
	"net/http"
	"strings"

	"consento/broker/internal/access"
)

// adminPage is the data of every page of administration; Data is what its own template
// needs.
type adminPage struct {
	Account access.Account
	Tabs    []Tab
	Saved   string
	Data    any
}

// Tab leads to a page of administration.
type Tab struct {
	Path, Name string
	Current    bool
}

// Admin shows a page of administration.
func (g *Ground) Admin(rw http.ResponseWriter, r *http.Request, by access.Account, status int, template string, p *Page, data any) error {
	a := adminPage{Account: by, Data: data}
	for _, tab := range g.adminTabs(by) {
		path := "/admin/" + tab
		a.Tabs = append(a.Tabs, Tab{path, p.T("admin." + tab + ".title"), r.URL.Path == path || strings.HasPrefix(r.URL.Path, path+"/")})
	}
	if said := "admin.saved." + Limited(r.URL.Query().Get("saved"), 20); status == http.StatusOK && p.Has(said) {
		a.Saved = p.T(said)
	}
	p.Data = a
	return g.Show(rw, status, template, p)
}

// Fact is one line of what is known of something, in words.
type Fact struct{ Name, Value string }
