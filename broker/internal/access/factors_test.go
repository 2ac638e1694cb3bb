package access

import (
	"encoding/base32"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// phone is an authenticator app.
type phone struct{ secret []byte }

func (p phone) code() string { return hotp(p.secret, uint64(totpStep(time.Now())), totpDigits) }

// wrong is a code that is not good now.
func (p phone) wrong() string {
	code := []byte(p.code())
	for {
		code[0] = '0' + (code[0]-'0'+1)%10
		if _, ok := totpMatch(p.secret, string(code), time.Now()); !ok {
			return string(code)
		}
	}
}

func keyOf(t *testing.T, n NewTOTP) phone {
	t.Helper()
	secret, err := base32.StdEncoding.DecodeString(strings.ReplaceAll(n.Key, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return phone{secret}
}

// enrols sets an app up in a browser that is signed in, or has to.
func (b *inBubble) enrols(t *testing.T) (p phone, codes []string) {
	t.Helper()
	b.do(func(r *http.Request) {
		n, err := b.a.BeginTOTP(r, "Office")
		if err != nil {
			t.Fatal(err)
		}
		p = keyOf(t, n)
	})
	b.do(func(r *http.Request) {
		var err error
		if codes, _, err = b.a.TakeTOTP(r, p.code()); err != nil {
			t.Fatal(err)
		}
	})
	return p, codes
}

func (b *inBubble) confirms(t *testing.T, password string) {
	t.Helper()
	b.do(func(r *http.Request) {
		if err := b.a.Confirm(r, password); err != nil {
			t.Fatal(err)
		}
	})
}

func (b *inBubble) second(code string) (step Step, err error) {
	b.do(func(r *http.Request) { step, err = b.a.SecondFactor(r, code) })
	return step, err
}

func TestSecondFactor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newTestAccess(t, newTestDB(t))
		anna := mustAdd(t, a, technician("anna@office.example"))
		b := &inBubble{a: a, address: "192.0.2.1:1"}
		in := func() {
			t.Helper()
			if err := b.signIn(anna.Email, goodPassword); err != nil {
				t.Fatal(err)
			}
		}
		in()
		var err error
		b.do(func(r *http.Request) { _, err = a.BeginTOTP(r, "Office") })
		if !errors.Is(err, ErrUnproven) {
			t.Fatalf("a stolen sign-in sets a factor up: %v", err)
		}
		b.do(func(r *http.Request) { err = a.Confirm(r, "not the password") })
		if !errors.Is(err, ErrCredentials) {
			t.Fatal(err)
		}
		b.confirms(t, goodPassword)
		b.do(func(r *http.Request) { _, _, err = a.TakeTOTP(r, "123456") })
		if !errors.Is(err, ErrCode) {
			t.Fatalf("before it began: %v", err)
		}
		app, codes := b.enrols(t)
		if len(codes) != recoveryCodes {
			t.Fatal(codes)
		}

		// The code that set it up is used.
		in()
		if b.signedIn() || b.arriving().Step != StepSecond {
			t.Fatalf("%+v", b.arriving())
		}
		if _, err := b.second(app.code()); !errors.Is(err, ErrCode) {
			t.Fatalf("a used code: %v", err)
		}
		time.Sleep(totpPeriod * time.Second)
		code := app.code()
		if _, err := b.second(app.wrong()); !errors.Is(err, ErrCode) || b.signedIn() {
			t.Fatalf("a wrong code: %v", err)
		}
		if step, err := b.second(code); err != nil || step != "" || !b.signedIn() {
			t.Fatalf("%q, %v", step, err)
		}
		thief := &inBubble{a: a, address: "192.0.2.2:1"}
		if err := thief.signIn(anna.Email, goodPassword); err != nil {
			t.Fatal(err)
		}
		if _, err := thief.second(code); !errors.Is(err, ErrCode) || thief.signedIn() {
			t.Fatalf("seen over the shoulder: %v", err)
		}
		time.Sleep(accountPace.limit)

		// Recovery codes: each once, in any spelling.
		in()
		if _, err := b.second(" " + strings.ToLower(strings.ReplaceAll(codes[3], " ", "-"))); err != nil || !b.signedIn() {
			t.Fatal(err)
		}
		in()
		if _, err := b.second(codes[3]); !errors.Is(err, ErrCode) {
			t.Fatalf("a used recovery code: %v", err)
		}
		if f, err := a.Factors(t.Context(), anna.ID); err != nil || f.RecoveryLeft != recoveryCodes-1 || !f.TOTP || f.Used.IsZero() {
			t.Fatalf("%+v, %v", f, err)
		}
		bruno := mustAdd(t, a, technician("bruno@office.example"))
		if err := a.useRecovery(t.Context(), bruno, cleanCode(codes[4])); !errors.Is(err, ErrCode) {
			t.Fatalf("somebody else's: %v", err)
		}
		if _, err := b.second(codes[4]); err != nil {
			t.Fatal(err)
		}
		b.confirms(t, goodPassword)
		var fresh []string
		b.do(func(r *http.Request) { fresh, err = a.NewRecoveryCodes(r) })
		if err != nil || len(fresh) != recoveryCodes {
			t.Fatal(fresh, err)
		}
		in()
		if _, err := b.second(codes[5]); !errors.Is(err, ErrCode) {
			t.Fatalf("of the set before: %v", err)
		}
		if _, err := b.second(fresh[0]); err != nil {
			t.Fatal(err)
		}

		// Away again: what runs elsewhere ends, and there are no codes without a factor.
		before, err := a.ByID(t.Context(), anna.ID)
		if err != nil {
			t.Fatal(err)
		}
		b.do(func(r *http.Request) { err = a.RemoveTOTP(r) })
		if !errors.Is(err, ErrUnproven) {
			t.Fatal(err)
		}
		b.confirms(t, goodPassword)
		b.do(func(r *http.Request) { err = a.RemoveTOTP(r) })
		if err != nil || !b.signedIn() {
			t.Fatal(err)
		}
		if _, err := a.Recheck(t.Context(), before); !errors.Is(err, ErrEnded) {
			t.Fatalf("what runs goes on: %v", err)
		}
		if f, err := a.Factors(t.Context(), anna.ID); err != nil || f.Any() || f.RecoveryLeft != 0 {
			t.Fatalf("%+v, %v", f, err)
		}
		b.do(func(r *http.Request) { _, err = a.NewRecoveryCodes(r) })
		if !errors.Is(err, ErrNotFound) {
			t.Fatal(err)
		}
		time.Sleep(provenFor + time.Second)
		b.do(func(r *http.Request) {
			if a.Proven(r) {
				t.Error("the word of ten minutes ago still holds")
			}
		})
	})
}

