package session

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"consento/broker/internal/sfu"
	"consento/protocol"
	"consento/recordings"
)

// AgentLink is how a session talks to its agent.
type AgentLink interface {
	// Send queues a message and never blocks; a broken link is found out by
	// its owner, who then calls Agent.Gone.
	Send(protocol.Message)
}

// session is one session. Its goroutine (run) owns every field but those that
// say otherwise; others reach it through do.
type session struct {
	id       string // never changes
	manager  *Manager
	owned    atomic.Pointer[Technician] // whose it is
	person   protocol.Person            // the technician as the customer sees it
	evidence *evidence
	room     *sfu.Room // may be used from anywhere

	row       row
	consents  []protocol.Consent
	epoch     uint32
	sharing   sharing
	network   *protocol.Network // what the agent said last, nil: nothing yet
	networkAt time.Time         // when that was
	crisp     bool              // the technician wishes a picture that is exact at rest
	steps     []protocol.Step
	chat      chat
	system    string
	language  string    // in which the customer reads the portal, "" if unknown
	spoken    string    // by the agent, "" if unknown
	agent     AgentLink // nil while there is none
	joined    bool      // an agent was there
	accepted  bool      // the terms
	named     bool      // the technician's name was confirmed
	terms     protocol.Terms
	viewers   map[*View]struct{}
	guests    []*guest
	table     atomic.Pointer[table] // of who is here, for other goroutines
	knew      map[string]bool
	invites   []*invitation        // good ones
	invited   int                  // how many there were
	offer     *offer               // nil: it is on offer to nobody
	handed    *protocol.HandedOver // the last; nil: to nobody
	// turnedAway are people whom the customer did not want, by account.
	turnedAway map[string]refused
	tools      tools
	restart    *restart // of the customer's computer; nil while there is none
	returns    int      // how often the agent came back after one
	fetched    int      // how often the program was fetched
	reasons    int      // how often a reason was given
	published  int      // how often the agent offered its picture
	deadline   *time.Timer

	wall      *wall
	keyUntil  time.Time     // on the monotonic clock
	awayShift time.Duration // by which the wall clock was set since away
	slept     int           // number of the agent's last sleep

	away       time.Time // since when the agent is waited for; zero while it is there
	awayUntil  time.Time
	lostReason protocol.EndReason // of the end if it does not come back
	returning  *time.Timer        // fires then
	suspended  bool               // goes on after a restart of the broker
	broken     bool               // the evidence cannot be written any more
	stored     protocol.State     // as the database has it
	unstored   bool               // once it could not be written there
	noteOpen   bool               // the note is not on the evidence yet
	whole      bool               // the recording is closed to its end

	came   protocol.State // the state that was shown last
	cameAt time.Time      // since when

	inbox  chan func()
	frames chan sfu.Frame
	done   chan struct{} // closed when run has returned
	shown  atomic.Pointer[protocol.Session]
}

// technician is whose session it is.
func (s *session) technician() Technician { return *s.owned.Load() }

// do runs f on the session's goroutine and returns its error.
func (s *session) do(ctx context.Context, f func() error) error {
	result := make(chan error, 1)
	select {
	case s.inbox <- func() { result <- f() }:
	case <-s.done:
		return ErrNoSession
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-result:
		return err
	case <-s.done:
		select {
		case err := <-result: // it was the last thing that run did
			return err
		default:
			return ErrNoSession
		}
	}
}

// later has f done on the session's goroutine after what waits, if the session lasts until
// then. It blocks while much waits.
func (s *session) later(f func()) {
	select {
	case s.inbox <- f:
	case <-s.done:
	}
}

// taps are called by the media goroutines.
func (s *session) taps() sfu.Taps {
	return sfu.Taps{
		Frame: func(f sfu.Frame) {
			select {
			case s.frames <- f:
			case <-s.done:
			}
		},
		Gap: func() {
			s.later(func() { s.note(protocol.EventScreenGap, nil) })
		},
		Cursor: func(u protocol.CursorUpdate) {
			at := time.Now()
			s.later(func() {
				if !s.row.State.Over() {
					s.must(s.evidence.moveCursor(u, at))
				}
			})
		},
		Terminal: func(data []byte) {
			s.later(func() { s.unlessPaused(len(data), func() { s.fromAgent(data) }) })
		},
		Parcel: func(label string, text bool, data []byte) {
			if label == protocol.ClipboardChannel { // where nothing is held back: a pause ends it
				s.later(func() { s.clipFromAgent(text, data) })
				return
			}
			s.later(func() { s.unlessPaused(len(data), func() { s.parcelFromAgent(text, data) }) })
		},
		Wish: func() { go s.later(s.tellWish) }, // the session may be what changed it
		State: func(connected bool) {
			s.later(func() { s.note(protocol.EventTransportChanged, map[string]any{"who": "agent", "connected": connected}) })
		},
	}
}

