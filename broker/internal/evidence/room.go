package evidence

import (
	"context"
	"errors"

	"consento/broker/internal/ops"
)

// withRoom does something, and once more where the reserve was given back because the
// disk is full.
func (e *Evidence) withRoom(do func() error) error {
	err := do()
	if err != nil && e.config.Reserve != nil && e.config.Reserve.Release(err) {
		err = do()
	}
	return err
}

// keepRoom makes the reserve again when there is space. That there is none yet is what
// health checks and the storage page say.
func (e *Evidence) keepRoom() error {
	if e.config.Reserve == nil {
		return nil
	}
	if err := e.config.Reserve.Hold(); !errors.Is(err, ops.ErrNoSpace) {
		return err
	}
	return nil
}

// late remembers a closed segment whose end the log could not take.
func (e *Evidence) late(s segment, is bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if delete(e.unended, s); is {
		e.unended[s] = true
	}
}

// endLate puts on the log what it could not take before. What is not told by the end
// of the broker is told at its next start.
func (e *Evidence) endLate(ctx context.Context) error {
	e.mu.Lock()
	var wait []segment
	for s := range e.unended {
		wait = append(wait, s)
	}
	e.mu.Unlock()
	var errs []error
	for _, s := range wait {
		errs = append(errs, e.Closed(ctx, e.path(s)))
	}
	return errors.Join(errs...)
}

// room is what is told of the reserve.
func (e *Evidence) room() ops.ReserveStatus {
	if e.config.Reserve == nil {
		return ops.ReserveStatus{}
	}
	return e.config.Reserve.Status()
}
