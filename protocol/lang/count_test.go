package lang

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/feature/plural"
)

// TestCategories: the same rule as Unicode's, and each language has a text for
// each category that a count can come to, and for no other.
func TestCategories(t *testing.T) {
	c, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	names := map[plural.Form]string{plural.Zero: "zero", plural.One: "one", plural.Two: "two", plural.Few: "few", plural.Many: "many", plural.Other: "other"}
	for _, tag := range c.tags {
		var needed []string
		for n := range 10_000 {
			want := names[plural.Cardinal.MatchPlural(tag, n, 0, 0, 0, 0)]
			if got := category(tag.String(), n); got != want {
				t.Fatalf("%s: %d is %q, want %q", tag, n, got, want)
			}
			if !slices.Contains(needed, want) {
				needed = append(needed, want)
			}
		}
		slices.Sort(needed)
		counted := map[string][]string{}
		for key, text := range c.texts[tag.String()] {
			rest, ok := strings.CutPrefix(key, counts)
			if !ok {
				continue
			}
			what, category, _ := strings.Cut(rest, ".")
			counted[what] = append(counted[what], category)
			if placeholders := placeholder.FindAllString(text, -1); !slices.Equal(placeholders, []string{"{n}"}) {
				t.Errorf("%s %s: placeholders %v", tag, key, placeholders)
			}
		}
		if len(counted) == 0 {
			t.Errorf("%s counts nothing", tag)
		}
		for what, has := range counted {
			if slices.Sort(has); !slices.Equal(has, needed) {
				t.Errorf("%s: count.%s has %v, needs %v", tag, what, has, needed)
			}
		}
	}
}

func TestCount(t *testing.T) {
	c, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct {
		tag  string
		n    int
		text string
	}{
		{"en", 0, "0 days"}, {"en", 1, "1 day"}, {"en", 2, "2 days"}, {"en", 90, "90 days"}, {"it", 1, "1 giorno"}, {"it", 2, "2 giorni"},
		{"fr", 0, "0 jour"}, {"fr", 1, "1 jour"}, {"fr", 2, "2 jours"}, {"de", 0, "0 Tage"}, {"de", 1, "1 Tag"}, {"es", 1, "1 día"},
		{"es", 31, "31 días"}, {"ja", 1, "1 日間"}, {"ja", 90, "90 日間"},
	} {
		if got := c.in(want.tag).Count("days", want.n); got != want.text {
			t.Errorf("%s %d: %q, want %q", want.tag, want.n, got, want.text)
		}
	}
	if got := c.in("en").Count("elephants", 2); got != "⟨count.elephants.other⟩" {
		t.Error(got)
	}
}
