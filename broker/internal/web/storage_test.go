package web_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/evidence"
	"consento/broker/internal/ops"
	"consento/broker/internal/web"
)

// plight answers as package evidence would where disks and witnesses do badly.
type plight struct {
	*vault
	change func(*evidence.Storage)
}

func (p *plight) Storage(ctx context.Context, by access.Account) (evidence.Storage, error) {
	s, err := p.vault.Storage(ctx, by)
	if p.change != nil {
		p.change(&s)
	}
	return s, err
}

func withPlight(t testing.TB, p *plight) option {
	real := withVault(t)
	return func(c *web.Config, h *house) {
		real(c, h)
		p.vault = h.vault
		c.Audit.Decisions = p
	}
}

// worse are the states of disk and witnesses that somebody has to do something about.
func worse(now time.Time) map[string]func(*evidence.Storage) {
	const gb = 1 << 30
	return map[string]func(*evidence.Storage){
		"short": func(s *evidence.Storage) {
			s.Level, s.Free, s.Total, s.Mark, s.PerDay, s.Over = evidence.FullShort, 9*gb, 500*gb, gb, gb, 14
			s.FullAt, s.MaxLag = now.AddDate(0, 0, 8), 15*time.Minute
			s.LastWords = ops.ReserveStatus{Bytes: ops.ReserveBytes}
			s.Clock = &evidence.ClockStatus{Authority: "tsa.example", Says: time.Date(2026, 11, 28, 3, 4, 5, 0, time.UTC)}
			s.Witnesses = []evidence.WitnessStatus{{Name: "town-hall", Signed: now, Waiting: 1},
				{Name: "province", Lag: 7 * time.Minute, Signed: now.Add(-7 * time.Minute), Waiting: 3, Bags: 2, Silent: true}}
		},
		"refused": func(s *evidence.Storage) {
			s.Level, s.Free, s.Total, s.Mark, s.PerDay, s.MaxLag = evidence.Full, gb/2, 500*gb, gb, -gb, 15*time.Minute
			s.Over = 14
			s.LastWords = ops.ReserveStatus{Missing: 1, Released: time.Date(2026, 11, 28, 3, 4, 5, 0, time.UTC)}
			s.Clock = &evidence.ClockStatus{Authority: "tsa.example", Says: time.Date(2026, 11, 28, 3, 4, 5, 0, time.UTC), Failed: true, Late: true}
			s.Witnesses = []evidence.WitnessStatus{{Name: "town-hall", Lag: 3 * time.Hour, Signed: now.Add(-3 * time.Hour), Waiting: 12, Bags: 4, Refused: 2}}
		},
		"soon": func(s *evidence.Storage) {
			s.Clock = &evidence.ClockStatus{Authority: "tsa.example", Failed: true}
			s.Level, s.PerDay, s.Over, s.FullAt = evidence.FullSoon, gb, 14, now.AddDate(0, 1, 0)
			s.Witnesses = []evidence.WitnessStatus{{Name: "embedded", Embedded: true, Signed: now}}
		},
		"alone": func(s *evidence.Storage) { s.Witnesses = nil },
	}
}

// TestStoragePage: what is told, to whom, and what to do about it.
func TestStoragePage(t *testing.T) {
	p := &plight{}
	h := newHouse(t, withPlight(t, p))
	auditor := signedIn(t, h, access.Auditor, "Dino Verdi", "dino@esempio.example")
	officer := signedIn(t, h, access.DPO, "Paola Blu", "dpo@esempio.example")
	carla := signedIn(t, h, access.Administrator, "Carla Neri", "carla@esempio.example")
	auditor.get("/audit/storage").shows(t, "There is enough space", "Nothing was recorded yet", "nobody signs them", "consento-witness")
	id := h.vault.session(t, "Anna Rossi", time.Now())
	page := auditor.get("/audit/storage")
	page.shows(t, "1 session", "Anna Rossi", "/audit/sessions/"+id, "over the last 1 day", `href="/audit/retention"`)
	page.hides(t, "Nothing was recorded yet")
	officer.get("/audit/storage").shows(t, "Anna Rossi", "/audit/retention/"+id)
	settings := carla.get("/settings")
	settings.shows(t, "Storage and witnesses", "There is enough space", "1 session", "nobody signs them")
	settings.hides(t, "Anna Rossi")
	for state, words := range map[string][]string{
		"short":   {"Space runs out within days", "Act this week", "9664 MB of 537 GB", "town-hall", "has signed everything", "is 7 min behind", "beyond 15 min of all witnesses", "recordings 3, key bags 2", "Outside clock <bdi>tsa.example</bdi>:", "last stamped the log on 2026-11-28 03:04 UTC.", "8389 kB: given back as soon as the disk is full"},
		"refused": {"No session can start", "Never delete recordings by hand", "is 180 min behind, more than the 15 min", "in 2 cases", "more was deleted than recorded", "The daily timestamp is overdue", "Sessions start all the same", "given back on 2026-11-28 03:04 UTC, because the disk was full", "Sessions that were open have been ended"},
		"soon":    {"within two months", "Both stores are on one machine", "this server itself", "has not stamped the log yet. The last try failed", "none yet: it is made when there is more free space"},
	} {
		p.change = worse(time.Now())[state]
		auditor.get("/audit/storage").shows(t, words...)
		if got := carla.get("/settings"); !strings.Contains(got.text, words[0]) {
			t.Errorf("%s: the administrator is not told", state)
		}
	}
}

// TestStorageInChromium looks at the page in each of its states.
func TestStorageInChromium(t *testing.T) {
	for _, language := range tags(t) {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			p := &plight{}
			h := builtHouse(t, withPlight(t, p))
			_, account := auditing(t, h, "dino@esempio.example")
			b := newChromium(t, h, language)
			b.keysInBrowser(account.Email, h.vault.auditor)
			b.open("/audit/storage", "#growth")
			b.glance("37-storage-empty")
			for i, name := range []string{"Anna Rossi", "Bruno Gallo", "Carlo Riva"} {
				h.vault.session(t, name, time.Now().Add(-time.Duration(i)*time.Hour))
			}
			for state, change := range worse(time.Now()) {
				p.change = change
				b.open("/audit/storage", "#growth")
				b.until(`document.querySelector("meter")`)
				if state == "short" {
					b.look("37-storage-" + state)
				} else {
					b.glance("37-storage-" + state)
				}
			}
			signedIn(t, h, access.Administrator, "Carla Neri", "carla@esempio.example")
			b.send("/signout", 0)
			b.until(`location.pathname === "/signin"`)
			b.open("/signin?next=/settings", "#email")
			b.signInWith("carla@esempio.example", goodPassword)
			b.until(`document.querySelector("#storage-title")`)
			b.glance("38-settings-storage")
		})
	}
}