// TestSecondFactorIsThrottled: together with the password, and for good after a hundred.
func TestSecondFactorIsThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newTestAccess(t, newTestDB(t))
		anna := mustAdd(t, a, technician("anna@office.example"))
		owner := &inBubble{a: a, address: "192.0.2.1:1"}
		if err := owner.signIn(anna.Email, goodPassword); err != nil {
			t.Fatal(err)
		}
		owner.confirms(t, goodPassword)
		app, codes := owner.enrols(t)

		thief := &inBubble{a: a, address: "192.0.2.2:1"}
		tries := 0
		for {
			if err := thief.signIn(anna.Email, goodPassword); errors.Is(err, ErrThrottled) {
				break // the right password buys no new tries
			} else if err != nil {
				t.Fatal(err)
			}
			if _, err := thief.second(app.wrong()); errors.Is(err, ErrThrottled) {
				break
			} else if !errors.Is(err, ErrCode) {
				t.Fatal(err)
			}
			tries++
		}
		if tries > accountPace.free+1 { // as with passwords
			t.Fatalf("%d codes without a pause", tries)
		}
		for range 2 * mostCodeFailures {
			time.Sleep(addressPace.limit) // longer than any pause
			if err := thief.signIn(anna.Email, goodPassword); err != nil {
				t.Fatal(err)
			}
			_, err := thief.second(app.wrong())
			if errors.Is(err, ErrThrottled) {
				continue
			}
			tries++
			if errors.Is(err, ErrCodesSpent) {
				break
			}
		}
		if tries != mostCodeFailures+1 {
			t.Fatalf("%d wrong codes", tries)
		}
		time.Sleep(addressPace.limit)
		if err := owner.signIn(anna.Email, goodPassword); err != nil {
			t.Fatal(err)
		}
		if _, err := owner.second(app.code()); !errors.Is(err, ErrCodesSpent) {
			t.Fatalf("the right code: %v", err)
		}
		time.Sleep(addressPace.limit)
		if err := owner.signIn(anna.Email, goodPassword); err != nil {
			t.Fatal(err)
		}
		if _, err := owner.second(codes[0]); err != nil || !owner.signedIn() {
			t.Fatal(err)
		}
		if f, err := a.Factors(t.Context(), anna.ID); err != nil || !f.Spent {
			t.Fatalf("%+v, %v", f, err)
		}
	})
}

