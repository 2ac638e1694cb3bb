package access

import (
	"testing"

	"consento/protocol"
)

// Every role and every action, for the own session, one of the own team and
// territory, and one of another team and territory.
func TestCan(t *testing.T) {
	const own, team, other = 1, 2, 4
	const all = own | team | other
	want := map[Role]map[Action]int{
		Technician:    {IssueKey: all, ListSessions: own, ViewSession: own, EndSession: own, ReadShared: all, ReadTickets: own | team, WorkTickets: own | team},
		Lead:          {IssueKey: all, ListSessions: own | team, ViewSession: own | team, EndSession: own | team, ReadShared: all, ReadTickets: own | team, WorkTickets: own | team},
		Auditor:       {ListSessions: own | team, ReadEvidence: own | team, ReadTrail: all, DecideErasure: own | team, ManageRecipients: all, ManageAuditors: all},
		Administrator: {ListSessions: all, SeeMetrics: all, ManageAccounts: all, ManageOffice: all, ReadTickets: all, ManageDesk: all},
		Maintainer:    {SeeMetrics: all},
		DPO:           {ReadTrail: all, DecideErasure: all},
	}
	scopes := map[int]Scope{
		own:   {Owner: "me", Team: "Desk", Territory: "Nord"},
		team:  {Owner: "colleague", Team: "Desk", Territory: "Nord"},
		other: {Owner: "stranger", Team: "Servers", Territory: "Sud"},
	}
	if len(want) != len(Roles()) {
		t.Fatalf("the table has %d roles of %d", len(want), len(Roles()))
	}
	for _, role := range Roles() {
		a := Account{ID: "me", Role: role, Team: "Desk", Territory: "Nord", Profile: protocol.BuiltInProfiles()[1]}
		for _, action := range append(Actions(), "invented") {
			for bit, scope := range scopes {
				if got := Can(a, action, scope); got != (want[role][action]&bit != 0) {
					t.Errorf("%s %s in %+v: %v", role, action, scope, got)
				}
				ended, nobody := a, a
				ended.Disabled, nobody.ID = true, ""
				if Can(ended, action, scope) || Can(nobody, action, scope) {
					t.Errorf("an ended account or nobody may %s", action)
				}
			}
		}
	}
}

func TestCanAtTheEdges(t *testing.T) {
	auditor := Account{ID: "me", Role: Auditor}
	if !Can(auditor, ReadEvidence, Scope{Territory: "Sud"}) {
		t.Error("an auditor without a territory audits all of them")
	}
	if Can(Account{ID: "me", Role: Auditor, Territory: "Nord"}, ReadEvidence, Scope{}) {
		t.Error("a session without a territory is none of Nord's")
	}
	if Can(Account{ID: "me", Role: Lead}, ViewSession, Scope{Owner: "other"}) {
		t.Error("no team and no team are not the same team")
	}
	if Can(Account{ID: "me", Role: Technician, Team: "Desk"}, IssueKey, Scope{}) {
		t.Error("no key without a profile")
	}
	if Can(Account{ID: "me", Role: "invented", Team: "Desk"}, ListSessions, Scope{Team: "Desk"}) {
		t.Error("an unknown role may nothing")
	}
}
