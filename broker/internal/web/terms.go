package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/web/legal"
	"consento/broker/internal/web/page"
)

// legalPage is the data of the template "legal".
type legalPage struct {
	Version  string
	Language string // of the text
	Old      bool   // another version holds today
	Now      string // address of what holds today
	Blocks   legal.Document
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
	v, err := w.legal.Current(r.Context(), p.Office)
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
		if v, err = w.legal.Versions.TextsVersion(r.Context(), page.Limited(asked, 40)); errors.Is(err, access.ErrNotFound) {
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
	data.Version, data.Language, data.Blocks = v.ID, texts.Tag, legal.Parse(text).About(v.Facts, texts)
	p.Data = data
	return w.Show(rw, http.StatusOK, "legal", p)
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
