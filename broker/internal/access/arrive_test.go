package access

import (
	"errors"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// arriving returns the step that a browser stands at, "" if it is signed in or nobody.
func (b *inBubble) arriving() (arrival Arrival) {
	b.do(func(r *http.Request) { arrival, _ = Arriving(r) })
	return arrival
}

func TestOldPasswordIsReplacedBeforeAnythingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newTestAccess(t, newTestDB(t))
		boss := mustAdd(t, a, administrator("carla@office.example"))
		anna := mustAdd(t, a, technician("anna@office.example"))
		rule := SignInRule{Role: Technician}
		if err := a.ChangeSignInRules(t.Context(), boss, []SignInRule{rule}, []SignInRule{{Role: Technician, PasswordDays: 30}}); err != nil {
			t.Fatal(err)
		}
		b, elsewhere := &inBubble{a: a, address: "192.0.2.1:1"}, &inBubble{a: a, address: "192.0.2.2:1"}
		if err := elsewhere.signIn(anna.Email, goodPassword); err != nil || !elsewhere.signedIn() {
			t.Fatal(err)
		}
		time.Sleep(30*24*time.Hour + time.Minute)
		if err := b.signIn(anna.Email, goodPassword); err != nil {
			t.Fatal(err)
		}
		if got := b.arriving(); got.Step != StepPassword || got.Why != WhyOld || b.signedIn() {
			t.Fatalf("stands at %+v", got)
		}
		var step Step
		var err error
		b.do(func(r *http.Request) { _, err = a.ChangePassword(r, "", goodPassword) })
		wantInvalid(t, err, "password", "same")
		b.do(func(r *http.Request) { _, err = a.ChangePassword(r, "", "short") })
		wantInvalid(t, err, "password", "too_short")
		b.do(func(r *http.Request) { step, err = a.ChangePassword(r, "", otherPassword) })
		if err != nil || step != "" || !b.signedIn() {
			t.Fatalf("%q, %v", step, err)
		}
		if err := elsewhere.signIn(anna.Email, otherPassword); err != nil || !elsewhere.signedIn() {
			t.Fatal(err)
		}
		// Who waits too long begins again.
		time.Sleep(31 * 24 * time.Hour)
		if err := b.signIn(anna.Email, otherPassword); err != nil {
			t.Fatal(err)
		}
		time.Sleep(arrivalFor + time.Minute)
		if got := b.arriving(); got.Step != "" {
			t.Fatalf("after %v: %+v", arrivalFor, got)
		}
	})
}

// TestWeakPasswordIsReplaced: one that was good enough once.
func TestWeakPasswordIsReplaced(t *testing.T) {
	a := newTestAccess(t, newTestDB(t))
	anna := mustAdd(t, a, technician("anna@office.example"))
	hash, err := a.passwords.hash(t.Context(), "fourteen chars")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.db.NewUpdate().Model((*accountRow)(nil)).Set("password_hash = ?", hash).Where("id = ?", anna.ID).Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	b := &inBubble{a: a, address: "192.0.2.1:1"}
	if err := b.signIn(anna.Email, "fourteen chars"); err != nil {
		t.Fatal(err)
	}
	if got := b.arriving(); got.Step != StepPassword || got.Why != WhyWeak {
		t.Fatalf("stands at %+v", got)
	}
	// Whose account ends meanwhile chooses nothing.
	if err := a.Disable(t.Context(), anna.ID); err != nil {
		t.Fatal(err)
	}
	b.do(func(r *http.Request) { _, err = a.ChangePassword(r, "", otherPassword) })
	if !errors.Is(err, ErrEnded) {
		t.Fatal(err)
	}
}

func TestChangePassword(t *testing.T) {
	a := newTestAccess(t, newTestDB(t))
	anna := mustAdd(t, a, technician("anna@office.example"))
	b, elsewhere := &inBubble{a: a, address: "192.0.2.1:1"}, &inBubble{a: a, address: "192.0.2.2:1"}
	for _, who := range []*inBubble{b, elsewhere} {
		if err := who.signIn(anna.Email, goodPassword); err != nil {
			t.Fatal(err)
		}
	}
	change := func(before, after string) (err error) {
		b.do(func(r *http.Request) { _, err = a.ChangePassword(r, before, after) })
		return err
	}
	if err := change("not the password", otherPassword); !errors.Is(err, ErrCredentials) {
		t.Fatal(err)
	}
	wantInvalid(t, change(goodPassword, "sonyericsson1234!"), "password", "breached")
	if err := change(goodPassword, otherPassword); err != nil || !b.signedIn() || elsewhere.signedIn() {
		t.Fatalf("%v, here %v, elsewhere %v", err, b.signedIn(), elsewhere.signedIn())
	}
	if _, err := a.Recheck(t.Context(), anna); !errors.Is(err, ErrEnded) {
		t.Fatalf("what runs goes on: %v", err)
	}
	// Guessing the password from a stolen sign-in is slowed down as at the door.
	var err error
	for range accountPace.free + 2 {
		err = change("not the password", goodPassword)
	}
	if !errors.Is(err, ErrThrottled) {
		t.Fatal(err)
	}
	stranger := &inBubble{a: a, address: "192.0.2.3:1"}
	stranger.do(func(r *http.Request) { _, err = a.ChangePassword(r, otherPassword, goodPassword) })
	if !errors.Is(err, ErrEnded) {
		t.Fatal(err)
	}
}

