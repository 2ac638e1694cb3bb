package ui

import (
	"errors"
	"testing"
)

// The way to report stands with the links, in both toolkits; it needs no time to
// settle, because it only stops.
func TestReport(t *testing.T) {
	onStage(t, func(s stage) {
		for name, q := range map[string]Question{"with links": languages["en"].terms, "alone": languages["en"].question} {
			q.Report = "Something is wrong: stop and report"
			done := s.ask(s.Context(), q)
			s.keys("shift+Tab")
			if r := s.insist(done, func() { s.keys("Return") }); r.err != nil || r.answer != Reported {
				s.Errorf("%s: %v, %v", name, r.answer, r.err)
			}
			s.gone(q.Title)
		}
	})
}

func TestReportIsANo(t *testing.T) {
	if Reported == Accepted || Reported.String() != "reported" {
		t.Error(Reported)
	}
	q := languages["en"].question
	q.Report = "a\x00b"
	if err := q.check(); !errors.Is(err, ErrText) {
		t.Error(err)
	}
}

// A name may be isolated; what would reach out of its place may not.
func TestIsolates(t *testing.T) {
	for text, ok := range map[string]bool{
		"plain": true, "\u2068אבג\u2069 sees": true, "\u2068a\u2068b\u2069\u2069": true, "\u2068open": false, "closed\u2069": false,
		"\u2069\u2068": false, "\u2067rli\u2069": false, "\u202eevil": false,
	} {
		q := languages["en"].question
		q.Body = text
		if err := q.check(); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// Without a toolkit that knows the scripts of the world, names still stand in
// the order in which they are read.
func TestVisualOrder(t *testing.T) {
	for line, want := range map[string]string{
		"Anna sees your screen":                   "Anna sees your screen",
		"אבג sees your screen":                    "גבא sees your screen",
		"\u2068דוד לוי\u2069 (\u2068צוות\u2069).": "\u2068יול דוד\u2069 (\u2068תווצ\u2069).",
		"אב 12 גד":                                "בא 12 דג",
		"שָׁלוֹם":                                 "םוֹלשָׁ",
		"日本 אב":                                   "日本 בא",
		"אבג, דה!":                                "הד ,גבא!",
	} {
		if got := visual(line); got != want {
			t.Errorf("%q: %+q, want %+q", line, got, want)
		}
	}
	fonts, err := newFontSet()
	if err != nil {
		t.Fatal(err)
	}
	defer fonts.close()
	l := newLettering(fonts, 20, false)
	for _, mark := range []rune{0x2068, 0x2069, 0x200d} {
		if l.advance(mark) != 0 {
			t.Errorf("%U takes room", mark)
		}
	}
}

func FuzzVisual(f *testing.F) {
	f.Add("אבג sees")
	f.Add("\u0300\u05d0\u05b8")
	f.Fuzz(func(t *testing.T, line string) {
		count := map[rune]int{}
		for _, r := range line {
			count[r]++
		}
		for _, r := range visual(line) {
			count[r]--
		}
		for r, n := range count {
			if n != 0 {
				t.Errorf("%q: %U is there %d times more", line, r, -n)
			}
		}
	})
}
