package session

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"consento/protocol"
	"consento/recordings"
)

// ErrNoLog says that the customer's copy of a log is not kept (any more): its
// hour is over, or the broker was restarted since.
var ErrNoLog = errors.New("the customer's copy of the log is not here any more")

// Log is the customer's copy of the log of their own session.
type Log struct {
	Session protocol.Session
	Entries []LogEntry
	LeftOut int             // entries that were too many for the copy
	Since   time.Time       // the copy begins here, because the broker was restarted; zero if it is whole
	Until   time.Time       // when the copy goes; zero while the session goes on
	Rating  protocol.Rating // no stars: not rated
}

// Log returns the customer's copy of a session's log. The caller makes sure that
// it is this customer's. It returns ErrNoLog when there is none any more.
func (m *Manager) Log(ctx context.Context, id string) (Log, error) {
	shown, err := m.Snapshot(ctx, id)
	if err != nil {
		return Log{}, err
	}
	shown.Note, shown.NotedAt, shown.Summary = "", time.Time{}, "" // the technician's own paper
	c := m.copies.get(id)
	if c == nil {
		return Log{Session: shown}, ErrNoLog
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return Log{Session: shown, Entries: append([]LogEntry{}, c.entries...), LeftOut: c.leftOut, Since: c.since, Until: c.until, Rating: c.rating}, nil
}

// logTicket returns what opens the customer's copy once, after the end, in a
// browser that has not been on the session's pages. It is derived from a key of
// the broker, so that it need not be kept anywhere.
func (m *Manager) logTicket(id string) string {
	mac := hmac.New(sha256.New, m.logKey)
	mac.Write([]byte(id))
	return id + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16])
}

// LogPath is where a log ticket is taken, at the portal's address.
const LogPath = "/log/"

// OpenLog uses a log ticket up and returns its session. It works within copyKept
// after the end; ErrKey says that it does not work, and never why.
func (m *Manager) OpenLog(ctx context.Context, ticket string) (string, error) {
	id, _, _ := strings.Cut(ticket, ".")
	if !hmac.Equal([]byte(ticket), []byte(m.logTicket(id))) {
		return "", ErrKey
	}
	now := time.Now()
	return id, m.store.openLog(ctx, id, now, now.Add(-copyKept))
}

// Rate takes what the customer says about a session that is over. It can be said
// again; the last one counts.
func (m *Manager) Rate(ctx context.Context, id string, rating protocol.Rating) error {
	if err := rating.Validate(); err != nil {
		return fmt.Errorf("session: %w", err)
	}
	if err := m.say(ctx, id, logged{protocol.EventRated, rating}, func(s *session) { s.row.Stars = rating.Stars }); err != nil {
		return err
	}
	return m.store.rate(ctx, id, rating.Stars)
}

// Report puts the customer's suspicion on the evidence. A session that goes on
// stops at once.
func (m *Manager) Report(ctx context.Context, id string) error {
	if s, err := m.find(id); err == nil {
		s.room.Stop()
		over := false
		err := s.do(ctx, func() error {
			over = s.row.State.Over()
			s.end(protocol.EndReported, "portal")
			return nil
		})
		if !over && !errors.Is(err, ErrNoSession) {
			return err
		}
	}
	if c := m.copies.get(id); c != nil && c.has(protocol.EventReported) {
		return nil
	}
	if err := m.say(ctx, id, logged{protocol.EventReported, map[string]any{"by": "portal"}}, func(*session) {}); err != nil {
		return err
	}
	m.noteReport(id)
	return nil
}

// noteReport tells those who operate the broker.
func (m *Manager) noteReport(id string) {
	m.reported.Add(1)
	m.config.Log.Warn("a customer reported a session", slog.String("session", id))
}

// say writes what the customer says after the end: into the session's last
// segment while it is open, else into one more. with changes what is shown of a
// session that is not closed yet. It returns ErrNotNow before the end.
func (m *Manager) say(ctx context.Context, id string, what logged, with func(*session)) error {
	if s, err := m.find(id); err == nil {
		err := s.do(ctx, func() error {
			if s.row.State != protocol.StateEnding {
				return ErrNotNow
			}
			if err := s.write(what); err != nil {
				return errors.Join(ErrEvidence, err)
			}
			with(s)
			s.publish()
			return nil
		})
		if !errors.Is(err, ErrNoSession) {
			return err
		}
	}
	// What was asked for is carried out to its end, whoever still listens.
	ctx = context.WithoutCancel(ctx)
	done, err := m.adding()
	if err != nil {
		return err
	}
	defer done()
	r, err := m.store.get(ctx, id)
	if err != nil {
		return err
	}
	if r.State != protocol.StateClosed {
		return ErrNotNow
	}
	return m.append(ctx, r, what)
}

