package web

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"consento/protocol/lang"
)

//go:embed templates/*.html
var templateFiles embed.FS

// page is what every template is given. Texts makes {{.T "key" "name" value}}.
type page struct {
	lang.Texts
	Title     string // the question or the result; the browser's title begins with it
	Error     string // one sentence, "" if none
	Office    Office
	Languages []language
	Data      any // what the template of this page needs
}

// language is one choice of the language switch.
type language struct {
	Tag, Name, URL string
	Current        bool
}

type templates struct{ set *template.Template }

func readTemplates(a *assets) (*templates, error) {
	set, err := template.New("").Funcs(template.FuncMap{
		"asset":     a.url,
		"plain":     plain,
		"tel":       telephone,
		"isolate":   isolate,
		"duties":    dutiesOf,
		"rows":      rowsOf,
		"levelsrow": levelsRow,
		"areas":     areasOf,
		"both":      func(p *page, t figureTable) map[string]any { return map[string]any{"Page": p, "Of": t} },
		"zones":     func() []string { return commonZones },
	}).ParseFS(templateFiles, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("web: templates: %w", err)
	}
	return &templates{set: set}, nil
}

// newPage makes the page that answers r. titleKey names its title in the
// language files.
func (w *Web) newPage(r *http.Request, titleKey string) *page {
	texts := textsOf(r)
	p := &page{Texts: texts, Title: texts.T(titleKey)}
	p.Office = readerOf(r).office
	for _, tag := range w.texts.Only(p.Office.Languages...).Tags() {
		p.Languages = append(p.Languages, language{Tag: tag, Name: w.texts.Match(tag).T("page.language"),
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
		to.Path = map[string]string{"/key": "/", "/signin": "/signin", "/setup": "/setup"}[r.URL.Path]
		own, isOwn := accountLanguageURL(r.URL.Path)
		switch {
		case strings.HasPrefix(r.URL.Path, "/account/tokens"):
			to.Path = "/account/tokens"
		case isOwn:
			to.Path = own
		case strings.HasPrefix(r.URL.Path, "/settings"):
			to.Path = "/settings"
		case strings.HasPrefix(r.URL.Path, "/admin/"):
			to.Path = strings.TrimSuffix(strings.TrimSuffix(r.URL.Path, "/link"), "/gone")
		case strings.HasPrefix(r.URL.Path, "/figures/") || strings.HasPrefix(r.URL.Path, "/survey/"):
			to.Path = r.URL.Path
		case r.URL.Path == "/invitation" || strings.HasPrefix(r.URL.Path, "/v/") || r.URL.Path == "/request" || strings.HasPrefix(r.URL.Path, "/desk/") || strings.HasPrefix(r.URL.Path, "/request/"):
			to.Path = strings.TrimSuffix(r.URL.Path, "/files")
		case strings.HasPrefix(r.URL.Path, "/audit/"):
			to.Path = strings.TrimSuffix(strings.TrimSuffix(r.URL.Path, "/view"), "/hold")
		case to.Path == "":
			to.Path = "/session"
		}
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

// show writes the template called name as the whole response.
func (w *Web) show(rw http.ResponseWriter, status int, name string, p *page) error {
	body, err := w.pages.render(name, p)
	if err != nil {
		return err
	}
	// A connection that cannot have deadlines is a test's recorder.
	_ = http.NewResponseController(rw).SetWriteDeadline(time.Now().Add(2 * briefly))
	h := rw.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", p.Tag)
	h.Set("Vary", "Accept-Language, Cookie")
	rw.WriteHeader(status)
	_, _ = rw.Write(body) // the browser went away: nobody is left to be told
	return nil
}

func (t *templates) render(name string, data any) ([]byte, error) {
	var b bytes.Buffer
	if err := t.set.ExecuteTemplate(&b, name, data); err != nil {
		return nil, fmt.Errorf("page %s: %w", name, err)
	}
	return b.Bytes(), nil
}

// plain takes out of a name what people do not see but what changes what they
// see: control characters and the marks that turn the direction of text
// (Unicode TR 36, section 2.5). Letters that run from right to left stay, and
// the templates isolate them.
func plain(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, name)
}

// telephone makes a tel: address (RFC 3966) of a number as people write it, ""
// if there is no number in it.
func telephone(number string) template.URL {
	digits := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, number)
	if digits == "" {
		return ""
	}
	if strings.HasPrefix(strings.TrimSpace(number), "+") {
		digits = "+" + digits
	}
	return template.URL("tel:" + digits) // digits only, so it is safe
}
