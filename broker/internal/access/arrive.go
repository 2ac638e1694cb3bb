package access

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"consento/broker/internal/ops"

	"github.com/google/uuid"
	"github.com/uptrace/bun"
)

// Step is what stands between the right password and being signed in.
type Step string

// The steps, in the order in which they are taken.
const (
	StepSecond   Step = "second"   // prove the second factor
	StepPassword Step = "password" // choose another password
	StepEnrol    Step = "enrol"    // set up a second factor
)

// Why the password has to be replaced.
const (
	WhyOld  = "old"  // the office lets it live no longer
	WhyWeak = "weak" // it would not be accepted today
)

// arrivalFor is how long the steps may take.
const arrivalFor = 15 * time.Minute

// Arrival is a sign-in that is not complete: it has no rights at all.
type Arrival struct {
	Account Account
	Step    Step   // what is to be done now
	Why     string // of StepPassword
}

// Arriving returns who is on the way in, if they are.
func Arriving(r *http.Request) (Arrival, bool) {
	arrival, ok := r.Context().Value(arrivalKey).(Arrival)
	return arrival, ok
}

func (a *Access) step(ctx context.Context) Step {
	first, _, _ := strings.Cut(a.sessions.GetString(ctx, keySteps), " ")
	return Step(first)
}

// stepsAfterPassword lists what is to be done after the right password.
func (a *Access) stepsAfterPassword(ctx context.Context, account Account, password string) (steps []Step, why string, _ error) {
	rule, err := a.ruleFor(ctx, account.Role)
	if err != nil {
		return nil, "", err
	}
	factors, err := a.Factors(ctx, account.ID)
	if err != nil {
		return nil, "", err
	}
	if factors.Any() {
		steps = append(steps, StepSecond)
	}
	if rule.old(account.PasswordAt) {
		why = WhyOld
	} else if _, err := checkPassword(password, leastPassword(factors)); err != nil {
		why = WhyWeak // the rules became stricter, or it turned up elsewhere
	}
	if why != "" {
		steps = append(steps, StepPassword)
	}
	if rule.SecondFactor && !factors.Any() {
		steps = append(steps, StepEnrol)
	}
	return steps, why, nil
}

// leastPassword is how long a password is at least, in characters.
func leastPassword(f Factors) int {
	if f.Any() {
		return MinWithSecond
	}
	return MinPassword
}

// Enter signs the sender of r in as account, under a new cookie, by what the caller has
// checked (how), and returns the first of the steps that are to be done before it counts.
func (a *Access) Enter(r *http.Request, account Account, how string, steps []Step, why string) (Step, error) {
	ctx := r.Context()
	if ctx.Value(signInKey) == nil {
		return "", ErrNoSignIn
	}
	if err := sweep(ctx, a.db); err != nil {
		return "", err
	}
	if err := a.sessions.RenewToken(ctx); err != nil { // against fixation
		return "", fmt.Errorf("sign in: %w", err)
	}
	if err := a.sessions.Clear(ctx); err != nil { // whoever was signed in here before
		return "", fmt.Errorf("sign in: %w", err)
	}
	browser, system := deviceOf(r.UserAgent())
	names := make([]string, len(steps))
	for i, s := range steps {
		names[i] = string(s)
	}
	for key, value := range map[string]string{keyAccount: account.ID, keyEpoch: fmt.Sprint(account.epoch), keyID: uuid.NewString(), keySteps: strings.Join(names, " "), keyWhy: why,
		keyHow: how, keySince: time.Now().UTC().Format(time.RFC3339), keyNetwork: network(r).String(), keyBrowser: browser, keySystem: system} {
		a.sessions.Put(ctx, key, value)
	}
	if len(steps) > 0 {
		a.sessions.SetDeadline(ctx, time.Now().Add(arrivalFor))
		return steps[0], nil
	}
	return "", a.arrived(ctx, account)
}

