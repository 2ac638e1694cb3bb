package session

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strconv"
	"strings"
	"time"

	"consento/protocol"
)

// closedPatience is how long an agent is waited for whose connection was closed
// rather than silent. That is what a killed agent leaves; one that lives comes
// back within seconds.
const closedPatience = time.Minute

// resumeSecret is what a session's agent comes back with, after so many restarts of
// its computer. It is derived from a key of the broker, so that it need not be kept
// anywhere and outlives a restart of the broker.
func (m *Manager) resumeSecret(id string, returns int) string {
	if returns == 0 {
		return m.hash(m.resumeKey, id)
	}
	n := strconv.Itoa(returns)
	return n + "." + m.hash(m.resumeKey, id+"."+n)
}

// returnsOf is how many restarts a secret was given out after, as it says itself: the
// secret is checked as a whole.
func returnsOf(secret string) int {
	n, _, ok := strings.Cut(secret, ".")
	if returns, err := strconv.Atoi(n); ok && err == nil && returns > 0 {
		return returns
	}
	return 0
}

// Resume lets the agent of a session come back after a lost connection, from
// whatever address. A connection it had before counts no more. The caller sends
// the answer and then calls Remind. It returns ErrKey for a wrong secret and for
// a session that no agent has joined, *EndedError for one that is closed,
// ErrStopping for one that the next run of the broker goes on with, and ErrNoSession
// for one of which nothing is known (any more).
func (m *Manager) Resume(ctx context.Context, hello protocol.Hello, resume protocol.Resume, link AgentLink) (*Agent, protocol.Resumed, error) {
	returns := returnsOf(resume.Secret)
	if subtle.ConstantTimeCompare([]byte(resume.Secret), []byte(m.resumeSecret(resume.Session, returns))) != 1 {
		return nil, protocol.Resumed{}, ErrKey
	}
	s, err := m.find(resume.Session)
	if err != nil {
		return nil, protocol.Resumed{}, m.endOf(ctx, resume.Session, err)
	}
	a := &Agent{session: s, link: link}
	var resumed protocol.Resumed
	err = s.do(ctx, func() error {
		switch {
		case !s.joined, returns != s.returns: // the place is another's since
			return ErrKey
		case s.row.State == protocol.StateClosed:
			return ErrNoSession
		}
		var away time.Duration
		if !s.away.IsZero() {
			away = time.Since(s.away)
		}
		if err := s.write(logged{protocol.EventAgentReturned, map[string]any{"away_ms": away.Milliseconds(), "software": hello.Software}}); err != nil {
			s.must(err)
			return errors.Join(ErrEvidence, err)
		}
		s.agent, s.away, s.spoken = link, time.Time{}, hello.Language
		s.manager.tally.addReturn()
		s.returning.Stop()
		s.tools.away.Stop()
		resumed = protocol.Resumed{Named: s.named, Accepted: s.accepted,
			Consents: append([]protocol.Consent{}, s.consents...), Picture: s.room.Publishing(), Proof: s.evidence.proof, Guests: s.shown.Load().Guests, Handed: s.handed}
		s.publish()
		return nil
	})
	if err != nil {
		return nil, protocol.Resumed{}, m.endOf(ctx, resume.Session, err)
	}
	return a, resumed, nil
}

// endOf makes ErrNoSession an *EndedError where it is known why a session is over.
func (m *Manager) endOf(ctx context.Context, id string, err error) error {
	if !errors.Is(err, ErrNoSession) {
		return err
	}
	r, err := m.store.get(ctx, id)
	if err != nil {
		return err
	}
	if !r.State.Over() {
		return ErrStopping // the next run goes on with it
	}
	if !r.EndReason.Valid() {
		return ErrNoSession
	}
	return &EndedError{Reason: r.EndReason}
}

// Remind says again what the agent may not have heard while it was away.
func (a *Agent) Remind(ctx context.Context) error {
	return a.act(ctx, func(s *session) error {
		if s.row.State.Over() {
			s.agent.Send(&protocol.Ended{Reason: s.row.EndReason})
			return nil
		}
		for _, c := range s.consents {
			if c.State == protocol.ConsentAsked {
				s.agent.Send(s.question(c.Permission, c.Epoch))
			}
		}
		for _, g := range s.guests {
			if !g.in() {
				s.agent.Send(&protocol.GuestAsk{Guest: g.Guest})
			}
		}
		s.tellWish()
		return nil
	})
}

