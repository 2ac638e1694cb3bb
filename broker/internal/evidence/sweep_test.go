package evidence

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"consento/broker/internal/ops"
	"consento/broker/internal/session"
)

// sweeping lets this evidence delete rows as a broker's does.
func (n *env) sweeping(t testing.TB) {
	t.Helper()
	must(0, n.e.Close())(t)
	n.config.PurgeAfter = 24 * time.Hour
	n.config.Sweep = &SweepConfig{
		LogMonths: func(context.Context) (int, error) { return 6, nil },
		Forget: func(ctx context.Context, tx bun.IDB, empty, gone []string) error {
			return session.Forget(ctx, tx, empty, gone)
		},
	}
	n.open(t)
}

// closed makes a session that ended now, as it stands in the database a day later.
func (n *env) closed(t testing.TB, days, months int) string {
	t.Helper()
	id := n.session(t, "t1", "North desk", 9)
	n.over(t, id, days, months)
	return id
}

// over lets a session that the database knows be one that ended now.
func (n *env) over(t testing.TB, id string, days, months int) {
	t.Helper()
	must(n.db.NewRaw(`UPDATE sessions SET ended = ?, keep_days = ?, log_months = ?, reason = 'printer', stars = 4, note = 'toner', memory = '{}',
		ticket_hash = id WHERE id = ?`, n.config.Now().UnixMilli(), days, months, id).Exec(t.Context()))(t)
	for _, state := range []string{"Ending", "Closed"} {
		must(n.db.NewRaw("UPDATE sessions SET state = ? WHERE id = ?", state, id).Exec(t.Context()))(t)
	}
}

func (n *env) erased(t testing.TB, id string) {
	t.Helper()
	must(0, n.e.AskErasure(t.Context(), auditor, id, "time is over", false))(t)
	for _, e := range must(n.e.erasures(t.Context(), dpo, id))(t) {
		must(0, n.e.DecideErasure(t.Context(), dpo, e.ID, true, "the law says so"))(t)
	}
}

// rows counts what the database knows of a session.
func (n *env) rows(t testing.TB, id string) map[string]int {
	t.Helper()
	found := map[string]int{}
	for table, column := range map[string]string{"sessions": "id", "holds": "sid", "erasures": "sid", "checks": "sid", "shares": "sid"} {
		var count int
		must(0, n.db.NewRaw("SELECT COUNT(*) FROM ? WHERE ? = ?", bun.Ident(table), bun.Ident(column), id).Scan(t.Context(), &count))(t)
		if count > 0 {
			found[table] = count
		}
	}
	return found
}

// acts are the sweeps on the trail, each with its numbers; what is sealed of them is
// waited for no longer than the database holds it.
func (n *env) acts(t testing.TB) (list []map[string]int) {
	t.Helper()
	var bodies []string
	must(0, n.db.NewRaw("SELECT body FROM trail WHERE what = 'rows.deleted' AND by = ? ORDER BY at, id", ops.ByBroker).Scan(t.Context(), &bodies))(t)
	for _, b := range bodies {
		act := map[string]int{}
		must(0, json.Unmarshal([]byte(b), &act))(t)
		list = append(list, act)
	}
	return list
}

