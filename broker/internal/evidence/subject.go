package evidence

import (
	"context"
	"fmt"
	"time"

	"consento/broker/internal/access"
)

// Subject is a session that somebody decides about. There is nothing of its
// content in it, so that the data-protection officer may see it too.
type Subject struct {
	Summary
	Until    time.Time // end of retention; zero while the session goes on
	Holds    []Hold
	Erasures []Erasure // the newest first
}

// Subject returns one session with what was decided about it.
func (e *Evidence) Subject(ctx context.Context, by access.Account, id string) (Subject, error) {
	f, sid, _, err := e.decider(ctx, by, id)
	if err != nil {
		return Subject{}, err
	}
	subjects, err := e.subjects(ctx, f)
	if err != nil {
		return Subject{}, err
	}
	s := subjects[0]
	if s.Holds, err = e.index.holds(ctx, sid); err != nil {
		return Subject{}, err
	}
	all, err := e.erasures(ctx, by, id)
	s.Erasures = all
	return s, err
}

// Held lists sessions under a legal hold, the oldest first.
func (e *Evidence) Held(ctx context.Context, by access.Account) ([]Subject, error) {
	if !access.Can(by, access.DecideErasure, access.Scope{Territory: by.Territory}) {
		return nil, ErrForbidden
	}
	var rows []fact
	err := visible(e.facts(&rows), by).Where("EXISTS (SELECT 1 FROM holds WHERE holds.sid = fact.id AND holds.released = 0)").
		OrderExpr("fact.issued").Limit(200).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("evidence: holds: %w", err)
	}
	return e.subjects(ctx, rows...)
}

func (e *Evidence) subjects(ctx context.Context, facts ...fact) ([]Subject, error) {
	days, err := e.config.Retention(ctx)
	if err != nil {
		return nil, fmt.Errorf("evidence: %w", err)
	}
	parts, err := e.parts(ctx, facts)
	if err != nil {
		return nil, err
	}
	subjects := make([]Subject, len(facts))
	for i, f := range facts {
		subjects[i].Summary = summary(f, parts[f.ID])
		subjects[i].Until = f.until(days)
	}
	return subjects, nil
}
