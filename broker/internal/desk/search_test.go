package desk

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"consento/broker/internal/access"
)

// TestSearch: what the index finds is what a reader finds in the text, whatever is typed.
func TestSearch(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	titles := []string{"Printer on floor 2", "Drucker im Büro", "印刷できません", "100 % CPU", `a "quoted" word`, "C:\\temp is full", "snake_case", "5 * 4", "AND OR NOT", "L'imprimante", "Straße 5"}
	for _, title := range titles {
		e.open(e.anna, title)
	}
	found := func(text string) (list []string) {
		t.Helper()
		tickets, err := e.List(ctx, e.anna, Filter{Text: text, Limit: 100})
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		for _, ticket := range tickets {
			list = append(list, ticket.Title)
		}
		slices.Sort(list)
		return list
	}
	for text, want := range map[string][]string{
		"printer": {"Printer on floor 2"}, "PRINTER floor": {"Printer on floor 2"}, "buro": {"Drucker im Büro"}, "Bü dru": {"Drucker im Büro"}, "floor printer drucker": nil,
		"印刷": {"印刷できません"}, "できませ": {"印刷できません"}, "100 %": {"100 % CPU"}, `"quoted"`: {`a "quoted" word`}, `c:\temp`: {"C:\\temp is full"}, "e_c": {"snake_case"},
		"*": {"5 * 4"}, "AND OR NOT": {"AND OR NOT"}, "imprimante": {"L'imprimante"}, "STRASSE": {"Straße 5"}, "rin": {"Printer on floor 2"}, "i*r": nil, "search:printer": nil, "NEAR(printer floor)": nil,
		"print\x00er": {"Printer on floor 2"}, `"""`: nil, "\xff\xfe\xfd": nil,
	} {
		if got := found(text); !slices.Equal(got, want) {
			t.Errorf("%q finds %q, want %q", text, got, want)
		}
	}
	random := rand.New(rand.NewPCG(3, 4))
	letters := []rune(`aeinortüß印刷 %_"*\'0`)
	for range 300 {
		word := make([]rune, 1+random.IntN(4))
		for i := range word {
			word[i] = letters[random.IntN(len(letters))]
		}
		var want []string
		for _, title := range titles {
			all, text := true, fold(strings.Join([]string{title, "Maria Verdi", "maria@comune.example", "Since this morning."}, "\n"))
			for w := range strings.FieldsSeq(fold(string(word))) {
				all = all && strings.Contains(text, w)
			}
			if all {
				want = append(want, title)
			}
		}
		slices.Sort(want)
		if got := found(string(word)); !slices.Equal(got, want) && !strings.ContainsAny(strings.ToUpper(string(word)), "T0") { // a reference may have these
			t.Errorf("%q finds %q, want %q", string(word), got, want)
		}
	}

	ticket := e.open(e.bruno, "Scanner of Mrs Blau")
	e.do(e.bruno, ticket, Act{Kind: ActEdit, Title: "Scanner", Requester: &Requester{Name: "Anon", Phone: "1"}})
	if got := found("blau"); got != nil {
		t.Errorf("what was taken out is found: %q", got)
	}
	if got := found("scanner anon"); len(got) != 1 {
		t.Errorf("what was put in is not found: %q", got)
	}
	var left int
	if err := e.db.NewRaw(`SELECT COUNT(*) FROM ticket_search WHERE ticket_search MATCH '"blau"'`).Scan(ctx, &left); err != nil || left != 0 {
		t.Errorf("the index keeps it: %d %v", left, err)
	}
	if _, err := e.db.ExecContext(ctx, `INSERT INTO ticket_search (ticket_search, rank) VALUES ('integrity-check', 0)`); err != nil {
		t.Error(err)
	}
}

// TestListOrder: pages follow each other without a gap, for each who may read.
func TestListOrder(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	for i := range 25 { // several at the same instant
		if ticket := e.open(e.anna, fmt.Sprintf("Ticket %d", i)); i%5 == 0 {
			e.do(e.anna, ticket, categorise, prioritise, diagnose, escalate)
		}
	}
	for who, want := range map[*access.Account]int{&e.anna: 25, &e.carla: 5, &e.admin: 25, &e.auditor: 0} {
		var seen []string
		filter := Filter{Limit: 4}
		for {
			list, err := e.List(ctx, *who, filter)
			if err != nil {
				t.Fatal(err)
			}
			for _, ticket := range list {
				if slices.Contains(seen, ticket.ID) {
					t.Fatalf("%s sees %s twice", who.Name, ticket.Title)
				}
				seen = append(seen, ticket.ID)
			}
			if len(list) == 0 {
				break
			}
			last := list[len(list)-1]
			filter.Before = Mark{last.Created, last.ID}
		}
		if len(seen) != want {
			t.Errorf("%s sees %d, want %d", who.Name, len(seen), want)
		}
	}
}
