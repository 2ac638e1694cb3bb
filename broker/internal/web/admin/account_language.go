package admin

import (
	"net/http"

	"consento/broker/internal/access"
	"consento/broker/internal/web/page"
)

// mailLanguages are the languages in which somebody may get mails; the first is the
// office's, whatever that is.
func (ps *Pages) mailLanguages(p *page.Page, by access.Account) []page.Option {
	office := ps.Texts.Only(p.Office.Languages...).Match()
	list := []page.Option{{Label: p.T("account.language.office", "language", office.T("page.language")), Chosen: true}}
	for _, l := range p.Languages {
		list = append(list, page.Option{Value: l.Tag, Label: l.Name, Chosen: l.Tag == by.Language})
		list[0].Chosen = list[0].Chosen && l.Tag != by.Language
	}
	return list
}

// changeLanguage takes the language of one's own mails.
func (ps *Pages) changeLanguage(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	tag := values.Get("language")
	if tag != "" && !ps.Offers(r, tag) {
		return page.ErrForm
	}
	if err := ps.accounts.SetLanguage(r.Context(), by, tag); err != nil {
		return err
	}
	http.Redirect(rw, r, "/account?saved=language", http.StatusSeeOther)
	return nil
}