// advance takes the step that was done away, and returns the next one. how adds what
// was proven by it.
func (a *Access) advance(ctx context.Context, account Account, how string) (Step, error) {
	_, rest, _ := strings.Cut(a.sessions.GetString(ctx, keySteps), " ")
	if err := a.sessions.RenewToken(ctx); err != nil {
		return "", fmt.Errorf("sign in: %w", err)
	}
	a.sessions.Put(ctx, keySteps, rest)
	a.sessions.Put(ctx, keyEpoch, fmt.Sprint(account.epoch))
	if how != "" {
		a.sessions.Put(ctx, keyHow, a.sessions.GetString(ctx, keyHow)+" "+how)
	}
	if rest != "" {
		a.sessions.SetDeadline(ctx, time.Now().Add(arrivalFor))
		return a.step(ctx), nil
	}
	return "", a.arrived(ctx, account)
}

// arrived forgets the failures, which counted up to here, and notes the sign-in.
func (a *Access) arrived(ctx context.Context, account Account) error {
	if err := a.forgiveAccount(ctx, hashToken(account.Email)); err != nil {
		return err
	}
	body := map[string]any{"role": account.Role, "network": a.sessions.GetString(ctx, keyNetwork), "how": a.sessions.GetString(ctx, keyHow)}
	if err := ops.NoteAct(ctx, a.db, "signin", account.ID, body); err != nil {
		return err
	}
	a.log.InfoContext(ctx, "signed in", "account", account.ID, "role", string(account.Role))
	return nil
}

// ChangePassword gives the sender of r another password. Who is signed in says the one
// before; who was told at the sign-in to choose another one has just said it, and goes
// on. Every other sign-in of the account ends. Errors: ErrEnded for who is neither,
// ErrCredentials, ErrThrottled, *Invalid for the field password (codes as CheckPassword,
// and same).
func (a *Access) ChangePassword(r *http.Request, before, password string) (Step, error) {
	ctx := r.Context()
	if ctx.Value(signInKey) == nil {
		return "", ErrNoSignIn
	}
	account, in := Current(r)
	if account.Central {
		return "", ErrCentral
	}
	if arrival, ok := Arriving(r); ok && arrival.Step == StepPassword {
		account = arrival.Account
	} else if !in {
		return "", ErrEnded
	} else if err := a.prove(ctx, account, before); err != nil {
		return "", err
	}
	office, err := a.Office(ctx)
	if err != nil {
		return "", err
	}
	factors, err := a.Factors(ctx, account.ID)
	if err != nil {
		return "", err
	}
	if password, err = checkPassword(password, leastPassword(factors), account.Email, account.Name, office.Name); err != nil {
		return "", err
	}
	row, err := selectAccount(ctx, a.db, "account.id = ?", account.ID)
	if err != nil {
		return "", err
	}
	if same, _, err := a.passwords.verify(ctx, row.PasswordHash, password); err != nil {
		return "", err
	} else if same {
		return "", invalid("password", "same", "is the one before")
	}
	hash, err := a.passwords.hash(ctx, password)
	if err != nil {
		return "", err
	}
	err = a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		// Whoever lost the account meanwhile does not choose its password.
		update := tx.NewUpdate().Model((*accountRow)(nil)).Set("password_hash = ?", hash).Set("password_at = ?", time.Now()).Set("epoch = epoch + 1").
			Where("id = ?", account.ID).Where("epoch = ?", account.epoch).Where("disabled_at IS NULL")
		if err := affect(ctx, update, ErrEnded); err != nil {
			return err
		}
		return ops.NoteAct(ctx, tx, "password.changed", account.ID, map[string]any{"account": account.ID, "by": "owner"})
	})
	if err != nil {
		return "", fmt.Errorf("change password: %w", err)
	}
	account.epoch++
	if !in {
		return a.advance(ctx, account, "")
	}
	return "", a.stay(ctx, account)
}

// prove checks the password of who is signed in, as SignIn does.
func (a *Access) prove(ctx context.Context, account Account, password string) error {
	if _, err := a.authenticate(ctx, account.Email, password); err != nil {
		return err
	}
	return a.forgiveAccount(ctx, hashToken(account.Email))
}

