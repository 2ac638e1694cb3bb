package desk

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"consento/broker/internal/access"
	"consento/protocol/lang"
)

// TestStartingMatrix: it says everything in every language of the program, and says as
// much in each.
func TestStartingMatrix(t *testing.T) {
	m, err := StartingMatrix()
	if err != nil {
		t.Fatal(err)
	}
	catalog, err := lang.Load()
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Categories) != 4 {
		t.Fatal(len(m.Categories))
	}
	if _, err := m.Clean(nil); err != nil {
		t.Error(err)
	}
	for _, c := range m.Categories {
		for _, tag := range catalog.Tags() {
			if w := c.Words[tag]; w.Name == "" || w.About == "" {
				t.Errorf("%s has no name in %s", c.ID, tag)
			}
			for _, level := range access.Levels() {
				work := c.Cells[level].Words[tag]
				if len(work.Steps) < 3 || len(work.Steps) != len(c.Cells[level].Words["en"].Steps) || work.When == "" {
					t.Errorf("%s, %s in %s: %d steps", c.ID, level, tag, len(work.Steps))
				}
			}
		}
	}
	if c, _ := m.Find("breach"); !c.Alert || c.Name("xx") != c.Words["en"].Name || c.Name("it") == c.Name("en") {
		t.Errorf("%+v", c.Words)
	}
}

// TestVersions: who may change matrix and hours, two at once, and what is refused.
func TestVersions(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	m, v, err := e.Matrix(ctx)
	if err != nil || v.Number != 1 || v.By.ID != "" {
		t.Fatal(v, err)
	}
	if _, err := e.SaveMatrix(ctx, e.lead, 1, m); !errors.Is(err, ErrForbidden) {
		t.Error(err)
	}
	own := Category{Words: map[string]Words{"it": {Name: "Anagrafe"}}, Cells: map[access.Level]Cell{access.L1: {Team: second.Name, Words: map[string]Work{"it": {Steps: []string{" Chiedere il nome ", ""}}}}}}
	m.Categories = append(m.Categories, own)
	v, err = e.SaveMatrix(ctx, e.admin, 1, m)
	if err != nil || v.Number != 2 || v.By.Name != "Ada Rossi" {
		t.Fatal(v, err)
	}
	if _, err := e.SaveMatrix(ctx, e.admin, 1, m); !errors.Is(err, ErrStale) {
		t.Error("overwritten:", err)
	}
	again, v, err := e.Matrix(ctx)
	if c := again.Categories[4]; err != nil || v.Number != 2 || c.ID == "" || c.Name("de") != "Anagrafe" || fmt.Sprint(c.Cells[access.L1].Work("de").Steps) != "[Chiedere il nome]" {
		t.Errorf("%v %v %+v", err, v, again.Categories[4])
	}
	if first, v, err := e.MatrixAt(ctx, 1); err != nil || v.Number != 1 || len(first.Categories) != 4 {
		t.Error(v, err)
	}
	if list, err := e.MatrixVersions(ctx, 10); err != nil || len(list) != 2 || list[0].Number != 2 {
		t.Error(list, err)
	}
	for name, change := range map[string]func(*Matrix){
		"left out":    func(m *Matrix) { m.Categories = m.Categories[1:] },
		"twice":       func(m *Matrix) { m.Categories = append(m.Categories, m.Categories[0]) },
		"no name":     func(m *Matrix) { m.Categories[0].Words = nil },
		"no team":     func(m *Matrix) { m.Categories[0].Cells[access.L1] = Cell{Team: "x"} },
		"in a circle": func(m *Matrix) { m.Categories[0].Cells[access.L2] = Cell{Team: first.Name} },
		"own team":    func(m *Matrix) { m.Categories[0].Cells[access.L2] = Cell{Team: second.Name} },
		"level":       func(m *Matrix) { m.Categories[0].Cells["L9"] = Cell{} },
	} {
		m, v, err := e.Matrix(ctx)
		if err != nil {
			t.Fatal(err)
		}
		change(&m)
		if _, err := e.SaveMatrix(ctx, e.admin, v.Number, m); !errors.Is(err, access.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}

	hours, v, err := e.Hours(ctx)
	if err != nil || v.Number != 1 || hours.Targets[Critical].Response != time.Hour || len(hours.Calendar.Week[time.Friday]) != 2 {
		t.Fatal(hours, v, err)
	}
	hours.Calendar = shipped(zone(t, "Asia/Tokyo"), Holiday{"Oshogatsu", Date{2000, 12, 29}, Date{2000, 1, 3}, true})
	if _, err := e.SaveHours(ctx, e.admin, 1, hours); err != nil {
		t.Fatal(err)
	}
	same, _, err := e.Hours(ctx)
	a, _ := json.Marshal(hours)
	b, _ := json.Marshal(same)
	if err != nil || string(a) != string(b) || same.Calendar.Zone.String() != "Asia/Tokyo" {
		t.Error(string(a), string(b), err)
	}
	hours.Calendar = Calendar{}
	if _, err := e.SaveHours(ctx, e.admin, 2, hours); !errors.Is(err, ErrNeverOpen) {
		t.Error(err)
	}
	hours.Calendar, hours.Targets = shipped(time.UTC), nil
	if _, err := e.SaveHours(ctx, e.admin, 2, hours); !errors.Is(err, access.ErrInvalid) {
		t.Error(err)
	}
	for _, sql := range []string{"UPDATE desk_versions SET by = 'x'", "DELETE FROM desk_versions"} {
		if _, err := e.db.ExecContext(ctx, sql); err == nil {
			t.Error("the database lets this through:", sql)
		}
	}
}

// TestRefers: what an act names is there, and is what the desk knows it to be.
func TestRefers(t *testing.T) {
	e := newEnv(t)
	ticket := e.open(e.anna, "A")
	for name, a := range map[string]Act{
		"category":        {Kind: ActCategory, Category: "x"},
		"another's":       {Kind: ActAssign, Assignee: Person{ID: e.carla.ID}},
		"nobody's number": {Kind: ActAssign, Assignee: Person{ID: "x"}},
	} {
		if _, err := e.Do(t.Context(), e.anna, ticket.ID, ticket.Version, a); !errors.Is(err, access.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ticket = e.do(e.anna, ticket, Act{Kind: ActAssign, Assignee: Person{e.bruno.ID, "Somebody else"}}, categorise, prioritise, diagnose)
	if ticket.Assignee.Name != "Bruno Rossi" {
		t.Error(ticket.Assignee)
	}
	for _, team := range []Team{{Name: "x"}, first} {
		if _, err := e.Do(t.Context(), e.anna, ticket.ID, ticket.Version, Act{Kind: ActEscalate, Team: &team, Text: "why"}); !errors.Is(err, access.ErrInvalid) {
			t.Errorf("%s: %v", team.Name, err)
		}
	}
	if ticket = e.do(e.anna, ticket, Act{Kind: ActEscalate, Team: &Team{Name: second.Name, Territory: "Mars", Level: access.LX}, Text: "why"}); ticket.Level != access.L2 || ticket.Territory != "" {
		t.Errorf("%+v", ticket)
	}
}
