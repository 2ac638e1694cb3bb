package web

import (
	"embed"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"consento/protocol"
	"consento/protocol/lang"
)

// legalVersion names the terms of use and the privacy notice. Any change of a
// file in texts/ needs a new one: evidence says which version was accepted.
const legalVersion = "2026-11-1"

//go:embed texts/*.txt
var legalFiles embed.FS

// Legal is the terms of use and the privacy notice in every language. It stands
// apart from Web because agents are shown the terms too.
type Legal struct {
	texts     *lang.Catalog
	url       string
	documents map[string]document // by name and language: "terms.en"
}

// document is a plain text: blocks with an empty line between them. The first
// line of a block is its heading, each further line a paragraph. {office} and
// others of its kind are filled in for each reader.
type document []block

type block struct {
	Heading    string
	Paragraphs []string
}

// NewLegal reads the embedded texts. publicURL is the address that customers are
// given, without a path.
func NewLegal(texts *lang.Catalog, publicURL string) (*Legal, error) {
	base, err := baseURL(publicURL)
	if err != nil {
		return nil, err
	}
	l := &Legal{texts: texts, url: base + "/terms", documents: map[string]document{}}
	for _, tag := range texts.Tags() {
		for _, name := range []string{"terms", "privacy"} {
			data, err := legalFiles.ReadFile("texts/" + name + "." + tag + ".txt")
			if err != nil {
				return nil, fmt.Errorf("web: %s in %s: %w", name, tag, err)
			}
			l.documents[name+"."+tag] = parseDocument(string(data))
		}
	}
	return l, nil
}

func parseDocument(text string) document {
	var d document
	for part := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		lines := strings.Split(strings.TrimSpace(part), "\n")
		d = append(d, block{Heading: lines[0], Paragraphs: lines[1:]})
	}
	return d
}

// about fills the office's facts into a document.
func (d document) about(o Office) document {
	controller := o.Controller
	if controller == "" {
		controller = o.Name
	}
	contact := o.DPO
	if contact == "" {
		contact = o.Phone
	}
	fill := strings.NewReplacer("{office}", o.Name, "{phone}", o.Phone, "{controller}", controller, "{dpo}", contact,
		"{days}", strconv.Itoa(o.RecordingDays), "{months}", strconv.Itoa(o.LogMonths))
	out := make(document, len(d))
	for i, b := range d {
		out[i].Heading = fill.Replace(b.Heading)
		for _, p := range b.Paragraphs {
			out[i].Paragraphs = append(out[i].Paragraphs, fill.Replace(p))
		}
	}
	return out
}

// Terms returns the terms of use as the agent shows them, in the best language
// for a BCP 47 tag or POSIX locale.
func (l *Legal) Terms(language string, o Office) protocol.Terms {
	tag := l.texts.Match(language).Tag
	var paragraphs []string
	for _, b := range l.documents["terms."+tag].about(o) {
		paragraphs = append(paragraphs, b.Heading+". "+strings.Join(b.Paragraphs, " "))
	}
	return protocol.Terms{Version: legalVersion, Language: tag, Text: strings.Join(paragraphs, "\n\n"), URL: l.url}
}

// legalPage is the data of the template "legal".
type legalPage struct {
	Version string
	Blocks  document
	Other   string // path of the other document
}

func (w *Web) showTerms(rw http.ResponseWriter, r *http.Request) error {
	return w.showLegal(rw, r, "terms", "/privacy")
}

func (w *Web) showPrivacy(rw http.ResponseWriter, r *http.Request) error {
	return w.showLegal(rw, r, "privacy", "/terms")
}

func (w *Web) showLegal(rw http.ResponseWriter, r *http.Request, name, other string) error {
	p := w.newPage(r, "page."+name+".title")
	if p.Office.Name == "" {
		return w.notFound(rw, r) // nobody has stood up for these texts yet
	}
	p.Data = legalPage{Version: legalVersion, Blocks: w.legal.documents[name+"."+p.Tag].about(p.Office), Other: other}
	return w.show(rw, http.StatusOK, "legal", p)
}

func (w *Web) showAccessibility(rw http.ResponseWriter, r *http.Request) error {
	return w.show(rw, http.StatusOK, "accessibility", w.newPage(r, "page.accessibility.title"))
}

// showSecurity says whom to tell about a weakness (RFC 9116). Without a way to
// reach the office there is no such file.
func (w *Web) showSecurity(rw http.ResponseWriter, r *http.Request) error {
	o, err := w.office(r.Context())
	if err != nil {
		return err
	}
	contact := string(telephone(o.Phone))
	for word := range strings.FieldsSeq(o.DPO) {
		if word = strings.Trim(word, "<>(),;"); strings.Count(word, "@") == 1 && strings.IndexByte(word, '@') > 0 {
			contact = "mailto:" + word
		}
	}
	if contact == "" {
		return w.notFound(rw, r)
	}
	rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, err = fmt.Fprintf(rw, "Contact: %s\nExpires: %s\nPreferred-Languages: %s\nCanonical: %s/.well-known/security.txt\n",
		strings.Map(visible, contact), time.Now().UTC().AddDate(0, 6, 0).Format("2006-01-02T00:00:00Z"),
		strings.Join(w.texts.Tags(), ", "), w.publicURL)
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
