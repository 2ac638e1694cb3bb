package mirror

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"consento/recordings/translog"
)

// logState is how far the global log is at the target.
type logState struct {
	size   uint64    // of the last checkpoint that was cosigned
	since  time.Time // since when there is a newer one; zero: there is none
	due    time.Time
	copied bool   // the target's copy is as long
	most   uint64 // leaves that it ever acknowledged
}

const (
	leavesMost = translog.MaxEntries
	bytesMost  = 8 << 20
)

// syncLog has the newest checkpoint cosigned and the leaves copied.
func (u *Uplink) syncLog(ctx context.Context, now time.Time) (tried bool, err error) {
	size := u.c.Log.Checkpoint().Size
	u.mu.Lock()
	l := &u.log
	newer := size > l.size
	if newer && l.since.IsZero() {
		l.since = now
	}
	due := (newer || !l.copied) && !now.Before(l.due)
	if due {
		l.due = now.Add(checkEvery)
	}
	u.mu.Unlock()
	if !due {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, roundTime)
	defer cancel()
	point, err := u.c.Target.PushCheckpoint(ctx, u.c.Log)
	if err != nil {
		return true, fmt.Errorf("checkpoint: %w", err)
	}
	if err := u.c.Cosigned(ctx, point); err != nil {
		return true, err
	}
	u.mu.Lock()
	l.size, l.copied, l.since = point.Size, false, time.Time{}
	u.signed = u.c.Now()
	u.mu.Unlock()
	if err := u.copyLog(ctx, point); err != nil {
		u.mu.Lock()
		l.since = now // the copy is what lags now
		u.mu.Unlock()
		return true, fmt.Errorf("log: %w", err)
	}
	u.mu.Lock()
	l.copied = true
	u.mu.Unlock()
	return true, nil
}

// copyLog brings the leaves up to a checkpoint that the target just cosigned.
func (u *Uplink) copyLog(ctx context.Context, point translog.Checkpoint) error {
	target, ok := u.c.Target.(copies)
	if !ok {
		return nil
	}
	held, err := target.LogHeld(ctx)
	if err != nil {
		return err
	}
	if held.Size < u.log.most {
		u.c.Logger.Error(ErrLost.Error() + ", of the log")
	}
	for {
		if held.Size > point.Size {
			return fmt.Errorf("%w: of the log", ErrAhead)
		}
		entries, err := u.leaves(ctx, target, held.Size, point.Size)
		if err != nil {
			return err
		}
		to := held.Size + uint64(len(entries))
		proof, err := u.c.Log.Consistency(ctx, to, point.Size)
		if err != nil {
			return err
		}
		if to == point.Size {
			proof = nil
		}
		held, err = target.AppendLog(ctx, held.Size, point.Size, entries, proof)
		if err != nil {
			return err
		}
		if held.Size != to {
			return fmt.Errorf("%w: %d leaves, sent up to %d", ErrAnswer, held.Size, to)
		}
		u.log.most = max(u.log.most, to)
		if to == point.Size {
			return nil
		}
	}
}

// leaves reads as many as fit into a request, and brings first what is sealed
// beside them.
func (u *Uplink) leaves(ctx context.Context, target copies, from, to uint64) ([][]byte, error) {
	var entries [][]byte
	size := 0
	for e, err := range u.c.Log.Entries(ctx, from, min(to, from+leavesMost)) {
		if err != nil {
			return nil, err
		}
		if size += len(e.Data) + 2; size > bytesMost {
			break
		}
		if err := u.sealed(ctx, target, e.Data); err != nil {
			return nil, err
		}
		entries = append(entries, bytes.Clone(e.Data))
	}
	return entries, nil
}

func (u *Uplink) sealed(ctx context.Context, target copies, entry []byte) error {
	var leaf struct {
		Body  translog.Hash `json:"body"`
		Token translog.Hash `json:"token"` // of a timestamp
	}
	if err := json.Unmarshal(entry, &leaf); err != nil {
		return err
	}
	body := leaf.Body
	if body == (translog.Hash{}) {
		body = leaf.Token
	}
	if body == (translog.Hash{}) {
		return nil
	}
	b, err := u.c.Log.Sealed(body)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it was deleted by a decision
	}
	if err != nil {
		return err
	}
	return target.PutSealed(ctx, body, b)
}
