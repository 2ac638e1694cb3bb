package web

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"consento/broker/internal/access"
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
	Name    input
	Scopes  []choice
	Wrong   string // of the scopes
	Life    picker
}

type tokenLine struct {
	ID, Name, May, Made, Used, Ends, Remove string
	Over                                    bool
}

func (w *Web) tokenRoutes() []Route {
	return []Route{
		at("/account/tokens", own(w.showTokens), own(w.makeToken)),
		at("/account/tokens/{id}/remove", anyone(redirectTo("/account/tokens")), own(w.removeToken)),
	}
}

// tokenLives are the days for which a token can be made; 0 is until it is removed.
var tokenLives = []int{30, 90, 366, 0}

func (w *Web) showTokens(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	return w.tokens(rw, r, by, http.StatusOK, w.newPage(r, "tokens.title"), access.NewToken{Days: tokenLives[1]}, tokensPage{}, nil)
}

func (w *Web) makeToken(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	values, err := form(r)
	if err != nil {
		return err
	}
	n := access.NewToken{Name: limited(values.Get("name"), 400)}
	if n.Days, err = strconv.Atoi(values.Get("days")); err != nil {
		return errForm
	}
	for _, s := range access.TokenScopes() {
		if s.Offers(by) && values.Get("scope."+string(s)) != "" {
			n.Scopes = append(n.Scopes, s)
		}
	}
	p := w.newPage(r, "tokens.title")
	if len(n.Scopes) == 0 {
		return w.tokens(rw, r, by, http.StatusUnprocessableEntity, p, n, tokensPage{Wrong: p.T("tokens.error.scope")}, &access.Invalid{Field: "scope", Code: "missing"})
	}
	_, secret, err := w.roster.MakeToken(r.Context(), by, n)
	var wrong *access.Invalid
	switch {
	case errors.As(err, &wrong):
		return w.tokens(rw, r, by, http.StatusUnprocessableEntity, p, n, tokensPage{}, wrong)
	case err != nil:
		return err
	}
	return w.tokens(rw, r, by, http.StatusOK, p, access.NewToken{Days: tokenLives[1]}, tokensPage{Secret: secret}, nil)
}

// tokens shows the list and the form as it was filled in.
func (w *Web) tokens(rw http.ResponseWriter, r *http.Request, by access.Account, status int, p *page, n access.NewToken, data tokensPage, wrong *access.Invalid) error {
	list, err := w.roster.Tokens(r.Context(), by.ID)
	if err != nil {
		return err
	}
	data.Account = by
	now := time.Now()
	for _, t := range list {
		l := tokenLine{ID: t.ID, Name: t.Name, Over: t.Over(now), Made: p.T("tokens.made", "when", day(p, t.Created.UTC())), Used: p.T("tokens.unused"), Ends: p.T("tokens.endless"),
			Remove: p.T("tokens.remove.name", "name", isolate(plain(t.Name)))}
		if !t.Used.IsZero() {
			l.Used = p.T("tokens.used", "when", minute(p, t.Used))
		}
		if !t.Expires.IsZero() {
			l.Ends = p.T("tokens.ends", "when", day(p, t.Expires.UTC()))
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
	data.Name = input{Name: "name", Label: p.T("tokens.name"), Hint: p.T("tokens.name.hint"), Type: "text", Value: n.Name, Max: 100, Required: true, ErrorWord: p.T("page.error")}
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
			data.Scopes = append(data.Scopes, choice{Name: "scope." + string(s), Label: p.T("tokens.scope." + string(s)), On: chosen[s]})
		}
	}
	data.Life = picker{Name: "days", Label: p.T("tokens.life")}
	for _, days := range tokenLives {
		label := p.T("tokens.life.endless")
		if days > 0 {
			label = p.Count("days", days)
		}
		data.Life.Options = append(data.Life.Options, option{strconv.Itoa(days), label, days == n.Days})
	}
	if r.URL.Query().Get("saved") == "removed" && data.Secret == "" {
		data.Saved = p.T("tokens.removed")
	}
	p.Data = data
	return w.show(rw, status, "tokens", p)
}

func (w *Web) removeToken(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	err := w.roster.RemoveToken(r.Context(), by.ID, by.ID, limited(r.PathValue("id"), 64))
	if err != nil && !errors.Is(err, access.ErrNotFound) { // somebody was quicker
		return err
	}
	http.Redirect(rw, r, "/account/tokens?saved=removed", http.StatusSeeOther)
	return nil
}
