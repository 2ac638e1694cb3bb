package session

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"consento/broker/internal/feed"
	"consento/broker/internal/sfu"
	"consento/protocol"
	"consento/recordings"
)

// Manager holds the live sessions.
type Manager struct {
	config    Config
	store     store
	feed      feed.Feed[protocol.Session]
	listeners *listeners
	throttle  *throttle
	keyHash   []byte // HMAC keys
	ticketKey []byte
	nameKey   []byte
	resumeKey []byte
	inviteKey []byte
	logKey    []byte
	copies    *copies
	papers    papers
	reported  atomic.Uint64
	tally     tally
	addenda   sync.Mutex // one addition to closed recordings at a time

	mu       sync.Mutex
	live     map[string]*session
	stopping bool
	running  sync.WaitGroup
}

// New makes a Manager and goes on with the sessions that an earlier run of the
// broker left open.
func New(ctx context.Context, config Config) (*Manager, error) {
	if config.Database == nil || config.Media == nil || config.Evidence == "" || config.Recipients == nil || config.Technician == nil || config.Space == nil ||
		config.Office == nil || config.Terms == nil || config.Global == nil || config.LogKey == nil || config.Derive == nil || config.Log == nil {
		return nil, errors.New("session: the configuration is not complete")
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Bags == "" {
		config.Bags = config.Evidence
	}
	d := DefaultLimits()
	for _, l := range []struct{ have, fallback *time.Duration }{
		{&config.Limits.Key, &d.Key}, {&config.Limits.Joining, &d.Joining},
		{&config.Limits.Active, &d.Active}, {&config.Limits.Removal, &d.Removal},
		{&config.Limits.Return, &d.Return},
		{&config.Limits.Restart, &d.Restart},
		{&config.Limits.Away, &d.Away},
	} {
		if *l.have <= 0 {
			*l.have = *l.fallback
		}
	}
	m := &Manager{config: config, store: store{config.Database, config.Outbox}, listeners: newListeners(), throttle: newThrottle(),
		keyHash: config.Derive("session key"), ticketKey: config.Derive("ticket"), nameKey: config.Derive("ticket lookup"), resumeKey: config.Derive("resume"), inviteKey: config.Derive("vendor"),
		logKey: config.Derive("log ticket"), copies: newCopies(), live: map[string]*session{}}
	if err := m.complete(ctx); err != nil {
		return nil, fmt.Errorf("session: completing what was left open: %w", err)
	}
	m.forgetNotes(ctx)
	return m, nil
}

// Issue makes a session and its key, on behalf of a technician, as asked. The key is nowhere else. It returns
// ErrNoRecipient while nobody could read the evidence.
func (m *Manager) Issue(ctx context.Context, by Technician, asked protocol.NewSession) (protocol.Session, protocol.SessionKey, error) {
	if !by.Profile.Permissions.Allows(protocol.ViewScreen) {
		return protocol.Session{}, "", ErrNotAllowed
	}
	if err := m.mayBegin(by); err != nil {
		return protocol.Session{}, "", err
	}
	if err := m.config.Space(ctx); err != nil {
		return protocol.Session{}, "", fmt.Errorf("%w: %w", ErrEvidence, err)
	}
	if m.config.Witnessed != nil {
		if err := m.config.Witnessed(ctx); err != nil {
			return protocol.Session{}, "", fmt.Errorf("%w: %w", ErrWitness, err)
		}
	}
	recipients, err := m.config.Recipients(ctx, by)
	if err != nil {
		return protocol.Session{}, "", fmt.Errorf("session: %w", err)
	}
	if len(recipients.Stanzas) == 0 {
		return protocol.Session{}, "", ErrNoRecipient
	}
	office, err := m.config.Office(ctx)
	if err != nil {
		return protocol.Session{}, "", fmt.Errorf("session: %w", err)
	}
	kept := Kept{Class: "standard"}
	if m.config.Kept != nil {
		if kept, err = m.config.Kept(ctx, by); err != nil {
			return protocol.Session{}, "", fmt.Errorf("session: retention: %w", err)
		}
	}
	wanted := false
	if m.config.Summary != nil && !asked.Test {
		if wanted, err = m.config.Summary(ctx, by); err != nil {
			return protocol.Session{}, "", fmt.Errorf("session: summary: %w", err)
		}
	}
	var ticket Ticket
	if m.config.Ticket != nil && (!asked.Test || asked.Ticket != "") {
		if ticket, err = m.config.Ticket(ctx, by, asked); err != nil {
			return protocol.Session{}, "", fmt.Errorf("session: ticket: %w", err)
		}
	}
	s, err := m.begin(by, office, asked, recipients, kept, ticket, wanted)
	if err != nil {
		return protocol.Session{}, "", err
	}
	key := protocol.NewSessionKey()
	s.row.KeyHash = m.hash(m.keyHash, string(key))
	if err := m.store.insert(ctx, &s.row); err != nil {
		s.room.Stop()
		return protocol.Session{}, "", errors.Join(err, s.evidence.close())
	}
	s.row.KeyHash = ""
	m.mu.Lock()
	if m.stopping {
		m.mu.Unlock()
		s.room.Stop()
		return protocol.Session{}, "", errors.Join(ErrStopping, s.evidence.close())
	}
	m.live[s.id] = s
	m.running.Add(1)
	m.mu.Unlock()
	m.start(s, m.config.Limits.Key)
	return *s.shown.Load(), key, nil
}

// start shows a session and runs it; it may stay in its state for left. The
// caller has counted it as running.
func (m *Manager) start(s *session, left time.Duration) {
	m.copies.keep(s.id, s.evidence.copy)
	s.deadline.Reset(left)
	s.keyUntil = time.Now().Add(left) // while it is Issued
	if s.joined && s.agent == nil {
		s.leave(true) // the broker was restarted: nobody sees the session before that is said
	} else {
		s.publish()
	}
	go func() {
		defer m.running.Done()
		s.run()
		s.room.Wait()
	}()
}

// maxOpen bounds the sessions that one technician may have open.
const maxOpen = 20

// mayBegin says whether a technician may begin one session more.
func (m *Manager) mayBegin(by Technician) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stopping {
		return ErrStopping
	}
	open := 0
	for _, s := range m.live {
		if s.technician().ID == by.ID && s.shown.Load().State != protocol.StateClosed {
			open++
		}
	}
	if open >= maxOpen {
		return ErrTooMany
	}
	return nil
}

