package evidence

import (
	"context"
	"fmt"
	"time"
)

// Figures is what operators watch of the recordings: numbers, of no session.
type Figures struct {
	Bytes   int64 // of all recordings here
	Reserve int64 // bytes kept for last words; 0: none, or given back on a full disk
	// Sessions that can be read: within their time, under a legal hold, and those whose
	// time is over and about which nobody has decided.
	Kept, Held, Due int
	Witnesses       int
	Nearest         time.Duration // lag of the witness that is least behind: beyond the limit no session starts
	Furthest        time.Duration // of the one that is most behind
}

// Figures reads them.
func (e *Evidence) Figures(ctx context.Context) (Figures, error) {
	var s Storage
	if err := e.used(ctx, &s); err != nil {
		return Figures{}, err
	}
	f := Figures{Bytes: s.Used, Reserve: e.room().Bytes}
	days, err := e.config.Retention(ctx)
	if err != nil {
		return Figures{}, fmt.Errorf("evidence: %w", err)
	}
	var all int
	err = e.config.Database.NewRaw(`SELECT COUNT(*), COALESCE(SUM(held), 0), COALESCE(SUM(CASE WHEN held = 0 AND late = 1 THEN 1 ELSE 0 END), 0) FROM (
		SELECT CASE WHEN EXISTS (SELECT 1 FROM holds WHERE holds.sid = s.sid AND holds.released = 0) THEN 1 ELSE 0 END AS held,
			CASE WHEN f.ended > 0 AND f.ended + (CASE WHEN f.keep_days > 0 THEN f.keep_days ELSE ? END) * ? < ? THEN 1 ELSE 0 END AS late
		FROM (SELECT DISTINCT sid FROM log_segments WHERE shred IS NULL AND purged IS NULL) AS s LEFT JOIN session_facts AS f ON f.id = s.sid) AS counted`,
		days, dayMS, e.config.Now().UnixMilli()).Scan(ctx, &all, &f.Held, &f.Due)
	if err != nil {
		return Figures{}, fmt.Errorf("evidence: figures: %w", err)
	}
	f.Kept = all - f.Held - f.Due
	for i, w := range e.Witnesses() {
		f.Witnesses++
		f.Furthest = max(f.Furthest, w.Lag)
		if i == 0 || w.Lag < f.Nearest {
			f.Nearest = w.Lag
		}
	}
	return f, nil
}
