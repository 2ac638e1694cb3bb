package access

import (
	"errors"
	"strings"
	"testing"

	"consento/protocol"
)

// TestLibrary: what the office writes has versions, an order and a trail, and is for
// administrators to change.
func TestLibrary(t *testing.T) {
	a := newTestAccess(t, newTestDB(t))
	boss, anna := mustAdd(t, a, administrator("admin@office.example")), mustAdd(t, a, technician("anna@office.example"))
	hello := Entry{Shelf: Answers, Name: " Hello ", Language: "en", Text: "Good morning.\r\nOne moment."}
	if _, err := a.SaveEntry(t.Context(), anna, hello); !errors.Is(err, ErrForbidden) {
		t.Errorf("a technician writes: %v", err)
	}
	for _, bad := range []struct {
		field string
		e     Entry
	}{
		{"name", Entry{Shelf: Answers, Language: "en", Text: "x"}},
		{"name", Entry{Shelf: Answers, Name: strings.Repeat("ü", 81), Language: "en", Text: "x"}},
		{"name", Entry{Shelf: Answers, Name: "a\u202eb", Language: "en", Text: "x"}},
		{"language", Entry{Shelf: Templates, Name: "x", Text: "x"}},
		{"text", Entry{Shelf: Answers, Name: "x", Language: "en", Text: " \n"}},
		{"text", Entry{Shelf: Answers, Name: "x", Language: "en", Text: strings.Repeat("ü", protocol.MaxChat+1)}},
		{"text", Entry{Shelf: Templates, Name: "x", Language: "en", Text: strings.Repeat("ü", protocol.MaxNote+1)}},
		{"platform", Entry{Shelf: Scripts, Name: "x", Interpreter: protocol.Sh, Text: "x"}},
		{"interpreter", Entry{Shelf: Scripts, Name: "x", Platform: protocol.Windows, Interpreter: protocol.Sh, Text: "x"}},
		{"text", Entry{Shelf: Scripts, Name: "x", Platform: protocol.Linux, Interpreter: protocol.Sh, Text: strings.Repeat("x", protocol.MaxScript+1)}},
		{"text", Entry{Shelf: Scripts, Name: "x", Platform: protocol.Linux, Interpreter: protocol.Sh, Text: "ls\u200b /"}},
		{"text", Entry{Shelf: Scripts, Name: "x", Platform: protocol.Linux, Interpreter: protocol.Sh, Text: "ls \xff"}},
		{"team", Entry{Shelf: Answers, Name: "x", Language: "en", Text: "x", Team: "Nobody"}},
		{"shelf", Entry{Name: "x", Language: "en", Text: "x"}},
	} {
		var wrong *Invalid
		if _, err := a.SaveEntry(t.Context(), boss, bad.e); !errors.As(err, &wrong) || wrong.Field != bad.field {
			t.Errorf("%s: %+v: %v", bad.field, bad.e, err)
		}
	}
	save := func(e Entry) Entry {
		t.Helper()
		e, err := a.SaveEntry(t.Context(), boss, e)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	first := save(hello)
	if first.Version != 1 || first.Name != "Hello" || first.Text != "Good morning.\nOne moment." || first.Author != boss.Name {
		t.Errorf("saved %+v", first)
	}
	second := save(Entry{Shelf: Answers, Name: "Bye", Language: "en", Text: "Goodbye.", Team: anna.Team})
	script := save(Entry{Shelf: Scripts, Name: "Spooler", Platform: protocol.Linux, Interpreter: protocol.Sh, Text: "systemctl restart cups\n", ReadOnly: true})
	if script.SHA256 != protocol.ScriptHash("systemctl restart cups\n") {
		t.Errorf("hash %s", script.SHA256)
	}
	changed := first
	changed.Text = "Good day."
	changed = save(changed)
	if changed.Version != 2 {
		t.Errorf("changed %+v", changed)
	}
	if same := save(changed); same.Version != 2 {
		t.Errorf("saved again as it was: version %d", same.Version)
	}
	if _, err := a.SaveEntry(t.Context(), boss, first); !errors.Is(err, ErrStale) {
		t.Errorf("an old version is saved over a new one: %v", err)
	}
	if err := a.MoveEntry(t.Context(), boss, second.ID, true); err != nil {
		t.Fatal(err)
	}
	if err := a.MoveEntry(t.Context(), boss, second.ID, true); err != nil {
		t.Errorf("the first moved up: %v", err)
	}
	for team, want := range map[string]string{anna.Team: "Bye Hello", "Another": "Hello"} {
		l, err := a.Library(t.Context(), team)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, p := range l.Answers {
			names = append(names, p.Name)
		}
		if got := strings.Join(names, " "); got != want || len(l.Scripts) != 1 {
			t.Errorf("%s has %s, %d scripts", team, got, len(l.Scripts))
		}
	}
	if s, err := a.Script(t.Context(), anna.Team, script.ID, 1); err != nil || s.Text != "systemctl restart cups\n" {
		t.Errorf("script %+v, %v", s, err)
	}
	if _, err := a.Script(t.Context(), anna.Team, script.ID, 2); !errors.Is(err, ErrStale) {
		t.Errorf("another version: %v", err)
	}
	if _, err := a.Script(t.Context(), anna.Team, first.ID, 2); !errors.Is(err, ErrNotFound) {
		t.Errorf("an answer as script: %v", err)
	}
	if err := a.DeleteEntry(t.Context(), boss, script.ID, 2); !errors.Is(err, ErrStale) {
		t.Errorf("deleted unseen: %v", err)
	}
	for _, id := range []string{script.ID, second.ID} {
		if err := a.DeleteEntry(t.Context(), boss, id, 1); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := a.Script(t.Context(), anna.Team, script.ID, 1); !errors.Is(err, ErrNotFound) {
		t.Errorf("deleted: %v", err)
	}
	if list, err := a.EntryVersions(t.Context(), first.ID); err != nil || len(list) != 2 || list[1].Text != first.Text {
		t.Errorf("versions %+v, %v", list, err)
	}
	changes, err := a.Changes(t.Context(), 20)
	if err != nil || len(changes) != 7 || changes[6].What != "answer" || changes[6].After != "Hello (1, SHA-256 "+first.SHA256+")" ||
		changes[3].Before != changes[6].After || changes[0].After != "" {
		t.Errorf("on the trail %+v, %v", changes, err)
	}
}

// TestTemplatesAreSeededOnce: what an office deleted stays deleted.
func TestTemplatesAreSeededOnce(t *testing.T) {
	a := newTestAccess(t, newTestDB(t))
	boss := mustAdd(t, a, administrator("admin@office.example"))
	ours := []Entry{{Name: "Start", Language: "en", Text: "Problem:\n\nResult:"}}
	for range 2 {
		if err := a.SeedTemplates(t.Context(), ours); err != nil {
			t.Fatal(err)
		}
	}
	list, err := a.Shelf(t.Context(), Templates)
	if err != nil || len(list) != 1 || list[0].Text != ours[0].Text || list[0].Author != "" {
		t.Fatalf("seeded %+v, %v", list, err)
	}
	if err := a.DeleteEntry(t.Context(), boss, list[0].ID, 1); err != nil {
		t.Fatal(err)
	}
	if err := a.SeedTemplates(t.Context(), ours); err != nil {
		t.Fatal(err)
	}
	if list, err = a.Shelf(t.Context(), Templates); err != nil || len(list) != 0 {
		t.Errorf("back again: %+v, %v", list, err)
	}
}