// Gone says that the agent's connection is lost; silent, that nothing was heard
// rather than that it was closed. The session waits for the agent. What the
// picture's own connection still brings is shown: the customer said yes to it,
// and the agent, which stops it, is there as long as it comes.
func (a *Agent) Gone(ctx context.Context, silent bool) error {
	return a.act(ctx, func(s *session) error {
		s.agent = nil
		if s.row.State == protocol.StateEnding {
			if !silent {
				s.close()
			}
			return nil // it may come back to say that it removed itself
		}
		if s.row.State == protocol.StateClosed {
			return nil
		}
		s.awayClips()
		s.leave(silent)
		return nil
	})
}

// leave begins the wait for the agent.
func (s *session) leave(silent bool) {
	patience := s.manager.config.Limits.Return
	s.lostReason = protocol.EndNetworkLost
	if !silent {
		patience = min(patience, closedPatience)
		s.lostReason = protocol.EndAgentLost
	}
	if s.restart.going() {
		patience, s.lostReason = max(0, time.Until(s.restart.until)), protocol.EndLimit
	}
	s.away, s.awayShift = time.Now(), 0
	s.awayUntil = s.away.Add(patience)
	s.returning.Reset(patience)
	s.tools.away.Reset(s.manager.config.Limits.Away)
	s.stopSystem(protocol.ProblemLost)
	s.note(protocol.EventAgentAway, map[string]any{"silent": silent})
	s.publish()
}

// memory is what a restarted broker has to know of a session besides its row.
type memory struct {
	Consents []protocol.Consent    `json:"consents"`
	Epoch    uint32                `json:"epoch"`
	Named    bool                  `json:"named"`
	Accepted bool                  `json:"accepted"`
	Terms    string                `json:"terms"` // version
	System   string                `json:"system"`
	Joined   bool                  `json:"joined"`
	Tools    []protocol.Permission `json:"tools,omitempty"`
	Asks     bool                  `json:"asks,omitempty"` // the agent can ask about more people
	Handed   *protocol.HandedOver  `json:"handed,omitempty"`
	Guests   []seatMemory          `json:"guests,omitempty"`
	Invites  []*invitation         `json:"invites,omitempty"`
	Invited  int                   `json:"invited,omitempty"`
	Turned   map[string]refused    `json:"turned,omitempty"`
	Chat     uint32                `json:"chat,omitempty"` // number of the last line
	Said     []chatSaid            `json:"said,omitempty"`
	// Refused is how often the customer said no to each, and when last.
	Refused map[protocol.Permission]refused `json:"refused,omitempty"`
	Copies  []promisedJSON                  `json:"copies,omitempty"`
	Restart *restartMemory                  `json:"restart,omitempty"`
	Returns int                             `json:"returns,omitempty"` // after restarts of the customer's computer
	// EndedFrom is the state in which a session ended whose evidence does not say
	// so yet.
	EndedFrom protocol.State `json:"ended_from,omitempty"`
}

// text is the memory as it stands in the row.
func (m memory) text() string {
	data, _ := json.Marshal(m) // of strings, numbers and booleans
	return string(data)
}

// remembered reads the memory of a row. One that was issued a moment before has none.
func (r row) remembered() (mem memory, err error) {
	if r.Memory == "" {
		return mem, nil
	}
	if err := json.Unmarshal([]byte(r.Memory), &mem); err != nil {
		return mem, fmt.Errorf("session %s: memory: %w", r.ID, err)
	}
	return mem, nil
}

// remember writes the memory when it has changed. Without it a session does not
// outlive a restart of the broker, but goes on until then.
func (s *session) remember() {
	if s.row.State.Over() {
		return
	}
	text := memory{Consents: s.consents, Epoch: s.epoch, Named: s.named, Accepted: s.accepted,
		Terms: s.terms.Version, System: s.system, Joined: s.joined, Tools: s.tools.able, Refused: s.tools.refused, Chat: s.chat.n, Said: s.chat.said, Copies: s.evidence.copy.rememberCopies(),
		Restart: s.restart.remember(), Returns: s.returns, Asks: s.tools.guests, Invites: s.invites, Invited: s.invited, Handed: s.handed, Guests: s.rememberGuests(), Turned: s.turnedAway}.text()
	if text == s.row.Memory {
		return
	}
	if err := s.manager.store.remember(context.Background(), s.id, text); err != nil {
		s.manager.config.Log.Error("session would not outlive a restart", slog.String("session", s.id), slog.Any("error", err))
		return
	}
	s.row.Memory = text
}

