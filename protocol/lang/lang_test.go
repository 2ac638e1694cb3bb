package lang

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// counts begins the keys of what is counted.
const counts = "count."

var placeholder = regexp.MustCompile(`\{[a-z_]+\}`)

func TestLanguagesHaveEqualKeysAndPlaceholders(t *testing.T) {
	c, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	base := c.texts["en"]
	for tag, texts := range c.texts {
		for key, text := range texts {
			if strings.HasPrefix(key, counts) {
				continue // each language has its own categories: TestCategories
			}
			english, ok := base[key]
			if !ok {
				t.Errorf("%s has %q, English has not", tag, key)
				continue
			}
			want, got := placeholder.FindAllString(english, -1), placeholder.FindAllString(text, -1)
			slices.Sort(want)
			slices.Sort(got)
			if !slices.Equal(slices.Compact(want), slices.Compact(got)) {
				t.Errorf("%s %s: placeholders %v, English has %v", tag, key, got, want)
			}
			if strings.TrimSpace(text) != text || text == "" {
				t.Errorf("%s %s: empty or with spaces around it", tag, key)
			}
		}
		for key := range base {
			if _, ok := texts[key]; !ok && !strings.HasPrefix(key, counts) {
				t.Errorf("%s lacks %q", tag, key)
			}
		}
	}
}

func TestMatch(t *testing.T) {
	c, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	for preference, want := range map[string]string{
		"it-IT,it;q=0.9,en;q=0.8": "it", "it_IT.UTF-8": "it", "de-DE,de;q=0.9": "de", "C.UTF-8": "en",
		"": "en", "en-GB": "en", ";;;,": "en", "fi,it;q=0.5": "it", "fr-CA": "fr", "es-419,es;q=0.9": "es", "ja_JP.eucJP": "ja",
		"de_CH@euro": "de", "zh-CN": "en", "fi": "en",
	} {
		if got := c.Match(preference).Tag; got != want {
			t.Errorf("Match(%q) = %s, want %s", preference, got, want)
		}
	}
	if got := c.Match("", "it").Tag; got != "it" {
		t.Errorf("the second preference was not looked at: %s", got)
	}
}

func TestT(t *testing.T) {
	c, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	it := c.Match("it")
	if got := it.T("agent.bar.view", "name", "Anna {team} Neri"); got != "Anna {team} Neri vede il tuo schermo" {
		t.Error(got)
	}
	if got := it.T("no.such"); got != "⟨no.such⟩" {
		t.Error(got)
	}
}

func FuzzMatch(f *testing.F) {
	c, err := Load()
	if err != nil {
		f.Fatal(err)
	}
	f.Add("it-IT,it;q=0.9")
	f.Fuzz(func(t *testing.T, preference string) {
		if tag := c.Match(preference).Tag; !slices.Contains(c.Tags(), tag) {
			t.Fatal(tag)
		}
	})
}

func TestOnly(t *testing.T) {
	c, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	some := c.Only("de", "it", "xx")
	if got := some.Tags(); !slices.Equal(got, []string{"it", "de"}) {
		t.Errorf("languages %v", got)
	}
	for preference, want := range map[string]string{"de-AT,en": "de", "en-GB": "it", "ja": "it", "": "it", "fr,de;q=0.5": "de"} {
		if got := some.Match(preference).Tag; got != want {
			t.Errorf("%q: %s, want %s", preference, got, want)
		}
	}
	for _, all := range []*Catalog{c.Only(), c.Only("xx"), c.Only(c.Tags()...)} {
		if len(all.Tags()) != len(c.Tags()) {
			t.Errorf("languages %v", all.Tags())
		}
	}
}

func BenchmarkOnly(b *testing.B) {
	c, err := Load()
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		c.Only("de", "it").Match("de")
	}
}
