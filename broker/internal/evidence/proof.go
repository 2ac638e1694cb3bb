package evidence

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"consento/recordings/translog"
)

// ErrUnknown says that the log knows no such session.
var ErrUnknown = errors.New("the global log knows no such session")

// ProofName is the file of a session's proof, beside its recording.
func ProofName(session string) string { return session + ".proof" }

// proof shows that the log holds the beginning of one segment.
func (e *Evidence) proof(ctx context.Context, s segment) ([]byte, error) {
	row, err := e.index.segment(ctx, s)
	if err != nil {
		return nil, err
	}
	if row == nil {
		return nil, fmt.Errorf("evidence: %s is not on the log", s)
	}
	return e.prove(ctx, s.id, e.log.Checkpoint(), row.Opened)
}

// Receipt shows all that the log says of the beginning and the end of a session's
// segments, and of their destruction, for whoever verifies it without this broker. Where witnesses have
// signed a head that covers it all, it is under that one.
func (e *Evidence) Receipt(ctx context.Context, session string) ([]byte, error) {
	id, err := translog.ParseID(session)
	if err != nil {
		return nil, fmt.Errorf("evidence: %w", err)
	}
	proof, _, err := e.proofOf(ctx, id)
	return proof, err
}

func (e *Evidence) proofOf(ctx context.Context, id translog.ID) (proof []byte, witnessed bool, err error) {
	rows, err := e.index.session(ctx, id)
	if err != nil {
		return nil, false, err
	}
	if len(rows) == 0 {
		return nil, false, ErrUnknown
	}
	var leaves []uint64
	for _, r := range rows {
		leaves = append(leaves, r.Opened)
		if r.Closed != nil {
			leaves = append(leaves, *r.Closed)
		}
	}
	var decided []uint64
	err = e.config.Database.NewSelect().Table("log_entries").Column("number").Where("sid = ?", id.String()).
		Where("(kind IN ('rewrap', 'logkeys', 'erase', 'shred', 'purge') OR kind IN ('share', 'revoke') AND what = ?)", ToLog).Scan(ctx, &decided)
	if err != nil {
		return nil, false, fmt.Errorf("evidence: proof: %w", err)
	}
	leaves = append(leaves, decided...)
	checkpoint := e.log.Checkpoint()
	if c, ok := e.log.Cosigned(); ok && covers(c, leaves) {
		checkpoint, witnessed = c, true
	}
	proof, err = e.prove(ctx, id, checkpoint, leaves...)
	return proof, witnessed, err
}

func covers(c translog.Checkpoint, leaves []uint64) bool {
	for _, l := range leaves {
		if l >= c.Size {
			return false
		}
	}
	return true
}

func (e *Evidence) prove(ctx context.Context, id translog.ID, c translog.Checkpoint, leaves ...uint64) ([]byte, error) {
	p, err := e.log.Proof(ctx, id, c, leaves...)
	if err != nil {
		return nil, fmt.Errorf("evidence: proof: %w", err)
	}
	return p.Marshal()
}

// keepProof writes the proof beside the recording, so that whoever is given the
// files has all that is needed to verify them. It can be made again at any time.
// again: there is one, and only a witness's signature makes a better one.
func (e *Evidence) keepProof(ctx context.Context, id translog.ID, again bool) error {
	proof, witnessed, err := e.proofOf(ctx, id)
	if err != nil || again && !witnessed {
		return err
	}
	path := filepath.Join(e.config.Recordings, ProofName(id.String()))
	if err := replaceFile(path, proof); err != nil {
		return fmt.Errorf("evidence: proof: %w", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if delete(e.unproven, id); !witnessed {
		e.unproven[id] = true
	}
	return nil
}

// replaceFile writes a file that is made again when it is lost: what was there stays
// until the new one is whole.
func replaceFile(path string, b []byte) error {
	if err := os.WriteFile(path+".new", b, 0o640); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// proveAnew gives proofs a witness's signature once there is one.
func (e *Evidence) proveAnew(ctx context.Context) error {
	e.mu.Lock()
	var wait []translog.ID
	for id := range e.unproven {
		wait = append(wait, id)
	}
	e.mu.Unlock()
	if _, ok := e.log.Cosigned(); !ok {
		return nil
	}
	var errs []error
	for _, id := range wait {
		errs = append(errs, e.keepProof(ctx, id, true))
	}
	return errors.Join(errs...)
}
