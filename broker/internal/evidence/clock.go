package evidence

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"consento/broker/internal/access"
	"consento/recordings/stamp"
	"consento/recordings/translog"
)

const (
	stampEvery = 24 * time.Hour
	stampTold  = time.Hour // overdue, before it is flagged
	stampTime  = 30 * time.Second
	stampLook  = 5 * time.Second

	stampAgain     = time.Minute // after a first failure; then twice as long each time
	stampAgainMost = time.Hour
	clockBack      = 5 * time.Minute // the last timestamp cannot be further ahead
)

// errUnsigned: there is nothing to stamp yet.
var errUnsigned = errors.New("no witness has signed the log yet")

// clock is the timestamp authority that stamps the log once a day. It never keeps a
// session from anything.
type clock struct {
	doing sync.Mutex // one at a time

	mu     sync.Mutex
	size   uint64    // leaves that were stamped last; 0: none yet
	at     time.Time // when, by this machine
	says   time.Time // when, by the authority
	due    time.Time // the next one
	failed error     // of the last try
	tries  int       // that failed one after the other
	next   time.Time // try
}

// TimestampName is the file of a session's timestamp, beside its recording.
func TimestampName(session string) string { return session + ".stamp" }

// openClock finds the last timestamp on the log.
func (e *Evidence) openClock(ctx context.Context) error {
	if e.config.Timestamps == nil {
		return nil
	}
	e.clock.due = e.config.Now()
	var numbers []uint64
	err := e.config.Database.NewSelect().Table("log_entries").Column("number").Where("kind = ?", translog.KindTimestamp).OrderExpr("number DESC").Limit(1).Scan(ctx, &numbers)
	if err != nil || len(numbers) == 0 {
		return err
	}
	entry, err := e.log.Entry(ctx, numbers[0])
	if err != nil {
		return fmt.Errorf("evidence: timestamp: %w", err)
	}
	leaf, at, err := translog.ParseLeaf(entry)
	last, ok := leaf.(translog.Timestamp)
	if err != nil || !ok {
		return fmt.Errorf("evidence: timestamp: leaf %d is none: %w", numbers[0], err)
	}
	says := at
	if token, err := e.log.Sealed(last.Token); err == nil {
		if s, err := stamp.Read(token, last.Message(e.log.Checkpoint().Origin)); err == nil {
			says = s.Time
		}
	}
	e.clock.stamped(last.N, at, says)
	return nil
}

func (c *clock) stamped(size uint64, at, says time.Time) {
	c.size, c.at, c.says, c.due = size, at, says, at.Add(stampEvery)
	c.failed, c.tries, c.next = nil, 0, time.Time{}
}

// wanted says whether to stamp now. A clock that was set back must not put it off.
func (c *clock) wanted(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	due := !now.Before(c.due) || now.Before(c.at.Add(-clockBack))
	return due && (!now.Before(c.next) || c.next.Sub(now) > stampAgainMost)
}

