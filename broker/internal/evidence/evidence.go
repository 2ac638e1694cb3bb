// Package evidence is the running side of the office's evidence: it writes the
// global log, and answers what the auditors' pages ask about recordings.
//
// It promises: what a method says was put on the log is on the disk, with a
// signed checkpoint over it, when the method returns; nothing of a recording is
// handed out before the log says to whom and why; the log tells of each segment
// that it began, every half a minute that it lives, and how it ended, also over a
// crash. The database only finds things again: whoever verifies needs none of it.
//
// Contents are never opened here: this machine has no key to them.
package evidence

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/uptrace/bun"

	"consento/broker/internal/ops"
	"consento/recordings"
	"consento/recordings/stamp"
	"consento/recordings/translog"
)

// heartbeat is how often the log tells of the sessions that live.
const heartbeat = 30 * time.Second

// Config is what Open needs. Every field but Bags, PurgeAfter, Witness, Timestamps, MinFree, Reserve, Sweep and Now is required.
type Config struct {
	Database   *bun.DB            // migrated
	Folder     string             // of the global log
	Recordings string             // folder of the recordings
	Bags       string             // folder of all keys to them, so that a copy of the recordings carries none; "": Recordings
	Origin     string             // name of the log, see LogOrigin
	Key        ed25519.PrivateKey // signs the log
	// Readers are who may read what is sealed beside the log: reasons, and what
	// was changed. None: it waits until there is one.
	Readers func(context.Context) ([]recordings.Recipient, error)
	// Policies is the folder of the signed recipient policies and of the auditors'
	// root key. PolicyChanged, if any, hears of the root key that signs the newest.
	Policies      string
	PolicyChanged func(root ed25519.PublicKey) error
	// Keys are the public keys that verdicts rest on: of the log and of witnesses.
	Keys    func() (translog.Keys, error)
	Witness WitnessConfig // who signs log and recordings; none is allowed
	// Timestamps is the authority that stamps the log once a day; nil: none.
	Timestamps *stamp.Client
	MinFree    int64 // bytes that must be free for a session to start, as pages say it
	// Reserve is room for last words, for when the disk is full; nil: there is none.
	Reserve *ops.Reserve
	// PurgeAfter is how long after the keys of a session were destroyed its files,
	// which nobody can read, are deleted; 0: never.
	PurgeAfter time.Duration
	// Retention is how many days recordings are kept.
	Retention func(context.Context) (days int, err error)
	// Copies is whether customers get the recording, and for how many days their link
	// works. nil: they do not.
	Copies func(context.Context) (give bool, days int, err error)
	// Sweep deletes the database's rows when their period is over; nil: nobody does.
	Sweep  *SweepConfig
	Logger *slog.Logger
	Now    func() time.Time // nil: time.Now
}

// Evidence is safe for concurrent use.
type Evidence struct {
	config    Config
	index     index
	log       *translog.Log
	wake      chan struct{} // something waits to be put on the log
	stop      context.CancelFunc
	done      sync.WaitGroup
	following sync.Mutex // one at a time lets the index follow
	grants    grants
	policies  policies
	deciding  sync.Mutex // one decision on holds and erasures at a time
	logging   sync.Mutex // keys of logs are written or destroyed, one at a time

	witnesses witnesses
	clock     clock

	searchBytes int // of summaries and key bags in one answer

	mu       sync.Mutex
	live     map[segment]translog.Head // heads that the log has not told
	unproven map[translog.ID]bool      // sessions whose proof file lacks a witness
	unended  map[segment]bool          // closed segments whose end did not get onto the log
}

// Open opens the log, or begins it, and says how those segments ended that were
// closed while nobody could say so.
func Open(ctx context.Context, c Config) (*Evidence, error) {
	if c.Database == nil || c.Folder == "" || c.Recordings == "" || c.Origin == "" || c.Key == nil || c.Readers == nil || c.Policies == "" || c.Keys == nil || c.Retention == nil || c.Logger == nil {
		return nil, errors.New("evidence: the configuration is not complete")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Bags == "" {
		c.Bags = c.Recordings
	}
	log, err := openLog(c)
	if err != nil {
		return nil, fmt.Errorf("evidence: %w", err)
	}
	e := &Evidence{config: c, index: index{c.Database}, log: log, wake: make(chan struct{}, 1), live: map[segment]translog.Head{}, unproven: map[translog.ID]bool{}, unended: map[segment]bool{},
		policies: policies{folder: c.Policies}, searchBytes: maxSearchBytes}
	if err := errors.Join(e.policies.open(), e.catchUp(ctx), e.takePolicies(ctx)); err != nil {
		return nil, errors.Join(fmt.Errorf("evidence: %w", err), log.Close())
	}
	for _, begin := range []func(context.Context) error{e.dropOrphans, e.destroyAgain, e.nameLogKeys, e.openWitnesses, e.openClock, e.finishErasures} {
		if err := begin(ctx); err != nil {
			return nil, errors.Join(err, e.witnesses.close(), log.Close())
		}
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	e.stop = stop
	e.done.Go(func() { e.run(running) })
	e.done.Go(func() { e.runWitnesses(running) })
	e.done.Go(func() { e.runClock(running) })
	return e, nil
}

// Close writes what waits and closes the log.
func (e *Evidence) Close() error {
	e.stop()
	e.done.Wait()
	return errors.Join(e.witnesses.close(), e.log.Close())
}

// run tells of live sessions and puts the trail of administration on the log.
func (e *Evidence) run(ctx context.Context) {
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	poll := time.NewTicker(trailPoll)
	defer poll.Stop()
	daily := time.NewTicker(sweepEvery)
	defer daily.Stop()
	if err := e.sweep(ctx); err != nil && ctx.Err() == nil {
		e.config.Logger.Error("rows whose period is over", slog.Any("error", err))
	}
	for {
		var err error
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), trailPatience)
			defer cancel()
			if err := e.drain(last); err != nil {
				e.config.Logger.Error("trail of administration is not on the log yet", slog.Any("error", err))
			}
			return
		case <-tick.C:
			err = errors.Join(e.keepRoom(), e.endLate(ctx), e.beat(ctx), e.purge(ctx), ops.Wipe(ctx, e.config.Database))
		case <-daily.C:
			err = e.sweep(ctx)
		case <-poll.C:
			err = errors.Join(e.takePolicies(ctx), e.drain(ctx), e.proveAnew(ctx), e.clearShares(ctx))
		case <-e.wake:
			err = e.drain(ctx)
		}
		if err != nil && ctx.Err() == nil {
			e.config.Logger.Error("global log", slog.Any("error", err))
		}
	}
}

// Checkpoint is the newest head of the log, as a signed note.
func (e *Evidence) Checkpoint() translog.Checkpoint { return e.log.Checkpoint() }
