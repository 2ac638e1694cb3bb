package web_test

import (
	"net/http"
	"testing"

	"consento/broker/internal/access"
	"consento/protocol"

	"github.com/chromedp/chromedp"
)

// TestRetentionClasses: an administrator gives a team another class; nobody else does.
func TestRetentionClasses(t *testing.T) {
	h := newHouse(t)
	staff(t, h, access.Technician, "anna@esempio.example")
	carla := signedIn(t, h, access.Administrator, "Carla Neri", "carla@esempio.example")
	dino := signedIn(t, h, access.Auditor, "Dino Verdi", "dino@esempio.example")
	if got := dino.post("/settings/retention", "short_days", "1", "long_days", "2"); got.StatusCode != http.StatusForbidden {
		t.Errorf("an auditor: %d", got.StatusCode)
	}
	now, err := h.access.Retention(t.Context())
	if err != nil || len(now.Teams) != 1 {
		t.Fatalf("%+v, %v", now, err)
	}
	team := now.Teams[0].Team
	carla.get("/settings/retention").shows(t, team, "standard, 90 days", "short, 30 days", "long, 365 days")
	for _, days := range []string{"", "0", "4000", "x"} {
		if got := carla.post("/settings/retention", "short_days", days, "long_days", "365"); got.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%q days: %d", days, got.StatusCode)
		}
	}
	for _, bad := range [][2]string{{team, "for ever"}, {"nobody", "long"}} {
		if got := carla.post("/settings/retention", "short_days", "30", "long_days", "365", "team", bad[0], "class", bad[1]); got.StatusCode != http.StatusBadRequest {
			t.Errorf("%v: %d", bad, got.StatusCode)
		}
	}
	if got := carla.post("/settings/retention", "short_days", "30", "long_days", "365", "team", team); got.StatusCode != http.StatusBadRequest {
		t.Errorf("a team without a class: %d", got.StatusCode)
	}
	carla.post("/settings/retention", "short_days", "14", "long_days", "365", "team", team, "class", "short").shows(t, "short, 14 days", `value="short" selected`)
	carla.get("/settings").shows(t, "Class of a team", team+": short", "Days of the class short")
	kept, err := h.access.KeptFor(t.Context(), team)
	if err != nil || kept != (access.Kept{Class: access.KeptShort, Days: 14, LogMonths: 6}) {
		t.Errorf("%+v, %v", kept, err)
	}
}

// TestKeptAsShown: the customer reads the period of this very session.
func TestKeptAsShown(t *testing.T) {
	h := newHouse(t)
	p, id := joined(t, h)
	h.desk.set(id, func(s *protocol.Session) { s.KeptDays, s.LogMonths = 14, 8 })
	p.live("/session").comes("The recording is kept for 14 days and the log for 8 months")
}

// TestRetentionClassesInChromium looks at the page.
func TestRetentionClassesInChromium(t *testing.T) {
	for _, language := range tags(t) {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			h := builtHouse(t)
			staff(t, h, access.Technician, "anna@esempio.example")
			signedIn(t, h, access.Administrator, "Carla Neri", "carla@esempio.example")
			b := newChromium(t, h, language)
			b.open("/signin?next=/settings", "#email")
			b.signInWith("carla@esempio.example", goodPassword)
			b.until(`location.pathname === "/settings" && document.querySelector("a[href='/settings/retention']")`)
			b.open("/settings/retention", "select[name=class]")
			b.look("39-retention-classes")
			b.do(chromedp.SetValue("#short_days", "0"))
			b.click("button.primary")
			b.until(`document.querySelector("[aria-invalid]")`)
			b.glance("39-retention-classes-error")
		})
	}
}
