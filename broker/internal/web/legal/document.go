package legal

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"consento/broker/internal/access"
	"consento/broker/internal/ops"
	"consento/protocol/lang"
)

// Document is a plain text: blocks with an empty line between them. The first
// line of a block is its heading, each further line a paragraph. {office} and
// others of its kind are filled in for each reader.
type Document []block

type block struct {
	Heading    string
	Paragraphs []string
}

// FactNames are the names of what can be filled in.
func FactNames() []string {
	return []string{"{office}", "{phone}", "{controller}", "{dpo}", "{days}", "{months}"}
}

// Limits of one document in one language. What stands in for a fact has 200
// characters at most, so the terms with all filled in fit into protocol.Terms.
const (
	MaxTerms   = 6_000  // characters
	MaxPrivacy = 20_000 // characters
	maxFacts   = 12     // placeholders in the terms
)

// Parse reads a text as it is kept.
func Parse(text string) Document {
	var d Document
	for part := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		lines := strings.Split(strings.TrimSpace(part), "\n")
		d = append(d, block{Heading: lines[0], Paragraphs: lines[1:]})
	}
	return d
}

// About fills the office's facts into a document of that language.
func (d Document) About(f access.Facts, texts lang.Texts) Document {
	o := f.Office
	if o.Controller == "" {
		o.Controller = o.Name
	}
	if o.PrivacyContact == "" {
		o.PrivacyContact = o.Phone
	}
	fill := strings.NewReplacer("{office}", o.Name, "{phone}", o.Phone, "{controller}", o.Controller, "{dpo}", o.PrivacyContact,
		"{days}", texts.Count("days", f.RecordingDays), "{months}", texts.Count("months", f.LogMonths))
	out := make(Document, len(d))
	for i, b := range d {
		out[i].Heading = fill.Replace(b.Heading)
		for _, p := range b.Paragraphs {
			out[i].Paragraphs = append(out[i].Paragraphs, fill.Replace(p))
		}
	}
	return out
}

// text writes a document as the agent shows it.
func (d Document) text() string {
	blocks := make([]string, len(d))
	for i, b := range d {
		blocks[i] = strings.TrimSpace(b.Heading + "\n" + strings.Join(b.Paragraphs, "\n"))
	}
	return strings.Join(blocks, "\n\n")
}

// remark is what is to be said about a text that somebody wrote: its words are
// settings.texts.remark.CODE.
type remark struct {
	Code  string
	Pairs []string // placeholders and values of the words
}

var braces = regexp.MustCompile(`\{[^{}\s]*\}?|\}`)

// Clean returns a text as it is stored: one space between words, one empty
// line between blocks. wrong is why it cannot be taken; odd is what its author
// should look at, compared with like, the text in its place so far.
func Clean(name, text, like string) (clean string, wrong, odd []remark) {
	limit := MaxTerms
	if name == "privacy" {
		limit = MaxPrivacy
	}
	note := func(to *[]remark, code string, pairs ...string) { *to = append(*to, remark{code, pairs}) }
	var lines []string
	for i, line := range strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n") {
		if strings.TrimSpace(line) == "" {
			if len(lines) > 0 && lines[len(lines)-1] != "" {
				lines = append(lines, "")
			}
			continue
		}
		said, err := ops.CleanLine(line, len(line)) // the length of all is looked at below
		if err != nil {
			if said = line; len(wrong) < 5 {
				note(&wrong, "line", "line", strconv.Itoa(i+1))
			}
		}
		lines = append(lines, said)
	}
	clean = strings.TrimSpace(strings.Join(lines, "\n"))
	if clean == "" && len(wrong) == 0 {
		note(&wrong, "empty")
	}
	if n := utf8.RuneCountInString(clean); n > limit || len(clean) > 3*limit {
		note(&wrong, "long", "count", strconv.Itoa(n), "max", strconv.Itoa(limit))
	}
	found := braces.FindAllString(clean, -1)
	for _, f := range slices.Compact(slices.Sorted(slices.Values(found))) {
		if !slices.Contains(FactNames(), f) && len(wrong) < 5 {
			note(&wrong, "unknown", "name", f)
		}
	}
	if name == "terms" && len(found) > maxFacts {
		note(&wrong, "many", "max", strconv.Itoa(maxFacts))
	}
	if len(wrong) > 0 {
		return clean, wrong, nil
	}
	for _, f := range FactNames() {
		if strings.Contains(like, f) && !strings.Contains(clean, f) {
			note(&odd, "gone", "name", f)
		}
	}
	if was, is := len(Parse(like)), len(Parse(clean)); was != is {
		note(&odd, "blocks", "was", strconv.Itoa(was), "is", strconv.Itoa(is))
	}
	return clean, nil, odd
}