// TestRequiredSecondFactor: who has none sets one up before anything else.
func TestRequiredSecondFactor(t *testing.T) {
	a := newTestAccess(t, newTestDB(t))
	boss := mustAdd(t, a, administrator("carla@office.example"))
	anna := mustAdd(t, a, technician("anna@office.example"))
	rule := SignInRule{Role: Technician, SecondFactor: true}
	if err := a.ChangeSignInRules(t.Context(), boss, []SignInRule{{Role: Technician}}, []SignInRule{rule}); err != nil {
		t.Fatal(err)
	}
	b := &inBubble{a: a, address: "192.0.2.1:1"}
	if err := b.signIn(anna.Email, goodPassword); err != nil {
		t.Fatal(err)
	}
	if b.signedIn() || b.arriving().Step != StepEnrol {
		t.Fatalf("%+v", b.arriving())
	}
	if _, err := b.second("123456"); !errors.Is(err, ErrEnded) {
		t.Fatalf("another step than the one that is due: %v", err)
	}
	if _, codes := b.enrols(t); len(codes) != recoveryCodes || !b.signedIn() {
		t.Fatal(codes)
	}
	b.confirms(t, goodPassword)
	var err error
	b.do(func(r *http.Request) { err = a.RemoveTOTP(r) })
	if !errors.Is(err, ErrNeeded) || !b.signedIn() {
		t.Fatal(err)
	}
	// With a second factor a shorter password will do; without it no longer.
	b.do(func(r *http.Request) { _, err = a.ChangePassword(r, goodPassword, "brown otters") })
	if err != nil {
		t.Fatal(err)
	}
	if err := a.RemoveFactors(t.Context(), boss, anna.ID); err != nil || b.signedIn() {
		t.Fatal(err)
	}
	if err := b.signIn(anna.Email, "brown otters"); err != nil {
		t.Fatal(err)
	}
	if got := b.arriving(); got.Step != StepPassword || got.Why != WhyWeak {
		t.Fatalf("%+v", got)
	}
	var step Step
	b.do(func(r *http.Request) { step, err = a.ChangePassword(r, "", otherPassword) })
	if err != nil || step != StepEnrol || b.signedIn() {
		t.Fatalf("%q, %v", step, err)
	}
}

// TestWhoTakesFactorsAway: as accounts are managed; and what runs ends.
func TestWhoTakesFactorsAway(t *testing.T) {
	a := newTestAccess(t, newTestDB(t))
	people := map[Role]Account{}
	for _, role := range Roles() {
		n := technician(string(role) + "@office.example")
		n.Role = role
		people[role] = mustAdd(t, a, n)
	}
	for _, by := range Roles() {
		for _, of := range Roles() {
			before, err := a.ByID(t.Context(), people[of].ID)
			if err != nil {
				t.Fatal(err)
			}
			err = a.RemoveFactors(t.Context(), people[by], before.ID)
			manages := by == Administrator && !of.audits() || by == Auditor && of.audits()
			switch {
			case manages && by == of:
				if !errors.Is(err, ErrOwnAccount) {
					t.Errorf("%s, one's own: %v", by, err)
				}
			case manages:
				if _, ended := a.Recheck(t.Context(), before); err != nil || !errors.Is(ended, ErrEnded) {
					t.Errorf("%s, of a %s: %v; what runs: %v", by, of, err, ended)
				}
			case !errors.Is(err, ErrForbidden):
				t.Errorf("%s, of a %s: %v", by, of, err)
			}
		}
	}
	if err := a.ResetFactors(t.Context(), people[Administrator].ID); err != nil {
		t.Fatal(err)
	}
	if err := a.ResetFactors(t.Context(), "nobody"); !errors.Is(err, ErrNotFound) {
		t.Fatal(err)
	}
}

// TestLiveRightsEndAtOnce: whoever holds a connection asks again, and is told.
func TestLiveRightsEndAtOnce(t *testing.T) {
	a := newTestAccess(t, newTestDB(t))
	boss := mustAdd(t, a, administrator("carla@office.example"))
	for name, change := range map[string]func(Account) error{
		"account ended":    func(x Account) error { return a.EndAccount(t.Context(), boss, x.ID) },
		"factors removed":  func(x Account) error { return a.RemoveFactors(t.Context(), boss, x.ID) },
		"factors reset":    func(x Account) error { return a.ResetFactors(t.Context(), x.ID) },
		"password set":     func(x Account) error { return a.SetPassword(t.Context(), x.ID, otherPassword) },
		"account disabled": func(x Account) error { return a.Disable(t.Context(), x.ID) },
	} {
		before := mustAdd(t, a, technician(strings.ReplaceAll(name, " ", ".")+"@office.example"))
		b := &inBubble{a: a, address: "192.0.2.1:1"}
		if err := b.signIn(before.Email, goodPassword); err != nil || !b.signedIn() {
			t.Fatal(name, err)
		}
		if err := change(before); err != nil {
			t.Fatal(name, err)
		}
		if _, err := a.Recheck(t.Context(), before); !errors.Is(err, ErrEnded) || b.signedIn() {
			t.Errorf("%s: goes on (%v)", name, err)
		}
	}
	// A changed role goes on with what is left.
	anna := mustAdd(t, a, technician("anna@office.example"))
	if _, err := a.ChangeAccount(t.Context(), boss, anna.ID, NewAccount{Name: anna.Name, Role: Maintainer}); err != nil {
		t.Fatal(err)
	}
	now, err := a.Recheck(t.Context(), anna)
	if err != nil || Can(now, ViewSession, Scope{Owner: anna.ID}) || !Can(now, SeeMetrics, Scope{}) {
		t.Errorf("%+v, %v", now, err)
	}
}
