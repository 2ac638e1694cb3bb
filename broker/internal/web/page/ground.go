// Package page is the ground that every page of the broker stands on: templates,
// languages and their addresses, assets, routes with their rules, the guard around them,
// what went wrong as a page, the fields of forms, and the navigation between the areas.
//
// It promises: no page without a rule (Route); each page carries a strict content
// security policy; what is posted comes from our own pages and has a limit; no handler runs
// without a limit of time but those that say so. It knows no area: those are packages
// beside it, which know it and not each other, and package web puts them together.
package page

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"

	"consento/broker/internal/access"
	"consento/protocol/lang"
)

// Accounts is what the ground asks about those who work here.
type Accounts interface {
	// LoadSession puts who is signed in into a request, for access.Current.
	LoadSession(next http.Handler) http.Handler
	// SetLanguage keeps the language that somebody has chosen.
	SetLanguage(ctx context.Context, by access.Account, tag string) error
}

// Config is what New needs. Every field but Console, Style and Logger is required.
type Config struct {
	Accounts Accounts
	// Office is asked for each page, because set-up fills it in.
	Office func(context.Context) (Office, error)
	Texts  *lang.Catalog
	// PublicURL is the address that customers are given: https://host.
	PublicURL string
	// Templates holds *.html; Funcs are those of the areas, beside the ground's own.
	Templates fs.FS
	Funcs     template.FuncMap
	Assets    fs.FS  // the pages' own
	Console   fs.FS  // the built console; nil when it was not built
	Style     []byte // base.css where Console, which holds it, is nil
	// Explain says what an error of theirs means to who reads it: the status, and the texts
	// WHAT.title and WHAT.body; 0 for one that it does not know.
	Explain func(rw http.ResponseWriter, err error) (status int, what string)
	// AdminTabs names the pages of administration that there are for an account.
	AdminTabs func(access.Account) []string
	Logger    *slog.Logger
}

// Ground makes and serves pages. It is safe for concurrent use.
type Ground struct {
	Assets    *Assets
	Texts     *lang.Catalog
	PublicURL string // without a path
	Log       *slog.Logger
	Office    func(context.Context) (Office, error) // that runs this broker, as it is now

	accounts  Accounts
	templates *template.Template
	explain   func(http.ResponseWriter, error) (int, string)
	adminTabs func(access.Account) []string
}

// New checks the configuration and reads templates and assets.
func New(c Config) (*Ground, error) {
	if c.Accounts == nil || c.Office == nil || c.Texts == nil || c.Templates == nil || c.Assets == nil || c.Explain == nil || c.AdminTabs == nil {
		return nil, errors.New("page: Accounts, Office, Texts, Templates, Assets, Explain and AdminTabs are required")
	}
	base, err := BaseURL(c.PublicURL)
	if err != nil {
		return nil, err
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	g := &Ground{Texts: c.Texts, PublicURL: base, Log: c.Logger, accounts: c.Accounts, Office: c.Office, explain: c.Explain, adminTabs: c.AdminTabs}
	if g.Assets, err = readAssets(c.Style, c.Console, c.Assets); err != nil {
		return nil, err
	}
	if g.templates, err = readTemplates(c.Templates, g.Assets, c.Funcs); err != nil {
		return nil, err
	}
	return g, nil
}

// BaseURL checks an address and takes a slash off its end.
func BaseURL(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.Path != "" && u.Path != "/" {
		return "", fmt.Errorf("page: public address %q is not https://host", address)
	}
	return u.Scheme + "://" + u.Host, nil
}
