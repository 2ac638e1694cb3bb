package session

import (
	"strings"
	"testing"

	"consento/protocol"
)

// TestDatabaseKnowsTheSameSteps compares the constraint with protocol.Next.
func TestDatabaseKnowsTheSameSteps(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	want := map[[2]string]bool{}
	for _, s := range protocol.States() {
		for _, c := range protocol.Commands() {
			if next, err := protocol.Next(s, c); err == nil {
				want[[2]string{string(s), string(next)}] = true
			}
		}
	}
	rows := must(e.db.QueryContext(t.Context(), "SELECT from_state, to_state FROM session_steps"))(t)
	defer rows.Close()
	n := 0
	for rows.Next() {
		var step [2]string
		must(0, rows.Scan(&step[0], &step[1]))(t)
		if n++; !want[step] {
			t.Errorf("the database allows %v", step)
		}
	}
	must(0, rows.Err())(t)
	if n != len(want) {
		t.Errorf("%d steps in the database, %d in protocol.Next", n, len(want))
	}
}

// TestDatabaseRefusesForbiddenSteps tries every UPDATE by hand.
func TestDatabaseRefusesForbiddenSteps(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	// The shortest way to each state.
	way := map[protocol.State][]protocol.State{"Issued": {}, "Joined": {"Joined"}, "Waiting": {"Joined", "Waiting"},
		"Active": {"Joined", "Waiting", "Active"}, "Ending": {"Ending"}, "Closed": {"Ending", "Closed"}}
	exec := func(query string, args ...any) error {
		_, err := e.db.ExecContext(t.Context(), query, args...)
		return err
	}
	insert := "INSERT INTO sessions (id, state, technician_id, technician, team, key_expires, issued) VALUES (?, ?, '', '', '', 0, 0)"
	for _, from := range protocol.States() {
		for _, to := range append(protocol.States(), "Unknown", "") {
			id := string(from) + "-" + string(to)
			must(0, exec(insert, id, "Issued"))(t)
			for _, s := range way[from] {
				must(0, exec("UPDATE sessions SET state = ? WHERE id = ?", s, id))(t)
			}
			allowed := from == to
			for _, c := range protocol.Commands() {
				next, err := protocol.Next(from, c)
				allowed = allowed || err == nil && next == to
			}
			if err := exec("UPDATE sessions SET state = ? WHERE id = ?", to, id); (err == nil) != allowed {
				t.Errorf("%s to %q: %v", from, to, err)
			}
		}
		if from != protocol.StateIssued {
			if err := exec(insert, "new-"+string(from), from); err == nil {
				t.Errorf("a session begins as %s", from)
			}
		}
		id := string(from) + "-" + string(from)
		if err := exec("DELETE FROM sessions WHERE id = ?", id); (err == nil) != (from == protocol.StateClosed) {
			t.Errorf("deleted while %s: %v", from, err)
		}
		must(0, finish(exec, from, id))(t)
	}
}

// finish closes a row, so that nothing is left open.
func finish(exec func(string, ...any) error, from protocol.State, id string) error {
	for _, s := range []protocol.State{protocol.StateEnding, protocol.StateClosed} {
		if err := exec("UPDATE sessions SET state = ? WHERE id = ?", s, id); err != nil && !strings.Contains(err.Error(), "cannot take this step") {
			return err
		}
	}
	return nil
}

// TestStepThatTheDatabaseRefuses: the evidence says that the view is allowed,
// the database does not. The picture does not begin, the session ends, and the
// log of its states has no gap.
func TestStepThatTheDatabaseRefuses(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	p := e.waiting(t).terms(t)
	must(e.db.ExecContext(t.Context(), `CREATE TRIGGER broken BEFORE UPDATE OF state ON sessions WHEN NEW.state = 'Active' BEGIN SELECT RAISE(ABORT, 'broken'); END`))(t)
	if err := p.answer(t, protocol.ConsentGiven); err == nil {
		t.Error("given")
	}
	if last[*protocol.ConsentRecorded](p.link) != nil {
		t.Error("the agent was told to begin")
	}
	if ended := last[*protocol.Ended](p.link); ended == nil || ended.Reason != protocol.EndEvidenceFailed {
		t.Errorf("the agent was told %+v", ended)
	}
	must(0, p.agent.Removed(t.Context(), protocol.Removed{Complete: true}))(t)
	if s := p.closed(t); s.EndReason != protocol.EndEvidenceFailed || !s.ActiveAt.IsZero() {
		t.Errorf("%+v", s)
	}
	list, _ := e.events(t, p.id)
	replay(t, list)
}

// TestEndThatTheDatabaseRefuses: what people see is the end, not what the database
// still says; it is told as soon as it listens, and a restart revives nothing.
func TestEndThatTheDatabaseRefuses(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	p := e.active(t)
	must(e.db.ExecContext(t.Context(), `CREATE TRIGGER full BEFORE UPDATE OF state ON sessions BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END`))(t)
	must(0, e.m.End(t.Context(), anna, p.id))(t)
	must(0, p.agent.Removed(t.Context(), protocol.Removed{Complete: true}))(t)
	must(0, p.agent.Gone(t.Context(), false))(t)
	state := func() (state protocol.State) {
		must(0, e.db.NewSelect().Table("sessions").Column("state").Where("id = ?", p.id).Scan(t.Context(), &state))(t)
		return state
	}
	if s := p.state(t); s.State != protocol.StateClosed || s.EndReason != protocol.EndTechnician || state() != protocol.StateActive {
		t.Fatalf("%+v, in the database %s", s, state())
	}
	if n := e.m.Live(); len(n) != 0 {
		t.Errorf("operators read of %v", n)
	}
	must(e.db.ExecContext(t.Context(), `DROP TRIGGER full`))(t)
	eventually(t, "the database knows", func() bool { return state() == protocol.StateClosed })
	if s := p.closed(t); s.EndReason != protocol.EndTechnician || s.Removed == nil || !*s.Removed {
		t.Errorf("%+v", s)
	}
	list, report := e.events(t, p.id)
	if replay(t, list); !report.Final {
		t.Error("the recording is not closed")
	}
}
