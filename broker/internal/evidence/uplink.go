package evidence

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"consento/recordings"
	"consento/recordings/mirror"
	"consento/recordings/translog"
)

// sealed tells all witnesses of a head that is on the disk.
func (w *witnesses) sealed(id recordings.SessionID, number int, head recordings.Head) {
	for _, one := range w.all {
		one.uplink.Sealed(mirror.Segment{Session: id, Number: number}, head)
	}
}

// closed tells all witnesses of an end that is on the disk. What they signed of the
// time before has no place in the recording any more.
func (w *witnesses) closed(s segment) {
	w.mu.Lock()
	delete(w.signed, s)
	w.mu.Unlock()
	for _, one := range w.all {
		one.uplink.Closed(mirror.Segment{Session: recordings.SessionID(s.id), Number: s.number})
	}
}

// countersigned keeps what a witness signed: over the last head in a file beside
// the recording, over any other until the recording's writer takes it.
func (e *Evidence) countersigned(name string, s mirror.Segment, cosignature []byte, final bool) error {
	if final {
		return e.keepCosignature(s, cosignature)
	}
	k := segment{translog.ID(s.Session), s.Number}
	e.mu.Lock()
	_, live := e.live[k]
	e.mu.Unlock()
	if !live {
		return nil
	}
	e.witnesses.mu.Lock()
	defer e.witnesses.mu.Unlock()
	if e.witnesses.signed[k] == nil {
		e.witnesses.signed[k] = map[string][]byte{}
	}
	e.witnesses.signed[k][name] = cosignature
	return nil
}

// keepCosignature adds to the file of countersignatures over a final head, one for
// each witness.
func (e *Evidence) keepCosignature(s mirror.Segment, cosignature []byte) error {
	e.witnesses.files.Lock()
	defer e.witnesses.files.Unlock()
	path := recordings.DefaultCosignatures(filepath.Join(e.config.Recordings, s.Name()))
	mine, err := recordings.ParseCosignature(s.Session, cosignature)
	if err != nil {
		return fmt.Errorf("evidence: %w", err)
	}
	have, err := recordings.ReadCosignatures(path, s.Session)
	if err != nil && !errors.Is(err, recordings.ErrMalformed) { // a damaged file is made anew
		return fmt.Errorf("evidence: %w", err)
	}
	var all []byte
	if len(have) > 0 {
		if all, err = os.ReadFile(path); err != nil {
			return fmt.Errorf("evidence: %w", err)
		}
	}
	for _, c := range have {
		if c.Key.Equal(mine.Key) {
			return nil
		}
	}
	tmp := path + ".new"
	if err := os.WriteFile(tmp, append(all, cosignature...), 0o600); err != nil {
		return fmt.Errorf("evidence: %w", err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return fmt.Errorf("evidence: %w", err)
	}
	return nil
}

// WitnessStatus is how one witness does, for pages and figures.
type WitnessStatus struct {
	Name     string
	Embedded bool          // on this machine
	Lag      time.Duration // of what it has not signed
	Waiting  int           // recordings that are on their way
	Bags     int           // key bags that are on their way
	Refused  int           // recordings and key bags that are not what it holds, or not whole
	Signed   time.Time     // when it signed something last; zero: never yet
	Silent   bool          // it did not answer when it was asked last
}

// Witnesses tells how all do.
func (e *Evidence) Witnesses() []WitnessStatus {
	var all []WitnessStatus
	for _, w := range e.witnesses.all {
		s := w.uplink.Status()
		all = append(all, WitnessStatus{Name: w.name, Embedded: w.name == mirror.EmbeddedName, Lag: s.Lag, Waiting: s.Waiting, Bags: s.Bags, Refused: s.Refused,
			Signed: s.Signed, Silent: s.Err != nil})
	}
	return all
}
