package evidence

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"consento/recordings"
	"consento/recordings/mirror"
	"consento/recordings/store"
	"consento/recordings/translog"
)

// WitnessConfig says who signs what happens here. Without any address the broker
// has a witness of its own, which guards against mistakes, not against whoever has
// the machine.
type WitnessConfig struct {
	Elsewhere []Mirror
	Own       ed25519.PrivateKey // signs where there is nobody else; nil: no witness at all
	OwnState  string             // file in which it keeps what it signed last
	OwnBags   string             // folder of its copies of key bags; "": it keeps none
	MaxLag    time.Duration      // how far all of them may stay behind before no session starts; 0: for ever
}

// Mirror is a witness on another machine.
type Mirror struct {
	Name            string
	URL, Pin, Token string
	Key             ed25519.PublicKey
}

const (
	witnessLook = 5 * time.Second // between two looks at how they do
	lagTold     = time.Minute     // before it is told
)

// ErrWitness: no witness has signed for longer than is allowed.
var ErrWitness = errors.New("no witness has signed the log and the recordings for too long")

// witnesses are all that sign, and what they signed that no writer has taken yet.
type witnesses struct {
	all      []*witness
	cosigner *translog.Cosigner // of the own one
	bags     *store.Folder      // of the own one; nil: none
	clients  []*mirror.Client

	files   sync.Mutex // of countersignatures
	telling sync.Mutex // of the states that the log was told

	mu     sync.Mutex
	signed map[segment]map[string][]byte // by name of the witness
}

type witness struct {
	name   string
	uplink *mirror.Uplink
	state  string // that the log was told last; "" is well
}

// openWitnesses begins no work yet.
func (e *Evidence) openWitnesses(context.Context) error {
	c := e.config.Witness
	e.witnesses.signed = map[segment]map[string][]byte{}
	for _, m := range c.Elsewhere {
		client, err := mirror.NewClient(mirror.ClientConfig{URL: m.URL, Pin: m.Pin, Token: m.Token, Key: m.Key})
		if err != nil {
			return fmt.Errorf("evidence: witness %s: %w", m.Name, err)
		}
		e.witnesses.clients = append(e.witnesses.clients, client)
		if err := e.addWitness(m.Name, m.Key, client); err != nil {
			return err
		}
	}
	if len(c.Elsewhere) > 0 || c.Own == nil {
		return nil
	}
	conf := translog.CosignerConfig{Name: mirror.EmbeddedName, Key: c.Own, Origin: e.log.Checkpoint().Origin, Log: e.logKeys(), State: c.OwnState, Now: e.config.Now}
	open := translog.OpenCosigner
	if _, err := os.Stat(c.OwnState); errors.Is(err, fs.ErrNotExist) {
		open = translog.CreateCosigner
	}
	var err error
	if e.witnesses.cosigner, err = open(conf); err != nil {
		return fmt.Errorf("evidence: own witness: %w", err)
	}
	own := mirror.NewEmbedded(e.config.Recordings, c.Own, e.logKeys(), e.witnesses.cosigner)
	if c.OwnBags != "" {
		// In the form of a witness's folder, so that the same tools look at it.
		if e.witnesses.bags, err = store.OpenFolder(filepath.Join(c.OwnBags, "rec"), filepath.Join(c.OwnBags, "bags"), e.config.Now); err != nil {
			return fmt.Errorf("evidence: own witness: %w", err)
		}
		if err := own.KeepBags(e.witnesses.bags, e.log, e.config.Logger, e.config.Now); err != nil {
			return fmt.Errorf("evidence: own witness: %w", err)
		}
	}
	return e.addWitness(mirror.EmbeddedName, c.Own.Public().(ed25519.PublicKey), own)
}

func (e *Evidence) addWitness(name string, key ed25519.PublicKey, target mirror.Target) error {
	since, signed := e.unsigned(name, key)
	uplink, err := mirror.NewUplink(mirror.UplinkConfig{
		Target: target, Key: key, Log: e.log, Dir: e.config.Recordings, BagDir: e.config.Bags, Logs: e.keptLogs, Since: since, Signed: signed, Now: e.config.Now,
		Cosigned: e.log.SetCosigned, Logger: e.config.Logger.With(slog.String("witness", name)),
		Countersigned: func(s mirror.Segment, cosignature []byte, final bool) error {
			return e.countersigned(name, s, cosignature, final)
		},
	})
	if err != nil {
		return fmt.Errorf("evidence: witness %s: %w", name, err)
	}
	e.witnesses.all = append(e.witnesses.all, &witness{name: name, uplink: uplink})
	return nil
}

