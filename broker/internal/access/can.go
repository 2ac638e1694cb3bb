package access

import (
	"slices"

	"consento/protocol"
)

// Action is something an account may or may not do.
type Action string

// The closed set of actions. What a technician may do inside a session is not
// here: that is the profile's permission and the customer's consent.
const (
	Assist           Action = "assist"            // work at the console
	IssueKey         Action = "issue_key"         // open a session
	ListSessions     Action = "list_sessions"     // see that it is, its state and times: no content
	ViewSession      Action = "view_session"      // see its live picture and take part
	EndSession       Action = "end_session"       // the red X
	JoinSession      Action = "join_session"      // ask the customer of a colleague to let one in
	TakeOver         Action = "take_over"         // ask to become the technician of a colleague's session
	TransferSession  Action = "transfer_session"  // hand a session to a colleague
	Escalate         Action = "escalate"          // hand a ticket, or a session, to another team
	InviteVendor     Action = "invite_vendor"     // somebody from outside, into one session
	ReadEvidence     Action = "read_evidence"     // find, fetch and verify its recording
	ReadTrail        Action = "read_trail"        // what administrators did and who read what
	ReadShared       Action = "read_shared"       // what an auditor shared with oneself or one's team
	DecideErasure    Action = "decide_erasure"    // ask for and decide on legal holds and erasures
	SeeMetrics       Action = "see_metrics"       // health and figures of the service
	ManageAccounts   Action = "manage_accounts"   // accounts but those of the evidence, teams, profiles
	ManageAuditors   Action = "manage_auditors"   // accounts of auditors and data-protection officers
	ManageOffice     Action = "manage_office"     // terms, texts, settings
	ManageRecipients Action = "manage_recipients" // whom evidence is encrypted for
	ReadTickets      Action = "read_tickets"      // a ticket with its history
	WorkTickets      Action = "work_tickets"      // do anything with one
	ManageDesk       Action = "manage_desk"       // categories, escalation matrix, service levels
	Export           Action = "export"            // tickets and figures, as files
	ReadBreaches     Action = "read_breaches"     // suspected data breaches with their legal clock
	HandleBreaches   Action = "handle_breaches"   // acknowledge and decide about them
	SeeFigures       Action = "see_figures"       // sessions, times, ratings, service levels: dashboards
)

// Actions lists the closed set.
func Actions() []Action {
	return []Action{Assist, IssueKey, ListSessions, ViewSession, EndSession, JoinSession, TakeOver, TransferSession, Escalate, InviteVendor,
		ReadTickets, WorkTickets, Export, SeeFigures, ReadShared, ReadEvidence, ReadTrail, DecideErasure, ReadBreaches, HandleBreaches, ManageRecipients, ManageAuditors,
		ManageAccounts, ManageOffice, ManageDesk, SeeMetrics}
}

// Scope is the session, or the ticket, that an action is about: whose it is. It is the zero Scope
// for actions that are about no session.
type Scope struct {
	Owner     string // account id of the technician; of a ticket whom it is assigned to
	Team      string
	Territory string
}

// Reach is how far a grant goes.
type Reach string

// The reaches.
const (
	Own         Reach = "own"       // what is the account's own
	OfTeam      Reach = "team"      // what is its team's
	OfTerritory Reach = "territory" // what is its territory's; everything without one
	Everywhere  Reach = "everywhere"
)

// Grant is one thing a role brings, how far it goes, and which right of the profile it
// takes as well.
type Grant struct {
	Action Action
	Reach  Reach
	Right  protocol.Right // "": the role is enough
}

