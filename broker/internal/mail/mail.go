// Package mail sends what people are told: letters about their tickets to requesters,
// warnings to those who work here.
//
// Promises:
//   - A letter stands in the database before anybody is told that it goes out, and
//     stays there until the mail server took it or refused it for good.
//   - A server that is down loses nothing: no letter's tries are counted for it.
//   - The same letter queued twice goes out once; one that is sent again after a crash
//     has the same Message-ID (RFC 5322, section 3.6.4).
//   - Nothing that people write becomes a header but by name, address and subject, each
//     one line and encoded (RFC 2047).
//   - Nothing is fetched when a letter is read: no pictures, no styles from elsewhere.
//   - What goes to the server goes encrypted, unless it is this machine.
//
// It knows no tickets and no sessions: it is given letters.
package mail

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"consento/broker/internal/ops"
	"consento/protocol/lang"

	"github.com/uptrace/bun"
)

var (
	// ErrNoServer says that no mail server is set.
	ErrNoServer = errors.New("mail: no mail server is set")
	// ErrRefused is wrapped where the server will never take a letter: trying again is
	// of no use.
	ErrRefused = errors.New("mail: refused for good")
	// ErrLetter is wrapped where a letter cannot be one.
	ErrLetter = errors.New("mail: not a letter")
)

// Source is a queue that somebody else keeps, as package desk does. IDs are those of its
// letters.
type Source interface {
	// Letters returns those that are due, the oldest first.
	Letters(ctx context.Context, most int) ([]Letter, error)
	// Sent says how a try ended: nil if the server took it, ErrRefused if it never will.
	Sent(ctx context.Context, id string, failed error) error
	// Standing says how many wait, since when, and the newest that were given up.
	Standing(ctx context.Context, most int) (Standing, error)
	// Again makes those that were given up due once more.
	Again(ctx context.Context) error
}

// Standing is what a queue looks like.
type Standing struct {
	Waiting int
	Oldest  time.Time // of those that wait
	GivenUp []GivenUp // the newest first
}

// GivenUp is a letter that is not tried any more.
type GivenUp struct {
	About string // a ticket's number, or a subject: not whom it was for
	Made  time.Time
	Why   string
}

// Office is who the letters are from.
type Office struct{ Name, Phone string }

// Config is what Open needs.
type Config struct {
	Database *bun.DB // migrated by ops.OpenDatabase
	Server   ops.MailConfig
	Texts    *lang.Catalog
	Office   func(context.Context) (Office, error)
	Sources  []Source
	Every    time.Duration // between looks at the queues; 0: ten seconds
	Now      func() time.Time
	Log      *slog.Logger
}

// Mail is safe for concurrent use.
type Mail struct {
	Config
	letters letters
	wake    chan struct{}
	stop    context.CancelFunc
	done    chan struct{}

	mu    sync.Mutex
	state state
}

// state is how it went with the server.
type state struct {
	lastSent time.Time
	failed   error // of the server, nil while it answers
	since    time.Time
	fails    int
	next     time.Time // not before
}

// Open begins to send what waits.
func Open(c Config) (*Mail, error) {
	if c.Database == nil || c.Texts == nil || c.Office == nil || c.Log == nil {
		return nil, errors.New("mail: Database, Texts, Office and Log are required")
	}
	if c.Every == 0 {
		c.Every = 10 * time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	ctx, stop := context.WithCancel(context.Background())
	m := &Mail{Config: c, letters: letters{c.Database, c.Now}, wake: make(chan struct{}, 1), stop: stop, done: make(chan struct{})}
	m.Sources = append([]Source{m.letters}, c.Sources...)
	go m.run(ctx)
	return m, nil
}

// Close ends what is under way; what was not sent is sent by the next one.
func (m *Mail) Close() error {
	m.stop()
	<-m.done
	return nil
}

// Queue has a letter sent, in the transaction db if it is one: it goes out when that is
// committed, or it was never there. A letter whose ID is known already is not queued
// again. It returns an error that wraps ErrLetter for one that nobody could send.
//
// Whoever may have something to say to the same person twice gives the letter an ID that
// says what it is about ("breach-"+ticket+"-response").
func (m *Mail) Queue(ctx context.Context, db bun.IDB, l Letter) error {
	if db == nil {
		db = m.Database
	}
	if err := m.letters.queue(ctx, db, l); err != nil {
		return err
	}
	m.Wake()
	return nil
}

// Wake has the queues looked at now.
func (m *Mail) Wake() {
	select {
	case m.wake <- struct{}{}:
	default: // it is awake
	}
}

// Status is how it stands with the mail.
type Status struct {
	Server   string // HOST:PORT; "" if none is set
	Security string
	From     string
	LastSent time.Time // since the start of the broker; zero: none
	Trouble  string    // what keeps the server from taking letters, "" if nothing
	Since    time.Time // of the trouble
	Standing           // of all queues together
}

// maxGivenUp is how many letters that were given up are told of.
const maxGivenUp = 20

// Status asks the queues.
func (m *Mail) Status(ctx context.Context) (Status, error) {
	m.mu.Lock()
	s := Status{From: m.Server.From, LastSent: m.state.lastSent, Since: m.state.since}
	if m.state.failed != nil {
		s.Trouble = why(m.state.failed, "")
	}
	m.mu.Unlock()
	if m.Server.Host != "" {
		s.Server, s.Security = m.Server.Address(), m.Server.Security
	}
	for _, source := range m.Sources {
		one, err := source.Standing(ctx, maxGivenUp)
		if err != nil {
			return Status{}, err
		}
		s.Waiting += one.Waiting
		if !one.Oldest.IsZero() && (s.Oldest.IsZero() || one.Oldest.Before(s.Oldest)) {
			s.Oldest = one.Oldest
		}
		s.GivenUp = append(s.GivenUp, one.GivenUp...)
	}
	return s, nil
}

// Again tries what was given up once more, and the server at once.
func (m *Mail) Again(ctx context.Context) error {
	for _, source := range m.Sources {
		if err := source.Again(ctx); err != nil {
			return err
		}
	}
	m.mu.Lock()
	m.state.next = time.Time{}
	m.mu.Unlock()
	m.Wake()
	return nil
}

// Test sends a letter now, and returns what the server had against it.
func (m *Mail) Test(ctx context.Context, to Address, language string) error {
	if m.Server.Host == "" {
		return ErrNoServer
	}
	texts := m.Texts.Match(language)
	l := Letter{ID: "test-" + newID(), To: to, Language: language, Subject: texts.T("mail.test.subject"), Body: []string{texts.T("mail.test.body")}}
	p, err := m.dial(ctx)
	if err != nil {
		m.troubled(err)
		return errors.New(why(err, to.Email))
	}
	defer p.close()
	if err := m.post(ctx, p, l); err != nil {
		return errors.New(why(err, to.Email))
	}
	m.works(true)
	return nil
}
