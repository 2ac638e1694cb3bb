package access

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"consento/broker/internal/ops"

	"github.com/uptrace/bun"
	"golang.org/x/text/unicode/norm"
)

var (
	// ErrUnproven says that changing factors asks for the password, or a passkey, again.
	ErrUnproven = errors.New("say again who you are")
	// ErrNeeded says that the office asks for a second factor, and this is the last.
	ErrNeeded = errors.New("the office asks for a second factor, and this is the last one")
	// ErrCode says that a code is wrong, was used already, or is none.
	ErrCode = errors.New("the code is wrong or was used")
	// ErrCodesSpent says that too many codes in a row were wrong: none is taken any more.
	ErrCodesSpent = errors.New("too many wrong codes in a row: the authenticator app is taken no longer")
)

const (
	// provenFor is how long the password, typed again, lets one change factors.
	provenFor = 10 * time.Minute
)

// Factors are what an account has beside its password.
type Factors struct {
	TOTP         bool
	Made, Used   time.Time // of the authenticator app; Used is zero before the first time
	Spent        bool      // too many wrong codes: it is taken no longer
	RecoveryLeft int       // codes not used yet
	Passkeys     []OwnPasskey
}

// Any says whether there is a second factor. Recovery codes alone are none.
func (f Factors) Any() bool { return f.TOTP || len(f.Passkeys) > 0 }

// Factors returns those of an account.
func (a *Access) Factors(ctx context.Context, account string) (Factors, error) {
	return factorsOf(ctx, a.db, account)
}

func factorsOf(ctx context.Context, db bun.IDB, account string) (Factors, error) {
	var f Factors
	var row totpRow
	err := db.NewSelect().Model(&row).Where("account_id = ?", account).Scan(ctx)
	switch {
	case err == nil:
		f = Factors{TOTP: true, Made: row.MadeAt, Used: row.UsedAt, Spent: row.Failures >= mostCodeFailures}
	case !errors.Is(err, sql.ErrNoRows):
		return Factors{}, fmt.Errorf("factors: %w", err)
	}
	left, err := db.NewSelect().Model((*recoveryRow)(nil)).Where("account_id = ?", account).Where("used_at IS NULL").Count(ctx)
	if err != nil {
		return Factors{}, fmt.Errorf("factors: %w", err)
	}
	f.RecoveryLeft = int(left)
	var passkeys []ownPasskeyRow
	if err := db.NewSelect().Model(&passkeys).Where("account_id = ?", account).Order("made_at", "credential").Scan(ctx); err != nil {
		return Factors{}, fmt.Errorf("factors: %w", err)
	}
	for _, p := range passkeys {
		f.Passkeys = append(f.Passkeys, OwnPasskey{ID: p.Credential, Name: p.Name, Made: p.MadeAt, Used: p.UsedAt})
	}
	return f, nil
}

// Confirm takes the password of who is signed in again, so that they may change their
// factors for a while. Errors: ErrCredentials, ErrThrottled.
func (a *Access) Confirm(r *http.Request, password string) error {
	account, ok := Current(r)
	if !ok || r.Context().Value(signInKey) == nil {
		return ErrNoSignIn
	}
	if err := a.prove(r.Context(), account, password); err != nil {
		return err
	}
	a.sessions.Put(r.Context(), keyProved, time.Now().UTC().Format(time.RFC3339))
	return nil
}

// Proven says whether the sender of r may change their factors now: who confirmed a
// moment ago, or has to set one up on the way in.
func (a *Access) Proven(r *http.Request) bool {
	_, err := a.changer(r)
	return err == nil
}

// changer returns whose factors the sender of r may change now.
func (a *Access) changer(r *http.Request) (Account, error) {
	ctx := r.Context()
	if ctx.Value(signInKey) == nil {
		return Account{}, ErrNoSignIn
	}
	if arrival, ok := Arriving(r); ok && arrival.Step == StepEnrol {
		return arrival.Account, nil
	}
	account, ok := Current(r)
	if !ok {
		return Account{}, ErrNoSignIn
	}
	at, err := time.Parse(time.RFC3339, a.sessions.GetString(ctx, keyProved))
	if err != nil || time.Since(at) > provenFor {
		return Account{}, ErrUnproven
	}
	return account, nil
}

// BeginTOTP returns what the person puts into their app: the same until it is taken or
// the sign-in ends. issuer is how the app names the office.
func (a *Access) BeginTOTP(r *http.Request, issuer string) (NewTOTP, error) {
	account, err := a.changer(r)
	if err != nil {
		return NewTOTP{}, err
	}
	ctx := r.Context()
	secret, err := a.unseal(account.ID, a.sessions.GetString(ctx, keyTOTP))
	if errors.Is(err, errSealed) {
		secret = make([]byte, totpSecretBytes)
		rand.Read(secret) // never fails since Go 1.24
		var sealed string
		if sealed, err = a.seal(account.ID, secret); err == nil {
			a.sessions.Put(ctx, keyTOTP, sealed)
		}
	}
	if err != nil {
		return NewTOTP{}, err
	}
	issuer = strings.ReplaceAll(issuer, ":", " ") // it parts issuer and account
	return newTOTP(secret, issuer, account.Email), nil
}

