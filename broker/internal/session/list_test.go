package session

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"consento/protocol"
)

// told collects what the outbox is told.
type told struct {
	mu   sync.Mutex
	all  []Listed
	fail bool
}

func (o *told) note(ctx context.Context, tx bun.IDB, l Listed) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.fail {
		return errors.New("no")
	}
	var state protocol.State // it is told within the transaction of the change
	if err := tx.NewSelect().Model((*row)(nil)).Column("state").Where("id = ?", l.ID).Scan(ctx, &state); err != nil || state != l.State {
		return errors.Join(err, errors.New("told before it is so"))
	}
	o.all = append(o.all, l)
	return nil
}

// TestOutbox: others are told that a session started and ended, once each; one that never
// started is nobody's to know, and an outbox that fails holds no session up.
func TestOutbox(t *testing.T) {
	o := &told{}
	e := newEnv(t, func(c *Config) { c.Outbox = o.note })
	p := e.active(t)
	never := e.issue(t)
	must(0, e.m.End(t.Context(), anna, never.id))(t)
	must(0, e.m.End(t.Context(), anna, p.id))(t)
	p.removed(t)
	p.closed(t)
	o.mu.Lock()
	if len(o.all) != 2 || o.all[0].State != protocol.StateActive || !o.all[0].Ended.IsZero() || o.all[1].EndReason != protocol.EndTechnician || o.all[1].Ended.IsZero() || o.all[1].ID != p.id || o.all[1].Team != anna.Team {
		t.Errorf("%+v", o.all)
	}
	o.fail = true
	o.mu.Unlock()
	e.active(t)
}

// TestList: whose sessions are listed is said by the filter, and nothing is without.
func TestList(t *testing.T) {
	e := newEnv(t)
	id := e.issue(t).id
	for name, c := range map[string]struct {
		f    ListFilter
		want int
	}{
		"nobody's": {ListFilter{Limit: 5}, 0}, "all": {ListFilter{Everything: true, Limit: 5}, 1}, "own": {ListFilter{Technician: anna.ID, Limit: 5}, 1}, "the team's": {ListFilter{Teams: []string{"x", anna.Team}, Limit: 5}, 1},
		"another's": {ListFilter{Technician: "x", Teams: []string{"x"}, Limit: 5}, 0}, "of a team": {ListFilter{Technician: anna.ID, Team: "x", Limit: 5}, 0}, "one": {ListFilter{Everything: true, ID: id}, 1}, "another": {ListFilter{Everything: true, ID: "x"}, 0},
		"open": {ListFilter{Everything: true, Open: true}, 1}, "later": {ListFilter{Everything: true, From: time.Now().Add(time.Hour)}, 0}, "earlier": {ListFilter{Everything: true, To: time.Now().Add(-time.Hour)}, 0},
		"behind": {ListFilter{Everything: true, BeforeTime: time.Now().Add(time.Hour), BeforeID: "x"}, 1}, "behind itself": {ListFilter{Everything: true, BeforeTime: time.UnixMilli(1), BeforeID: "x"}, 0},
	} {
		if list, err := List(t.Context(), e.db, c.f); err != nil || len(list) != c.want {
			t.Errorf("%s: %d, %v", name, len(list), err)
		}
	}
}
