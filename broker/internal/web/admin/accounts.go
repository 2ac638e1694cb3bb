package admin

import (
	"context"
	"net/http"

	"consento/broker/internal/access"
	"consento/protocol"
)

// Accounts is what the pages ask about those who work here. LoadSession has to stand around every handler that signs in or out or asks
// access.Current.
type Accounts interface {
	LoadSession(next http.Handler) http.Handler
	// SignIn returns what is still to be done before Current knows who it is.
	SignIn(r *http.Request, email, password string) (access.Step, error)
	ChangePassword(r *http.Request, before, password string) (access.Step, error)
	Places(r *http.Request) ([]access.Place, error)
	EndOthers(r *http.Request) error
	Factors(ctx context.Context, account string) (access.Factors, error)
	SetLanguage(ctx context.Context, by access.Account, tag string) error
	Confirm(r *http.Request, password string) error
	Proven(r *http.Request) bool
	SecondFactor(r *http.Request, code string) (access.Step, error)
	BeginTOTP(r *http.Request, issuer string) (access.NewTOTP, error)
	TakeTOTP(r *http.Request, code string) (recovery []string, next access.Step, err error)
	RemoveTOTP(r *http.Request) error
	// BeginPasskey returns what navigator.credentials takes; UsePasskey signs in, is the
	// second factor, or confirms, as who asks stands.
	BeginPasskey(r *http.Request, add bool) ([]byte, error)
	UsePasskey(r *http.Request, answer string) (access.Step, error)
	AddOwnPasskey(r *http.Request, name, answer string) (recovery []string, next access.Step, err error)
	RemoveOwnPasskey(r *http.Request, id string) error
	NewRecoveryCodes(r *http.Request) ([]string, error)
	SignOut(r *http.Request) error
	// SignInCentral signs in whom verify finds; see access.Access.
	SignInCentral(r *http.Request, verify func(context.Context) (access.Identity, error)) error
	// SignOutCentral ends every sign-in of whom verify names.
	SignOutCentral(r *http.Request, verify func(context.Context) (issuer, subject string, err error)) error
}

// Setup is the first run: it works once, with the token of the one-time link.
type Setup interface {
	// CheckSetupToken uses nothing up: nil, access.ErrSetupLink or access.ErrSetupDone.
	CheckSetupToken(ctx context.Context, token string) error
	CompleteSetup(ctx context.Context, token string, setup access.Setup) error
}

// Settings is what administrators change. Changing returns access.ErrForbidden to
// others, whatever the pages let through.
type Settings interface {
	Settings(ctx context.Context) (access.Settings, error)
	ChangeSettings(ctx context.Context, by access.Account, s access.Settings) error
	Logo(ctx context.Context) (access.Logo, error)
	SetLogo(ctx context.Context, by access.Account, file []byte) error
	Retention(ctx context.Context) (access.Retention, error)
	ChangeRetention(ctx context.Context, by access.Account, r access.Retention) error
	SaveTexts(ctx context.Context, by access.Account, base, language string, replaced, ours access.Texts) (access.TextsVersion, error)
	RestoreTexts(ctx context.Context, by access.Account, base, older string, ours access.Texts) (access.TextsVersion, error)
	TextsVersions(ctx context.Context, limit int) ([]access.TextsVersion, error)
	Changes(ctx context.Context, limit int) ([]access.Change, error)
	Library
}

// Library is what the office writes for its technicians.
type Library interface {
	Shelf(ctx context.Context, shelf access.Shelf) ([]access.Entry, error)
	Entry(ctx context.Context, id string) (access.Entry, error)
	EntryVersions(ctx context.Context, id string) ([]access.Entry, error)
	SaveEntry(ctx context.Context, by access.Account, e access.Entry) (access.Entry, error)
	DeleteEntry(ctx context.Context, by access.Account, id string, version int) error
	MoveEntry(ctx context.Context, by access.Account, id string, up bool) error
	Library(ctx context.Context, team string) (protocol.Library, error)
	SummaryTeams(ctx context.Context) ([]access.SummaryTeam, error)
	ChangeSummaryTeams(ctx context.Context, by access.Account, teams []access.SummaryTeam) error
}