// adding begins an addition to a closed recording, one at a time. The caller calls done.
func (m *Manager) adding() (done func(), err error) {
	m.mu.Lock()
	stopping := m.stopping
	if !stopping {
		m.running.Add(1)
	}
	m.mu.Unlock()
	if stopping {
		return nil, ErrStopping
	}
	m.addenda.Lock()
	return func() { m.addenda.Unlock(); m.running.Done() }, nil
}

// maxSegments bounds how many segments a recording may have before nothing is
// added to it after the end any more.
const maxSegments = 64

// append adds a segment with one event to the recording of a closed session.
func (m *Manager) append(ctx context.Context, r row, what logged) error {
	if err := m.config.Space(ctx); err != nil {
		return fmt.Errorf("%w: %w", ErrEvidence, err)
	}
	if err := m.addSegment(ctx, r, what); err != nil {
		return err
	}
	rating, rated := what.data.(protocol.Rating)
	if rated {
		r.Stars = rating.Stars
	}
	office, err := m.config.Office(ctx)
	if err != nil {
		return err
	}
	if c := m.copies.get(r.ID); c != nil {
		m.keepLog(c, m.shown(r, office))
	}
	if rated {
		m.feed.Publish(r.ID, m.shown(r, office))
	}
	return nil
}

// addSegment adds a segment to the recording of a session that is over and not
// live any more. It returns ErrEvidence where it cannot be written.
func (m *Manager) addSegment(ctx context.Context, r row, events ...logged) error {
	by, err := m.helper(ctx, r)
	if err != nil {
		return err
	}
	recipients, err := m.config.Recipients(ctx, by)
	if err != nil {
		return fmt.Errorf("session %s: %w", r.ID, err)
	}
	if len(recipients.Stanzas) == 0 {
		return ErrNoRecipient
	}
	last, err := m.completeRecording(ctx, r.ID)
	if err != nil {
		return err
	}
	if !last.whole {
		return fmt.Errorf("%w: the recording of session %s is not whole", ErrEvidence, r.ID)
	}
	if r.State == protocol.StateClosed && last.number+1 >= maxSegments {
		return ErrNotNow
	}
	id, err := recordings.ParseSessionID(r.ID)
	if err != nil {
		return fmt.Errorf("session %s: %w", r.ID, err)
	}
	e, err := m.openEvidence(id, recipients, r.Retention, last.number+1, &last.head)
	if err != nil {
		return err
	}
	e.copy, e.summary.Reason = m.copies.get(r.ID), r.Reason
	for _, event := range events {
		if err = e.log(event.code, event.data); err != nil {
			break
		}
	}
	m.keepEvents(e, e.now()+time.Second)
	if err := errors.Join(err, e.close()); err != nil {
		return fmt.Errorf("%w: %w", ErrEvidence, err)
	}
	return nil
}

// helper returns on whose behalf a session was that is over, also where the
// account has ended since: that changes nothing about who may read it.
func (m *Manager) helper(ctx context.Context, r row) (Technician, error) {
	if c := m.copies.get(r.ID); c != nil {
		return c.technician, nil
	}
	by, err := m.config.Technician(ctx, r.TechnicianID)
	if err != nil && !errors.Is(err, ErrNotAllowed) {
		return by, fmt.Errorf("session %s: technician: %w", r.ID, err)
	}
	by.Team = r.Team
	return by, nil
}

// openEvidence begins a segment of a recording.
func (m *Manager) openEvidence(id recordings.SessionID, recipients Recipients, retention string, segment int, continues *recordings.Head) (*evidence, error) {
	now := time.Now()
	writer, err := recordings.Create(recordings.Config{Dir: m.config.Evidence, BagDir: m.config.Bags, Session: id, Segment: segment, Continues: continues,
		Origin: m.config.Origin, Started: now, Stanzas: recipients.Stanzas, Policy: recipients.Policy, Retention: retention,
		Bagged: func() { m.config.Global.Bagged(context.Background(), id, segment) }})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEvidence, err)
	}
	e := &evidence{writer: writer, video: recordings.NewVideo(writer, 0), started: now, global: m.config.Global}
	proof, err := m.config.Global.Opened(context.Background(), writer.Path(), writer.Head())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", ErrEvidence, err), e.close())
	}
	e.proof, e.readers = string(proof), recipients.Stanzas
	l := m.config.Limits
	m.keepEvents(e, l.Key+l.Joining+l.Active+l.Return+l.Removal) // after a crash nobody has its keys any more
	return e, nil
}
