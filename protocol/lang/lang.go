// Package lang holds the texts that people read, one flat JSON file per
// language, shared by broker, agent and console. A test holds the files to
// equal keys and equal placeholders.
//
// A key is "where.what" (portal.key.title). A text may hold {placeholders}.
//
// What is counted has one text for each plural category of the language (Unicode
// CLDR, "Language Plural Rules"): count.days.one, count.days.other. It is the
// number with its noun, "1 day", for a sentence such as "kept for {days}".
package lang

import (
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/text/language"
)

//go:embed *.json
var files embed.FS

// Catalog holds all languages. Make it once with Load; it never changes.
type Catalog struct {
	texts   map[string]map[string]string
	tags    []language.Tag
	matcher language.Matcher
}

// supported lists the languages; the first is the one for everybody else.
var supported = []language.Tag{language.English, language.Italian, language.French, language.German, language.Spanish, language.Japanese}

// Load reads the embedded language files. An error means a broken build.
func Load() (*Catalog, error) {
	c := &Catalog{texts: map[string]map[string]string{}, tags: supported, matcher: language.NewMatcher(supported)}
	for _, tag := range supported {
		data, err := files.ReadFile(tag.String() + ".json")
		if err != nil {
			return nil, fmt.Errorf("language %s: %w", tag, err)
		}
		texts := map[string]string{}
		if err := json.Unmarshal(data, &texts); err != nil {
			return nil, fmt.Errorf("language %s: %w", tag, err)
		}
		c.texts[tag.String()] = texts
	}
	return c, nil
}

// Tags lists the languages, each by its BCP 47 tag.
func (c *Catalog) Tags() []string {
	tags := make([]string, len(c.tags))
	for i, t := range c.tags {
		tags[i] = t.String()
	}
	return tags
}

// Only returns the catalogue with some of its languages, in its own order; the
// first that is left is the one for everybody else. Tags that it does not know are
// passed over; where none is left, all are.
func (c *Catalog) Only(tags ...string) *Catalog {
	var kept []language.Tag
	for _, t := range c.tags {
		if slices.Contains(tags, t.String()) {
			kept = append(kept, t)
		}
	}
	if len(kept) == 0 || len(kept) == len(c.tags) {
		return c
	}
	return &Catalog{texts: c.texts, tags: kept, matcher: language.NewMatcher(kept)}
}

// Match picks the best language for what a person prefers. Each preference is a
// BCP 47 tag, an Accept-Language header (RFC 9110, section 12.5.4) or a POSIX
// locale (it_IT.UTF-8); the first that names a language we have wins. Anything
// unreadable is passed over.
func (c *Catalog) Match(preferences ...string) Texts {
	for _, p := range preferences {
		if len(p) > 256 {
			continue
		}
		if cut := strings.IndexAny(p, ".@"); cut >= 0 && !strings.Contains(p, ",") && !strings.Contains(p, ";") {
			p = p[:cut]
		}
		tags, _, err := language.ParseAcceptLanguage(strings.ReplaceAll(p, "_", "-"))
		if err != nil || len(tags) == 0 {
			continue
		}
		if _, i, confidence := c.matcher.Match(tags...); confidence > language.No {
			return c.in(c.tags[i].String())
		}
	}
	return c.in(c.tags[0].String())
}

func (c *Catalog) in(tag string) Texts { return Texts{Tag: tag, texts: c.texts[tag]} }

// Texts is one language.
type Texts struct {
	Tag   string // BCP 47
	texts map[string]string
}

// T returns the text of key with its placeholders filled from pairs of name and
// value. An unknown key comes back in angle brackets, so that it is seen.
func (t Texts) T(key string, pairs ...string) string {
	text, ok := t.texts[key]
	if !ok {
		return "⟨" + key + "⟩"
	}
	if len(pairs) == 0 {
		return text
	}
	with := make([]string, 0, len(pairs))
	for i := 0; i+1 < len(pairs); i += 2 {
		with = append(with, "{"+pairs[i]+"}", pairs[i+1])
	}
	return strings.NewReplacer(with...).Replace(text)
}

// Has reports whether there is a text of this key.
func (t Texts) Has(key string) bool {
	_, ok := t.texts[key]
	return ok
}

// All returns a copy of every text, for a page that works in the browser.
func (t Texts) All(prefix string) map[string]string {
	all := map[string]string{}
	for k, v := range t.texts {
		if strings.HasPrefix(k, prefix) {
			all[k] = v
		}
	}
	return all
}
