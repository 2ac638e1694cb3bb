package access

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"consento/broker/internal/ops"
	"consento/recordings"
)

func newRecipientText(t testing.TB) string {
	t.Helper()
	identity, err := recordings.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return identity.Recipient().String()
}

func newSetup(t testing.TB) Setup {
	helper := technician("anna@office.example")
	return Setup{
		Office:           ops.Office{Name: "Comune di Prova", Phone: "+39 0471 000000"},
		Administrator:    administrator("admin@office.example"),
		Auditor:          NewAccount{Email: "auditor@office.example", Name: "Elena Blu", Password: otherPassword},
		AuditorRecipient: newRecipientText(t),
		Technician:       &helper,
	}
}

func newSetupToken(t testing.TB, a *Access) string {
	t.Helper()
	token, err := a.NewSetupToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestSetup(t *testing.T) {
	a := newTestAccess(t, newTestDB(t))
	if needed, err := a.SetupNeeded(t.Context()); err != nil || !needed {
		t.Fatalf("needed %v, %v", needed, err)
	}
	token, s := newSetupToken(t, a), newSetup(t)
	if err := a.CompleteSetup(t.Context(), token, s); err != nil {
		t.Fatal(err)
	}
	if needed, err := a.SetupNeeded(t.Context()); err != nil || needed {
		t.Fatalf("still needed %v, %v", needed, err)
	}
	office, err := a.Office(t.Context())
	if err != nil || office != s.Office {
		t.Fatalf("office %+v, %v", office, err)
	}
	for email, role := range map[string]Role{"admin@office.example": Administrator, "auditor@office.example": Auditor, "anna@office.example": Technician} {
		if account, err := a.ByEmail(t.Context(), email); err != nil || account.Role != role {
			t.Fatalf("%s: %+v, %v", email, account, err)
		}
	}
	recipients, err := a.RecipientsFor(t.Context(), "Service desk", "")
	if err != nil || len(recipients) != 1 || recipients[0].Key.String() != s.AuditorRecipient || recipients[0].Name != "Elena Blu" {
		t.Fatalf("recipients %+v, %v", recipients, err)
	}
	if err := a.CompleteSetup(t.Context(), token, newSetup(t)); !errors.Is(err, ErrSetupDone) {
		t.Fatalf("again: %v", err)
	}
	if _, err := a.NewSetupToken(t.Context()); !errors.Is(err, ErrSetupDone) {
		t.Fatalf("another link: %v", err)
	}
	account, err := a.authenticate(t.Context(), "admin@office.example", goodPassword)
	if err != nil || account.Role != Administrator {
		t.Fatalf("the administrator signs in: %+v, %v", account, err)
	}
}

func TestSetupRefusesAndKeepsTheLink(t *testing.T) {
	a := newTestAccess(t, newTestDB(t))
	mustAdd(t, a, technician("taken@office.example"))
	token := newSetupToken(t, a)
	for name, c := range map[string]struct {
		change      func(*Setup)
		field, code string
	}{
		"no office":               {func(s *Setup) { s.Office = ops.Office{} }, "office", "malformed"},
		"no telephone":            {func(s *Setup) { s.Office.Phone = "call me" }, "office", "malformed"},
		"administrator's e-mail":  {func(s *Setup) { s.Administrator.Email = "admin" }, "administrator.email", "malformed"},
		"auditor's password":      {func(s *Setup) { s.Auditor.Password = "short" }, "auditor.password", "too_short"},
		"password of the office":  {func(s *Setup) { s.Auditor.Password = "ComuneDiProva2026!" }, "auditor.password", "common"},
		"one person for both":     {func(s *Setup) { s.Auditor.Email = "ADMIN@office.example" }, "auditor.email", "taken"},
		"e-mail has an account":   {func(s *Setup) { s.Auditor.Email = "taken@office.example" }, "auditor.email", "taken"},
		"technician without team": {func(s *Setup) { s.Technician.Team = "" }, "technician.team", "missing"},
		"technician's profile":    {func(s *Setup) { s.Technician.Profile = "None" }, "technician.profile", "unknown"},
		"not a public key":        {func(s *Setup) { s.AuditorRecipient = "consento-recipient-1nonsense" }, "auditor.public_key", "malformed"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t)
			c.change(&s)
			wantInvalid(t, a.CompleteSetup(t.Context(), token, s), c.field, c.code)
		})
	}
	accounts, err := a.Accounts(t.Context())
	if err != nil || len(accounts) != 1 {
		t.Fatalf("%d accounts, %v: a refused set-up left something", len(accounts), err)
	}
	if office, err := a.Office(t.Context()); err != nil || office != (ops.Office{}) {
		t.Fatalf("office %+v, %v", office, err)
	}
	if err := a.CompleteSetup(t.Context(), token, newSetup(t)); err != nil {
		t.Fatalf("the link was used up: %v", err)
	}
}

func TestSetupLinkIsReplacedAndEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newTestAccess(t, newTestDB(t))
		old := newSetupToken(t, a)
		token := newSetupToken(t, a)
		for name, wrong := range map[string]string{"replaced": old, "empty": "", "invented": newToken(), "hash": hashToken(token)} {
			if err := a.CompleteSetup(t.Context(), wrong, newSetup(t)); !errors.Is(err, ErrSetupLink) {
				t.Errorf("%s link: %v", name, err)
			}
		}
		time.Sleep(24*time.Hour - time.Second)
		if err := a.CheckSetupToken(t.Context(), token); err != nil {
			t.Fatalf("within a day: %v", err)
		}
		time.Sleep(2 * time.Second)
		if err := a.CompleteSetup(t.Context(), token, newSetup(t)); !errors.Is(err, ErrSetupLink) {
			t.Fatalf("after a day: %v", err)
		}
	})
}

func TestFiftySetupsAtOnceHaveOneWinner(t *testing.T) {
	db := newTestDB(t)
	a := newTestAccess(t, db)
	token := newSetupToken(t, a)
	setups := make([]Setup, 50)
	for i := range setups {
		setups[i] = newSetup(t)
		setups[i].Administrator.Email = string(rune('a'+i%26)) + string(rune('a'+i/26)) + "@office.example"
	}
	results := make([]error, len(setups))
	start := make(chan struct{})
	var group sync.WaitGroup
	for i := range setups {
		group.Go(func() {
			<-start
			results[i] = a.CompleteSetup(context.Background(), token, setups[i])
		})
	}
	close(start)
	group.Wait()
	won := 0
	for _, err := range results {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, ErrSetupDone) && !errors.Is(err, ErrSetupLink):
			t.Fatal(err)
		}
	}
	if won != 1 {
		t.Fatalf("%d set-ups won", won)
	}
	n, err := db.NewSelect().Model((*accountRow)(nil)).Where("role = ?", Administrator).Count(t.Context())
	if err != nil || n != 1 {
		t.Fatalf("%d administrators, %v", n, err)
	}
}

func TestConfiguredOfficeWins(t *testing.T) {
	a := newTestAccess(t, newTestDB(t))
	a.office = ops.Office{Name: "Configured office", Phone: "112"}
	s := newSetup(t)
	s.Office = ops.Office{}
	if err := a.CompleteSetup(t.Context(), newSetupToken(t, a), s); err != nil {
		t.Fatal(err)
	}
	if office, err := a.Office(t.Context()); err != nil || office.Name != "Configured office" {
		t.Fatalf("office %+v, %v", office, err)
	}
}

func TestRecipients(t *testing.T) {
	a := newTestAccess(t, newTestDB(t))
	n := technician("anna@office.example")
	n.Territory = "Nord"
	mustAdd(t, a, n)
	auditor := mustAdd(t, a, NewAccount{Email: "auditor@office.example", Name: "Elena Blu", Role: Auditor, Password: goodPassword})
	add := func(r NewRecipient) (Recipient, error) {
		if r.PublicKey == "" {
			r.PublicKey = newRecipientText(t)
		}
		return a.AddRecipient(t.Context(), r)
	}
	for _, r := range []NewRecipient{
		{Name: "everything", AddedBy: auditor.ID},
		{Name: "north", Territory: "Nord"},
		{Name: "south", Territory: "Sud"},
		{Name: "desk", Team: "Service desk"},
	} {
		if _, err := add(r); err != nil {
			t.Fatal(err)
		}
	}
	for scope, want := range map[[2]string][]string{
		{"Service desk", "Nord"}: {"everything", "north", "desk"},
		{"Other", "Sud"}:         {"everything", "south"},
		{"", ""}:                 {"everything"},
	} {
		got, err := a.RecipientsFor(t.Context(), scope[0], scope[1])
		if err != nil || len(got) != len(want) {
			t.Fatalf("%v: %+v, %v", scope, got, err)
		}
		for i := range want {
			if got[i].Name != want[i] || got[i].Key.ID() == "" {
				t.Fatalf("%v: %+v, want %v", scope, got, want)
			}
		}
	}
	all, err := a.Recipients(t.Context())
	if err != nil || len(all) != 4 || all[0].AddedBy != auditor.ID || all[1].AddedBy != "" {
		t.Fatalf("%+v, %v", all, err)
	}
	_, err = add(NewRecipient{Name: "again", PublicKey: " " + all[0].Key.String() + "\n"})
	wantInvalid(t, err, "public_key", "taken")
	_, err = add(NewRecipient{Name: "x", PublicKey: "consento-identity"})
	wantInvalid(t, err, "public_key", "malformed")
	_, err = add(NewRecipient{Name: ""})
	wantInvalid(t, err, "name", "malformed")
	_, err = add(NewRecipient{Name: "x", Team: "No team"})
	wantInvalid(t, err, "team", "unknown")
}
