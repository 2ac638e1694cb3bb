package protocol_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"consento/protocol"
)

// TestSystemRefuses: what an agent or a console may not say about system information.
func TestSystemRefuses(t *testing.T) {
	row := func(cells ...string) []protocol.SystemRow { return []protocol.SystemRow{{Key: "k", Cells: cells}} }
	part := func(change func(*protocol.SystemPart)) *protocol.SystemPart {
		m := &protocol.SystemPart{Epoch: 1, Snapshot: 1, Section: protocol.SectionSoftware, Last: true, Rows: row("a", "1", "", "dpkg")}
		change(m)
		return m
	}
	if err := part(func(*protocol.SystemPart) {}).Validate(); err != nil {
		t.Fatal(err)
	}
	many := make([]protocol.SystemRow, protocol.MaxSystemPartRows+1)
	for i := range many {
		many[i] = row("a", "1", "", "dpkg")[0]
	}
	for name, m := range map[string]protocol.Message{
		"no sections":        &protocol.SystemRequest{Session: "s"},
		"a section twice":    &protocol.SystemRequest{Session: "s", Sections: []protocol.Section{"disks", "disks"}},
		"an unknown section": &protocol.SystemRead{Epoch: 1, Snapshot: 1, Sections: []protocol.Section{"passwords"}},
		"no session":         &protocol.SystemFollow{On: true},
		"no epoch":           &protocol.SystemRead{Snapshot: 1, Sections: protocol.Sections()},
		"no watch":           &protocol.SystemWatch{Epoch: 1},
		"section":            part(func(m *protocol.SystemPart) { m.Section = "x" }),
		"no snapshot":        part(func(m *protocol.SystemPart) { m.Snapshot = 0 }),
		"part":               part(func(m *protocol.SystemPart) { m.Part = -1 }),
		"far part":           part(func(m *protocol.SystemPart) { m.Part = 1 << 30 }),
		"problem":            part(func(m *protocol.SystemPart) { m.Problem = "x" }),
		"early problem":      part(func(m *protocol.SystemPart) { m.Last, m.Problem = false, protocol.ProblemFailed }),
		"early cut":          part(func(m *protocol.SystemPart) { m.Last, m.Cut = false, true }),
		"many rows":          part(func(m *protocol.SystemPart) { m.Rows = many }),
		"few cells":          part(func(m *protocol.SystemPart) { m.Rows = row("a", "1") }),
		"control character":  part(func(m *protocol.SystemPart) { m.Rows = row("a\x1b[31m", "1", "", "") }),
		"reordering":         part(func(m *protocol.SystemPart) { m.Rows = row("a\u202e", "1", "", "") }),
		"no UTF-8":           part(func(m *protocol.SystemPart) { m.Rows = row("\xff", "1", "", "") }),
		"long cell": part(func(m *protocol.SystemPart) {
			m.Rows = row(strings.Repeat("字", protocol.MaxSystemCell+1), "", "", "")
		}),
		"no key":    part(func(m *protocol.SystemPart) { m.Rows[0].Key = "" }),
		"long key":  part(func(m *protocol.SystemPart) { m.Rows[0].Key = strings.Repeat("a", protocol.MaxSystemKey+1) }),
		"gone":      &protocol.SystemChanges{Epoch: 1, Watch: 1, Gone: []string{""}},
		"many gone": &protocol.SystemChanges{Epoch: 1, Watch: 1, Gone: make([]string, protocol.MaxSystemPartRows+1)},
	} {
		if err := m.Validate(); !errors.Is(err, protocol.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	process := func(cells ...string) error {
		return (&protocol.SystemChanges{Epoch: 1, Watch: 1, Rows: row(cells...)}).Validate()
	}
	if err := process("a", "1", "u", "0.1", "4096", "1700000000", "/bin/a"); err != nil {
		t.Error(err)
	}
	for _, cells := range [][]string{
		{"a", "-1", "", "", "", "", ""}, {"a", "NaN", "", "", "", "", ""}, {"a", "1e9", "", "", "", "", ""}, {"a", "0x1", "", "", "", "", ""}, {"a", "1_0", "", "", "", "", ""},
		{"a", "1", "", "", "1.5", "", ""}, {"a", "1", "", "", "18446744073709551615", "", ""}, {"a", "1", "", "", "+1", "", ""}, {"a", "1", "", "", "", "٣", ""},
	} {
		if err := process(cells...); !errors.Is(err, protocol.ErrMalformed) {
			t.Errorf("%q: %v", cells, err)
		}
	}
	if err := (&protocol.SystemPart{Epoch: 1, Snapshot: 1, Section: protocol.SectionServices, Last: true, Rows: row("a", "not a token", "", "")}).Validate(); !errors.Is(err, protocol.ErrMalformed) {
		t.Errorf("a token: %v", err)
	}
}

// TestSectionsHaveColumns: each section's table has some, with different names and
// kinds of the list.
func TestSectionsHaveColumns(t *testing.T) {
	for _, s := range protocol.Sections() {
		names := map[string]bool{}
		for _, c := range s.Columns() {
			if names[c.Name] || c.Name == "" {
				t.Errorf("%s has the column %q twice", s, c.Name)
			}
			names[c.Name] = true
		}
		if len(names) == 0 {
			t.Errorf("%s has no columns", s)
		}
	}
}

// FuzzSystemText: any bytes become a cell that the protocol takes.
func FuzzSystemText(f *testing.F) {
	for _, s := range []string{"", "a\tb\r\nc", "\xff\xfe", "\u202ecod.exe", strings.Repeat("字", 1000), "a\u00a0b", "\x00", "👩\u200d🔧", "\u2028"} {
		f.Add(s, 20)
	}
	f.Fuzz(func(t *testing.T, s string, max int) {
		if max < 1 || max > protocol.MaxSystemCell {
			return
		}
		got := protocol.SystemText(s, max)
		if utf8.RuneCountInString(got) > max {
			t.Fatalf("%d characters of at most %d", utf8.RuneCountInString(got), max)
		}
		m := &protocol.SystemPart{Epoch: 1, Snapshot: 1, Section: protocol.SectionSoftware, Rows: []protocol.SystemRow{{Key: "k", Cells: []string{got, "", "", ""}}}}
		if err := m.Validate(); err != nil {
			t.Fatalf("%q became %q: %v", s, got, err)
		}
	})
}
