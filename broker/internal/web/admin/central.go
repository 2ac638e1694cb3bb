package admin

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"consento/broker/internal/access"
	"consento/broker/internal/web/page"
)

// Central is what the page of central accounts asks and changes. Changing returns
// access.ErrForbidden to who may not, whatever the page lets through.
type Central interface {
	Rules(ctx context.Context) ([]access.Rule, error)
	AddRule(ctx context.Context, by access.Account, r access.Rule) error
	DeleteRule(ctx context.Context, by access.Account, id string) error
	RaiseRule(ctx context.Context, by access.Account, id string) error
	CentralRoles(ctx context.Context) ([]access.Role, error)
	ChangeCentralRole(ctx context.Context, by access.Account, role access.Role, on bool) error
	Await(ctx context.Context, by access.Account, id string, wait bool) error
	Awaited(ctx context.Context, id string) (bool, error)
	// Written counts people, groups and accounts in use that a directory wrote here.
	Written(ctx context.Context) (people, groups, accounts int, err error)
	SetEmergency(ctx context.Context, by access.Account, id string, on bool) error
}

// centralPage is the data of the template "admin-central".
type centralPage struct {
	SSO, Issuer, Back string // "": not set up
	Directory         string
	Rules             []ruleLine
	Others            int // rules of the other side, which one does not see
	Form              personForm
	Roles             []roleLine
	SCIM              string // address for directories that write here; "" for who may not
	Written           string // what they wrote, in words; "" for nothing
}

type ruleLine struct {
	ID, Group, Gives string
	Up               bool // there is one above it
}

type roleLine struct {
	Role, Name, State string
	On                bool
}

// centralRoutes are the page of central accounts, and what makes one of an account.
func (ps *Pages) centralRoutes() []page.Route {
	people := func(do page.StaffAction) page.Ruled { return ps.May(do, access.ManageAccounts, access.ManageAuditors) }
	return []page.Route{
		page.At("/admin/central", people(ps.showCentral), people(ps.changeCentral)),
		page.At("/admin/people/{id}/central", page.RedirectTo("/admin/people"), people(ps.changePersonCentral)),
	}
}

func (ps *Pages) showCentral(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	return ps.centralForm(rw, r, by, http.StatusOK, access.Rule{Role: rolesFor(by)[0], Level: access.L1}, nil, "")
}

func (ps *Pages) centralForm(rw http.ResponseWriter, r *http.Request, by access.Account, status int, rule access.Rule, wrong *access.Invalid, problem string) error {
	p := ps.NewPage(r, "admin.central.title")
	rules, err := ps.central.Rules(r.Context())
	if err != nil {
		return err
	}
	held, err := ps.central.CentralRoles(r.Context())
	if err != nil {
		return err
	}
	data := centralPage{Directory: ps.directory, Back: ps.PublicURL + ssoReturn}
	if ps.sso != nil {
		data.SSO, data.Issuer = ps.sso.Name(), ps.sso.Issuer()
	}
	if access.Can(by, access.ManageAccounts, access.Scope{}) {
		people, groups, accounts, err := ps.central.Written(r.Context())
		if err != nil {
			return err
		}
		if data.SCIM = ps.PublicURL + "/scim/v2"; people+groups > 0 {
			data.Written = p.T("admin.central.scim.written", "people", strconv.Itoa(people), "groups", strconv.Itoa(groups), "accounts", strconv.Itoa(accounts))
		}
	}
	for _, rule := range rules {
		if !mayManage(by, rule.Role) {
			data.Others++
			continue
		}
		line := ruleLine{ID: rule.ID, Group: rule.Group, Gives: p.T("signin.role." + string(rule.Role))}
		if rule.Team != "" {
			line.Gives += " · " + rule.Team + " · " + string(rule.Level) + " · " + rule.Profile
		} else if rule.Territory != "" {
			line.Gives += " · " + rule.Territory
		}
		line.Up = len(data.Rules) > 0
		data.Rules = append(data.Rules, line)
	}
	of := fieldProblems(p, wrong)
	if data.Form, err = ps.ruleForm(r, p, by, rule, of); err != nil {
		return err
	}
	for _, role := range rolesFor(by) {
		line := roleLine{Role: string(role), Name: p.T("signin.role." + string(role)), State: p.T("admin.central.role.free")}
		for _, h := range held {
			if h == role {
				line.On, line.State = true, p.T("admin.central.role.held")
			}
		}
		data.Roles = append(data.Roles, line)
	}
	if problem != "" {
		p.Error = p.T(problem)
	}
	return ps.Admin(rw, r, by, status, "admin-central", p, data)
}

