package protocol

// EventCode names something that happened in a session. The codes stand on the
// evidence and never change their meaning. Each has the data listed beside it;
// PROTOCOL.md says the same for readers of exported logs.
type EventCode string

// The event codes.
const (
	EventIssued           EventCode = "session.issued"            // technician, team, office, profile, expires, test, kept_days
	EventRedeemed         EventCode = "key.redeemed"              // by: portal or agent
	EventKeyRefused       EventCode = "ticket.refused"            // a second agent came with a ticket that was used
	EventNameConfirmed    EventCode = "name.confirmed"            // by: portal or agent
	EventNameRefused      EventCode = "name.refused"              // by: portal or agent
	EventReason           EventCode = "reason.given"              // text, by: why the technician says the session is needed; with session.issued where it was said at once
	EventReported         EventCode = "session.reported"          // by: portal or agent
	EventAgentFetched     EventCode = "agent.fetched"             // system, sha256 of the program
	EventAgentJoined      EventCode = "agent.joined"              // software, system, language, version
	EventAgentAway        EventCode = "agent.away"                // silent: true if nothing was heard, false if the connection was closed
	EventAgentReturned    EventCode = "agent.returned"            // away_ms: how long it was away, software
	EventAgentSlept       EventCode = "agent.slept"               // slept_ms: the customer's computer slept, or the agent was not run
	EventClockJumped      EventCode = "clock.jumped"              // by_ms: the broker's wall clock was set, or the broker was not run
	EventSuspended        EventCode = "session.suspended"         // the broker is being stopped; the session goes on after it
	EventResumed          EventCode = "session.resumed"           // the broker was restarted; state, technician: this segment goes on
	EventTermsShown       EventCode = "terms.shown"               // version, language
	EventTermsAccepted    EventCode = "terms.accepted"            // version
	EventTermsDeclined    EventCode = "terms.declined"            // version
	EventConsentAsked     EventCode = "consent.asked"             // permission, epoch, technician
	EventConsentGiven     EventCode = "consent.given"             // permission, epoch
	EventConsentRefused   EventCode = "consent.refused"           // permission, epoch, cause
	EventConsentWithdrawn EventCode = "consent.withdrawn"         // permission, epoch, cause
	EventControlInput     EventCode = "control.input"             // on the track input: epoch, width, height, acts: see Input; moves are left out
	EventControlUsed      EventCode = "control.used"              // clicks, wheel, keys, characters: how often since the last one
	EventControlState     EventCode = "control.state"             // block: why the agent lets no input through, "" if it does
	EventShellStarted     EventCode = "shell.started"             // epoch, run, script: a login shell, or a script of the list, runs
	EventShellOwn         EventCode = "shell.own"                 // epoch, run, id, version, name, interpreter, sha256, text: a script of the office's runs
	EventShellUsed        EventCode = "shell.used"                // lines, characters that were typed, output in bytes: since the last one
	EventShellEnded       EventCode = "shell.ended"               // run; code it ended with, or stopped: true with the consent
	EventSSHStarted       EventCode = "ssh.started"               // epoch, run, device: the agent is told to connect to it
	EventSSHKey           EventCode = "ssh.key"                   // run, device, address, algorithm, key, seal, known, before: what the device says it is, and whether the office knows it
	EventSSHTrusted       EventCode = "ssh.trusted"               // run, key, words: the technician says that it is the right one; words why a known one changed
	EventSSHRefused       EventCode = "ssh.refused"               // run, method, cause, tries: the device did not take what was entered, or it could not be read
	EventSSHOpened        EventCode = "ssh.opened"                // run, address, algorithms, old: signed in, a shell is there
	EventSSHEnded         EventCode = "ssh.ended"                 // run; code it ended with, cause why there was none, or stopped: true with the consent
	EventSystemRequested  EventCode = "system.requested"          // epoch, snapshot, sections: the technician asked for them
	EventSystemRead       EventCode = "system.read"               // epoch, snapshot, sections: what was read and shown; unread: what was not, after all
	EventSystemFollowed   EventCode = "system.followed"           // epoch, watch, on: the list of processes is followed, or no more
	EventSystemPart       EventCode = "system.part"               // on the track system: epoch, snapshot, section, columns, part, last, rows, problem, cut: see SystemPart
	EventSystemChanges    EventCode = "system.changes"            // on the track system: epoch, watch, n, rows, gone: see SystemChanges
	EventFileFolder       EventCode = "file.folder"               // epoch, permission, folder: the name of the folder that the customer chose
	EventFileListed       EventCode = "file.listed"               // epoch, path: the technician is told what is in that folder
	EventFileAsked        EventCode = "file.asked"                // epoch, file, to: customer or technician, path, and size if it is known
	EventFileBegun        EventCode = "file.begun"                // epoch, file, path: what it is called in the end, size, from: bytes that were there
	EventFileWhole        EventCode = "file.whole"                // epoch, file, size, sha256: all of it was sent, and is put in its place now
	EventFileEnded        EventCode = "file.ended"                // epoch, file, to, path, size, sha256, bytes that passed, result: done, or why not
	EventClipAsked        EventCode = "clipboard.asked"           // epoch, clip, to: customer or technician; type, size, sha256 of what the technician sends
	EventClipContent      EventCode = "clipboard.content"         // on the track clipboard: epoch, clip, type, part, last, data: a part of what is transferred, base64
	EventClipWhole        EventCode = "clipboard.whole"           // epoch, clip, to, type, size, sha256, width, height of an image: its content is on the evidence, and goes on now
	EventClipEnded        EventCode = "clipboard.ended"           // epoch, clip, to, type, size, sha256, width, height, result: done, or why not
	EventDrawn            EventCode = "annotate.drawn"            // on the track input: epoch, kind, mark, ink, width, height, points: see Annotate
	EventDrawnUsed        EventCode = "annotate.used"             // lines, boxes, points: how often the technician drew and pointed since the last one
	EventRestartPrepared  EventCode = "restart.prepared"          // epoch, seconds: entry, copy and ticket lie on the customer's disk; the computer restarts after so long
	EventRestartBegan     EventCode = "restart.began"             // epoch, seconds: the system is asked to restart; the agent is waited for so long
	EventRestartByHand    EventCode = "restart.by_hand"           // epoch: the system did not; the customer is asked to
	EventRestartCancelled EventCode = "restart.cancelled"         // epoch: it does not take place; what lay on the disk is gone
	EventRestartRefused   EventCode = "restart.refused"           // somebody came with a ticket that is wrong, used, too old, or of another computer
	EventRestartReturned  EventCode = "restart.returned"          // epoch, away_ms, software, system: the agent is back after the restart
	EventRestartExpired   EventCode = "restart.expired"           // epoch: the agent did not come back in time
	EventStillAsked       EventCode = "still.asked"               // epoch, still, caption: the technician takes a picture for the record
	EventStillContent     EventCode = "still.content"             // on the track stills: epoch, still, sha256, width, height, data: the PNG in base64
	EventStillTaken       EventCode = "still.taken"               // still, caption, sha256, size in bytes, width, height: it is on the evidence
	EventStillFailed      EventCode = "still.failed"              // still, problem: there is none
	EventStillOnTicket    EventCode = "still.on_ticket"           // still, ticket: the technician put its name, size and hash on the session's ticket
	EventScreenGap        EventCode = "screen.gap"                // frames of the picture did not reach the broker
	EventScreenShown      EventCode = "screen.shown"              // source, width, height, name of a program or monitor: what is shared from now on
	EventScreenPaused     EventCode = "screen.paused"             // by the customer; nothing is sent until the next screen.shown
	EventScreenMuted      EventCode = "screen.muted"              // the system gives no picture, as of a minimised window
	EventScreenStopped    EventCode = "screen.stopped"            // what was shared is gone; nothing is sent until the customer chooses anew
	EventScreenDenied     EventCode = "screen.denied"             // the system's own question was refused, cancelled or failed
	EventScreenLocked     EventCode = "screen.locked"             // the screen is locked or another session in front; nothing is sent until the next screen.shown
	EventScreenCovered    EventCode = "screen.covered"            // programs that the customer hides, fields for passwords: how many are covered in the picture from now on
	EventViewerJoined     EventCode = "viewer.joined"             // name, team
	EventViewerLeft       EventCode = "viewer.left"               // name, team
	EventGuestAsked       EventCode = "guest.asked"               // epoch, name, team, account, way: the customer is asked about one more person
	EventGuestAllowed     EventCode = "guest.allowed"             // epoch, name, team, way: the customer said yes
	EventGuestRefused     EventCode = "guest.refused"             // epoch, name, team, way, cause
	EventGuestLeft        EventCode = "guest.left"                // epoch, name, team, way, cause; lead: who sent them away as one
	EventInvited          EventCode = "guest.invited"             // by, until: a link was made for one person from outside
	EventInviteOpened     EventCode = "guest.invitation_opened"   // by, name, team: on one device, by who says to be that; team: the company
	EventInviteEnded      EventCode = "guest.invitation_ended"    // by, cause: it is good for nothing any more
	EventOffered          EventCode = "session.offered"           // name, account, team, by, words: to a colleague or a team
	EventOfferEnded       EventCode = "session.offer_ended"       // cause, by
	EventHandedOver       EventCode = "session.handed_over"       // epoch, technician, account, profile, before, way: it is another technician's now
	EventMalformed        EventCode = "message.refused"           // from, code
	EventEnded            EventCode = "session.ended"             // reason, by
	EventRemoved          EventCode = "agent.removed"             // complete, left
	EventRemovalUnknown   EventCode = "agent.removal_unconfirmed" // the agent was lost before it could say so
	EventClosed           EventCode = "session.closed"            // the last event but what the customer says afterwards
	EventRated            EventCode = "session.rated"             // stars, words: by the customer after the end, the last one counts
	EventCursorShape      EventCode = "cursor.shape"              // on the meta track: see CursorUpdate
	EventCursorMoved      EventCode = "cursor.moved"              // on the meta track: see CursorUpdate
	EventTransportChanged EventCode = "transport.changed"         // who, state
	EventNoteWritten      EventCode = "note.written"              // by, text: what the technician noted, once it has settled
	EventChat             EventCode = "chat.line"                 // on the track chat: n, side, from, text
	EventStateChanged     EventCode = "state.changed"             // from, command, to
)

