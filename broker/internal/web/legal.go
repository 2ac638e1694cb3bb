package web

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/web/page"
	"consento/protocol"
	"consento/protocol/lang"
)

//go:embed texts/*.txt
var legalFiles embed.FS

// Versions keeps the terms and the privacy notice, each version for ever.
type Versions interface {
	// CurrentTexts returns what holds; the first call after a change makes the version.
	CurrentTexts(ctx context.Context, facts access.Facts, ours access.Texts) (access.TextsVersion, error)
	// TextsVersion returns access.ErrNotFound for a version that never was.
	TextsVersion(ctx context.Context, id string) (access.TextsVersion, error)
}

// Legal is the terms of use and the privacy notice in every language. It stands
// apart from Web because agents are shown the terms too.
type Legal struct {
	texts    *lang.Catalog
	url      string
	versions Versions
	ours     access.Texts // that come with the program
}

// NewLegal reads the embedded texts. publicURL is the address that customers are
// given, without a path.
func NewLegal(texts *lang.Catalog, publicURL string, versions Versions) (*Legal, error) {
	base, err := page.BaseURL(publicURL)
	if err != nil {
		return nil, err
	}
	if versions == nil {
		return nil, errors.New("web: the texts need a place where versions are kept")
	}
	l := &Legal{texts: texts, url: base + "/terms", versions: versions, ours: access.Texts{}}
	for _, tag := range texts.Tags() {
		for _, name := range []string{"terms", "privacy"} {
			data, err := legalFiles.ReadFile("texts/" + name + "." + tag + ".txt")
			if err != nil {
				return nil, fmt.Errorf("web: %s in %s: %w", name, tag, err)
			}
			clean, wrong, _ := cleanDocument(name, string(data), "")
			if len(wrong) > 0 {
				return nil, fmt.Errorf("web: %s in %s: %v", name, tag, wrong)
			}
			l.ours[name+"."+tag] = clean
		}
	}
	return l, nil
}

// current returns the version that holds.
func (l *Legal) current(ctx context.Context, o page.Office) (access.TextsVersion, error) {
	return l.versions.CurrentTexts(ctx, o.Facts(), l.ours)
}

// Terms returns the terms of use as the agent shows them, in the best language of
// those that the office offers for a BCP 47 tag or POSIX locale.
func (l *Legal) Terms(ctx context.Context, language string, o page.Office) (protocol.Terms, error) {
	texts := l.texts.Only(o.Languages...).Match(language)
	v, err := l.current(ctx, o)
	if err != nil {
		return protocol.Terms{}, err
	}
	text := parseDocument(v.Texts["terms."+texts.Tag]).about(v.Facts, texts).text()
	return protocol.Terms{Version: v.ID, Language: texts.Tag, Text: text,
		URL: l.url + "?" + url.Values{"version": {v.ID}, "language": {texts.Tag}}.Encode()}, nil
}

// legalPage is the data of the template "legal".
type legalPage struct {
	Version  string
	Language string // of the text
	Old      bool   // another version holds today
	Now      string // address of what holds today
	Blocks   document
	Other    string // address of the other document
	OtherKey string // its title
}

func (w *Web) showTerms(rw http.ResponseWriter, r *http.Request) error {
	return w.showLegal(rw, r, "terms", "privacy")
}

func (w *Web) showPrivacy(rw http.ResponseWriter, r *http.Request) error {
	return w.showLegal(rw, r, "privacy", "terms")
}

// showLegal shows a document as it holds today, or as it was in the version and
// the language that the evidence names.
func (w *Web) showLegal(rw http.ResponseWriter, r *http.Request, name, other string) error {
	p := w.NewPage(r, "page."+name+".title")
	if p.Office.Name == "" {
		return w.NotFound(rw, r) // nobody has stood up for these texts yet
	}
	v, err := w.legal.current(r.Context(), p.Office)
	if err != nil {
		return err
	}
	data := &legalPage{Now: "/" + name, Other: "/" + other, OtherKey: "page." + other + ".title"}
	texts, query := p.Texts, r.URL.Query()
	if tag := query.Get("language"); slices.Contains(w.Texts.Tags(), tag) {
		texts = w.Texts.Match(tag) // also one that is not offered any more
	}
	if asked := query.Get("version"); asked != "" && asked != v.ID {
		data.Old = true
		if v, err = w.legal.versions.TextsVersion(r.Context(), page.Limited(asked, 40)); errors.Is(err, access.ErrNotFound) {
			return w.NotFound(rw, r)
		} else if err != nil {
			return err
		}
	}
	text, there := v.Texts[name+"."+texts.Tag]
	if !there {
		return w.NotFound(rw, r) // the program did not know the language then
	}
	if query.Has("version") || query.Has("language") {
		data.Other += "?" + url.Values{"version": {v.ID}, "language": {texts.Tag}}.Encode()
	}
	data.Version, data.Language, data.Blocks = v.ID, texts.Tag, parseDocument(text).about(v.Facts, texts)
	p.Data = data
	return w.Show(rw, http.StatusOK, "legal", p)
}

// starting reports whether a language's texts in v are those that came with the
// program.
func (l *Legal) starting(v access.TextsVersion, tag string) bool {
	part := func(t access.Texts) access.Texts {
		t = maps.Clone(t)
		maps.DeleteFunc(t, func(name, _ string) bool { return !strings.HasSuffix(name, "."+tag) })
		return t
	}
	return maps.Equal(part(v.Texts), part(l.ours))
}

func (w *Web) showAccessibility(rw http.ResponseWriter, r *http.Request) error {
	return w.Show(rw, http.StatusOK, "accessibility", w.NewPage(r, "page.accessibility.title"))
}

// showSecurity says whom to tell about a weakness (RFC 9116). Without a way to
// reach the office there is no such file.
func (w *Web) showSecurity(rw http.ResponseWriter, r *http.Request) error {
	o, err := w.Office(r.Context())
	if err != nil {
		return err
	}
	contact := string(page.Telephone(o.Phone))
	for word := range strings.FieldsSeq(o.DPO) {
		if word = strings.Trim(word, "<>(),;"); strings.Count(word, "@") == 1 && strings.IndexByte(word, '@') > 0 {
			contact = "mailto:" + word
		}
	}
	if contact == "" {
		return w.NotFound(rw, r)
	}
	rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, err = fmt.Fprintf(rw, "Contact: %s\nExpires: %s\nPreferred-Languages: %s\nCanonical: %s/.well-known/security.txt\n",
		strings.Map(visible, contact), time.Now().UTC().AddDate(0, 6, 0).Format("2006-01-02T00:00:00Z"),
		strings.Join(w.Texts.Only(o.Languages...).Tags(), ", "), w.PublicURL)
	if err != nil {
		return nil // the reader went away
	}
	return nil
}

// visible drops what would begin another line of a text file.
func visible(r rune) rune {
	if r < '!' || r > '~' {
		return -1
	}
	return r
}
