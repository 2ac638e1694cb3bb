package web_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"consento/broker/internal/access"
)

// TestWhoDecidesTheDesk walks every role over every page of the desk's decisions.
func TestWhoDecidesTheDesk(t *testing.T) {
	h := newHouse(t)
	for _, role := range access.Roles() {
		staff(t, h, role, string(role)+"@esempio.example")
	}
	pages := map[string]int{"/admin/desk": 200, "/admin/desk/matrix/new": 200, "/admin/desk/matrix/network": 200, "/admin/desk/matrix/nothing": 404, "/admin/desk/matrix/network/L1": 200,
		"/admin/desk/matrix/network/L9": 404, "/admin/desk/matrix/new/L1": 404, "/admin/desk/hours": 200, "/admin/desk/targets": 200, "/admin/desk/versions/matrix": 200, "/admin/desk/versions/hours": 200,
		"/admin/desk/versions/other": 404, "/admin/desk/versions/matrix/1": 200, "/admin/desk/versions/hours/1": 200, "/admin/desk/versions/hours/7": 404, "/admin/desk/versions/hours/x": 404}
	posts := map[string]int{"/admin/desk/matrix/new": 422, "/admin/desk/matrix/network": 422, "/admin/desk/matrix/network/L1": 422, "/admin/desk/hours": 422, "/admin/desk/holidays": 400,
		"/admin/desk/targets": 422, "/admin/desk/versions/matrix/1": 409}
	check := func(who string, p *person, admin bool) {
		t.Helper()
		for method, list := range map[string]map[string]int{"reads": pages, "writes": posts} {
			for path, want := range list {
				if !admin {
					want = http.StatusForbidden
				}
				got := 0
				if method == "reads" {
					got = p.get(path).StatusCode
				} else {
					got = p.post(path, "x", "y").StatusCode
				}
				if got != want {
					t.Errorf("%s %s %s: %d, want %d", who, method, path, got, want)
				}
			}
		}
	}
	for _, role := range access.Roles() {
		p := h.visitor(t)
		p.post("/signin", "email", string(role)+"@esempio.example", "password", goodPassword)
		check(string(role), p, role == access.Administrator)
	}
	check("nobody", h.visitor(t), false)
}

// base is the version of which a page's form was made.
func base(t testing.TB, s seen) string {
	t.Helper()
	found := regexp.MustCompile(`name="base" value="(\d+)"`).FindStringSubmatch(s.text)
	if found == nil {
		t.Fatalf("no base in %s", s.text)
	}
	return found[1]
}

