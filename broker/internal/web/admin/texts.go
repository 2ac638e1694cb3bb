package admin

import (
	"errors"
	"net/http"
	"net/url"
	"slices"

	"consento/broker/internal/access"
	"consento/broker/internal/web/legal"
	"consento/broker/internal/web/page"
	"consento/protocol/lang"
)

// textsPage is the data of the templates "settings-texts" and "settings-preview".
type textsPage struct {
	Tag, Name string
	Base      string // the version that is edited
	Documents []draft
	Facts     []fact
	Stale     bool
	Odd       bool // there is something to look at
}

// draft is one document while it is edited.
type draft struct {
	Name, Title string
	Text        string
	Max         int
	Rows        int
	Wrong, Odd  []string
	Shown       legal.Document
}

// fact is what stands in for a placeholder, today.
type fact struct{ Name, Value string }

// edited returns the language that is edited.
func (ps *Pages) edited(r *http.Request) (lang.Texts, bool) {
	tag := r.PathValue("language")
	return ps.Texts.Match(tag), slices.Contains(ps.Texts.Tags(), tag)
}

func (ps *Pages) newTextsPage(p *page.Page, texts lang.Texts, v access.TextsVersion) *textsPage {
	data := &textsPage{Tag: texts.Tag, Name: texts.T("page.language"), Base: v.ID}
	for _, name := range legal.FactNames() {
		// A document of nothing but the name shows what comes in its place.
		data.Facts = append(data.Facts, fact{name, legal.Document{{Heading: name}}.About(v.Facts, texts)[0].Heading})
	}
	for _, name := range []string{"terms", "privacy"} {
		d := draft{Name: name, Title: p.T("page." + name + ".title"), Text: v.Texts[name+"."+texts.Tag], Max: legal.MaxTerms, Rows: 18}
		if name == "privacy" {
			d.Max, d.Rows = legal.MaxPrivacy, 26
		}
		data.Documents = append(data.Documents, d)
	}
	return data
}

func (ps *Pages) editTexts(rw http.ResponseWriter, r *http.Request, _ access.Account) error {
	texts, ok := ps.edited(r)
	if !ok {
		return ps.NotFound(rw, r)
	}
	p := ps.NewPage(r, "settings.title")
	v, err := ps.legal.Current(r.Context(), p.Office)
	if err != nil {
		return err
	}
	data := ps.newTextsPage(p, texts, v)
	return ps.textsForm(rw, http.StatusOK, p, data)
}

func (ps *Pages) textsForm(rw http.ResponseWriter, status int, p *page.Page, data *textsPage) error {
	p.Title = p.T("settings.texts.edit_title", "language", data.Name)
	p.Data = data
	return ps.Show(rw, status, "settings-texts", p)
}

// changeTexts goes from the form to the preview, and from there back or on.
func (ps *Pages) changeTexts(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	texts, ok := ps.edited(r)
	if !ok {
		return ps.NotFound(rw, r)
	}
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	p := ps.NewPage(r, "settings.title")
	v, err := ps.legal.Current(r.Context(), p.Office)
	if err != nil {
		return err
	}
	data := ps.newTextsPage(p, texts, v)
	replaced, good := access.Texts{}, true
	for i := range data.Documents {
		d := &data.Documents[i]
		clean, wrong, odd := legal.Clean(d.Name, values.Get(d.Name), d.Text)
		for _, remark := range wrong {
			good = false
			d.Wrong = append(d.Wrong, p.T("settings.texts.remark."+remark.Code, remark.Pairs...))
		}
		for _, remark := range odd {
			data.Odd = true
			d.Odd = append(d.Odd, p.T("settings.texts.remark."+remark.Code, remark.Pairs...))
		}
		d.Text, replaced[d.Name+"."+texts.Tag] = clean, clean
		if !good {
			d.Text = values.Get(d.Name)
		}
		d.Shown = legal.Parse(clean).About(v.Facts, texts)
	}
	step := values.Get("step")
	switch {
	case !good:
		p.Error = p.T("settings.texts.wrong")
		return ps.textsForm(rw, http.StatusUnprocessableEntity, p, data)
	case values.Get("base") != v.ID:
		return ps.staleTexts(rw, p, data)
	case step == "edit":
		return ps.textsForm(rw, http.StatusOK, p, data)
	case step != "save":
		p.Title, p.Data = p.T("settings.texts.preview_title"), data
		return ps.Show(rw, http.StatusOK, "settings-preview", p)
	}
	saved, err := ps.settings.SaveTexts(r.Context(), by, v.ID, texts.Tag, replaced, ps.legal.Ours)
	if errors.Is(err, access.ErrStale) {
		return ps.staleTexts(rw, p, data)
	}
	return ps.textsSaved(rw, r, v, saved, err)
}

// staleTexts gives the form back to who was overtaken.
func (ps *Pages) staleTexts(rw http.ResponseWriter, p *page.Page, data *textsPage) error {
	data.Stale = true
	p.Error = p.T("settings.texts.stale", "version", data.Base)
	return ps.textsForm(rw, http.StatusConflict, p, data)
}

func (ps *Pages) textsSaved(rw http.ResponseWriter, r *http.Request, before, after access.TextsVersion, err error) error {
	if err != nil {
		return err
	}
	to := url.Values{"saved": {"texts"}, "version": {after.ID}}
	if after.ID == before.ID {
		to = url.Values{"saved": {"none"}}
	}
	http.Redirect(rw, r, "/settings?"+to.Encode(), http.StatusSeeOther)
	return nil
}

// restorePage is the data of the template "settings-restore".
type restorePage struct {
	Version, Label string // that is used again
	Base           string
	Documents      []draft
}

// older returns the texts that are to be used again.
func (ps *Pages) older(r *http.Request) (access.Texts, error) {
	id := page.Limited(r.PathValue("version"), 40)
	if id == access.OfProgram {
		return ps.legal.Ours, nil
	}
	v, err := ps.legal.Versions.TextsVersion(r.Context(), id)
	return v.Texts, err
}

func (ps *Pages) askRestore(rw http.ResponseWriter, r *http.Request, _ access.Account) error {
	p := ps.NewPage(r, "settings.restore.title")
	v, err := ps.legal.Current(r.Context(), p.Office)
	if err != nil {
		return err
	}
	older, err := ps.older(r)
	if errors.Is(err, access.ErrNotFound) {
		return ps.NotFound(rw, r)
	}
	if err != nil {
		return err
	}
	data := &restorePage{Version: r.PathValue("version"), Base: v.ID}
	data.Label = ps.named(p, data.Version)
	for _, name := range []string{"terms", "privacy"} {
		data.Documents = append(data.Documents, draft{Name: name, Title: p.T("page." + name + ".title"),
			Shown: legal.Parse(older[name+"."+p.Tag]).About(v.Facts, p.Texts)})
	}
	p.Data = data
	return ps.Show(rw, http.StatusOK, "settings-restore", p)
}

func (ps *Pages) restoreTexts(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	before, err := ps.legal.Current(r.Context(), page.OfficeFor(r))
	if err != nil {
		return err
	}
	after, err := ps.settings.RestoreTexts(r.Context(), by, page.Limited(values.Get("base"), 40), page.Limited(r.PathValue("version"), 40), ps.legal.Ours)
	switch {
	case errors.Is(err, access.ErrNotFound):
		return ps.NotFound(rw, r)
	case errors.Is(err, access.ErrStale):
		return ps.askRestore(rw, r, by) // with what holds now
	}
	return ps.textsSaved(rw, r, before, after, err)
}
