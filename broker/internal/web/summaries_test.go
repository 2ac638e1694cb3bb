package web_test

import (
	"net/http"
	"testing"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/session"
)

// TestSummaries: an administrator says which team wants summaries; a technician sees the
// own that are missing, a lead those of the team.
func TestSummaries(t *testing.T) {
	h := newHouse(t)
	anna := staff(t, h, access.Technician, "anna@esempio.example")
	staff(t, h, access.Lead, "lea@esempio.example")
	h.desk.missing = []session.MissingSummary{
		{ID: "1", Technician: "Anna Rossi", Team: anna.Team, Issued: time.Now().Add(-time.Hour), Ended: time.Now(), Drafted: true},
		{ID: "2", Technician: "Bert <b>", Team: anna.Team, Issued: time.Now().Add(-time.Hour), Ended: time.Now()}}
	in := func(email string) *person {
		p := h.visitor(t)
		p.post("/signin", "email", email, "password", goodPassword)
		return p
	}
	technician, lead := in("anna@esempio.example"), in("lea@esempio.example")
	carla := signedIn(t, h, access.Administrator, "Carla Neri", "carla@esempio.example")
	for who, p := range map[string]*person{"technician": technician, "lead": lead, "visitor": h.visitor(t)} {
		if got := p.post("/settings/summaries", "team", anna.Team, "wanted", anna.Team); got.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %d", who, got.StatusCode)
		}
	}
	for who, p := range map[string]*person{"administrator": carla, "visitor": h.visitor(t)} {
		if got := p.get("/summaries"); got.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %d", who, got.StatusCode)
		}
	}
	carla.get("/settings/summaries").shows(t, anna.Team, `type="checkbox"`)
	carla.post("/settings/summaries", "team", anna.Team, "wanted", anna.Team).shows(t, "Saved.", "checked")
	if wanted, err := h.access.SummaryWanted(t.Context(), anna.Team); err != nil || !wanted {
		t.Errorf("wanted %v, %v", wanted, err)
	}
	carla.get("/settings").shows(t, "Summary wanted of a team", anna.Team+": wanted")
	for _, bad := range [][]string{{"team", "Nobody", "wanted", "Nobody"}, {"wanted", anna.Team}} {
		if got := carla.post("/settings/summaries", bad...); got.StatusCode != http.StatusBadRequest {
			t.Errorf("%v: %d", bad, got.StatusCode)
		}
	}
	carla.post("/settings/summaries", "team", anna.Team).shows(t, "Saved.")
	if wanted, _ := h.access.SummaryWanted(t.Context(), anna.Team); wanted {
		t.Error("still wanted")
	}
	technician.get("/summaries").shows(t, "These sessions of yours", "begun, not complete")
	if id, team := h.desk.asked[0], h.desk.asked[1]; id != anna.ID || team != "" {
		t.Errorf("asked for %q, %q", id, team)
	}
	lead.get("/summaries").shows(t, "These sessions of your team", "Bert &lt;b&gt;", "nothing written")
	if id, team := h.desk.asked[0], h.desk.asked[1]; id != "" || team != anna.Team {
		t.Errorf("asked for %q, %q", id, team)
	}
}