// unsigned is since when a witness has not signed the log, so that a restart makes
// no lag shorter, and when it signed last; zero when that is not known.
func (e *Evidence) unsigned(name string, key ed25519.PublicKey) (since, signed time.Time) {
	last, ok := e.log.Cosigned()
	if !ok {
		return since, signed
	}
	_, by, err := translog.Keys{Witness: []translog.NamedKey{{Name: name, Key: key}}}.Check(last)
	if err != nil || len(by) == 0 {
		return since, signed
	}
	if last.Size != e.log.Checkpoint().Size {
		since = by[0].Time
	}
	return since, by[0].Time
}

// runWitnesses works until ctx ends, and waits for all.
func (e *Evidence) runWitnesses(ctx context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	for _, w := range e.witnesses.all {
		all.Go(func() { w.uplink.Run(ctx) })
	}
	tick := time.NewTicker(witnessLook)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := errors.Join(e.tellWitnesses(ctx), e.finishErasures(ctx)); err != nil && ctx.Err() == nil {
				e.config.Logger.Error("global log", slog.Any("error", err))
			}
		}
	}
}

func (w *witnesses) close() error {
	for _, c := range w.clients {
		c.Close()
	}
	var errs []error
	if w.bags != nil {
		errs = append(errs, w.bags.Close())
	}
	if w.cosigner != nil {
		errs = append(errs, w.cosigner.Close())
	}
	return errors.Join(errs...)
}

// tellWitnesses puts on the log who stays behind, and who is back.
func (e *Evidence) tellWitnesses(ctx context.Context) error {
	e.witnesses.telling.Lock()
	defer e.witnesses.telling.Unlock()
	for _, w := range e.witnesses.all {
		status := w.uplink.Status()
		state := ""
		switch limit := e.config.Witness.MaxLag; {
		case limit > 0 && status.Lag > limit:
			state = translog.WitnessRefused
		case status.Lag > lagTold:
			state = translog.WitnessLagging
		}
		if state == w.state {
			continue
		}
		leaf := translog.Witness{Name: w.name, LagMS: uint64(status.Lag.Milliseconds()), State: state}
		if state == "" {
			leaf.State = translog.WitnessBack
		}
		if _, err := e.add(ctx, leaf); err != nil {
			return err
		}
		w.state = state
	}
	return nil
}

// WitnessCheck is for who watches over the broker: it fails as long as a witness
// stays behind, or refuses something.
func (e *Evidence) WitnessCheck(context.Context) error {
	var errs []error
	for _, w := range e.witnesses.all {
		s := w.uplink.Status()
		if s.Lag > lagTold {
			errs = append(errs, fmt.Errorf("witness %s is %s behind: %w", w.name, s.Lag.Round(time.Second), s.Err))
		}
		if s.Refused > 0 {
			errs = append(errs, fmt.Errorf("witness %s: %d recordings or key bags are not what it holds, or not whole", w.name, s.Refused))
		}
	}
	return errors.Join(errs...)
}

// Witnessed says whether a session may start: one witness is at most so far behind
// as is allowed.
func (e *Evidence) Witnessed(context.Context) error {
	limit := e.config.Witness.MaxLag
	if limit == 0 || len(e.witnesses.all) == 0 {
		return nil
	}
	for _, w := range e.witnesses.all {
		if w.uplink.Status().Lag <= limit {
			return nil
		}
	}
	return ErrWitness
}

// Countersignatures gives the writer of a live segment what witnesses have signed
// since it asked last. It does not wait.
func (e *Evidence) Countersignatures(id recordings.SessionID, number int) [][]byte {
	s := segment{translog.ID(id), number}
	e.witnesses.mu.Lock()
	defer e.witnesses.mu.Unlock()
	var all [][]byte
	for _, c := range e.witnesses.signed[s] {
		all = append(all, c)
	}
	delete(e.witnesses.signed, s)
	return all
}
