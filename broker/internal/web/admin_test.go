package web_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"consento/broker/internal/access"
	"consento/protocol"
)

// TestWhoAdministers walks every role over every address of administration.
func TestWhoAdministers(t *testing.T) {
	h := newHouse(t)
	people := map[access.Role]access.Account{}
	for _, role := range access.Roles() {
		people[role] = staff(t, h, role, string(role)+"@esempio.example")
	}
	technician, auditor := people[access.Technician].ID, people[access.Auditor].ID
	const ok, no, none, bad = http.StatusOK, http.StatusForbidden, http.StatusNotFound, http.StatusBadRequest
	type seen struct{ admin, auditor int } // everybody else: no
	routes := map[string]seen{
		"/admin/people":                                   {ok, ok},
		"/admin/people/new":                               {ok, ok},
		"/admin/people/" + technician:                     {ok, none},
		"/admin/people/" + auditor:                        {none, ok},
		"/admin/people/" + technician + "/end":            {ok, none},
		"/admin/people/" + people[access.DPO].ID + "/end": {none, ok},
		"/admin/people/nobody":                            {none, none},
		"/admin/central":                                  {ok, ok},
		"/admin/teams":                                    {ok, no},
		"/admin/profiles":                                 {ok, no},
		"/admin/profiles/new":                             {ok, no},
		"/admin/profiles/" + url.PathEscape("View only"):  {ok, no},
		"/admin/profiles/nothing":                         {none, no},
	}
	posts := map[string]seen{ // empty forms: what may be posted is refused for what it says
		"/admin/people/new":                                        {http.StatusUnprocessableEntity, http.StatusUnprocessableEntity},
		"/admin/people/" + technician:                              {http.StatusUnprocessableEntity, none},
		"/admin/people/" + auditor:                                 {none, http.StatusUnprocessableEntity},
		"/admin/people/" + auditor + "/link":                       {none, ok},
		"/admin/central":                                           {bad, bad},
		"/admin/people/" + technician + "/central":                 {bad, none},
		"/admin/people/" + auditor + "/central":                    {none, bad},
		"/admin/teams":                                             {bad, no},
		"/admin/profiles/new":                                      {http.StatusUnprocessableEntity, no},
		"/admin/profiles/" + url.PathEscape("View only") + "/gone": {http.StatusConflict, no},
	}
	check := func(who string, p *person, want func(seen) int) {
		t.Helper()
		for path, s := range routes {
			if got := p.get(path).StatusCode; got != want(s) {
				t.Errorf("%s reads %s: %d, want %d", who, path, got, want(s))
			}
		}
		for path, s := range posts {
			if got := p.post(path, "x", "y").StatusCode; got != want(s) {
				t.Errorf("%s writes %s: %d, want %d", who, path, got, want(s))
			}
		}
	}
	for _, role := range access.Roles() {
		p := h.visitor(t)
		p.post("/signin", "email", string(role)+"@esempio.example", "password", goodPassword)
		check(string(role), p, func(s seen) int {
			switch role {
			case access.Administrator:
				return s.admin
			case access.Auditor:
				return s.auditor
			}
			return no
		})
	}
	check("nobody", h.visitor(t), func(seen) int { return no })
}