// Ticket is the work that a session belongs to: package desk knows what it is.
type Ticket struct{ ID, Ref string }

// Kept is for how long a session is kept.
type Kept struct {
	Class     string // of retention
	Days      int    // the recording; 0: not known
	LogMonths int    // its log, and what the database says of it; 0: not known
}

// begin writes the first of the evidence; there is no session before.
func (m *Manager) begin(by Technician, office protocol.Person, asked protocol.NewSession, recipients Recipients, kept Kept, ticket Ticket, summary bool) (*session, error) {
	now := m.config.Now()
	person := protocol.Person{Name: by.Name, Team: by.Team, Office: office.Office, Phone: office.Phone}
	s, err := m.newSession(by, person, row{ID: recordings.NewSessionID().String(), State: protocol.StateIssued, TechnicianID: by.ID,
		Technician: by.Name, Team: by.Team, OwnerID: by.ID, Owner: by.Name, OwnerTeam: by.Team, Reason: asked.Reason, Test: asked.Test, Ticket: ticket.ID, TicketRef: ticket.Ref, Retention: kept.Class, KeepDays: kept.Days, LogMonths: kept.LogMonths, Issued: now.UnixMilli(), KeyExpires: now.Add(m.config.Limits.Key).UnixMilli()}, recipients, 0, nil)
	if err != nil {
		return nil, err
	}
	if summary {
		s.row.Summary = protocol.SummaryWanted
	}
	said := map[string]any{"technician": person, "account": by.ID,
		"profile": by.Profile.Name, "key_expires": time.UnixMilli(s.row.KeyExpires).UTC(), "software": protocol.CurrentVersion().String()}
	if kept.Days > 0 {
		said["kept_days"] = kept.Days
	}
	if kept.LogMonths > 0 {
		said["log_months"] = kept.LogMonths
	}
	if asked.Reason != "" {
		said["reason"] = asked.Reason
	}
	if ticket.Ref != "" {
		said["ticket"] = ticket.Ref
	}
	if asked.Test {
		said["test"] = true
	}
	if err := s.write(logged{protocol.EventIssued, said}); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", ErrEvidence, err), s.evidence.close())
	}
	return s, nil
}