// Grants is the whole table of rights: the role bounds, the profile narrows. What is not
// in it is not allowed. The administrator and the maintainer never come to the content
// of sessions, the auditor never opens one, and only the auditor decides who reads
// evidence: duties are apart by construction.
func Grants(r Role) []Grant {
	switch r {
	case Technician:
		return []Grant{
			{Assist, Everywhere, ""}, {IssueKey, Everywhere, protocol.MayIssueKeys},
			{ListSessions, Own, ""}, {ListSessions, OfTeam, protocol.MayJoin}, {ListSessions, OfTeam, protocol.MayTakeOver},
			{ViewSession, Own, ""}, {EndSession, Own, ""},
			{JoinSession, OfTeam, protocol.MayJoin}, {TakeOver, OfTeam, protocol.MayTakeOver}, {TransferSession, Own, protocol.MayTransfer},
			{Escalate, Own, protocol.MayEscalate}, {Escalate, OfTeam, protocol.MayEscalate}, {InviteVendor, Own, protocol.MayInvite},
			{ReadTickets, Own, ""}, {ReadTickets, OfTeam, protocol.MayQueue}, {WorkTickets, Own, ""}, {WorkTickets, OfTeam, protocol.MayQueue},
			{Export, OfTeam, protocol.MayExport}, {SeeFigures, OfTeam, protocol.MaySeeStatistics}, {ReadShared, Everywhere, ""},
		}
	case Lead: // who leads a team sees and directs its work whatever the profile says
		return []Grant{
			{Assist, Everywhere, ""}, {IssueKey, Everywhere, protocol.MayIssueKeys},
			{ListSessions, Own, ""}, {ListSessions, OfTeam, ""}, {ViewSession, Own, ""}, {ViewSession, OfTeam, ""}, {EndSession, Own, ""}, {EndSession, OfTeam, ""},
			{JoinSession, OfTeam, ""}, {TakeOver, OfTeam, ""}, {TransferSession, Own, ""}, {TransferSession, OfTeam, ""},
			{Escalate, Own, ""}, {Escalate, OfTeam, ""}, {InviteVendor, Own, protocol.MayInvite},
			{ReadTickets, Own, ""}, {ReadTickets, OfTeam, ""}, {WorkTickets, Own, ""}, {WorkTickets, OfTeam, ""},
			{Export, OfTeam, protocol.MayExport}, {SeeFigures, OfTeam, ""}, {ReadShared, Everywhere, ""},
		}
	case Auditor:
		return []Grant{
			{ListSessions, OfTerritory, ""}, {ReadEvidence, OfTerritory, ""}, {ReadTrail, Everywhere, ""}, {DecideErasure, OfTerritory, ""}, {ReadBreaches, OfTerritory, ""},
			{ManageRecipients, Everywhere, ""}, {ManageAuditors, Everywhere, ""},
		}
	case Administrator:
		return []Grant{
			{ListSessions, Everywhere, ""}, {SeeMetrics, Everywhere, ""}, {ManageAccounts, Everywhere, ""}, {ManageOffice, Everywhere, ""},
			{ManageDesk, Everywhere, ""}, {ReadTickets, Everywhere, ""}, {Export, Everywhere, ""}, {SeeFigures, Everywhere, ""},
		}
	case Maintainer:
		return []Grant{{SeeMetrics, Everywhere, ""}}
	case DPO:
		return []Grant{{ReadTrail, Everywhere, ""}, {DecideErasure, Everywhere, ""}, {ReadBreaches, Everywhere, ""}, {HandleBreaches, Everywhere, ""}}
	}
	return nil
}

// Can says whether the account may do action within scope. Where a token asks for it, that
// narrows as well.
func Can(a Account, action Action, s Scope) bool {
	return active(a) && a.within(action) && slices.ContainsFunc(Grants(a.Role), func(g Grant) bool { return g.Action == action && g.reaches(a, s) && g.given(a) })
}

// May says whether the account may do action somewhere: what pages for its role ask, before
// they know about which session or ticket they will be.
func May(a Account, action Action) bool {
	return a.within(action) && slices.ContainsFunc(Why(a, action), func(r Reason) bool { return r.Given })
}

// within says whether the token, if one asks, leaves the account the action.
func (a Account) within(action Action) bool { return a.only == nil || a.only[action] }

// active says whether the account may do anything: it has not ended, and who assists has
// a team and a profile.
func active(a Account) bool {
	return !a.Disabled && a.ID != "" && (!a.Role.assists() || a.Team != "" && a.Profile.Name != "")
}

func (g Grant) given(a Account) bool { return g.Right == "" || a.Profile.Rights[g.Right] }

func (g Grant) reaches(a Account, s Scope) bool {
	switch g.Reach {
	case Own:
		return s.Owner != "" && s.Owner == a.ID
	case OfTeam:
		return s.Team != "" && s.Team == a.Team
	case OfTerritory:
		return a.Territory == "" || a.Territory == s.Territory
	case Everywhere:
		return true
	}
	return false
}

// Reason is why an account may do something, or why not.
type Reason struct {
	Grant
	Given bool // false: its profile lacks the right
}

// Why lists what the account's role brings of an action: where each reaches, and whether
// the profile gives the right that it takes. It is empty for what no profile could give
// to this role, and for an account that has ended.
func Why(a Account, action Action) (reasons []Reason) {
	if !active(a) {
		return nil
	}
	for _, g := range Grants(a.Role) {
		if g.Action == action {
			reasons = append(reasons, Reason{g, g.given(a)})
		}
	}
	return reasons
}
