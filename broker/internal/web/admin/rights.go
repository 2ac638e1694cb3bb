package admin

import (
	"errors"
	"net/http"
	"net/url"

	"consento/broker/internal/access"
	"consento/broker/internal/web/page"
	"consento/protocol"
	"consento/protocol/lang"
)

// rightsPage is the data of the template "rights": what an account may do, and why.
type rightsPage struct {
	Role, Profile string
	ProfileLink   string // for who may change it
	Ended         bool
	Back          string
	Table, Tools  rightsTable // Tools: in a session, with the customer's yes; without rows for who opens none
	Never         []string    // what no profile could give to this role
}

type rightsTable struct {
	lang.Texts
	Caption string
	Rows    []rightRow
}

// rightRow is one thing that may be done, or that a profile could allow.
type rightRow struct {
	Name  string
	Lines []rightLine
}

type rightLine struct {
	Given    bool
	Far, Why string // Far: how far it goes; "" it goes without saying
}

// showRights answers why a person may do something, or may not.
func (ps *Pages) showRights(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	a, err := ps.personOf(r, by)
	if errors.Is(err, access.ErrNotFound) || err == nil && a.ID == "" {
		return ps.NotFound(rw, r)
	}
	if err != nil {
		return err
	}
	p := ps.NewPage(r, "rights.title")
	p.Title = p.T("rights.of", "name", page.Isolate(page.Plain(a.Name)))
	data := rightsOf(p, a)
	data.Back = "/admin/people/" + a.ID
	if access.May(by, access.ManageAccounts) && a.Profile.Name != "" {
		data.ProfileLink = "/admin/profiles/" + url.PathEscape(a.Profile.Name)
	}
	return ps.Admin(rw, r, by, http.StatusOK, "admin-rights", p, data)
}

// showOwnRights says to everybody what they may do, and why.
func (ps *Pages) showOwnRights(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	p := ps.NewPage(r, "rights.own")
	data := rightsOf(p, by)
	data.Back = "/account"
	return ps.account(rw, r, by, http.StatusOK, "account-rights", p, data)
}

func rightsOf(p *page.Page, a access.Account) rightsPage {
	role := p.T("signin.role." + string(a.Role))
	data := rightsPage{Role: role, Profile: a.Profile.Name, Ended: a.Disabled, Table: rightsTable{p.Texts, p.T("rights.title"), nil}, Tools: rightsTable{p.Texts, p.T("rights.tools"), nil}}
	profile := page.Isolate(page.Plain(a.Profile.Name))
	living := a
	living.Disabled = false // what the role would bring, for who has ended
	for _, action := range access.Actions() {
		row := rightRow{Name: p.T("action." + string(action))}
		for _, why := range access.Why(living, action) {
			line := rightLine{Given: why.Given && !a.Disabled, Far: p.T("reach." + string(why.Reach)), Why: p.T("rights.by_role", "role", role)}
			if why.Right != "" {
				key := "rights.by_profile"
				if !why.Given {
					key = "rights.lacks"
				}
				line.Why = p.T(key, "profile", profile, "right", p.T("right."+string(why.Right)))
			}
			if why.Reach == access.OfTeam {
				line.Far = p.T("reach.team", "team", page.Isolate(page.Plain(a.Team)))
			}
			if why.Reach == access.OfTerritory {
				line.Far = p.T("reach.everywhere")
				if a.Territory != "" {
					line.Far = p.T("reach.territory", "territory", page.Isolate(page.Plain(a.Territory)))
				}
			}
			row.Lines = append(row.Lines, line)
		}
		if row.Lines == nil {
			data.Never = append(data.Never, row.Name)
			continue
		}
		data.Table.Rows = append(data.Table.Rows, row)
	}
	if a.Profile.Name == "" || !access.May(living, access.Assist) {
		return data
	}
	for _, permission := range protocol.Permissions() {
		allowed := a.Profile.Permissions.Allows(permission)
		key := "rights.tool.no"
		switch {
		case allowed && permission.Asked():
			key = "rights.tool.asked"
		case allowed:
			key = "rights.tool.alone"
		}
		data.Tools.Rows = append(data.Tools.Rows, rightRow{p.T("console.permission." + string(permission)), []rightLine{{Given: allowed && !a.Disabled, Why: p.T(key, "profile", profile)}}})
	}
	return data
}
