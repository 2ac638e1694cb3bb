package access

// Action is something an account may or may not do.
type Action string

// The closed set of actions. What a technician may do inside a session is not
// here: that is the profile's permission and the customer's consent.
const (
	IssueKey         Action = "issue_key"         // open a session
	ListSessions     Action = "list_sessions"     // see that it is, its state and times: no content
	ViewSession      Action = "view_session"      // see its live picture and take part
	EndSession       Action = "end_session"       // the red X
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
)

// Actions lists the closed set.
func Actions() []Action {
	return []Action{IssueKey, ListSessions, ViewSession, EndSession, ReadEvidence, ReadTrail, ReadShared, DecideErasure, SeeMetrics, ManageAccounts, ManageAuditors, ManageOffice, ManageRecipients,
		ReadTickets, WorkTickets, ManageDesk}
}

// Scope is the session, or the ticket, that an action is about: whose it is. It is the zero Scope
// for actions that are about no session.
type Scope struct {
	Owner     string // account id of the technician; of a ticket whom it is assigned to
	Team      string
	Territory string
}

// Can says whether the account may do action within scope. What is not allowed
// here is not allowed. The administrator and the maintainer never come to the
// content of sessions, the auditor never opens one, and only the auditor decides
// who reads evidence: duties are apart by construction.
func Can(a Account, action Action, s Scope) bool {
	if a.Disabled || a.ID == "" {
		return false
	}
	own := s.Owner != "" && s.Owner == a.ID
	team := s.Team != "" && s.Team == a.Team
	switch action {
	case IssueKey:
		return a.Role.assists() && a.Team != "" && a.Profile.Name != ""
	case ListSessions:
		switch a.Role {
		case Technician:
			return own
		case Lead:
			return own || team
		case Auditor:
			return inTerritory(a, s)
		case Administrator:
			return true
		}
	case ViewSession, EndSession:
		switch a.Role {
		case Technician:
			return own
		case Lead:
			return own || team
		}
	case ReadEvidence:
		return a.Role == Auditor && inTerritory(a, s)
	case ReadTrail:
		return a.Role == Auditor || a.Role == DPO
	case ReadShared:
		return a.Role.assists()
	case DecideErasure:
		return a.Role == Auditor && inTerritory(a, s) || a.Role == DPO
	case SeeMetrics:
		return a.Role == Maintainer || a.Role == Administrator
	case ReadTickets:
		return a.Role.assists() && (own || team) || a.Role == Administrator
	case WorkTickets:
		return a.Role.assists() && (own || team)
	case ManageAccounts, ManageOffice, ManageDesk:
		return a.Role == Administrator
	case ManageRecipients, ManageAuditors:
		return a.Role == Auditor
	}
	return false
}

// inTerritory: an auditor without a territory audits all of them.
func inTerritory(a Account, s Scope) bool { return a.Territory == "" || a.Territory == s.Territory }
