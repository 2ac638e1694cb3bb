package page

import (
	"bytes"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"time"

	"consento/protocol/lang"
)

// Page is what every template is given. Texts makes {{.T "key" "name" value}}.
type Page struct {
	lang.Texts
	Title     string // the question or the result; the browser's title begins with it
	Error     string // one sentence, "" if none
	Office    Office
	Languages []Language
	Data      any // what the template of this page needs
}

// Language is one choice of the language switch.
type Language struct {
	Tag, Name, URL string
	Current        bool
}

// readTemplates reads the templates of every area as one set.
func readTemplates(files fs.FS, a *Assets, areas template.FuncMap) (*template.Template, error) {
	set, err := template.New("").Funcs(template.FuncMap{
		"asset":   a.url,
		"plain":   Plain,
		"tel":     Telephone,
		"isolate": Isolate,
		"duties":  Duties,
		"areas":   Areas,
	}).Funcs(areas).ParseFS(files, "*.html")
	if err != nil {
		return nil, fmt.Errorf("page: templates: %w", err)
	}
	return set, nil
}

// NewPage makes the page that answers r. titleKey names its title in the
// language files.
func (g *Ground) NewPage(r *http.Request, titleKey string) *Page {
	texts := TextsOf(r)
	p := &Page{Texts: texts, Title: texts.T(titleKey)}
	p.Office = readerOf(r).office
	for _, tag := range g.Texts.Only(p.Office.Languages...).Tags() {
		p.Languages = append(p.Languages, Language{Tag: tag, Name: g.Texts.Match(tag).T("page.language"),
			URL: languageURL(r, tag), Current: tag == texts.Tag})
	}
	return p
}

// languageURL is the address of this page in another language. What was posted
// cannot be asked for again, so a form's answer leads back to the form.
func languageURL(r *http.Request, tag string) string {
	to := url.URL{Path: r.URL.Path}
	query := url.Values{}
	if r.Method == http.MethodPost {
		to.Path = readerOf(r).route.backFrom(r.URL.Path)
	}
	for _, keep := range []string{"token", "next", "system", "zone", "version", "from", "to", "id", "team", "technician", "ended", "tests", "has", "page", "kind", "by", "category", "priority"} {
		if v := r.URL.Query().Get(keep); v != "" && len(v) <= 256 {
			query.Set(keep, v)
		}
	}
	query.Set("lang", tag)
	to.RawQuery = query.Encode()
	if strings.HasPrefix(to.Path, "//") {
		to.Path = "/"
	}
	return to.String()
}

// Show writes the template called name as the whole response.
func (g *Ground) Show(rw http.ResponseWriter, status int, name string, p *Page) error {
	body, err := g.Render(name, p)
	if err != nil {
		return err
	}
	// A connection that cannot have deadlines is a test's recorder.
	_ = http.NewResponseController(rw).SetWriteDeadline(time.Now().Add(2 * Briefly))
	h := rw.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", p.Tag)
	h.Set("Vary", "Accept-Language, Cookie")
	rw.WriteHeader(status)
	_, _ = rw.Write(body) // the browser went away: nobody is left to be told
	return nil
}

// Render returns what the template called name makes of data.
func (g *Ground) Render(name string, data any) ([]byte, error) {
	var b bytes.Buffer
	if err := g.templates.ExecuteTemplate(&b, name, data); err != nil {
		return nil, fmt.Errorf("page %s: %w", name, err)
	}
	return b.Bytes(), nil
}
