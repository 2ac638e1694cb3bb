package figures

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"consento/broker/internal/access"
)

func english(kind Kind, text string, choices ...string) Question {
	return Question{ID: text, Kind: kind, Texts: map[string]string{"en": text, "it": " "}, Choices: map[string][]string{"en": choices}}
}

// TestQuestions: what a question may be, and what it takes for an answer.
func TestQuestions(t *testing.T) {
	for name, q := range map[string]Question{
		"no text": {Kind: YesNo, Texts: map[string]string{"en": "  "}}, "unknown kind": english("essay", "Why?"), "one choice": english(Choice, "Which?", "a", " "),
		"too many choices": english(Choice, "Which?", "a", "b", "c", "d", "e", "f", "g"), "too long": english(YesNo, strings.Repeat("x", MaxQuestion+1)), "two lines of control": english(YesNo, "a\x00b"),
		"not as many": {Kind: Choice, Texts: map[string]string{"en": "Which?", "de": "Welche?"}, Choices: map[string][]string{"en": {"a", "b"}, "de": {"a", "b", "c"}}},
	} {
		if _, err := q.Clean(); !errors.Is(err, access.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	choice, err := english(Choice, "Which?", "a", " b ", "", "c").Clean()
	if err != nil || choice.options() != 3 || len(choice.Texts) != 1 || choice.Choices["en"][1] != "b" {
		t.Fatal(choice, err)
	}
	for _, c := range []struct {
		q            Question
		answer, want string
		wrong        bool
	}{
		{choice, "2", "2", false}, {choice, "3", "", true}, {choice, "-1", "", true}, {choice, "+1", "1", false}, {choice, "x", "", true}, {choice, " ", "", false},
		{english(YesNo, "y"), "1", "1", false}, {english(YesNo, "y"), "2", "", true}, {english(Stars, "s"), "4", "4", false}, {english(Stars, "s"), "5", "", true},
		{english(Words, "w"), " two\r\nlines ", "two lines", false}, {english(Words, "w"), strings.Repeat("é", MaxWords+1), "", true}, {english(Words, "w"), "\x1b[2J", "", true},
	} {
		if got, err := c.q.takes(c.answer); got != c.want || errors.Is(err, access.ErrInvalid) != c.wrong {
			t.Errorf("%s takes %q: %q, %v", c.q.Kind, c.answer, got, err)
		}
	}
}

// TestSurvey: questions by version, answers once a session, counted with the sessions of
// the range, gone with them.
func TestSurvey(t *testing.T) {
	e := newEnv(t)
	ctx := context.Background()
	ada := e.people["Ada"]
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	start := []Survey{{Respondent: OfCustomer, Questions: []Question{english(YesNo, "Solved?")}}, {Respondent: OfTechnician, Questions: []Question{english(Words, "Lacking?")}}}
	must(e.Begin(ctx, start))
	must(e.Ask(ctx, ada, OfCustomer, 1, 1, english(Stars, "Friendly?")))
	must(e.Ask(ctx, ada, OfCustomer, 2, 2, english(Choice, "How?", "by phone", "by mail", "in person")))
	for name, err := range map[string]error{
		"a lead":    e.Ask(ctx, e.people["Lara"], OfCustomer, 3, 3, english(YesNo, "x")),
		"stale":     e.Ask(ctx, ada, OfCustomer, 1, 3, english(YesNo, "x")),
		"stale too": e.AskNoMore(ctx, ada, OfCustomer, 1, 0),
		"a gap":     e.Ask(ctx, ada, OfCustomer, 3, 4, english(YesNo, "x")),
		"nobody":    e.Ask(ctx, ada, "neighbour", 0, 0, english(YesNo, "x")),
	} {
		want := map[string]error{"a lead": ErrForbidden, "stale": ErrStale, "stale too": ErrStale}[name]
		if want == nil {
			want = access.ErrInvalid
		}
		if !errors.Is(err, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s, err := e.Survey(ctx, OfCustomer)
	if err != nil || s.Version != 3 || len(s.Questions) != 3 {
		t.Fatal(s, err)
	}
	solved, friendly, how := s.Questions[0].ID, s.Questions[1].ID, s.Questions[2].ID
	var none time.Time
	one := e.session("Anna", "", wall(3, 2, 9, 0), wall(3, 2, 9, 5), wall(3, 2, 9, 30), 5)
	two := e.session("Bruno", "", wall(3, 3, 9, 0), wall(3, 3, 9, 5), wall(3, 3, 9, 30), 0)
	later := e.session("Dino", "", wall(3, 20, 9, 0), wall(3, 20, 9, 5), wall(3, 20, 9, 30), 0)
	e.session("Dino", "", wall(3, 4, 9, 0), wall(3, 4, 9, 5), none, 0) // goes on: nobody was asked
	must(e.Answer(ctx, OfCustomer, one, map[string]string{solved: "0", friendly: "4", how: "2", "unknown": "9"}))
	must(e.Answer(ctx, OfCustomer, two, map[string]string{solved: "0"}))
	must(e.Answer(ctx, OfCustomer, two, map[string]string{solved: "1", friendly: "1"})) // says it again
	must(e.Answer(ctx, OfCustomer, later, map[string]string{solved: "1"}))
	must(e.Answer(ctx, OfTechnician, one, map[string]string{"Lacking?": "A <b> key"}))
	if err := e.Answer(ctx, OfCustomer, two, map[string]string{solved: "7"}); !errors.Is(err, access.ErrInvalid) {
		t.Error(err)
	}
	check := func(who string, q Query, given, asked int, chosen ...[]int) {
		t.Helper()
		r := e.report(who, q).Surveys[0]
		if r.Given != given || r.Asked != asked {
			t.Errorf("%s %v: %d of %d, want %d of %d", who, q, r.Given, r.Asked, given, asked)
		}
		for i, want := range chosen {
			if !slices.Equal(r.Of[i].Chosen, want) {
				t.Errorf("%s %v: %q was answered %v, want %v", who, q, r.Of[i].Texts["en"], r.Of[i].Chosen, want)
			}
		}
	}
	check("Ada", Query{Range: march(1, 8)}, 2, 2, []int{1, 1}, []int{0, 1, 0, 0, 1}, []int{0, 0, 1})
	check("Ada", Query{Range: march(1, 31)}, 3, 3, []int{1, 2})
	check("Lara", Query{Range: march(1, 31)}, 2, 2, []int{1, 1})
	if r := e.report("Ada", Query{Range: march(1, 8)}).Surveys; r[1].Of[0].Said[0] != "A <b> key" || r[1].Given != 1 {
		t.Errorf("%+v", r[1])
	}
	if mean, is := e.report("Ada", Query{Range: march(1, 8)}).Surveys[0].Of[1].Mean(); !is || mean != 3.5 {
		t.Error("mean of 5 and 2:", mean)
	}
	if answers, err := e.Answered(ctx, OfCustomer, two); err != nil || answers[solved] != "1" {
		t.Error(answers, err)
	}
	must(e.Answer(ctx, OfCustomer, later, map[string]string{})) // takes it back
	check("Ada", Query{Range: march(1, 31)}, 2, 3)

	// Other words for the same question keep its answers, another kind does not.
	must(e.Ask(ctx, ada, OfCustomer, 3, 0, english(YesNo, "Is it solved?")))
	check("Ada", Query{Range: march(1, 8)}, 2, 2, []int{1, 1})
	must(e.Ask(ctx, ada, OfCustomer, 4, 0, english(Stars, "How well?")))
	check("Ada", Query{Range: march(1, 8)}, 2, 2, []int{0, 0, 0, 0, 0})
	must(e.AskNoMore(ctx, ada, OfCustomer, 5, 0))
	must(e.Begin(ctx, start)) // with the next start of the broker
	if s, _ := e.Survey(ctx, OfCustomer); len(s.Questions) != 2 || s.Version != 6 {
		t.Errorf("%+v", s)
	}
	must(Forget(ctx, e.db))
	must(Forget(ctx, e.db, one, "nothing"))
	if answers, _ := e.Answered(ctx, OfTechnician, one); len(answers) > 0 {
		t.Error("kept:", answers)
	}

	e.now = wall(3, 5, 9, 0)
	for who, c := range map[string]struct {
		session string
		mine    bool
	}{"Anna": {one, true}, "Bruno": {one, false}, "Ada": {one, false}} {
		if err := e.Mine(ctx, e.people[who], c.session); errors.Is(err, ErrForbidden) == c.mine {
			t.Errorf("%s: %v", who, err)
		}
	}
	e.now = wall(3, 15, 9, 0)
	if err := e.Mine(ctx, e.people["Anna"], one); !errors.Is(err, ErrForbidden) {
		t.Error("after two weeks:", err)
	}
}