// EventCodes lists the codes.
func EventCodes() []EventCode {
	return []EventCode{EventIssued, EventRedeemed, EventKeyRefused, EventNameConfirmed, EventNameRefused, EventReason, EventReported,
		EventAgentFetched, EventAgentJoined, EventAgentAway, EventAgentReturned, EventAgentSlept, EventClockJumped, EventSuspended, EventResumed, EventTermsShown, EventTermsAccepted, EventTermsDeclined,
		EventConsentAsked, EventConsentGiven, EventConsentRefused, EventConsentWithdrawn, EventControlInput, EventControlUsed, EventControlState,
		EventShellStarted, EventShellOwn, EventShellUsed, EventShellEnded,
		EventSSHStarted, EventSSHKey, EventSSHTrusted, EventSSHRefused, EventSSHOpened, EventSSHEnded,
		EventSystemRequested, EventSystemRead, EventSystemFollowed, EventSystemPart, EventSystemChanges,
		EventFileFolder, EventFileListed, EventFileAsked, EventFileBegun, EventFileWhole, EventFileEnded,
		EventClipAsked, EventClipContent, EventClipWhole, EventClipEnded, EventDrawn, EventDrawnUsed,
		EventStillAsked, EventStillContent, EventStillTaken, EventStillFailed, EventStillOnTicket,
		EventRestartPrepared, EventRestartBegan, EventRestartByHand, EventRestartCancelled, EventRestartRefused, EventRestartReturned, EventRestartExpired, EventScreenGap,
		EventScreenShown, EventScreenPaused, EventScreenMuted, EventScreenStopped, EventScreenDenied, EventScreenLocked, EventScreenCovered,
		EventViewerJoined, EventViewerLeft, EventGuestAsked, EventGuestAllowed, EventGuestRefused, EventGuestLeft, EventInvited, EventInviteOpened, EventInviteEnded, EventOffered, EventOfferEnded, EventHandedOver, EventMalformed, EventEnded, EventRemoved, EventRemovalUnknown, EventClosed, EventRated,
		EventCursorShape, EventCursorMoved, EventTransportChanged, EventNoteWritten, EventChat, EventStateChanged}
}
