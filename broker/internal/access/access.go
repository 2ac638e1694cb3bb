// Package access knows who works with the broker and what each of them may do:
// accounts, teams, profiles, sign-in, API tokens, the first set-up, the recipients
// of evidence, and what administrators decide about the office: its settings, its
// logo, and the versions of its terms and privacy notice.
//
// Promises:
//   - No account and no password exists that somebody did not make. The first
//     administrator comes through a link that works once, or the command line.
//   - Passwords, sign-ins, tokens and set-up links are stored as hashes only.
//   - A sign-in tells nobody whether an e-mail has an account, by words or by time.
//   - An account that is ended is out with its next request; see also [Access.Recheck]
//     for whoever holds a connection open.
//   - What an account may do is decided in one place, [Can].
//   - A version of the texts stays readable for ever as it was; who changed what is
//     noted with the change itself. The database refuses to change either.
//
// It draws no pages and knows no sessions between technicians and customers; what
// it calls a sign-in is the time between signing in and signing out.
package access

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"consento/broker/internal/ops"

	"github.com/alexedwards/scs/v2"
	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/uptrace/bun"
)

var (
	// ErrInvalid is wrapped by every *Invalid.
	ErrInvalid = errors.New("not accepted")
	// ErrNotFound says that there is no such account.
	ErrNotFound = errors.New("no such account")
	// ErrCredentials says that e-mail or password is wrong, or the account ended.
	ErrCredentials = errors.New("e-mail or password is wrong")
	// ErrThrottled is wrapped by *Throttled.
	ErrThrottled = errors.New("too many tries")
	// ErrEnded says that a sign-in is over.
	ErrEnded = errors.New("the sign-in has ended")
	// ErrSetupDone says that an administrator exists already.
	ErrSetupDone = errors.New("the first set-up is done")
	// ErrSetupLink says that a set-up link is wrong, used or too old.
	ErrSetupLink = errors.New("the set-up link is wrong, used or too old")
	// ErrLastAdministrator protects the office from locking itself out.
	ErrLastAdministrator = errors.New("this is the last administrator")
	// ErrNoSignIn says that a request did not come through LoadSession: with an API token
	// nobody signs in or out.
	ErrNoSignIn = errors.New("the request carries no sign-in")
)

// Invalid says which field of a form is not accepted, and why: Code is for the
// page to translate, Reason is plain English.
type Invalid struct{ Field, Code, Reason string }

func (e *Invalid) Error() string { return e.Field + ": " + e.Reason }

func (e *Invalid) Unwrap() error { return ErrInvalid }

func invalid(field, code, format string, args ...any) error {
	return &Invalid{Field: field, Code: code, Reason: fmt.Sprintf(format, args...)}
}

// Config is what an Access needs.
type Config struct {
	DB     *bun.DB    // migrated by ops.OpenDatabase
	Office ops.Office // from the configuration; zero: the one stored at set-up holds
	Log    *slog.Logger
	// Central: people can sign in with a central account, so a role may be held to it.
	Central bool
	// Derive gives the server's keys, as ops.Secrets does. nil: there are no second factors.
	Derive func(purpose string) []byte
	// Directory checks the passwords of whom no account with one is known; nil: none.
	Directory Directory
	// PublicURL is the address that passkeys are bound to, https://HOST[:PORT]; "", or one
	// whose host is no name: there are no passkeys.
	PublicURL string
	// Rounds of PBKDF2 for a password, 0: as many as are due. Fewer are for tests, which make
	// accounts by the hundred.
	Rounds int
}

// Access is safe for concurrent use.
type Access struct {
	db         *bun.DB
	office     ops.Office
	central    bool
	directory  Directory
	log        *slog.Logger
	passwords  *hasher
	derive     func(purpose string) []byte
	webauthn   *webauthn.WebAuthn // nil: there are no passkeys
	addresses  *addressThrottle
	tokenTries *addressThrottle // wrong API tokens: they keep nobody from signing in
	sessions   *scs.SessionManager
}

// New returns an Access and makes sure that the built-in profiles exist.
func New(ctx context.Context, c Config) (*Access, error) {
	if c.DB == nil || c.Log == nil {
		return nil, errors.New("access: a database and a log are needed")
	}
	a := &Access{
		db:         c.DB,
		central:    c.Central || c.Directory != nil,
		directory:  c.Directory,
		log:        c.Log,
		derive:     c.Derive,
		passwords:  newHasher(cmp.Or(c.Rounds, defaultRounds), max(1, runtime.GOMAXPROCS(0)/2)),
		addresses:  newAddressThrottle(),
		tokenTries: newAddressThrottle(),
	}
	if c.Office != (ops.Office{}) {
		var err error
		if a.office, err = c.Office.Clean(); err != nil {
			return nil, fmt.Errorf("access: office: %w", err)
		}
	}
	var err error
	if a.webauthn, err = newWebAuthn(c.PublicURL); err != nil {
		return nil, err
	}
	a.sessions = newSessions(c.DB, c.Log)
	if err := a.seedProfiles(ctx); err != nil {
		return nil, fmt.Errorf("access: built-in profiles: %w", err)
	}
	return a, nil
}

// Office returns the configured office, or the one stored at the first set-up, or
// the zero Office before it.
func (a *Access) Office(ctx context.Context) (ops.Office, error) { return a.officeIn(ctx, a.db) }

func (a *Access) officeIn(ctx context.Context, db bun.IDB) (ops.Office, error) {
	if a.office != (ops.Office{}) {
		return a.office, nil
	}
	var row officeRow
	err := db.NewSelect().Model(&row).Where("id = ?", officeID).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return ops.Office{}, nil
	}
	if err != nil {
		return ops.Office{}, fmt.Errorf("office: %w", err)
	}
	return ops.Office{Name: row.Name, Phone: row.Phone, Controller: row.Controller, PrivacyContact: row.PrivacyContact}, nil
}

const officeID = "office"

type officeRow struct {
	bun.BaseModel `bun:"table:office"`

	ID             string
	Name           string
	Phone          string
	Controller     string
	PrivacyContact string
	ChangedAt      time.Time
}

// newToken returns 256 random bits as 43 characters of base64url.
func newToken() string {
	var b [32]byte
	rand.Read(b[:]) // never fails since Go 1.24
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// hashToken is how tokens are stored. They are random: no salt, no slow hash.
func hashToken(token string) string {
	h := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(h[:])
}