// TestPeoplePages: an administrator invites, who is invited chooses a password and signs
// in, is changed and ended.
func TestPeoplePages(t *testing.T) {
	h := newHouse(t)
	boss := signedIn(t, h, access.Administrator, "Carla Neri", "carla@esempio.example")
	boss.post("/admin/teams", "step", "add", "name", "Reti <b>", "territory", "Nord", "level", "L2").shows(t, "The team is saved", "Reti &lt;b&gt;", "Nord")
	boss.post("/admin/teams", "step", "add", "name", "Reti <b>", "territory", "", "level", "L2").shows(t, "This name is taken")
	boss.post("/admin/teams", "step", "level", "name", "Reti <b>", "level", "L3").shows(t, "The team is saved")
	if got := boss.post("/admin/teams", "step", "level", "name", "Reti <b>", "level", "L9"); got.StatusCode != http.StatusBadRequest {
		t.Error(got.StatusCode)
	}
	boss.post("/admin/people/new", "name", "Bruno Verdi", "email", "x", "role", "technician", "team", "Reti <b>", "level", "L2", "profile", "View only").shows(t, "This is no e-mail")
	boss.post("/admin/people/new", "name", "Bruno Verdi", "email", "bruno@esempio.example", "role", "technician", "team", "", "level", "L2", "profile", "View only").shows(t, "Choose a team")
	if got := boss.post("/admin/people/new", "name", "Bruno Verdi", "email", "bruno@esempio.example", "role", "auditor", "territory", ""); got.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("an administrator makes an auditor: %d", got.StatusCode)
	}
	got := boss.post("/admin/people/new", "name", "Bruno Verdi", "email", "bruno@esempio.example", "role", "technician", "team", "Reti <b>", "level", "L2", "profile", "View only")
	got.shows(t, "Hand this link to", "Bruno Verdi", "shown this once")
	link := regexp.MustCompile(`https://help\.esempio\.example(/invitation\?token=[^<]+)`).FindStringSubmatch(got.text)[1]
	boss.get("/admin/people").shows(t, "invited", "Reti &lt;b&gt; · L2 · View only")
	if text := boss.get("/admin/people?id=nobody").text; strings.Contains(text, "Bruno Verdi") || !strings.Contains(text, "Nobody matches") {
		t.Error("found among others")
	}

	bruno := h.visitor(t)
	bruno.get(link).shows(t, "Welcome", "bruno@esempio.example")
	bruno.get("/invitation?token=x").shows(t, "This link does not work")
	token := strings.TrimPrefix(link, "/invitation?token=")
	if got := bruno.post("/invitation", "token", token, "email", "bruno@esempio.example", "password", "short"); got.StatusCode != http.StatusUnprocessableEntity {
		t.Error(got.StatusCode)
	} else {
		got.shows(t, "too short")
	}
	bruno.post("/invitation", "token", token, "email", "bruno@esempio.example", "password", goodPassword).shows(t, "Your password is set")
	if got := bruno.post("/invitation", "token", token, "email", "", "password", goodPassword); got.StatusCode != http.StatusNotFound {
		t.Errorf("used twice: %d", got.StatusCode)
	}
	bruno.post("/signin", "email", "bruno@esempio.example", "password", goodPassword)
	account, err := h.access.ByEmail(t.Context(), "bruno@esempio.example")
	if err != nil || !account.Joined {
		t.Fatal(account, err)
	}
	boss.post("/admin/people/"+account.ID, "name", "Bruno Verdi", "role", "lead", "team", "Reti <b>", "level", "L3", "profile", "Full support").shows(t, "Saved.")
	if now, err := h.access.ByID(t.Context(), account.ID); err != nil || now.Role != access.Lead || !now.Profile.Permissions[protocol.Control] {
		t.Error(now, err)
	}
	boss.post("/admin/teams", "step", "delete", "name", "Reti <b>").shows(t, "still has people")
	boss.get("/admin/people/"+account.ID+"/end").shows(t, "End the account of", "within seconds")
	boss.post("/admin/people/"+account.ID+"/end", "sure", "yes").shows(t, "The account has ended")
	if text := boss.get("/admin/people").text; strings.Contains(text, "Bruno Verdi") {
		t.Error("who ended is listed")
	}
	boss.get("/admin/people?ended=on").shows(t, "Bruno Verdi", "ended")
	boss.get("/admin/people/"+account.ID).shows(t, "This account has ended")
	own, err := h.access.ByEmail(t.Context(), "carla@esempio.example")
	if err != nil {
		t.Fatal(err)
	}
	boss.post("/admin/people/"+own.ID+"/end", "sure", "yes").shows(t, "Nobody ends their own account")
}