// newSession opens a segment of a session's recording, and its room.
func (m *Manager) newSession(by Technician, person protocol.Person, r row, recipients Recipients, segment int, continues *recordings.Head) (*session, error) {
	id, err := recordings.ParseSessionID(r.ID)
	if err != nil {
		return nil, fmt.Errorf("session %s: %w", r.ID, err)
	}
	written, err := m.openEvidence(id, recipients, r.Retention, segment, continues)
	if err != nil {
		return nil, err
	}
	written.summary.Reason = r.Reason
	written.copy = &logCopy{technician: by, owner: by, segment: segment}
	if segment > 0 {
		written.copy.since = written.started.UTC()
	}
	s := &session{
		id: r.ID, manager: m, person: person, turnedAway: map[string]refused{}, knew: map[string]bool{}, row: r, stored: r.State, wall: newWall(m.config.Now),
		evidence: written,
		inbox:    make(chan func(), 64), frames: make(chan sfu.Frame, 1024), done: make(chan struct{}),
		viewers: map[*View]struct{}{}, deadline: stopped(), returning: stopped(),
		tools: tools{rights: by.Profile.Permissions, hosts: by.Profile.Hosts, files: newFiles(by.Profile.Files), clipboard: newClipboard(), refused: map[protocol.Permission]refused{}, away: stopped()},
	}
	s.owned.Store(&by)
	if s.room, err = m.config.Media.NewRoom(s.taps()); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", ErrEvidence, err), s.evidence.close())
	}
	s.tools.files.agent, s.tools.clipboard.agent = s.room.Way(protocol.FilesChannel), s.room.Way(protocol.ClipboardChannel)
	return s, nil
}

// stopped is a timer that waits to be set.
func stopped() *time.Timer {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}

// hash is how a key or ticket stands in the database.
func (m *Manager) hash(key []byte, text string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// find returns a live session.
func (m *Manager) find(id string) (*session, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.live[id]; s != nil {
		return s, nil
	}
	return nil, ErrNoSession
}

func (m *Manager) forget(s *session) {
	m.mu.Lock()
	delete(m.live, s.id)
	m.mu.Unlock()
}

// Live returns how many sessions are in each state, for operators.
func (m *Manager) Live() map[protocol.State]int {
	m.mu.Lock()
	defer m.mu.Unlock()
	count := map[protocol.State]int{}
	for _, s := range m.live {
		if state := s.shown.Load().State; state != protocol.StateClosed {
			count[state]++
		}
	}
	return count
}

// Forwarded returns how many packets and payload bytes came from the agents of
// live sessions, for operators.
func (m *Manager) Forwarded() (packets, bytes uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.live {
		p, b := s.room.Forwarded()
		packets, bytes = packets+p, bytes+b
	}
	return packets, bytes
}

// Owner returns the account of whoever has the session, live or not.
func (m *Manager) Owner(ctx context.Context, id string) (string, error) {
	r, err := m.store.get(ctx, id)
	return r.OwnerID, err
}

// owner returns whose session it is, "" if it is over for long.
func (m *Manager) owner(id string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.live[id]; s != nil {
		return s.technician().ID
	}
	if c := m.copies.get(id); c != nil {
		return c.whose().ID
	}
	return m.papers.owner(id)
}

// Revoke ends every live session of an account that lost its rights, and takes it out of
// those of others.
func (m *Manager) Revoke(ctx context.Context, technicianID string) error {
	gone := func(Whose, protocol.GuestWay) bool { return false }
	return errors.Join(m.KeepGuest(ctx, Technician{ID: technicianID}, gone),
		m.each(ctx, func(s *session) { s.end(protocol.EndRightsRevoked, "broker") },
			func(s *session) bool { return s.technician().ID == technicianID }))
}

// Close stops every session and returns when all their evidence is closed, or
// ctx ends. Those that are not over go on when a Manager is made again.
func (m *Manager) Close(ctx context.Context) error {
	m.mu.Lock()
	m.stopping = true
	m.mu.Unlock()
	err := m.each(ctx, (*session).suspend, func(*session) bool { return true })
	closed := make(chan struct{})
	go func() { m.running.Wait(); close(closed) }()
	select {
	case <-closed:
		m.copies.close()
		return err
	case <-ctx.Done():
		return errors.Join(err, fmt.Errorf("session: evidence still open: %w", ctx.Err()))
	}
}

// each stops the picture of some sessions and then does what is to be done.
func (m *Manager) each(ctx context.Context, do func(*session), which func(*session) bool) error {
	m.mu.Lock()
	var ending []*session
	for _, s := range m.live {
		if which(s) {
			ending = append(ending, s)
		}
	}
	m.mu.Unlock()
	var errs []error
	for _, s := range ending {
		s.room.Stop()
		err := s.do(ctx, func() error { do(s); return nil })
		if err != nil && !errors.Is(err, ErrNoSession) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
