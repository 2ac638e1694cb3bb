package admin

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/web/page"
)

// Tokens is what people ask about their own API tokens.
type Tokens interface {
	Tokens(ctx context.Context, account string) ([]access.Token, error)
	MakeToken(ctx context.Context, owner access.Account, n access.NewToken) (access.Token, string, error)
	RemoveToken(ctx context.Context, account, by, id string) error
}

// tokensPage is the data of the template "tokens".
type tokensPage struct {
	Account access.Account
	Saved   string
	Secret  string // of the one that was made just now
	Tokens  []tokenLine
	None    bool // this role has nothing that a token could do
	Name    page.Input
	Scopes  []page.Choice
	Wrong   string // of the scopes
	Life    page.Picker
}

type tokenLine struct {
	ID, Name, May, Made, Used, Ends, Remove string
	Over                                    bool
}

func (ps *Pages) tokenRoutes() []page.Route {
	return []page.Route{
		page.At("/account/tokens", page.ForOwner(ps.showTokens), page.ForOwner(ps.makeToken)),
		page.At("/account/tokens/{id}/remove", page.RedirectTo("/account/tokens"), page.ForOwner(ps.removeToken)),
	}
}

// tokenLives are the days for which a token can be made; 0 is until it is removed.
var tokenLives = []int{30, 90, 366, 0}

func (ps *Pages) showTokens(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	return ps.tokens(rw, r, by, http.StatusOK, ps.NewPage(r, "tokens.title"), access.NewToken{Days: tokenLives[1]}, tokensPage{}, nil)
}

func (ps *Pages) makeToken(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	values, err := page.ReadForm(r)
	if err != nil {
		return err
	}
	n := access.NewToken{Name: page.Limited(values.Get("name"), 400)}
	if n.Days, err = strconv.Atoi(values.Get("days")); err != nil {
		return page.ErrForm
	}
	for _, s := range access.TokenScopes() {
		if s.Offers(by) && values.Get("scope."+string(s)) != "" {
			n.Scopes = append(n.Scopes, s)
		}
	}
	p := ps.NewPage(r, "tokens.title")
	if len(n.Scopes) == 0 {
		return ps.tokens(rw, r, by, http.StatusUnprocessableEntity, p, n, tokensPage{Wrong: p.T("tokens.error.scope")}, &access.Invalid{Field: "scope", Code: "missing"})
	}
	_, secret, err := ps.roster.MakeToken(r.Context(), by, n)
	var wrong *access.Invalid
	switch {
	case errors.As(err, &wrong):
		return ps.tokens(rw, r, by, http.StatusUnprocessableEntity, p, n, tokensPage{}, wrong)
	case err != nil:
		return err
	}
	return ps.tokens(rw, r, by, http.StatusOK, p, access.NewToken{Days: tokenLives[1]}, tokensPage{Secret: secret}, nil)
}

// tokens shows the list and the form as it was filled in.
func (ps *Pages) tokens(rw http.ResponseWriter, r *http.Request, by access.Account, status int, p *page.Page, n access.NewToken, data tokensPage, wrong *access.Invalid) error {
	list, err := ps.roster.Tokens(r.Context(), by.ID)
	if err != nil {
		return err
	}
	data.Account = by
	now := time.Now()
	for _, t := range list {
		l := tokenLine{ID: t.ID, Name: t.Name, Over: t.Over(now), Made: p.T("tokens.made", "when", page.Day(p, t.Created.UTC())), Used: p.T("tokens.unused"), Ends: p.T("tokens.endless"),
			Remove: p.T("tokens.remove.name", "name", page.Isolate(page.Plain(t.Name)))}
		if !t.Used.IsZero() {
			l.Used = p.T("tokens.used", "when", page.Minute(p, t.Used))
		}
		if !t.Expires.IsZero() {
			l.Ends = p.T("tokens.ends", "when", page.Day(p, t.Expires.UTC()))
		}
		if l.May = p.T("tokens.everything"); len(t.Scopes) > 0 {
			l.May = ""
			for i, s := range t.Scopes {
				if i > 0 {
					l.May += " · "
				}
				l.May += p.T("tokens.scope." + string(s))
			}
		}
		data.Tokens = append(data.Tokens, l)
	}
	if wrong != nil {
		p.Error = p.T("setup.error.some")
	}
	data.Name = page.Input{Name: "name", Label: p.T("tokens.name"), Hint: p.T("tokens.name.hint"), Type: "text", Value: n.Name, Max: 100, Required: true, ErrorWord: p.T("page.error")}
	if wrong != nil && wrong.Field == "name" {
		data.Name.Error = p.T("tokens.error.name." + wrong.Code)
	}
	chosen := map[access.TokenScope]bool{}
	for _, s := range n.Scopes {
		chosen[s] = true
	}
	data.None = true
	for _, s := range access.TokenScopes() {
		if s.Offers(by) {
			data.None = false
			data.Scopes = append(data.Scopes, page.Choice{Name: "scope." + string(s), Label: p.T("tokens.scope." + string(s)), On: chosen[s]})
		}
	}
	data.Life = page.Picker{Name: "days", Label: p.T("tokens.life")}
	for _, days := range tokenLives {
		label := p.T("tokens.life.endless")
		if days > 0 {
			label = p.Count("days", days)
		}
		data.Life.Options = append(data.Life.Options, page.Option{Value: strconv.Itoa(days), Label: label, Chosen: days == n.Days})
	}
	if r.URL.Query().Get("saved") == "removed" && data.Secret == "" {
		data.Saved = p.T("tokens.removed")
	}
	p.Data = data
	return ps.Show(rw, status, "tokens", p)
}

func (ps *Pages) removeToken(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	err := ps.roster.RemoveToken(r.Context(), by.ID, by.ID, page.Limited(r.PathValue("id"), 64))
	if err != nil && !errors.Is(err, access.ErrNotFound) { // somebody was quicker
		return err
	}
	http.Redirect(rw, r, "/account/tokens?saved=removed", http.StatusSeeOther)
	return nil
}