// TestProfilePages: a profile is made, changed by two at once, and deleted.
func TestProfilePages(t *testing.T) {
	h := newHouse(t)
	boss := signedIn(t, h, access.Administrator, "Carla Neri", "carla@esempio.example")
	boss.get("/admin/profiles").shows(t, "View only", "Full support", "Mouse and keyboard")
	boss.post("/admin/profiles/new", "name", "Look & control", "control", "on", "file", "10", "total", "5", "folders", "on").shows(t, "at least as much as for one file")
	boss.post("/admin/profiles/new", "name", "Look & control", "control", "on", "file", "10", "total", "50").shows(t, "holds now", "Look &amp; control")
	path := "/admin/profiles/" + url.PathEscape("Look & control")
	page := boss.get(path)
	page.shows(t, "Nobody has this profile yet")
	before := regexp.MustCompile(`name="before" value="([^"]+)"`).FindStringSubmatch(page.text)[1]
	boss.post(path, "before", before, "shell", "on", "file", "20", "total", "50", "hosts", "nonsense/").shows(t, "Each is a network")
	boss.post(path, "before", before, "shell", "on", "join", "on", "file", "20", "total", "50", "hosts", "10.1.0.0/16  *.lan").shows(t, "holds now")
	if got := boss.post(path, "before", before, "file", "1", "total", "1"); got.StatusCode != http.StatusConflict {
		t.Errorf("what somebody else saved is lost: %d", got.StatusCode)
	} else {
		got.shows(t, "Somebody else changed this profile")
	}
	profiles, err := h.access.Profiles(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range profiles {
		if p.Name == "Look & control" && (!p.Rights[protocol.MayJoin] || p.Rights[protocol.MayIssueKeys] || !p.Permissions[protocol.Shell] || p.Permissions[protocol.Control] || !p.Permissions[protocol.ViewScreen] || p.Files.File != 20<<20 || p.Files.Folders || strings.Join(p.Hosts, ",") != "10.1.0.0/16,*.lan") {
			t.Errorf("%+v", p)
		}
	}
	boss.post(path+"/gone", "x", "y").shows(t, "The profile is deleted")
}

// TestRightsPage: why somebody may do something, or may not, follows the profile at once.
func TestRightsPage(t *testing.T) {
	h := newHouse(t)
	boss := signedIn(t, h, access.Administrator, "Carla Neri", "carla@esempio.example")
	staff(t, h, access.Technician, "anna@esempio.example")
	tech := h.visitor(t)
	tech.post("/signin", "email", "anna@esempio.example", "password", goodPassword)
	account, err := h.access.ByEmail(t.Context(), "anna@esempio.example")
	if err != nil {
		t.Fatal(err)
	}
	path := "/admin/people/" + account.ID + "/rights"
	lacks := "the profile \u2068View only\u2069 lacks: Join colleagues’ sessions"
	boss.get(path).shows(t, "Ask to join a colleague’s session", lacks, "by the role technician", "Not for this role", "Find, watch and verify recordings")
	tech.get("/account/rights").shows(t, lacks)
	profiles, err := h.access.Profiles(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range profiles {
		if p.Name == protocol.ProfileViewOnly {
			next := p
			next.Rights = protocol.RightSet{protocol.MayJoin: true}
			by, err := h.access.ByEmail(t.Context(), "carla@esempio.example")
			if err != nil {
				t.Fatal(err)
			}
			if err := h.access.SaveProfile(t.Context(), by, &p, next); err != nil {
				t.Fatal(err)
			}
		}
	}
	tech.get("/account/rights").hides(t, lacks)
	tech.get("/account/rights").shows(t, "by the profile \u2068View only\u2069: Join colleagues’ sessions", "the profile \u2068View only\u2069 lacks: Open sessions")
	if got := tech.get(path); got.StatusCode != http.StatusForbidden {
		t.Errorf("a technician reads why others may: %d", got.StatusCode)
	}
	if got := signedIn(t, h, access.Auditor, "Udo Bianchi", "udo@esempio.example").get(path); got.StatusCode != http.StatusNotFound {
		t.Errorf("an auditor comes to an account that others manage: %d", got.StatusCode)
	}
}

// TestAdministrationInChromium goes the way of an invitation by keyboard, and looks at
// each page in every language.
func TestAdministrationInChromium(t *testing.T) {
	h := builtHouse(t)
	for _, role := range []access.Role{access.Technician, access.Lead, access.Maintainer} {
		staff(t, h, role, string(role)+"@esempio.example")
	}
	signedIn(t, h, access.Administrator, "Carla Neri", "carla@esempio.example")
	technician, err := h.access.ByEmail(t.Context(), "technician@esempio.example")
	if err != nil {
		t.Fatal(err)
	}
	b := newChromium(t, h, "en")
	b.open("/signin?next=/admin/people", "#email")
	b.signInWith("carla@esempio.example", goodPassword)
	b.until(`location.pathname === "/admin/people" && document.querySelector(".admin-list")`)
	b.tabTo(`a[href="/admin/people/new"]`)
	b.keys("\r")
	b.until(`document.querySelector("#email")`)
	b.write("#name", "Bruno Verdi")
	b.write("#email", "bruno@esempio.example")
	b.click("form.card button.primary")
	b.until(`document.querySelector("#team[aria-invalid]")`)
	b.look("70-person-wrong")
	b.do(chromedp.SetValue("#team", "Service desk"), chromedp.SetValue("#profile", "View only"))
	b.click("form.card button.primary")
	b.until(`document.querySelector("#invitation-link")`)
	b.glance("70-link")
	link := evaluate[string](b, `new URL(document.querySelector("#invitation-link").textContent).search`)
	for _, language := range tags(t) {
		b.tag = language
		b.speaks(language)
		for name, page := range map[string]string{"70-people": "/admin/people", "70-person": "/admin/people/" + technician.ID, "70-end": "/admin/people/" + technician.ID + "/end", "70-rights": "/admin/people/" + technician.ID + "/rights", "70-teams": "/admin/teams",
			"70-profiles": "/admin/profiles", "70-profile": "/admin/profiles/" + url.PathEscape("View only"), "70-invitation": "/invitation" + link} {
			b.open(page, `html[lang="`+language+`"] h1`)
			b.glance(name)
		}
	}
	b.tag = "en"
	b.speaks("en")
	for name, page := range map[string]string{"70-people": "/admin/people", "70-person": "/admin/people/" + technician.ID, "70-profiles": "/admin/profiles", "70-profile": "/admin/profiles/new"} {
		b.open(page, "h1")
		b.look(name)
	}
}