// run owns the session until it is closed.
func (s *session) run() {
	defer func() {
		s.manager.forget(s)
		s.manager.copies.end(s.id)
	}()
	defer close(s.done)
	second := time.NewTicker(time.Second)
	defer second.Stop()
	defer s.deadline.Stop()
	defer s.returning.Stop()
	defer s.tools.away.Stop()
	for (s.row.State != protocol.StateClosed || s.stored != s.row.State) && !s.suspended {
		select {
		case f := <-s.inbox:
			f()
		case f := <-s.frames:
			s.record(f)
		case <-second.C:
			if s.stored != s.row.State {
				s.storeEnd()
			}
			if r := s.manager.config.Reserve; r != nil && r.Released() {
				s.end(protocol.EndEvidenceFailed, "broker")
			}
			if !s.broken && s.row.State != protocol.StateClosed {
				s.followClock()
				s.settleNote(false)
				if time.Since(s.tools.control.noted) >= usedInterval {
					s.noteUsed()
				}
				if time.Since(s.tools.drawing.noted) >= usedInterval {
					s.noteDrawn()
				}
				s.shellSecond(time.Now())
				s.stillSecond(time.Now())
				s.guestSecond(time.Now())
				s.offerSecond(time.Now())
				s.inviteSecond()
				s.ageClips(time.Now())
				s.must(s.evidence.second())
			}
		case <-s.deadline.C:
			s.expire()
		case <-s.tools.away.C:
			if s.agent == nil {
				s.withdrawTools(protocol.CauseAway)
			}
		case <-s.returning.C:
			if s.agent == nil {
				s.missed()
			}
		}
	}
	if s.whole && s.stored == protocol.StateClosed {
		s.manager.shelve(context.Background(), s.row)
	}
}

func (s *session) record(f sfu.Frame) {
	if s.row.State != protocol.StateActive {
		return
	}
	err := s.evidence.frame(f)
	if errors.Is(err, recordings.ErrMalformed) {
		// What cannot be recorded must not be seen either.
		s.note(protocol.EventMalformed, map[string]any{"from": "agent", "code": protocol.CodeMedia})
		s.end(protocol.EndCaptureFailed, "broker")
		return
	}
	s.must(err)
}

// note puts something on the evidence that changes no state.
func (s *session) note(code protocol.EventCode, data any) {
	if s.row.State != protocol.StateClosed && !s.broken {
		s.must(s.evidence.log(code, data))
	}
}

// must ends the session if its evidence could not be written.
func (s *session) must(err error) {
	if err == nil || s.broken {
		return
	}
	s.manager.config.Log.Error("evidence cannot be written", slog.String("session", s.id), slog.Any("error", err))
	if !errors.Is(err, recordings.ErrNoSpace) {
		s.broken = true // not even the end can be written
	}
	s.end(protocol.EndEvidenceFailed, "broker")
}

// logged is one event of a commit.
type logged struct {
	code protocol.EventCode
	data any
}

// commit carries a command out: evidence on disk, then the database, then the
// state. The caller brings about the effects after it. On an error nothing has
// changed, but for a session whose evidence failed: that one is ending.
func (s *session) commit(command protocol.Command, events ...logged) error {
	from := s.row.State
	next, err := protocol.Next(from, command)
	if err != nil {
		return errors.Join(ErrNotNow, err)
	}
	events = append(events, logged{protocol.EventStateChanged, map[string]any{"from": from, "command": command, "to": next}})
	if err := s.write(events...); err != nil {
		if command != protocol.CommandEnd && command != protocol.CommandClose {
			s.must(err)
		}
		return errors.Join(ErrEvidence, err)
	}
	changed := s.row
	changed.State = next
	if next == protocol.StateActive {
		changed.Active = time.Now().UnixMilli()
	}
	if err := s.manager.move(context.Background(), &changed, from); err != nil {
		if command != protocol.CommandEnd && command != protocol.CommandClose {
			// The evidence says that the step was taken: it is taken, and the
			// session ends.
			s.row.State = next
			s.manager.config.Log.Error("state is not in the database", slog.String("session", s.id), slog.Any("error", err))
			s.end(protocol.EndEvidenceFailed, "broker")
		}
		return err
	}
	s.row, s.stored = changed, next
	s.publish()
	return nil
}

