package evidence

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"consento/broker/internal/ops"
	"consento/recordings/translog"
)

const (
	trailPoll     = 2 * time.Second // commands run beside the broker note acts too
	trailPatience = 5 * time.Second
	trailBatch    = 100
)

// Wake says that something waits to be put on the log.
func (e *Evidence) Wake() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// actBody is what is sealed beside an admin leaf.
type actBody struct {
	ID   string          `json:"id"`
	At   time.Time       `json:"at"`
	What string          `json:"what"`
	By   string          `json:"by"`
	Data json.RawMessage `json:"data"`
}

// drain puts the acts that wait on the log. As long as nobody could read them
// they wait. After a crash in between an act may stand there twice, under one id.
func (e *Evidence) drain(ctx context.Context) error {
	for {
		acts, err := ops.ActsWaiting(ctx, e.config.Database, trailBatch)
		if err != nil || len(acts) == 0 {
			return err
		}
		readers, err := e.readers(ctx)
		if err != nil || len(readers) == 0 {
			return err
		}
		leaves := make([]translog.Leaf, len(acts))
		for i, act := range acts {
			body, err := json.Marshal(actBody{act.ID, act.At, act.What, act.By, act.Body})
			if err != nil {
				return fmt.Errorf("evidence: trail: %w", err)
			}
			hash, err := e.seal(body, readers)
			if err != nil {
				return err
			}
			leaves[i] = translog.Admin{What: act.What, By: act.By, Body: hash}
		}
		first, err := e.add(ctx, leaves...)
		if err != nil {
			return err
		}
		for i, act := range acts {
			if err := ops.ActLogged(ctx, e.config.Database, act.ID, first+uint64(i)); err != nil {
				return err
			}
		}
	}
}