// TestMatrixPages: a category is made, named, given work and a team; two at once; an older
// version comes back; a technician sees the cell.
func TestMatrixPages(t *testing.T) {
	h := newHouse(t)
	anna := joins(t, h, "Anna Bianchi", "Service desk", access.L1)
	joins(t, h, "Carla Verdi", "Reti", access.L2)
	boss := signedIn(t, h, access.Administrator, "Ada Neri", "ada@esempio.example")
	boss.get("/admin/people").shows(t, `href="/admin/desk"`)
	boss.get("/admin/desk").shows(t, "Network", "data breach", "Hand on", `href="/admin/desk/matrix/network/L1"`)
	boss.post("/admin/desk/matrix/new", "name-en", "", "about-en", "Passports").shows(t, "Write a name", "Passports")
	boss.post("/admin/desk/matrix/new", "name-en", "Registry <b>", "name-it", "Anagrafe", "alert", "on").shows(t, "Saved. It holds now", "Registry &lt;b&gt;")
	page := boss.get("/admin/desk/matrix/network/L1")
	first := base(t, page)
	form := func(step string) []string {
		return []string{"base", first, "team", "Reti", "after", "1:30", "steps-en", step + "\nAnd then", "when-en", "When the switch is dead"}
	}
	boss.post("/admin/desk/matrix/network/L1", append(form("Look <i>"), "x", "y")...).shows(t, "Saved. It holds now", "Look &lt;i&gt;", "Hand on to ", "1 h 30 min")
	got := boss.post("/admin/desk/matrix/network/L1", form("Look elsewhere")...)
	if got.StatusCode != http.StatusConflict {
		t.Errorf("overwritten: %d", got.StatusCode)
	}
	got.shows(t, "Somebody else saved this meanwhile", "Look elsewhere", "Look &lt;i&gt;", "saved by ", "Ada Neri")
	boss.post("/admin/desk/matrix/network/L1", "base", base(t, got), "team", "Reti", "after", "1:90", "steps-en", "x").shows(t, "Write hours or hours:minutes", "1:90")
	if got := boss.post("/admin/desk/matrix/network/L2", "base", base(t, got), "team", "Reti", "steps-en", "x"); got.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("in a circle: %d", got.StatusCode)
	} else {
		got.shows(t, "would go in a circle")
	}

	sent := h.visitor(t).post("/request", "name", "Maria Rossi", "email", "maria@comune.example", "phone", "", "title", "Printer", "text", "")
	sent.shows(t, "Your request has arrived")
	path := regexp.MustCompile(`href="(/desk/[-0-9a-f]{36})"`).FindStringSubmatch(anna.get("/desk/").text)[1]
	anna.post(path, "version", version(t, anna.get(path)), "kind", "take")
	anna.post(path, "version", version(t, anna.get(path)), "kind", "categorise", "category", "network", "area", "")
	anna.get(path).shows(t, "And then", "Hand on to ", "1 h 30 min")
	boss.get("/admin/desk/matrix/network").shows(t, "1 ticket with this category")
	boss.post("/admin/desk/matrix/network", "base", base(t, got), "name-en", "Network", "retired", "on").shows(t, "is not on offer any more: 1 ticket")
	boss.post("/admin/teams", "step", "delete", "name", "Reti").shows(t, "still has people")

	list := boss.get("/admin/desk/versions/matrix")
	list.shows(t, "Version 4", "in force", "this program")
	old := boss.get("/admin/desk/versions/matrix/1")
	old.shows(t, "Use version 1 again", "1 h 30 min", "not there")
	boss.post("/admin/desk/versions/matrix/1", "base", base(t, old)).shows(t, "used again")
	if text := boss.get("/admin/desk").text; strings.Contains(text, "Look &lt;i&gt;") || !strings.Contains(text, "Registry") {
		t.Error("the first version is not in force")
	}
}

// TestHoursPages: hours, zone and holidays are typed, tried, saved; what is wrong is said.
func TestHoursPages(t *testing.T) {
	h := newHouse(t)
	boss := signedIn(t, h, access.Administrator, "Ada Neri", "ada@esempio.example")
	page := boss.get("/admin/desk/hours")
	page.shows(t, "9:00-13:00, 14:00-18:00", "No holiday is listed")
	first := base(t, page)
	hours := func(pairs ...string) []string {
		typed := url.Values{"base": {first}, "zone": {"Europe/Rome"}, "day-1": {"8-12; 13:30 – 17"}}
		for i := 0; i < len(pairs); i += 2 {
			typed.Set(pairs[i], pairs[i+1])
		}
		var list []string
		for name := range typed {
			list = append(list, name, typed.Get(name))
		}
		return list
	}
	post := func(pairs ...string) seen { return boss.post("/admin/desk/hours", hours(pairs...)...) }
	post("step", "preview").shows(t, "This is not saved yet", "8:00-12:00, 13:30-17:00", "7 h 30 min in seven days")
	boss.get("/admin/desk/hours").shows(t, "9:00-13:00, 14:00-18:00")
	for said, pairs := range map[string][]string{
		"no such time zone":        {"zone", "Mars/Olympus"},
		"no open hours":            {"day-1", ""},
		"Write spans in order":     {"day-1", "14-18, 9-13"},
		"Write spans in order, su": {"day-1", "9-25"},
	} {
		if got := post(append(pairs, "step", "save")...); got.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", said, got.StatusCode)
		} else {
			got.shows(t, said)
		}
	}
	post("step", "save").shows(t, "Saved. It holds now", "Europe/Rome", "13:30-17:00")
	if got := post("step", "save", "always", "on"); got.StatusCode != http.StatusConflict {
		t.Errorf("overwritten: %d", got.StatusCode)
	} else {
		got.shows(t, "Somebody else saved this meanwhile", "saved by ")
	}
	boss.post("/admin/desk/holidays", "step", "add", "name", "Ponte <b>", "first", "2026-12-24", "last", "2027-01-06", "yearly", "on").shows(t, "Ponte &lt;b&gt;", "every year", "goes over the new year")
	boss.post("/admin/desk/holidays", "step", "add", "name", "Patrono", "first", "2020-08-15", "last", "").shows(t, "All holidays with a fixed date are over")
	boss.post("/admin/desk/holidays", "step", "add", "name", "", "first", "2020-08-15").shows(t, "Write a name", "2020-08-15")
	boss.post("/admin/desk/holidays", "step", "add", "name", "X", "first", "2020-08-15", "last", "2020-08-14").shows(t, "comes before the first")
	if text := boss.post("/admin/desk/holidays", "step", "remove", "name", "Patrono", "first", "2020-08-15", "last", "2020-08-15", "yearly", "").text; strings.Contains(text, "Patrono") {
		t.Error("it is still there")
	}
	targets := boss.get("/admin/desk/targets")
	targets.shows(t, "First answer within", "24:00", "72")
	typed := []string{"base", base(t, targets), "warn", "80", "average", "20", "first", "24", "last", "72", "hold", "14", "keep", "36"}
	for _, n := range []string{"1", "2", "3", "4"} {
		typed = append(typed, "response-"+n, "0:30", "resolution-"+n, "8")
	}
	for said, change := range map[string][2]string{"not shorter": {"resolution-2", "0:10"}, "from 1 to 99": {"warn", "100"}, "at most 72 hours": {"last", "80"}, "3 to 90 days": {"hold", "1"}, "2 to 120 months": {"keep", "1"}} {
		wrong := append([]string{}, typed...)
		for i := 0; i < len(wrong); i += 2 {
			if wrong[i] == change[0] {
				wrong[i+1] = change[1]
			}
		}
		boss.post("/admin/desk/targets", wrong...).shows(t, said)
	}
	boss.post("/admin/desk/targets", typed...).shows(t, "Saved. It holds now", `value="80"`, `value="8:00"`)
	if got := boss.post("/admin/desk/targets", typed...); got.StatusCode != http.StatusConflict {
		t.Errorf("overwritten: %d", got.StatusCode)
	}
	boss.get("/admin/desk/versions/hours/1").shows(t, "Use version 1 again", "Ponte &lt;b&gt;", "75 %", "9:00-13:00")
	old := boss.get("/admin/desk/versions/hours/2")
	boss.post("/admin/desk/versions/hours/2", "base", base(t, old)).shows(t, "used again", "No holiday is listed")
}