// stay gives this sign-in the account's new epoch, under a new cookie: the others ended.
func (a *Access) stay(ctx context.Context, account Account) error {
	deadline := a.sessions.Deadline(ctx)
	if err := a.sessions.RenewToken(ctx); err != nil {
		return fmt.Errorf("sign-in: %w", err)
	}
	a.sessions.SetDeadline(ctx, deadline)
	a.sessions.Put(ctx, keyEpoch, fmt.Sprint(account.epoch))
	return nil
}

// Place is where somebody is signed in.
type Place struct {
	Since           time.Time
	Network         string // address, or network of an IPv6 one
	Browser, System string // names, "" if not known
	Here            bool   // by this very sign-in
}

// Places lists where the sender of r is signed in, this one first, then the newest.
func (a *Access) Places(r *http.Request) ([]Place, error) {
	ctx := r.Context()
	account, ok := Current(r)
	if !ok || ctx.Value(signInKey) == nil {
		return nil, ErrNoSignIn
	}
	var rows []signInRow
	if err := a.db.NewSelect().Model(&rows).Where("account_id = ?", account.ID).Where("NOT ended").Where("expires_at > ?", time.Now()).Scan(ctx); err != nil {
		return nil, fmt.Errorf("sign-ins: %w", err)
	}
	own := a.sessions.GetString(ctx, keyID)
	var places []Place
	for _, row := range rows {
		_, values, err := jsonCodec{}.Decode([]byte(row.Data))
		if err != nil {
			return nil, fmt.Errorf("sign-ins: %w", err)
		}
		text := func(key string) string { s, _ := values[key].(string); return s }
		if text(keySteps) != "" || text(keyEpoch) != fmt.Sprint(account.epoch) {
			continue // on the way in, or over
		}
		since, _ := time.Parse(time.RFC3339, text(keySince)) // zero for one from before it was noted
		place := Place{Since: since, Network: strings.TrimSuffix(text(keyNetwork), "/32"), Browser: text(keyBrowser), System: text(keySystem), Here: own != "" && text(keyID) == own}
		places = append(places, place)
	}
	slices.SortFunc(places, func(x, y Place) int {
		if x.Here != y.Here {
			if x.Here {
				return -1
			}
			return 1
		}
		return y.Since.Compare(x.Since)
	})
	return places, nil
}

// EndOthers ends every sign-in of the sender of r but this one, and what runs by them.
func (a *Access) EndOthers(r *http.Request) error {
	ctx := r.Context()
	account, ok := Current(r)
	if !ok || ctx.Value(signInKey) == nil {
		return ErrNoSignIn
	}
	err := a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		update := tx.NewUpdate().Model((*accountRow)(nil)).Set("epoch = epoch + 1").Where("id = ?", account.ID).Where("epoch = ?", account.epoch)
		if err := affect(ctx, update, ErrEnded); err != nil {
			return err
		}
		return ops.NoteAct(ctx, tx, "signins.ended", account.ID, nil)
	})
	if err != nil {
		return fmt.Errorf("end sign-ins: %w", err)
	}
	account.epoch++
	return a.stay(ctx, account)
}

// deviceOf names browser and system of a User-Agent header, as far as people tell them
// apart; "" for what it does not know.
func deviceOf(agent string) (browser, system string) {
	for _, b := range []struct{ mark, name string }{{"Edg/", "Edge"}, {"OPR/", "Opera"}, {"Firefox/", "Firefox"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"}} {
		if strings.Contains(agent, b.mark) {
			browser = b.name
			break
		}
	}
	for _, s := range []struct{ mark, name string }{{"Windows", "Windows"}, {"Android", "Android"}, {"iPhone", "iOS"}, {"iPad", "iOS"}, {"Mac OS X", "macOS"}, {"CrOS", "ChromeOS"}, {"Linux", "Linux"}} {
		if strings.Contains(agent, s.mark) {
			system = s.name
			break
		}
	}
	return browser, system
}
