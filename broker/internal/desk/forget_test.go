package desk

import (
	"os"
	"strings"
	"testing"

	"consento/broker/internal/ops"
)

// TestForget: a ticket goes whole when it has been closed for long enough, and nothing else
// does: not what is open, closed lately, a suspected breach, or an incident others hang on.
func TestForget(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	closing := []Act{{Kind: ActResolve, Resolution: WithdrawnByThem}, {Kind: ActClose}}
	old, err := e.Attach(ctx, e.anna, e.open(e.anna, "Old printer").ID, "photo.txt", []byte("toner"), false)
	if err != nil {
		t.Fatal(err)
	}
	old = e.do(e.anna, old, closing...)
	open := e.open(e.anna, "Open")
	parent := e.do(e.anna, e.open(e.anna, "Parent"), closing...)
	child := e.open(e.anna, "Child")
	breach := e.do(e.anna, e.open(e.anna, "Breach"), closing...)
	for _, sql := range []string{"UPDATE tickets SET parent = '" + parent.ID + "' WHERE id = '" + child.ID + "'",
		"INSERT INTO breaches VALUES ('" + breach.ID + "', 1, '', '', 1, 0, '', '', 0, 0, '', '')"} {
		if _, err := e.db.ExecContext(ctx, sql); err != nil {
			t.Fatal(err)
		}
	}
	there := func() (refs []string) {
		if err := e.db.NewSelect().Model((*ticketRow)(nil)).Column("title").Order("title").Scan(ctx, &refs); err != nil {
			t.Fatal(err)
		}
		return refs
	}
	forget := func(months int) {
		t.Helper()
		e.mu.Lock()
		was := e.now
		e.now = was.AddDate(0, months, 0)
		e.mu.Unlock()
		if err := e.Forget(ctx); err != nil {
			t.Fatal(err)
		}
		e.mu.Lock()
		e.now = was
		e.mu.Unlock()
	}
	forget(DefaultKeep - 1)
	if got := strings.Join(there(), " "); got != "Breach Child Old printer Open Parent" {
		t.Errorf("too early: %s", got)
	}
	forget(DefaultKeep + 1)
	if got := strings.Join(there(), " "); got != "Breach Child Open Parent" {
		t.Errorf("left: %s", got)
	}
	for _, table := range []string{"ticket_history", "ticket_teams", "desk_attachments", "ticket_numbers"} {
		if n, err := e.db.NewSelect().Table(table).Where("ticket = ?", old.ID).Count(ctx); err != nil || n != 0 {
			t.Errorf("%s has %d rows of it, %v", table, n, err)
		}
	}
	if files, err := os.ReadDir(e.Desk.files.dir); err != nil || len(files) != 0 {
		t.Errorf("%d files are left, %v", len(files), err)
	}
	if n, err := e.db.NewSelect().Table("ticket_history").Where("ticket = ?", open.ID).Count(ctx); err != nil || n == 0 {
		t.Errorf("%d, %v", n, err)
	}
	acts, err := ops.ActsWaiting(ctx, e.db, 100)
	if err != nil {
		t.Fatal(err)
	}
	told := false
	for _, a := range acts {
		told = told || a.What == "tickets.deleted" && a.By == ops.ByBroker && strings.Contains(string(a.Body), `"tickets":1`)
	}
	if !told {
		t.Error("the trail does not say so")
	}
}
