package access

import (
	"slices"
	"testing"

	"consento/protocol"
)

// Every role and every action, with all rights of a profile and with none, for the own
// session, one of the own team and territory, and one of another team and territory. The
// table is written out by hand: it is what the office was promised, not what Grants says.
func TestCan(t *testing.T) {
	const own, team, other = 1, 2, 4
	const all = own | team | other
	want := map[Role]map[Action]int{ // with all rights
		Technician: {Assist: all, IssueKey: all, ListSessions: own | team, ViewSession: own, EndSession: own, ReadShared: all, ReadTickets: own | team, WorkTickets: own | team,
			JoinSession: own | team, TakeOver: own | team, TransferSession: own, Escalate: own | team, InviteVendor: own, Export: own | team, SeeFigures: own | team},
		Lead: {Assist: all, IssueKey: all, ListSessions: own | team, ViewSession: own | team, EndSession: own | team, ReadShared: all, ReadTickets: own | team, WorkTickets: own | team,
			JoinSession: own | team, TakeOver: own | team, TransferSession: own | team, Escalate: own | team, InviteVendor: own, Export: own | team, SeeFigures: own | team},
		Auditor:       {ListSessions: own | team, ReadEvidence: own | team, ReadTrail: all, DecideErasure: own | team, ReadBreaches: own | team, ManageRecipients: all, ManageAuditors: all},
		Administrator: {ListSessions: all, SeeMetrics: all, ManageAccounts: all, ManageOffice: all, ReadTickets: all, ManageDesk: all, Export: all, SeeFigures: all},
		Maintainer:    {SeeMetrics: all},
		DPO:           {ReadTrail: all, DecideErasure: all, ReadBreaches: all, HandleBreaches: all},
	}
	// What of it stays with a profile that gives no right at all.
	bare := map[Role]map[Action]int{
		Technician: {Assist: all, ListSessions: own, ViewSession: own, EndSession: own, ReadShared: all, ReadTickets: own, WorkTickets: own},
		Lead: {Assist: all, ListSessions: own | team, ViewSession: own | team, EndSession: own | team, ReadShared: all, ReadTickets: own | team, WorkTickets: own | team,
			JoinSession: own | team, TakeOver: own | team, TransferSession: own | team, Escalate: own | team, SeeFigures: own | team},
		Auditor: want[Auditor], Administrator: want[Administrator], Maintainer: want[Maintainer], DPO: want[DPO],
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
		poor := a
		poor.Profile = protocol.Profile{Name: "Poor"}
		for _, action := range append(Actions(), "invented") {
			for bit, scope := range scopes {
				if got := Can(a, action, scope); got != (want[role][action]&bit != 0) {
					t.Errorf("%s %s in %+v: %v", role, action, scope, got)
				}
				if got := Can(poor, action, scope); got != (bare[role][action]&bit != 0) {
					t.Errorf("%s without rights %s in %+v: %v", role, action, scope, got)
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

// Each right alone gives what it is for and nothing else, and what a person is told of why
// agrees with what they may do.
func TestEachRight(t *testing.T) {
	gives := map[protocol.Right][]Action{
		protocol.MayIssueKeys: {IssueKey}, protocol.MayQueue: {ReadTickets, WorkTickets}, protocol.MayJoin: {ListSessions, JoinSession},
		protocol.MayTakeOver: {ListSessions, TakeOver}, protocol.MayTransfer: {TransferSession}, protocol.MayEscalate: {Escalate},
		protocol.MayInvite: {InviteVendor}, protocol.MayExport: {Export}, protocol.MaySeeStatistics: {SeeFigures},
	}
	for _, right := range protocol.Rights() {
		with := Account{ID: "me", Role: Technician, Team: "Desk", Profile: protocol.Profile{Name: "one", Rights: protocol.RightSet{right: true}}}
		without := with
		without.Profile.Rights = nil
		for _, action := range Actions() {
			more := false
			for _, s := range []Scope{{}, {Owner: "me", Team: "Desk"}, {Owner: "other", Team: "Desk"}, {Owner: "other", Team: "Servers"}} {
				if Can(without, action, s) && !Can(with, action, s) {
					t.Errorf("%s takes %s away", right, action)
				}
				more = more || Can(with, action, s) && !Can(without, action, s)
			}
			if more != slices.Contains(gives[right], action) {
				t.Errorf("%s gives %s: %v", right, action, more)
			}
			told := slices.ContainsFunc(Why(with, action), func(r Reason) bool { return r.Right == right && r.Given })
			lacks := slices.ContainsFunc(Why(without, action), func(r Reason) bool { return r.Right == right && !r.Given })
			if told != more || lacks != more {
				t.Errorf("%s, %s: told %v, what is lacking %v", right, action, told, lacks)
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