// runClock stamps until ctx ends.
func (e *Evidence) runClock(ctx context.Context) {
	if e.config.Timestamps == nil {
		return
	}
	tick := time.NewTicker(stampLook)
	defer tick.Stop()
	for {
		e.stampIfDue(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// stampIfDue stamps once a day, and tries again later when it fails.
func (e *Evidence) stampIfDue(ctx context.Context) {
	c := &e.clock
	c.doing.Lock()
	defer c.doing.Unlock()
	now := e.config.Now()
	if !c.wanted(now) {
		return
	}
	size, says, err := e.stampNow(ctx)
	if ctx.Err() != nil {
		return
	}
	authority := slog.String("authority", e.config.Timestamps.Host())
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err == nil:
		if c.tries > 0 {
			e.config.Logger.Info("timestamp authority answers again", authority)
		}
		c.stamped(size, now, says)
	case errors.Is(err, errUnsigned):
		c.failed = err // soon there will be
	default:
		if c.tries == 0 {
			e.config.Logger.Error("the log was not stamped", authority, slog.Any("error", err))
		}
		c.failed = err
		c.next = now.Add(min(stampAgain<<min(c.tries, 10), stampAgainMost))
		c.tries++
	}
}

// stampNow has the newest cosigned checkpoint stamped and keeps what shows it: the
// token beside the log, a file beside each recording that was closed since the last
// time, and then the leaf. A crash in between makes it be done again.
func (e *Evidence) stampNow(ctx context.Context) (size uint64, says time.Time, err error) {
	point, ok := e.log.Cosigned()
	if !ok {
		return 0, says, errUnsigned
	}
	leaf := translog.Timestamp{N: point.Size, Root: translog.Hash(point.Root)}
	asking, cancel := context.WithTimeout(ctx, stampTime)
	defer cancel()
	token, s, err := e.config.Timestamps.Stamp(asking, leaf.Message(point.Origin))
	if err != nil {
		return 0, says, err
	}
	if leaf.Token, err = e.log.PutSealed(token); err != nil {
		return 0, says, fmt.Errorf("evidence: timestamp: %w", err)
	}
	if err := e.stampSessions(ctx, point, token); err != nil {
		return 0, says, err
	}
	_, err = e.add(ctx, leaf)
	return point.Size, s.Time, err
}

// stampSessions writes the timestamps of sessions of which something was closed
// since the last one.
func (e *Evidence) stampSessions(ctx context.Context, point translog.Checkpoint, token []byte) error {
	var ids []string
	err := e.config.Database.NewRaw("SELECT DISTINCT sid FROM log_segments WHERE closed >= ? AND closed < ?", e.clock.size, point.Size).Scan(ctx, &ids)
	if err != nil {
		return fmt.Errorf("evidence: timestamp: %w", err)
	}
	for _, sid := range ids {
		id, err := translog.ParseID(sid)
		if err != nil {
			return fmt.Errorf("evidence: timestamp: %w", err)
		}
		rows, err := e.index.session(ctx, id)
		if err != nil {
			return err
		}
		var leaves []uint64
		for _, r := range rows {
			if r.Closed != nil && *r.Closed < point.Size {
				leaves = append(leaves, r.Opened, *r.Closed)
			}
		}
		proof, err := e.log.Proof(ctx, id, point, leaves...)
		if err != nil {
			return fmt.Errorf("evidence: timestamp: %w", err)
		}
		text, err := stamp.Session{Proof: proof, Token: token}.Marshal()
		if err != nil {
			return fmt.Errorf("evidence: timestamp: %w", err)
		}
		path := filepath.Join(e.config.Recordings, TimestampName(sid))
		if err := replaceFile(path, text); err != nil {
			return fmt.Errorf("evidence: timestamp: %w", err)
		}
	}
	return nil
}

// ClockStatus is how the timestamp authority does, for pages.
type ClockStatus struct {
	Authority string    // its host
	Says      time.Time // of its last timestamp; zero: there is none yet
	Failed    bool      // the last try did
	Late      bool      // and that for more than an hour
}

// Clock tells how it does; nil where none is configured.
func (e *Evidence) Clock() *ClockStatus {
	if e.config.Timestamps == nil {
		return nil
	}
	e.clock.mu.Lock()
	defer e.clock.mu.Unlock()
	return &ClockStatus{Authority: e.config.Timestamps.Host(), Says: e.clock.says, Failed: e.clock.failed != nil, Late: e.clock.late(e.config.Now())}
}

// late is asked under mu.
func (c *clock) late(now time.Time) bool {
	overdue := now.Sub(c.due) > stampTold || now.Before(c.at.Add(-clockBack))
	return c.failed != nil && overdue
}

// ClockCheck is for who watches over the broker: it fails while the daily timestamp is
// overdue. Sessions go on.
func (e *Evidence) ClockCheck(context.Context) error {
	e.clock.mu.Lock()
	defer e.clock.mu.Unlock()
	if now := e.config.Now(); e.config.Timestamps != nil && e.clock.late(now) {
		return fmt.Errorf("the daily timestamp of the log is %s overdue: %w", now.Sub(e.clock.due).Round(time.Second), e.clock.failed)
	}
	return nil
}

// Timestamp is the file that shows when the session was closed, for an account; there
// is no content in it. [ErrNoProof] when there is none yet.
func (e *Evidence) Timestamp(ctx context.Context, by access.Account, id string) ([]byte, error) {
	f, _, err := e.fact(ctx, by, id)
	if err != nil {
		return nil, err
	}
	b, err := os.ReadFile(filepath.Join(e.config.Recordings, TimestampName(f.ID)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoProof
	}
	if err != nil {
		return nil, fmt.Errorf("evidence: timestamp: %w", err)
	}
	return b, nil
}

// closedBefore is what an outside clock shows of a session: a moment before which all
// of it was closed; zero when it shows nothing.
func (e *Evidence) closedBefore(sid translog.ID, rows []segmentRow) (time.Time, error) {
	if e.config.Timestamps == nil {
		return time.Time{}, nil
	}
	b, err := os.ReadFile(filepath.Join(e.config.Recordings, TimestampName(sid.String())))
	if errors.Is(err, fs.ErrNotExist) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("evidence: timestamp: %w", err)
	}
	file, err := stamp.ParseSession(b)
	if err != nil || file.Proof.SID != sid {
		return time.Time{}, nil // consento-verify says what is wrong with it
	}
	report, err := file.Proof.Verify(translog.Keys{Log: e.logKeys()})
	if err != nil {
		return time.Time{}, nil
	}
	ended := map[uint64]bool{}
	for _, l := range report.Leaves {
		ended[l.Index] = true
	}
	for _, r := range rows {
		if r.Closed == nil || !ended[*r.Closed] {
			return time.Time{}, nil
		}
	}
	s, err := e.config.Timestamps.Verify(file.Token, file.Message())
	if err != nil {
		return time.Time{}, nil
	}
	return s.Until(), nil
}