// TakeTOTP makes what BeginTOTP returned the account's authenticator app, instead of the
// one before, once a code shows that the app has it. It returns recovery codes, to be shown
// this once, where there were none, and the next step of a sign-in. Errors: ErrCode,
// ErrThrottled, ErrUnproven.
func (a *Access) TakeTOTP(r *http.Request, code string) (codes []string, next Step, _ error) {
	account, err := a.changer(r)
	if err != nil {
		return nil, "", err
	}
	ctx := r.Context()
	sealed := a.sessions.GetString(ctx, keyTOTP)
	secret, err := a.unseal(account.ID, sealed)
	if errors.Is(err, errSealed) {
		return nil, "", ErrCode // it was taken, or never begun
	}
	if err != nil {
		return nil, "", err
	}
	step, ok := totpMatch(secret, cleanCode(code), time.Now())
	if !ok {
		return nil, "", ErrCode
	}
	err = a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		if err := present(ctx, tx, account); err != nil {
			return err
		}
		if _, err := tx.NewDelete().Model((*totpRow)(nil)).Where("account_id = ?", account.ID).Exec(ctx); err != nil {
			return err
		}
		if _, err := tx.NewInsert().Model(&totpRow{AccountID: account.ID, Secret: sealed, MadeAt: time.Now(), LastStep: step}).Exec(ctx); err != nil {
			return err
		}
		if err := ops.NoteAct(ctx, tx, "totp.added", account.ID, nil); err != nil {
			return err
		}
		codes, err = a.firstCodes(ctx, tx, account)
		return err
	})
	if err != nil {
		return nil, "", fmt.Errorf("authenticator app: %w", err)
	}
	a.sessions.Remove(ctx, keyTOTP)
	if _, arriving := Arriving(r); arriving {
		next, err = a.advance(ctx, account, "totp")
	}
	return codes, next, err
}

// present fails with ErrEnded when an account's sign-ins have ended since it was read.
func present(ctx context.Context, tx bun.Tx, account Account) error {
	there, err := tx.NewSelect().Model((*accountRow)(nil)).Where("id = ?", account.ID).Where("epoch = ?", account.epoch).Where("disabled_at IS NULL").Exists(ctx)
	if err == nil && !there {
		err = ErrEnded
	}
	return err
}

// cleanCode reads a code as people type it: width, case, blanks and dashes do not matter,
// nor what looks alike. Anything that cannot be one gives "".
func cleanCode(typed string) string {
	if len(typed) > 200 {
		return ""
	}
	code := strings.Map(func(r rune) rune {
		switch {
		case r >= '0' && r <= '9', r >= 'A' && r <= 'Z':
			return r
		case r == ' ' || r == '-' || r == '\u00a0' || r == '\t':
			return -1
		}
		return '!'
	}, strings.ToUpper(norm.NFKC.String(typed)))
	if len(code) != totpDigits && len(code) != recoveryAlphabet.EncodedLen(recoveryBytes) || strings.Contains(code, "!") {
		return ""
	}
	return strings.NewReplacer("O", "0", "I", "1", "L", "1").Replace(code)
}

// SecondFactor takes a code of the authenticator app, or a recovery code, of who has given
// the right password, and returns the next step. Errors: ErrEnded, ErrCode, ErrCodesSpent,
// ErrThrottled: a wrong code counts as a wrong password does, and together with it.
func (a *Access) SecondFactor(r *http.Request, typed string) (Step, error) {
	ctx := r.Context()
	arrival, ok := Arriving(r)
	if !ok || arrival.Step != StepSecond {
		return "", ErrEnded
	}
	account := arrival.Account
	address := network(r)
	if err := a.addresses.take(address); err != nil {
		return "", err
	}
	if err := a.takeAccount(ctx, hashToken(account.Email)); err != nil {
		return "", err
	}
	how, err := a.useCode(ctx, account, cleanCode(typed))
	if errors.Is(err, ErrCode) || errors.Is(err, ErrCodesSpent) {
		// Whoever is here has the password: that is worth knowing.
		return "", errors.Join(err, ops.NoteAct(ctx, a.db, "signin.refused", account.ID, map[string]any{"step": StepSecond, "network": address.String()}))
	}
	a.addresses.giveBack(address)
	if err != nil {
		return "", fmt.Errorf("second factor: %w", err)
	}
	return a.advance(ctx, account, how)
}