// suspend closes the segment and lets the session go on after a restart.
func (s *session) suspend() {
	if s.row.State.Over() || s.broken {
		s.end(protocol.EndShutdown, "broker")
		s.close()
		s.suspended = true // also where the database could not be told of the end
		return
	}
	s.room.Stop()
	s.drain()
	s.settleNote(true)
	s.note(protocol.EventSuspended, nil)
	s.remember()
	s.suspended = true
	s.keepCopies()
	if err := s.evidence.close(); err != nil {
		s.manager.config.Log.Error("recording is not closed", slog.String("session", s.id), slog.Any("error", err))
	}
}

// revive goes on with a session of an earlier run of the broker, in a new
// segment that continues the last.
func (m *Manager) revive(ctx context.Context, r row, last completed) error {
	mem, err := r.remembered()
	if err != nil {
		return err
	}
	by, err := m.config.Technician(ctx, r.TechnicianID)
	if err != nil {
		return fmt.Errorf("session %s: technician: %w", r.ID, err)
	}
	by.Team = r.Team // what the customer was told stands
	owner := by
	if r.OwnerID != r.TechnicianID {
		if owner, err = m.config.Technician(ctx, r.OwnerID); err != nil {
			return fmt.Errorf("session %s: owner: %w", r.ID, err)
		}
		owner.Team = r.OwnerTeam
	}
	office, err := m.config.Office(ctx)
	if err != nil {
		return err
	}
	recipients, err := m.config.Recipients(ctx, by)
	if err != nil {
		return err
	}
	if len(recipients.Stanzas) == 0 {
		return ErrNoRecipient
	}
	person := protocol.Person{Name: r.Owner, Team: r.OwnerTeam, Office: office.Office, Phone: office.Phone}
	s, err := m.newSession(by, person, r, recipients, last.number+1, &last.head)
	if err != nil {
		return err
	}
	s.own(owner)
	s.handed = mem.Handed
	s.consents, s.epoch, s.named, s.accepted = mem.Consents, mem.Epoch, mem.Named, mem.Accepted
	s.terms.Version, s.system, s.joined = mem.Terms, mem.System, mem.Joined
	s.tools.able = mem.Tools
	maps.Copy(s.tools.refused, mem.Refused)
	maps.Copy(s.turnedAway, mem.Turned)
	s.tools.guests = mem.Asks
	s.recallGuests(mem.Guests)
	s.invites, s.invited = mem.Invites, mem.Invited
	s.restart, s.returns = mem.Restart.recall(m.config.Now(), m.config.Limits.Restart), mem.Returns
	forgotten := s.forgetTools()
	s.chat.n, s.chat.said = mem.Chat, mem.Said
	s.steps = r.steps()
	if m.config.Copies != nil {
		if err := s.evidence.copy.recallCopies(mem.Copies); err != nil {
			return errors.Join(err, s.evidence.close())
		}
	}
	m.keepKeys(s.evidence, s.evidence.now()+m.config.Limits.Joining+m.timeLeft(r))
	s.noteOpen = r.Note != "" // a crash may have come before it was on the evidence
	resumed := logged{protocol.EventResumed, map[string]any{"state": r.State, "technician": person, "profile": owner.Profile.Name, "consents": s.consents}}
	if err := s.write(append([]logged{resumed}, forgotten...)...); err != nil {
		s.room.Stop()
		return errors.Join(ErrEvidence, err, s.evidence.close())
	}
	if r.State == protocol.StateActive && s.consent(protocol.ViewScreen).State == protocol.ConsentGiven {
		s.room.Open()
	}
	m.mu.Lock()
	m.live[s.id] = s
	m.running.Add(1)
	m.mu.Unlock()
	m.start(s, m.timeLeft(r))
	return nil
}

// timeLeft is how long the session may stay in its state.
func (m *Manager) timeLeft(r row) time.Duration {
	l := m.config.Limits
	until, limit := time.UnixMilli(r.Issued).Add(l.Key+l.Joining), l.Key+l.Joining
	switch r.State {
	case protocol.StateIssued:
		until, limit = time.UnixMilli(r.KeyExpires), l.Key
	case protocol.StateActive:
		until, limit = time.UnixMilli(r.Active).Add(l.Active), l.Active
	}
	// A wall clock that was set back meanwhile gives nobody more time.
	return min(max(0, until.Sub(m.config.Now())), limit)
}