// TestDeskDecisionsInChromium looks at each page in every language, the cell by keyboard.
func TestDeskDecisionsInChromium(t *testing.T) {
	h := builtHouse(t)
	joins(t, h, "Carla Verdi", "Reti", access.L2)
	boss := signedIn(t, h, access.Administrator, "Ada Neri", "ada@esempio.example")
	boss.post("/admin/desk/matrix/network/L1", "base", "1", "team", "Reti", "after", "1:30", "steps-en", "Look at the switch", "steps-de", "Den Switch ansehen", "steps-ja", "スイッチを見る", "steps-it", "Guarda lo switch")
	boss.post("/admin/desk/holidays", "step", "add", "name", "Natale", "first", "2026-12-24", "last", "2027-01-06", "yearly", "on").shows(t, "Natale")
	b := newChromium(t, h, "en")
	b.open("/signin?next=/admin/desk", "#email")
	b.signInWith("ada@esempio.example", goodPassword)
	b.until(`location.pathname === "/admin/desk" && document.querySelector(".matrix-row")`)
	b.tabTo(`a[href="/admin/desk/matrix/network/L1"]`)
	b.keys("\r")
	b.until(`document.querySelector("#steps-en")`)
	b.write("#after", "\b\b\b\b\b\b9:99")
	b.click("form.card button.primary")
	b.until(`document.querySelector("#after[aria-invalid]")`)
	b.look("90-cell-wrong")
	pages := map[string]string{"90-matrix": "/admin/desk", "90-category": "/admin/desk/matrix/breach", "90-cell": "/admin/desk/matrix/network/L1", "90-hours": "/admin/desk/hours", "90-targets": "/admin/desk/targets",
		"90-versions": "/admin/desk/versions/matrix", "90-version": "/admin/desk/versions/matrix/1"}
	for _, language := range tags(t) {
		b.tag = language
		b.speaks(language)
		for name, page := range pages {
			b.open(page, `html[lang="`+language+`"] h1`)
			b.glance(name)
		}
	}
	b.tag = "en"
	b.speaks("en")
	for name, page := range pages {
		b.open(page, "h1")
		b.look(name)
	}
}