// useCode uses a code up.
func (a *Access) useCode(ctx context.Context, account Account, code string) (how string, _ error) {
	if len(code) != totpDigits {
		return "recovery", a.useRecovery(ctx, account, code)
	}
	var row totpRow
	err := a.db.NewSelect().Model(&row).Where("account_id = ?", account.ID).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return "", ErrCode
	}
	if err != nil {
		return "", err
	}
	if row.Failures >= mostCodeFailures {
		return "", ErrCodesSpent
	}
	secret, err := a.unseal(account.ID, row.Secret)
	if err != nil {
		return "", err
	}
	step, ok := totpMatch(secret, code, time.Now())
	if !ok {
		_, err := a.db.NewUpdate().Model((*totpRow)(nil)).Set("failures = failures + 1").Where("account_id = ?", account.ID).Exec(ctx)
		return "", errors.Join(ErrCode, err)
	}
	// Of many that come with the same code at once, one is first (RFC 6238, section 5.2).
	update := a.db.NewUpdate().Model((*totpRow)(nil)).Set("last_step = ?", step).Set("used_at = ?", time.Now()).Set("failures = 0").
		Where("account_id = ?", account.ID).Where("last_step < ?", step)
	return "totp", affect(ctx, update, ErrCode)
}

// RemoveTOTP takes the authenticator app of the sender of r away; every other sign-in ends.
// Errors: ErrUnproven; ErrNotFound; ErrNeeded when the office asks for a second factor and
// there is no other.
func (a *Access) RemoveTOTP(r *http.Request) error {
	return a.removeFactor(r, "totp.removed", nil, func(ctx context.Context, tx bun.Tx, account Account) error {
		return affect(ctx, tx.NewDelete().Model((*totpRow)(nil)).Where("account_id = ?", account.ID), ErrNotFound)
	})
}

// removeFactor takes one factor away, and the recovery codes with the last one.
func (a *Access) removeFactor(r *http.Request, act string, body map[string]any, remove func(context.Context, bun.Tx, Account) error) error {
	account, err := a.changer(r)
	if err != nil {
		return err
	}
	ctx := r.Context()
	rule, err := a.ruleFor(ctx, account.Role)
	if err != nil {
		return err
	}
	err = a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		if err := remove(ctx, tx, account); err != nil {
			return err
		}
		f, err := factorsOf(ctx, tx, account.ID)
		if err != nil {
			return err
		}
		if !f.Any() {
			if rule.SecondFactor {
				return ErrNeeded
			}
			if _, err := tx.NewDelete().Model((*recoveryRow)(nil)).Where("account_id = ?", account.ID).Exec(ctx); err != nil {
				return err
			}
		}
		update := tx.NewUpdate().Model((*accountRow)(nil)).Set("epoch = epoch + 1").Where("id = ?", account.ID).Where("epoch = ?", account.epoch)
		if err := affect(ctx, update, ErrEnded); err != nil {
			return err
		}
		return ops.NoteAct(ctx, tx, act, account.ID, body)
	})
	if err != nil {
		return fmt.Errorf("remove factor: %w", err)
	}
	account.epoch++
	return a.stay(ctx, account)
}

// RemoveFactors takes everything but the password from somebody who lost it: every sign-in
// of theirs ends. Errors: ErrForbidden, ErrOwnAccount, ErrNotFound.
func (a *Access) RemoveFactors(ctx context.Context, by Account, id string) error {
	if err := a.manages(ctx, by, id); err != nil {
		return err
	}
	return a.removeFactors(ctx, by.ID, id)
}

// ResetFactors is RemoveFactors by the command line: for the last one who could do it.
func (a *Access) ResetFactors(ctx context.Context, id string) error {
	return a.removeFactors(ctx, ops.ByCommand, id)
}

func (a *Access) removeFactors(ctx context.Context, by, id string) error {
	err := a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		for _, model := range []any{(*totpRow)(nil), (*recoveryRow)(nil), (*ownPasskeyRow)(nil)} {
			if _, err := tx.NewDelete().Model(model).Where("account_id = ?", id).Exec(ctx); err != nil {
				return err
			}
		}
		if err := affect(ctx, tx.NewUpdate().Model((*accountRow)(nil)).Set("epoch = epoch + 1").Where("id = ?", id), ErrNotFound); err != nil {
			return err
		}
		return ops.NoteAct(ctx, tx, "factors.removed", by, map[string]any{"account": id})
	})
	if err != nil {
		return fmt.Errorf("remove factors: %w", err)
	}
	return nil
}

type totpRow struct {
	bun.BaseModel `bun:"table:totp"`

	AccountID string `bun:",pk"`
	Secret    string
	MadeAt    time.Time
	UsedAt    time.Time `bun:",nullzero"`
	LastStep  int64
	Failures  int
}
