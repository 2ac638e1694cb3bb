package mirror

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"consento/recordings"
	"consento/recordings/translog"
	"consento/recordings/translog/tlogwitness"
)

// Target is where an uplink leads to: a [Client], or an [Embedded] witness.
type Target interface {
	Held(ctx context.Context, name string) (Held, error)
	Append(ctx context.Context, name string, at int64, b []byte) (Held, error)
	List(ctx context.Context) iter.Seq2[Held, error]
	PushCheckpoint(ctx context.Context, log tlogwitness.Source) (translog.Checkpoint, error)
}

// copies is a target that keeps copies, of the log too.
type copies interface {
	reader
	LogHeld(ctx context.Context) (LogHeld, error)
	AppendLog(ctx context.Context, at, size uint64, leaves [][]byte, proof []tlog.Hash) (LogHeld, error)
	PutSealed(ctx context.Context, h translog.Hash, ciphertext []byte) error
}

// Log is the global log; [translog.Log] is one.
type Log interface {
	tlogwitness.Source
	Entries(ctx context.Context, from, to uint64) iter.Seq2[translog.Entry, error]
	Sealed(h translog.Hash) ([]byte, error)
}

// UplinkConfig is what an uplink needs. All but BagDir, Logs, Signed, Every and Now is required.
type UplinkConfig struct {
	Target Target
	Key    ed25519.PublicKey // that the target countersigns with
	Log    Log
	Dir    string // folder of the recordings
	BagDir string // of their key bags; "": they are not carried
	// Logs are the segments whose log's own keys lie there too, and are named by the log;
	// nil: none are carried.
	Logs func(context.Context) ([]Segment, error)
	// Cosigned keeps a checkpoint with a cosignature; since when the log was not
	// cosigned before the start is what Since says.
	Cosigned func(context.Context, translog.Checkpoint) error
	Since    time.Time
	Signed   time.Time // when it signed last, before the start; zero: not known
	// Countersigned is given what the target signed over a head of a segment; final
	// over its last.
	Countersigned func(s Segment, cosignature []byte, final bool) error
	Logger        *slog.Logger
	Every         time.Duration // between two countersignatures of a live segment; 0: 10 s
	Now           func() time.Time
}

// Segment is one part of a recording.
type Segment struct {
	Session recordings.SessionID
	Number  int
}

// Name of its file.
func (s Segment) Name() string { return recordings.SegmentName(s.Session, s.Number) }

const (
	turn       = time.Second
	checkEvery = 2 * time.Second  // checkpoints are pushed at most this often
	firstBreak = 2 * time.Second  // after a failure; doubled up to
	longBreak  = time.Minute      //
	stuckBreak = 10 * time.Minute // after a refusal, which the next try hardly changes
	roundTime  = 2 * time.Minute  // for one exchange
	workers    = 3
)

// Uplink brings a broker's log and recordings to one target, and its signatures
// back: what is sealed, in order, again from where the target is when either side
// crashed. It is safe for concurrent use; Run is called once.
type Uplink struct {
	c    UplinkConfig
	wake chan struct{}

	mu     sync.Mutex
	pieces map[string]*piece
	bags   map[keyFile]*bagState
	signed time.Time // when the target signed something last
	log    logState
	pause  time.Duration
	until  time.Time // no exchange before
	err    error     // of the last exchange
	listed bool      // what lay there at the start is known
}

