package access

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/uptrace/bun"

	"consento/broker/internal/ops"
)

const (
	// CookieName binds the cookie to this host, to TLS and to the whole site
	// (RFC 6265bis, 4.1.3.2).
	CookieName = "__Host-consento"

	idleTimeout = 30 * time.Minute
	lifetime    = 12 * time.Hour

	keyAccount  = "account"
	keyEpoch    = "epoch"
	keyID       = "id"      // names the sign-in, for its owner
	keySteps    = "steps"   // what is still to be done, in order, by spaces
	keyWhy      = "why"     // the password has to be replaced
	keyHow      = "how"     // what was proven
	keySince    = "since"   // RFC 3339
	keyNetwork  = "network" // as network returns it
	keyBrowser  = "browser" // as deviceOf returns it
	keySystem   = "system"
	keyProved   = "proved"   // when the password was typed again, RFC 3339
	keyTOTP     = "totp"     // secret of an authenticator app on its way, sealed
	keyCeremony = "ceremony" // what a passkey was asked for, and the question
)

func newSessions(db *bun.DB, log *slog.Logger) *scs.SessionManager {
	// Not scs.New: it starts a goroutine for a store in memory that nobody stops.
	return &scs.SessionManager{
		Store:            &signInStore{db: db},
		HashTokenInStore: true,
		Codec:            jsonCodec{},
		IdleTimeout:      idleTimeout,
		Lifetime:         lifetime,
		Cookie:           scs.SessionCookie{Name: CookieName, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode},
		ErrorFunc: func(w http.ResponseWriter, r *http.Request, err error) {
			if ops.CallerGone(r) { // no error of ours
				w.WriteHeader(ops.StatusCallerGone)
				return
			}
			log.ErrorContext(r.Context(), "sign-ins cannot be read or written", "error", err)
			http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		},
	}
}

type contextKey int

const (
	accountKey contextKey = iota
	arrivalKey
	signInKey
	tokenKey
)

// LoadSession finds out by cookie who asks, for [Current]. It must stand before every
// handler of people that calls Current, SignIn or SignOut. A request with an unknown or
// old cookie is nobody's, and so is one with an API token: that is for programs (see
// [Access.ByToken]), and does not stand for a person who is there.
func (a *Access) LoadSession(next http.Handler) http.Handler {
	return a.sessions.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := context.WithValue(r.Context(), signInKey, true)
		account, err := a.signedIn(ctx)
		switch {
		case err == nil:
			if step := a.step(ctx); step != "" {
				ctx = context.WithValue(ctx, arrivalKey, Arrival{account, step, a.sessions.GetString(ctx, keyWhy)})
			} else {
				ctx = context.WithValue(ctx, accountKey, account)
			}
		case !errors.Is(err, ErrEnded):
			a.sessions.ErrorFunc(w, r, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(ctx))
	}))
}

// signedIn returns the account of the cookie, or ErrEnded.
func (a *Access) signedIn(ctx context.Context) (Account, error) {
	id := a.sessions.GetString(ctx, keyAccount)
	if id == "" {
		return Account{}, ErrEnded
	}
	account, err := a.ByID(ctx, id)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Account{}, err
	}
	if err == nil && !account.Disabled && fmt.Sprint(account.epoch) == a.sessions.GetString(ctx, keyEpoch) {
		return account, nil
	}
	if err := a.sessions.Destroy(ctx); err != nil {
		return Account{}, fmt.Errorf("end sign-in: %w", err)
	}
	return Account{}, ErrEnded
}

// Current returns who asks, if they are signed in.
func Current(r *http.Request) (Account, bool) {
	account, ok := r.Context().Value(accountKey).(Account)
	return account, ok
}

// SignIn checks e-mail and password and signs the sender of r in, under a new
// cookie. Where something is still to be done first, it returns what: until then
// Current knows nobody, and Arriving does. It fails with ErrCredentials, or *Throttled
// (ErrThrottled) when the account or the address has failed too often, or the machine
// is too busy.
func (a *Access) SignIn(r *http.Request, email, password string) (Step, error) {
	ctx := r.Context()
	if ctx.Value(signInKey) == nil {
		return "", ErrNoSignIn
	}
	address := network(r)
	if err := a.addresses.take(address); err != nil {
		a.log.WarnContext(ctx, "sign-in refused", "reason", "too many tries from one address")
		return "", err
	}
	account, err := a.authenticate(ctx, email, password)
	switch {
	case errors.Is(err, ErrCredentials):
		a.log.InfoContext(ctx, "sign-in refused", "reason", "credentials")
		return "", err
	case errors.Is(err, ErrThrottled):
		a.log.WarnContext(ctx, "sign-in refused", "reason", "too many tries for one account, or too much to do")
		return "", err
	case err != nil:
		a.addresses.giveBack(address) // our fault
		return "", err
	}
	a.addresses.giveBack(address)
	if account.Central { // what else is to be proven is the directory's matter
		return a.Enter(r, account, "directory", nil, "")
	}
	steps, why, err := a.stepsAfterPassword(ctx, account, password)
	if err != nil {
		return "", err
	}
	if len(steps) > 0 { // the password was no failure; those before are forgotten at the end
		if err := a.giveBackAccount(ctx, hashToken(account.Email)); err != nil {
			return "", err
		}
	}
	return a.Enter(r, account, "password", steps, why)
}