// TestSweep: the rows of a session go when its period is over and its recording is
// erased; before that, or under a hold, they stay.
func TestSweep(t *testing.T) {
	n := newEnv(t)
	n.sweeping(t)
	gone, kept, held, long, asked, open := n.closed(t, 90, 6), n.closed(t, 90, 6), n.closed(t, 90, 6), n.closed(t, 400, 0), n.closed(t, 90, 6), n.session(t, "t1", "North desk", 9)
	n.erased(t, gone)
	must(0, n.e.PutHold(t.Context(), auditor, held, "court"))(t)
	must(0, n.e.AskErasure(t.Context(), auditor, asked, "time is over", false))(t)
	for _, id := range []string{gone, kept} {
		must(n.db.NewRaw(`INSERT INTO shares (id, sid, kind, addressee, addressee_name, token, by_id, by_name, made, until, tracks, from_ms, to_ms, cleared)
			VALUES (?, ?, 'account', 'a', 'Anna', '', 'b', 'Dino', 0, 1, '1', 0, 0, TRUE)`, id, id).Exec(t.Context()))(t)
	}
	n.clock(150 * 24 * time.Hour)
	must(0, n.e.purge(t.Context()))(t)
	n.read() // nobody reads the trail now, so acts wait in the database
	must(0, n.e.sweep(t.Context()))(t)
	if r := n.rows(t, gone); r["sessions"] != 1 || r["erasures"] != 1 {
		t.Errorf("before its time: %v", r)
	}
	n.clock(185 * 24 * time.Hour)
	must(0, n.e.sweep(t.Context()))(t)
	if r := n.rows(t, gone); len(r) != 0 {
		t.Errorf("erased, and yet: %v", r)
	}
	typed := func(id string) (said struct {
		Reason, Note, Memory string
		Ticket               bool
		Stars                int
		Technician           string
	}) {
		must(0, n.db.NewRaw("SELECT reason, note, memory, ticket_hash IS NOT NULL AS ticket, stars, technician FROM sessions WHERE id = ?", id).Scan(t.Context(), &said))(t)
		return said
	}
	for _, id := range []string{kept, asked} {
		if s := typed(id); s.Reason != "" || s.Note != "" || s.Memory != "" || s.Ticket || s.Stars != 0 || s.Technician == "" {
			t.Errorf("can still be read: %+v", s)
		}
	}
	if r := n.rows(t, kept); r["sessions"] != 1 || r["shares"] != 0 {
		t.Errorf("can still be read: %v", r)
	}
	for name, id := range map[string]string{"under a hold": held, "of a longer class": long} {
		if s := typed(id); s.Reason != "printer" || s.Stars != 4 {
			t.Errorf("%s: %+v", name, s)
		}
	}
	if r := n.rows(t, open); r["sessions"] != 1 {
		t.Errorf("not over: %v", r)
	}
	if acts := n.acts(t); len(acts) != 1 || acts[0]["sessions"] != 1 || acts[0]["emptied"] != 2 || acts[0]["shares"] != 2 {
		t.Errorf("on the trail: %v", acts)
	}
	must(0, n.e.sweep(t.Context()))(t)
	if acts := n.acts(t); len(acts) != 1 {
		t.Errorf("nothing went, and yet: %v", acts)
	}

	// The pages cope: what is gone is in no list, and in none twice.
	n.read(n.identity.Recipient())
	if got := must(n.e.Sessions(t.Context(), auditor, Query{}))(t); got.Total != 5 {
		t.Errorf("%d sessions", got.Total)
	}
	if _, err := n.e.Session(t.Context(), auditor, gone); err != ErrNotFound {
		t.Errorf("the page of what is gone: %v", err)
	}
	if list := must(n.e.Erasures(t.Context(), dpo))(t); len(list) != 1 || list[0].Session != asked {
		t.Errorf("erasures: %+v", list)
	}
	must(n.e.Storage(t.Context(), auditor))(t)
	// The log says of it for ever what happened.
	if got := n.told(t, must(n.e.Receipt(t.Context(), gone))(t)); got != "opened closed erase erase erase shred purge" {
		t.Errorf("proof: %s", got)
	}

	// Released and erased, what was held goes with the next run of the broker.
	must(0, n.e.ReleaseHolds(t.Context(), dpo, held, "court has decided"))(t)
	n.erased(t, held)
	n.clock(190 * 24 * time.Hour)
	must(0, n.e.purge(t.Context()))(t)
	n.reopen(t)
	eventually(t, "the next start sweeps", func() bool { return len(n.rows(t, held)) == 0 })
	n.audit(t)
}

// TestSweepWaitsForPurge: what a purge needs to know stays until it is done.
func TestSweepWaitsForPurge(t *testing.T) {
	n := newEnv(t)
	n.sweeping(t)
	id := n.closed(t, 30, 1)
	n.clock(60 * 24 * time.Hour)
	n.erased(t, id)
	must(0, n.e.sweep(t.Context()))(t)
	if r := n.rows(t, id); r["erasures"] != 1 {
		t.Errorf("%v", r)
	}
	n.clock(62 * 24 * time.Hour)
	must(0, n.e.purge(t.Context()))(t)
	must(0, n.e.sweep(t.Context()))(t)
	if r := n.rows(t, id); len(r) != 0 {
		t.Errorf("%v", r)
	}
}
