package protocol

// EventCode names something that happened in a session. The codes stand on the
// evidence and never change their meaning. Each has the data listed beside it;
// PROTOCOL.md says the same for readers of exported logs.
type EventCode string

// The event codes.
const (
	EventIssued           EventCode = "session.issued"            // technician, team, office, profile, expires
	EventRedeemed         EventCode = "key.redeemed"              // by: portal or agent
	EventKeyRefused       EventCode = "ticket.refused"            // a second agent came with a ticket that was used
	EventNameConfirmed    EventCode = "name.confirmed"            // by: portal or agent
	EventNameRefused      EventCode = "name.refused"              // by: portal or agent
	EventReported         EventCode = "session.reported"          // by: portal
	EventAgentFetched     EventCode = "agent.fetched"             // system, sha256 of the program
	EventAgentJoined      EventCode = "agent.joined"              // software, system, language, version
	EventTermsShown       EventCode = "terms.shown"               // version, language
	EventTermsAccepted    EventCode = "terms.accepted"            // version
	EventTermsDeclined    EventCode = "terms.declined"            // version
	EventConsentAsked     EventCode = "consent.asked"             // permission, epoch, technician
	EventConsentGiven     EventCode = "consent.given"             // permission, epoch
	EventConsentRefused   EventCode = "consent.refused"           // permission, epoch
	EventConsentWithdrawn EventCode = "consent.withdrawn"         // permission, epoch
	EventScreenGap        EventCode = "screen.gap"                // frames of the picture did not reach the broker
	EventViewerJoined     EventCode = "viewer.joined"             // name, team
	EventViewerLeft       EventCode = "viewer.left"               // name, team
	EventMalformed        EventCode = "message.refused"           // from, code
	EventEnded            EventCode = "session.ended"             // reason, by
	EventRemoved          EventCode = "agent.removed"             // complete, left
	EventRemovalUnknown   EventCode = "agent.removal_unconfirmed" // the agent was lost before it could say so
	EventClosed           EventCode = "session.closed"            // the last event
	EventCursorShape      EventCode = "cursor.shape"              // on the meta track: see CursorUpdate
	EventCursorMoved      EventCode = "cursor.moved"              // on the meta track: see CursorUpdate
	EventTransportChanged EventCode = "transport.changed"         // who, state
	EventStateChanged     EventCode = "state.changed"             // from, command, to
)

// EventCodes lists the codes.
func EventCodes() []EventCode {
	return []EventCode{EventIssued, EventRedeemed, EventKeyRefused, EventNameConfirmed, EventNameRefused, EventReported,
		EventAgentFetched, EventAgentJoined, EventTermsShown, EventTermsAccepted, EventTermsDeclined,
		EventConsentAsked, EventConsentGiven, EventConsentRefused, EventConsentWithdrawn, EventScreenGap,
		EventViewerJoined, EventViewerLeft, EventMalformed, EventEnded, EventRemoved, EventRemovalUnknown, EventClosed,
		EventCursorShape, EventCursorMoved, EventTransportChanged, EventStateChanged}
}