// authenticate counts a try, which forgiveAccount takes back, and does the same work
// whether there is such an account or not.
func (a *Access) authenticate(ctx context.Context, email, password string) (Account, error) {
	clean, err := CleanEmail(email)
	known := err == nil
	if !known {
		clean = strings.ToLower(email)
	}
	if err := a.takeAccount(ctx, hashToken(clean)); err != nil {
		return Account{}, err
	}
	stored := a.passwords.decoy
	var row *accountRow
	if known {
		if row, err = selectAccount(ctx, a.db, "account.email = ?", clean); err == nil {
			stored = row.PasswordHash
		} else if !errors.Is(err, ErrNotFound) {
			return Account{}, err
		}
	}
	normal, ok := normalPassword(password)
	if !ok {
		normal, stored = "", a.passwords.decoy
	}
	right, outdated, err := a.passwords.verify(ctx, stored, normal)
	if err != nil {
		return Account{}, fmt.Errorf("sign in: %w", err)
	}
	if known && (row == nil || row.Central) { // no password is right
		return a.byDirectory(ctx, clean, password)
	}
	if !right || row == nil || !row.DisabledAt.IsZero() {
		return Account{}, ErrCredentials
	}
	if err := a.passwordAllowed(ctx, row); err != nil {
		return Account{}, err
	}
	if outdated {
		if err := a.rehash(ctx, row, normal); err != nil {
			return Account{}, err
		}
	}
	return row.account()
}

// rehash stores the password under today's parameters, unless it was changed
// meanwhile.
func (a *Access) rehash(ctx context.Context, row *accountRow, password string) error {
	hash, err := a.passwords.hash(ctx, password)
	if err != nil {
		return fmt.Errorf("sign in: %w", err)
	}
	_, err = a.db.NewUpdate().Model((*accountRow)(nil)).Set("password_hash = ?", hash).
		Where("id = ?", row.ID).Where("password_hash = ?", row.PasswordHash).Exec(ctx)
	if err != nil {
		return fmt.Errorf("sign in: %w", err)
	}
	return nil
}

// SignOut ends the sign-in of r. Requests that are still on their way with the
// same cookie cannot bring it back.
func (a *Access) SignOut(r *http.Request) error {
	if r.Context().Value(signInKey) == nil {
		return ErrNoSignIn
	}
	by := a.sessions.GetString(r.Context(), keyAccount)
	if err := a.sessions.Destroy(r.Context()); err != nil {
		return fmt.Errorf("sign out: %w", err)
	}
	if by == "" {
		return nil
	}
	return ops.NoteAct(r.Context(), a.db, "signout", by, nil)
}

// SameOrigin refuses requests that change something and that a browser sends from
// another site (Sec-Fetch-Site, Origin). Programs without these headers pass.
// publicURL is where people reach the broker, https://HOST[:PORT].
func SameOrigin(publicURL string, next http.Handler) (http.Handler, error) {
	p := http.NewCrossOriginProtection()
	if err := p.AddTrustedOrigin(publicURL); err != nil {
		return nil, fmt.Errorf("public address: %w", err)
	}
	return p.Handler(next), nil
}

// jsonCodec writes the same values as the same text, which the store compares.
type jsonCodec struct{}

type signInData struct {
	Deadline time.Time         `json:"deadline"`
	Values   map[string]string `json:"values"`
}

func (jsonCodec) Encode(deadline time.Time, values map[string]any) ([]byte, error) {
	d := signInData{Deadline: deadline, Values: map[string]string{}}
	for k, v := range values {
		s, ok := v.(string)
		if !ok {
			return nil, fmt.Errorf("value %q of a sign-in is not a string", k)
		}
		d.Values[k] = s
	}
	return json.Marshal(d)
}

func (jsonCodec) Decode(b []byte) (time.Time, map[string]any, error) {
	var d signInData
	if err := json.Unmarshal(b, &d); err != nil {
		return time.Time{}, nil, err
	}
	values := map[string]any{}
	for k, v := range d.Values {
		values[k] = v
	}
	return d.Deadline, values, nil
}