// NewUplink checks the configuration.
func NewUplink(c UplinkConfig) (*Uplink, error) {
	if c.Target == nil || len(c.Key) != ed25519.PublicKeySize || c.Log == nil || c.Dir == "" || c.Cosigned == nil || c.Countersigned == nil || c.Logger == nil {
		return nil, errors.New("mirror: the uplink's configuration is not complete")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Every == 0 {
		c.Every = 10 * time.Second
	}
	return &Uplink{c: c, wake: make(chan struct{}, 1), pieces: map[string]*piece{}, bags: map[keyFile]*bagState{}, signed: c.Signed, log: logState{since: c.Since}}, nil
}

// Sealed tells of a head of a segment that is on the disk. It never waits.
func (u *Uplink) Sealed(s Segment, head recordings.Head) { u.told(s, head.N, false) }

// Closed tells that a segment has its final seal on the disk.
func (u *Uplink) Closed(s Segment) { u.told(s, everything, true) }

func (u *Uplink) told(s Segment, n uint64, now bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	p := u.pieces[s.Name()]
	if p == nil {
		p = &piece{name: s.Name(), path: filepath.Join(u.c.Dir, s.Name())}
		u.pieces[p.name] = p
	}
	if p.since.IsZero() && (n > p.n || now) {
		p.since = u.c.Now()
	}
	p.n = max(p.n, n)
	if !now {
		return
	}
	p.due = time.Time{}
	select {
	case u.wake <- struct{}{}:
	default:
	}
}

// Status is how an uplink does.
type Status struct {
	Lag     time.Duration // age of the oldest thing that the target has not signed
	Waiting int           // recordings of which something is not there yet
	Refused int           // recordings and key bags that the target refuses
	Bags    int           // key bags that are not there yet, or others
	Signed  time.Time     // when it signed something last; zero: not known
	Err     error         // of the last exchange; nil when it went well
}

// Status at this moment.
func (u *Uplink) Status() Status {
	u.mu.Lock()
	defer u.mu.Unlock()
	s := Status{Err: u.err, Bags: len(u.bags), Signed: u.signed}
	now := u.c.Now()
	age := func(since time.Time) {
		if !since.IsZero() {
			s.Lag = max(s.Lag, now.Sub(since))
		}
	}
	age(u.log.since)
	for _, b := range u.bags {
		if b.refused >= patient { // it waits for people, not for the target
			s.Refused++
		} else {
			age(b.since)
		}
	}
	for _, p := range u.pieces {
		switch {
		case p.stuck: // it waits for people, not for the target
			s.Refused++
		case !p.since.IsZero():
			s.Waiting++
			age(p.since)
		}
	}
	return s
}

// Run works until ctx ends.
func (u *Uplink) Run(ctx context.Context) {
	tick := time.NewTicker(turn)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-u.wake:
		}
		u.round(ctx)
	}
}

// round does what is due, and takes a break when it fails.
func (u *Uplink) round(ctx context.Context) {
	u.mu.Lock()
	now := u.c.Now()
	resting := now.Before(u.until)
	u.mu.Unlock()
	if resting {
		return
	}
	tried, err := u.exchange(ctx, now)
	if ctx.Err() != nil || !tried {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if err == nil {
		if u.err != nil {
			u.c.Logger.Info("witness answers again")
		}
		u.err, u.pause, u.until = nil, 0, time.Time{}
		return
	}
	if u.err == nil {
		u.c.Logger.Warn("witness", slog.Any("error", err))
	}
	u.err = err
	u.pause = min(max(2*u.pause, firstBreak), longBreak)
	u.until = u.c.Now().Add(u.pause)
}

func (u *Uplink) exchange(ctx context.Context, now time.Time) (tried bool, err error) {
	// The log first: by its name a new mirror knows whose recordings these are.
	tried, err = u.syncLog(ctx, now)
	if err != nil {
		return true, err
	}
	if !u.listed {
		if err := errors.Join(u.findOld(ctx), u.findBags(ctx)); err != nil {
			return true, err
		}
		u.listed, tried = true, true
	}
	carried, err := u.sendBags(ctx, now)
	if tried = tried || carried; err != nil {
		return true, err
	}
	due := u.due(now)
	errs := make(chan error, len(due))
	gate := make(chan struct{}, workers)
	var all sync.WaitGroup
	for _, p := range due {
		gate <- struct{}{}
		all.Go(func() {
			defer func() { <-gate }()
			one, cancel := context.WithTimeout(ctx, roundTime)
			defer cancel()
			errs <- u.send(one, p)
		})
	}
	all.Wait()
	close(errs)
	for e := range errs {
		err = errors.Join(err, e)
	}
	return tried || len(due) > 0, err
}

// due are the recordings whose turn it is.
func (u *Uplink) due(now time.Time) []*piece {
	u.mu.Lock()
	defer u.mu.Unlock()
	var due []*piece
	for _, p := range u.pieces {
		if p.since.IsZero() || now.Before(p.due) {
			continue
		}
		p.due = now.Add(u.c.Every)
		due = append(due, p)
	}
	return due
}

// findOld finds what lay there before the start and is not at the target.
func (u *Uplink) findOld(ctx context.Context) error {
	held := map[string]Held{}
	for h, err := range u.c.Target.List(ctx) {
		if err != nil {
			return err
		}
		held[h.Name] = h
	}
	entries, err := os.ReadDir(u.c.Dir)
	if err != nil {
		return fmt.Errorf("mirror: %w", err)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, e := range entries {
		if !segmentName.MatchString(e.Name()) {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("mirror: %w", err)
		}
		h := held[e.Name()]
		if u.pieces[e.Name()] != nil || h.Sealed && h.Size == info.Size() {
			continue
		}
		u.pieces[e.Name()] = &piece{name: e.Name(), path: filepath.Join(u.c.Dir, e.Name()), n: everything, old: true, since: u.c.Now()}
	}
	return nil
}
