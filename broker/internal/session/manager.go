package session

import (
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/uptrace/bun"

	"consento/broker/internal/sfu"
	"consento/protocol"
	"consento/recordings"
)

// Limits bounds how long a session may stay in a state.
type Limits struct {
	Key     time.Duration // Issued: how long the key can be typed
	Joining time.Duration // Joined and Waiting together: the life of the join ticket
	Active  time.Duration // Active
	Removal time.Duration // Ending: how long the agent's removal is waited for
}

// DefaultLimits returns the limits of a broker that was told no others.
func DefaultLimits() Limits {
	return Limits{Key: protocol.KeyLifetime, Joining: 30 * time.Minute, Active: 8 * time.Hour, Removal: 2 * time.Minute}
}

// Config is what New needs. Every field but Limits is required.
type Config struct {
	Database *bun.DB // migrated
	Media    *sfu.SFU
	Evidence string // folder of the recordings
	Origin   string // this broker's address, for the recordings
	// Recipients are whose keys open a session of this technician's.
	Recipients func(context.Context, Technician) ([]recordings.Recipient, error)
	// Space says why no new session may start for want of free space, or nil.
	Space  func(context.Context) error
	Office func(context.Context) (protocol.Person, error)                     // Office and Phone
	Terms  func(ctx context.Context, language string) (protocol.Terms, error) // in the language that fits best
	LogKey ed25519.PrivateKey                                                 // closes what a crash left open
	Derive func(purpose string) []byte                                        // keys of the broker, 32 bytes each
	Log    *slog.Logger
	Limits Limits // zero values are filled from DefaultLimits
}

// Technician is on whose behalf a session is made or watched.
type Technician struct {
	ID        string // of the account
	Name      string
	Team      string
	Territory string
	Profile   protocol.Profile
}

// Manager holds the live sessions.
type Manager struct {
	config    Config
	store     store
	feed      *feed
	throttle  *throttle
	keyHash   []byte // HMAC keys
	ticketKey []byte
	nameKey   []byte

	mu       sync.Mutex
	live     map[string]*session
	stopping bool
	running  sync.WaitGroup
}

// New makes a Manager and completes the sessions that a crash left open: their
// recordings are closed under the log key, and they are Closed.
func New(ctx context.Context, config Config) (*Manager, error) {
	if config.Database == nil || config.Media == nil || config.Evidence == "" || config.Recipients == nil || config.Space == nil ||
		config.Office == nil || config.Terms == nil || config.LogKey == nil || config.Derive == nil || config.Log == nil {
		return nil, errors.New("session: the configuration is not complete")
	}
	d := DefaultLimits()
	for _, l := range []struct{ have, fallback *time.Duration }{
		{&config.Limits.Key, &d.Key}, {&config.Limits.Joining, &d.Joining},
		{&config.Limits.Active, &d.Active}, {&config.Limits.Removal, &d.Removal},
	} {
		if *l.have <= 0 {
			*l.have = *l.fallback
		}
	}
	m := &Manager{config: config, store: store{config.Database}, feed: newFeed(), throttle: newThrottle(),
		keyHash: config.Derive("session key"), ticketKey: config.Derive("ticket"), nameKey: config.Derive("ticket lookup"),
		live: map[string]*session{}}
	if err := m.complete(ctx); err != nil {
		return nil, fmt.Errorf("session: completing what was left open: %w", err)
	}
	return m, nil
}

// Issue makes a session and its key, on behalf of a technician. The key is
// nowhere else. It returns ErrNoRecipient while nobody could read the evidence.
func (m *Manager) Issue(ctx context.Context, by Technician) (protocol.Session, protocol.SessionKey, error) {
	if !by.Profile.Permissions.Allows(protocol.ViewScreen) {
		return protocol.Session{}, "", ErrNotAllowed
	}
	if err := m.mayBegin(by); err != nil {
		return protocol.Session{}, "", err
	}
	if err := m.config.Space(ctx); err != nil {
		return protocol.Session{}, "", fmt.Errorf("%w: %w", ErrEvidence, err)
	}
	recipients, err := m.config.Recipients(ctx, by)
	if err != nil {
		return protocol.Session{}, "", fmt.Errorf("session: %w", err)
	}
	if len(recipients) == 0 {
		return protocol.Session{}, "", ErrNoRecipient
	}
	office, err := m.config.Office(ctx)
	if err != nil {
		return protocol.Session{}, "", fmt.Errorf("session: %w", err)
	}
	s, err := m.begin(by, office, recipients)
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
	s.publish()
	go func() {
		defer m.running.Done()
		s.run()
		s.room.Wait()
	}()
	return *s.shown.Load(), key, nil
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
		if s.technician.ID == by.ID {
			open++
		}
	}
	if open >= maxOpen {
		return ErrTooMany
	}
	return nil
}