// withRoom does something, and once more where the reserve was given back because the
// disk is full.
func (m *Manager) withRoom(do func() error) error {
	err := do()
	if err != nil && !errors.Is(err, ErrNotNow) && m.config.Reserve != nil && m.config.Reserve.Release(err) {
		err = do()
	}
	return err
}

// move brings the database to another state, on a full disk as well.
func (m *Manager) move(ctx context.Context, r *row, from protocol.State) error {
	return m.withRoom(func() error { return m.store.move(ctx, r, from) })
}

// write puts events on the evidence and returns when they are on disk.
func (s *session) write(events ...logged) error {
	if s.broken {
		return recordings.ErrFailed
	}
	for _, e := range events {
		if err := s.evidence.log(e.code, e.data); err != nil {
			return err
		}
	}
	return s.evidence.seal()
}

// drainPatience bounds how long an end waits for frames that came before it.
const drainPatience = time.Second

// publish shows the session's new shape to consoles and the portal.
func (s *session) publish() {
	at := func(ms int64) time.Time {
		if ms == 0 {
			return time.Time{}
		}
		return time.UnixMilli(ms).UTC()
	}
	if s.came != s.row.State {
		s.came, s.cameAt = s.row.State, time.Now()
	}
	shown := protocol.Session{
		KeptDays: s.row.KeepDays, LogMonths: s.row.LogMonths,
		ID: s.id, State: s.row.State, Technician: s.person, EndReason: s.row.EndReason, Removed: s.row.Removed,
		IssuedAt: at(s.row.Issued), KeyExpires: at(s.row.KeyExpires), ActiveAt: at(s.row.Active), EndedAt: at(s.row.Ended),
		Consents: append([]protocol.Consent{}, s.consents...), Steps: append([]protocol.Step{}, s.steps...),
		Crisp: s.crisp, System: s.system, Tools: s.tools.able, Block: s.tools.control.block, Viewers: []string{}, Recording: !s.broken && s.row.State != protocol.StateClosed,
	}
	if s.sharing.now != nil {
		now := *s.sharing.now
		shown.Sharing, shown.SharingSince = &now, s.sharing.since.UTC()
	}
	if !s.row.State.Over() {
		shown.Stills = slices.Clone(s.tools.stills.list)
	}
	if s.network != nil && s.row.State == protocol.StateActive {
		now := *s.network
		shown.Network = &now
	}
	for _, g := range s.guests {
		shown.Guests = append(shown.Guests, g.Guest)
	}
	if s.offer != nil && !s.row.State.Over() {
		o := s.offer.shown
		shown.Offer = &o
	}
	for _, i := range s.invites {
		if i.Device == "" && i.Until.After(shown.InvitedUntil) {
			shown.InvitedUntil = i.Until.UTC()
		}
	}
	s.takeSeats()
	for v := range s.viewers {
		shown.Viewers = append(shown.Viewers, v.name)
	}
	if !s.away.IsZero() && !s.row.State.Over() {
		shown.AwaySince, shown.AwayUntil = s.away.Add(s.awayShift).UTC(), s.awayUntil.Add(s.awayShift).UTC()
	}
	if !s.row.State.Over() {
		shown.Restart = s.restart.shown(s.awayShift)
	}
	s.remember()
	shown.Since, shown.Note, shown.NotedAt, shown.Summary = s.cameAt.UTC(), s.row.Note, s.row.notedAt(), s.row.Summary
	shown.Language = cmp.Or(s.language, s.spoken)
	shown.Reason, shown.Stars, shown.Test, shown.Ticket = s.row.Reason, s.row.Stars, s.row.Test, s.row.belongs()
	s.shown.Store(&shown)
	s.manager.feed.Publish(shown.ID, shown)
}

func (s *session) step(step protocol.Step) {
	for _, done := range s.steps {
		if done == step {
			return
		}
	}
	s.steps = append(s.steps, step)
	s.row.Steps = strings.TrimSpace(s.row.Steps + " " + string(step))
}