func (ps *Pages) ruleForm(r *http.Request, p *page.Page, by access.Account, rule access.Rule, of func(string) string) (form personForm, err error) {
	form.Texts = []page.Input{formField(p, "central.group", "group", rule.Group, 500, of("group"))}
	role := page.Picker{Name: "role", Label: p.T("admin.person.role"), ErrorWord: p.T("page.error")}
	assists := false
	for _, o := range rolesFor(by) {
		role.Options = append(role.Options, page.Option{Value: string(o), Label: p.T("signin.role." + string(o)), Chosen: o == rule.Role})
		assists = assists || o == access.Technician
	}
	form.Pickers = []page.Picker{role}
	if !assists {
		territory := formField(p, "person.territory", "territory", rule.Territory, 100, of("territory"))
		territory.Required = false
		form.Texts = append(form.Texts, territory)
		return form, nil
	}
	more, err := ps.placePickers(r, p, access.NewAccount{Team: rule.Team, Level: rule.Level, Profile: rule.Profile}, of)
	form.Pickers = append(form.Pickers, more...)
	return form, err
}

func (ps *Pages) changeCentral(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	n := accountFrom(values)
	rule := access.Rule{Group: values.Get("group"), Role: n.Role, Team: n.Team, Level: n.Level, Profile: n.Profile, Territory: n.Territory}
	id, saved := page.Limited(values.Get("id"), 64), "rule"
	switch values.Get("step") {
	case "add":
		err = ps.central.AddRule(r.Context(), by, rule)
	case "up":
		err = ps.central.RaiseRule(r.Context(), by, id)
	case "delete":
		saved = "rule_gone"
		err = ps.central.DeleteRule(r.Context(), by, id)
	case "hold", "release":
		saved = "role"
		err = ps.central.ChangeCentralRole(r.Context(), by, access.Role(values.Get("role")), values.Get("step") == "hold")
	default:
		return page.ErrForm
	}
	var wrong *access.Invalid
	empty := access.Rule{Role: rolesFor(by)[0], Level: access.L1}
	switch {
	case errors.As(err, &wrong):
		return ps.centralForm(rw, r, by, http.StatusUnprocessableEntity, rule, wrong, "")
	case errors.Is(err, access.ErrNoEmergency):
		return ps.centralForm(rw, r, by, http.StatusConflict, empty, nil, "admin.error.no_emergency")
	case errors.Is(err, access.ErrOwnAccount):
		return ps.centralForm(rw, r, by, http.StatusConflict, empty, nil, "admin.error.own_rule")
	case errors.Is(err, access.ErrForbidden):
		return page.ErrForm // the page does not offer it
	case err != nil && !errors.Is(err, access.ErrNotFound): // somebody else was quicker
		return err
	}
	http.Redirect(rw, r, "/admin/central?saved="+saved, http.StatusSeeOther)
	return nil
}

// changePersonCentral lets an account be taken over by a central one, or keeps it for
// emergencies.
func (ps *Pages) changePersonCentral(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	a, err := ps.personOf(r, by)
	if errors.Is(err, access.ErrNotFound) || err == nil && a.ID == "" {
		return ps.NotFound(rw, r)
	}
	if err != nil {
		return err
	}
	switch step := values.Get("step"); step {
	case "await", "stop":
		err = ps.central.Await(r.Context(), by, a.ID, step == "await")
	case "emergency", "ordinary":
		err = ps.central.SetEmergency(r.Context(), by, a.ID, step == "emergency")
	default:
		return page.ErrForm
	}
	switch {
	case errors.Is(err, access.ErrNoEmergency):
		return ps.centralForm(rw, r, by, http.StatusConflict, access.Rule{Role: rolesFor(by)[0], Level: access.L1}, nil, "admin.error.no_emergency")
	case errors.Is(err, access.ErrForbidden), errors.Is(err, access.ErrEnded), errors.Is(err, access.ErrCentral):
		return page.ErrForm // the page does not offer it
	case err != nil:
		return err
	}
	http.Redirect(rw, r, "/admin/people/"+a.ID+"?saved=person", http.StatusSeeOther)
	return nil
}