// begin writes the first of the evidence; there is no session before.
func (m *Manager) begin(by Technician, office protocol.Person, recipients []recordings.Recipient) (*session, error) {
	now := time.Now()
	id := recordings.NewSessionID()
	writer, err := recordings.Create(recordings.Config{Dir: m.config.Evidence, Session: id, Origin: m.config.Origin,
		Started: now, Recipients: recipients, Retention: "standard"})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEvidence, err)
	}
	person := protocol.Person{Name: by.Name, Team: by.Team, Office: office.Office, Phone: office.Phone}
	s := &session{
		id: id.String(), manager: m, technician: by, person: person,
		evidence: &evidence{writer: writer, video: recordings.NewVideo(writer, 0), started: now},
		row: row{ID: id.String(), State: protocol.StateIssued, TechnicianID: by.ID, Technician: by.Name, Team: by.Team,
			Issued: now.UnixMilli(), KeyExpires: now.Add(m.config.Limits.Key).UnixMilli()},
		inbox: make(chan func(), 64), frames: make(chan sfu.Frame, 1024), done: make(chan struct{}),
		viewers: map[*View]struct{}{},
	}
	s.room, err = m.config.Media.NewRoom(s.taps())
	if err == nil {
		err = s.evidence.log(protocol.EventIssued, map[string]any{"technician": person, "account": by.ID,
			"profile": by.Profile.Name, "key_expires": now.Add(m.config.Limits.Key).UTC(), "software": protocol.CurrentVersion().String()})
	}
	if err == nil {
		err = s.evidence.seal()
	}
	if err != nil {
		_, closed := writer.Close()
		return nil, errors.Join(fmt.Errorf("%w: %w", ErrEvidence, err), closed)
	}
	return s, nil
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
		count[s.shown.Load().State]++
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

// Snapshot returns what people may see of a session, live or closed.
func (m *Manager) Snapshot(ctx context.Context, id string) (protocol.Session, error) {
	if s, err := m.find(id); err == nil {
		return *s.shown.Load(), nil
	}
	r, err := m.store.get(ctx, id)
	if err != nil {
		return protocol.Session{}, err
	}
	office, err := m.config.Office(ctx)
	if err != nil {
		return protocol.Session{}, err
	}
	return r.public(office), nil
}

// Follow delivers the session as it is now, then every change. The channel is
// closed after Closed, or when ctx ends. A slow reader misses steps in between.
func (m *Manager) Follow(ctx context.Context, id string) (<-chan protocol.Session, error) {
	ctx, cancel := context.WithCancel(ctx)
	changes := m.feed.subscribe(ctx, func(s protocol.Session) bool { return s.ID == id })
	first, err := m.Snapshot(ctx, id)
	if err != nil {
		cancel()
		return nil, err
	}
	out := make(chan protocol.Session)
	go func() {
		defer close(out)
		defer cancel()
		next, ok := first, true
		for ok {
			select {
			case out <- next:
			case <-ctx.Done():
				return
			}
			if next.State == protocol.StateClosed {
				return
			}
			next, ok = <-changes
		}
	}()
	return out, nil
}

// Watch returns the technician's sessions, live ones and those of the last
// day, and then delivers every change until ctx ends.
func (m *Manager) Watch(ctx context.Context, technicianID string) ([]protocol.Session, <-chan protocol.Session, error) {
	changes := m.feed.subscribe(ctx, func(s protocol.Session) bool { return m.owner(s.ID) == technicianID })
	office, err := m.config.Office(ctx)
	if err != nil {
		return nil, nil, err
	}
	rows, err := m.store.recent(ctx, technicianID, time.Now().Add(-24*time.Hour), 50)
	if err != nil {
		return nil, nil, err
	}
	list := make([]protocol.Session, 0, len(rows))
	m.mu.Lock()
	for _, s := range m.live {
		if s.technician.ID == technicianID {
			list = append(list, *s.shown.Load())
		}
	}
	m.mu.Unlock()
	for _, r := range rows {
		list = append(list, r.public(office))
	}
	return list, changes, nil
}

// owner returns whose a live session is, "" if it is none.
func (m *Manager) owner(id string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.live[id]; s != nil {
		return s.technician.ID
	}
	return ""
}

// Revoke ends every live session of an account that lost its rights.
func (m *Manager) Revoke(ctx context.Context, technicianID string) error {
	return m.endAll(ctx, protocol.EndRightsRevoked, func(s *session) bool { return s.technician.ID == technicianID })
}

// Close ends every session with the reason shutdown and returns when all their
// evidence is closed, or ctx ends.
func (m *Manager) Close(ctx context.Context) error {
	m.mu.Lock()
	m.stopping = true
	m.mu.Unlock()
	err := m.endAll(ctx, protocol.EndShutdown, func(*session) bool { return true })
	closed := make(chan struct{})
	go func() { m.running.Wait(); close(closed) }()
	select {
	case <-closed:
		return err
	case <-ctx.Done():
		return errors.Join(err, fmt.Errorf("session: evidence still open: %w", ctx.Err()))
	}
}

func (m *Manager) endAll(ctx context.Context, reason protocol.EndReason, which func(*session) bool) error {
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
		err := s.do(ctx, func() error { s.end(reason, "broker"); return nil })
		if err != nil && !errors.Is(err, ErrNoSession) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
