package page

import (
	"errors"
	"net/url"
	"strings"

	"consento/broker/internal/access"
)

// Input is one field of a form, its words in the page's language.
type Input struct {
	Name, Label, Hint string
	Type, Value       string
	Error, ErrorWord  string
	Max               int // characters
	Required          bool
}

// Option is one of several that one chooses from.
type Option struct {
	Value, Label string
	Chosen       bool
}

// Choice is a box to tick.
type Choice struct {
	Name, Tag, Label string
	On               bool
}

// Picker is a field with a closed list.
type Picker struct {
	Name, Label, Hint, Error, ErrorWord string
	Options                             []Option
}

// Field is a field with what somebody else saved in it meanwhile.
type Field struct {
	Input
	Lines   int
	Options []Option
	Tick    bool // a box to tick: Value is "on" or ""
	Theirs  *string
	ListID  string // of suggestions

	TheirsWord string
}

// Form is a form of fields in sections.
type Form struct {
	Path, Base string
	Theirs     string // whose version stands now, "" if nobody was faster
	Sections   []Section
}

// Section is a part of a form with a title of its own.
type Section struct {
	Title, Tag string // Tag: BCP 47 of what is typed, "" the page's
	Folded     bool
	Fields     []Field
}

// TextField is a field of text; key names its words, levels.KEY in the language files.
func TextField(p *Page, key, name, value string, most int) Field {
	f := Field{Input: Input{Name: name, Label: p.T("levels." + key), Type: "text", Value: value, Max: most, ErrorWord: p.T("page.error")}, TheirsWord: p.T("levels.theirs.field")}
	if hint := "levels." + key + ".hint"; p.Has(hint) {
		f.Hint = p.T(hint)
	}
	return f
}

// Each goes over the fields of a form.
func (f *Form) Each(do func(*Field)) {
	for i := range f.Sections {
		for j := range f.Sections[i].Fields {
			do(&f.Sections[i].Fields[j])
		}
	}
}

// Typed fills in what somebody typed, and shows beside it what stands now, where another
// was faster.
func (f *Form) Typed(values url.Values, conflict bool) {
	f.Each(func(field *Field) {
		now := field.Value
		if field.Options != nil {
			for i, o := range field.Options {
				if o.Chosen {
					now = o.Label
				}
				field.Options[i].Chosen = o.Value == values.Get(field.Name)
			}
		}
		field.Value = values.Get(field.Name)
		if !conflict {
			return
		}
		mine := field.Value
		for _, o := range field.Options {
			if o.Chosen {
				mine = o.Label
			}
		}
		if strings.TrimSpace(strings.ReplaceAll(mine, "\r\n", "\n")) != strings.TrimSpace(now) {
			field.Theirs = &now
		}
	})
}

// Refused marks what is wrong with a form, and says it on top; said is what err means where
// it is not about a field, "" for something else.
func (f *Form) Refused(p *Page, err error, said string) {
	field := ""
	var wrong *access.Invalid
	if errors.As(err, &wrong) {
		field = wrong.Field
		name, _, _ := strings.Cut(wrong.Field, "-") // one of many of its kind
		for _, key := range []string{"levels.error." + name + "." + wrong.Code, "levels.error." + name} {
			if p.Has(key) {
				said = p.T(key)
				break
			}
		}
	}
	if said == "" {
		said = p.T("admin.error.other")
	}
	p.Error = said
	f.Each(func(o *Field) {
		if o.Name == field {
			o.Error, p.Error = said, p.T("setup.error.some")
		}
	})
	for i := range f.Sections {
		for _, o := range f.Sections[i].Fields {
			if o.Error != "" || o.Theirs != nil {
				f.Sections[i].Folded = false
			}
		}
	}
}

// Difference is what becomes of one thing, before and after, in words.
type Difference struct{ What, Before, After string }