func TestPlacesAndEndOthers(t *testing.T) {
	a := newTestAccess(t, newTestDB(t))
	anna, bruno := mustAdd(t, a, technician("anna@office.example")), mustAdd(t, a, technician("bruno@office.example"))
	b, elsewhere, other := &inBubble{a: a, address: "192.0.2.1:1"}, &inBubble{a: a, address: "[2001:db8::1]:1"}, &inBubble{a: a, address: "192.0.2.9:1"}
	for who, email := range map[*inBubble]string{b: anna.Email, elsewhere: anna.Email, other: bruno.Email} {
		if err := who.signIn(email, goodPassword); err != nil {
			t.Fatal(err)
		}
	}
	places := func() (list []Place) {
		b.do(func(r *http.Request) {
			var err error
			if list, err = a.Places(r); err != nil {
				t.Error(err)
			}
		})
		return list
	}
	if got := places(); len(got) != 2 || !got[0].Here || got[1].Here || got[0].Network != "192.0.2.1" || got[1].Network != "2001:db8::/64" || got[0].Since.IsZero() {
		t.Fatalf("%+v", got)
	}
	b.do(func(r *http.Request) {
		if err := a.EndOthers(r); err != nil {
			t.Error(err)
		}
	})
	if got := places(); len(got) != 1 || !got[0].Here || elsewhere.signedIn() || !other.signedIn() {
		t.Fatalf("%+v, elsewhere %v, somebody else %v", got, elsewhere.signedIn(), other.signedIn())
	}
}

func TestSignInRules(t *testing.T) {
	a := newTestAccess(t, newTestDB(t))
	boss := mustAdd(t, a, administrator("carla@office.example"))
	auditor := mustAdd(t, a, NewAccount{Email: "dino@office.example", Name: "Dino Conti", Role: Auditor, Password: goodPassword})
	anna := mustAdd(t, a, technician("anna@office.example"))
	change := func(by Account, before, after SignInRule) error {
		return a.ChangeSignInRules(t.Context(), by, []SignInRule{before}, []SignInRule{after})
	}
	for _, role := range Roles() {
		for who, by := range map[Role]Account{Administrator: boss, Auditor: auditor, Technician: anna} {
			err := change(by, SignInRule{Role: role}, SignInRule{Role: role})
			if may := who != Technician && (who == Auditor) == role.audits(); may != (err == nil) || !may && !errors.Is(err, ErrForbidden) {
				t.Errorf("%s sets the rule of %s: %v", who, role, err)
			}
		}
	}
	for _, days := range []int{-1, 1, LeastPasswordDays - 1, MostPasswordDays + 1} {
		wantInvalid(t, change(boss, SignInRule{Role: Lead}, SignInRule{Role: Lead, PasswordDays: days}), "lead.password_days", "range")
	}
	wantInvalid(t, change(boss, SignInRule{Role: "x"}, SignInRule{Role: "x"}), "role", "unknown")
	want := SignInRule{Role: Lead, PasswordDays: 90}
	if err := change(boss, SignInRule{Role: Lead}, want); err != nil {
		t.Fatal(err)
	}
	if err := change(boss, SignInRule{Role: Lead}, SignInRule{Role: Lead, PasswordDays: 60}); !errors.Is(err, ErrStale) {
		t.Fatal(err)
	}
	if rules, err := a.SignInRules(t.Context()); err != nil || !slices.Contains(rules, want) || len(rules) != len(Roles()) {
		t.Fatal(rules, err)
	}
}

func TestDeviceOf(t *testing.T) {
	for agent, want := range map[string][2]string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0": {"Edge", "Windows"},
		"Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0":                                                        {"Firefox", "Linux"},
		"Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36":                  {"Chrome", "Android"},
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 14_6) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15":            {"Safari", "macOS"},
		"curl/8": {"", ""}, "": {"", ""},
	} {
		if browser, system := deviceOf(agent); [2]string{browser, system} != want {
			t.Errorf("%q: %q, %q", agent, browser, system)
		}
	}
}

func TestBreachedPasswords(t *testing.T) {
	if n := len(breachedList()); n%breachedBytes != 0 || n/breachedBytes < 15_000 {
		t.Fatalf("the list has %d bytes", n)
	}
	for password, want := range map[string]bool{
		"polniypizdec110211": true, "q1w2e3r4t5y6u7i8o9p0": true, "sonyericsson": true, "2024sonyericsson!!!": true, "leavemealoneleavemealone": true,
		"s0nyericss0n-1": true, goodPassword: false, otherPassword: false, "": false, "1234": false,
	} {
		if got := breached(fold(password)); got != want {
			t.Errorf("%q: %v", password, got)
		}
	}
}
