package access

import (
	"errors"
	"sync"
	"testing"
)

func TestAddAndReadBack(t *testing.T) {
	a := newTestAccess(t, newTestDB(t))
	n := technician("  Anna.Bianchi@Comune.Example.IT ")
	n.Name, n.Territory = "Anna   Bianchi", "Nord"
	got := mustAdd(t, a, n)
	if got.Email != "anna.bianchi@comune.example.it" || got.Name != "Anna Bianchi" || got.Role != Technician ||
		got.Team != "Service desk" || got.Territory != "Nord" || got.Level != L1 || got.Disabled || got.ID == "" || got.Created.IsZero() {
		t.Fatalf("account %+v", got)
	}
	if got.Profile.Name != "View only" || !got.Profile.Permissions.Allows("view_screen") || got.Profile.Permissions.Allows("control") {
		t.Fatalf("profile %+v", got.Profile)
	}
	again, err := a.ByEmail(t.Context(), "ANNA.BIANCHI@comune.example.it")
	if err != nil || again.ID != got.ID || !again.Created.Equal(got.Created) {
		t.Fatalf("read back %+v, %v", again, err)
	}
	if _, err := a.ByEmail(t.Context(), "nobody@comune.example.it"); !errors.Is(err, ErrNotFound) {
		t.Fatalf("unknown e-mail: %v", err)
	}
}

func TestAddRefuses(t *testing.T) {
	a := newTestAccess(t, newTestDB(t))
	first := technician("anna@office.example")
	first.Territory = "Nord"
	mustAdd(t, a, first)
	for name, c := range map[string]struct {
		change      func(*NewAccount)
		field, code string
	}{
		"malformed e-mail":       {func(n *NewAccount) { n.Email = "bruno" }, "email", "malformed"},
		"same e-mail":            {func(n *NewAccount) { n.Email = "Anna@OFFICE.example" }, "email", "taken"},
		"same e-mail, auditor":   {func(n *NewAccount) { n.Email, n.Role = "anna@office.example", Auditor }, "email", "taken"},
		"empty name":             {func(n *NewAccount) { n.Name = " \t" }, "name", "malformed"},
		"name that turns round":  {func(n *NewAccount) { n.Name = "Bruno \u202eihcnaiB" }, "name", "malformed"},
		"unknown role":           {func(n *NewAccount) { n.Role = "boss" }, "role", "unknown"},
		"no team":                {func(n *NewAccount) { n.Team = "" }, "team", "missing"},
		"no level":               {func(n *NewAccount) { n.Level = "" }, "level", "missing"},
		"unknown level":          {func(n *NewAccount) { n.Level = "L4" }, "level", "unknown"},
		"no profile":             {func(n *NewAccount) { n.Profile = "" }, "profile", "missing"},
		"unknown profile":        {func(n *NewAccount) { n.Profile = "All rights" }, "profile", "unknown"},
		"lead without a profile": {func(n *NewAccount) { n.Role, n.Profile = Lead, "" }, "profile", "missing"},
		"other territory":        {func(n *NewAccount) { n.Territory = "Sud" }, "territory", "other_territory"},
		"short password":         {func(n *NewAccount) { n.Password = "nine ravens" }, "password", "too_short"},
		"password about oneself": {func(n *NewAccount) { n.Password = "BrunoRossi-BrunoRossi1" }, "password", "common"},
	} {
		t.Run(name, func(t *testing.T) {
			n := technician("bruno@office.example")
			n.Name = "Bruno Rossi"
			c.change(&n)
			_, err := a.Add(t.Context(), n)
			wantInvalid(t, err, c.field, c.code)
		})
	}
	accounts, err := a.Accounts(t.Context())
	if err != nil || len(accounts) != 1 {
		t.Fatalf("%d accounts are left, %v", len(accounts), err)
	}
}

func TestRolesThatOpenNoSessionsNeedNoTeam(t *testing.T) {
	a := newTestAccess(t, newTestDB(t))
	for _, role := range []Role{Auditor, Administrator, Maintainer, DPO} {
		got := mustAdd(t, a, NewAccount{Email: string(role) + "@office.example", Name: "Dario Verdi", Role: role, Password: goodPassword})
		if got.Role != role || got.Team != "" || got.Profile.Name != "" {
			t.Fatalf("account %+v", got)
		}
	}
	// The command line gives team, level and profile to everybody.
	n := technician("second.auditor@office.example")
	n.Role, n.Team, n.Territory = Auditor, "Auditors", "Nord"
	if got := mustAdd(t, a, n); got.Team != "Auditors" || got.Territory != "Nord" || Can(got, IssueKey, Scope{}) {
		t.Fatalf("account %+v", got)
	}
}

func TestTeamTakesItsFirstTerritory(t *testing.T) {
	a := newTestAccess(t, newTestDB(t))
	first := mustAdd(t, a, technician("anna@office.example"))
	if first.Territory != "" {
		t.Fatalf("territory %q", first.Territory)
	}
	n := technician("bruno@office.example")
	n.Territory = "Nord"
	mustAdd(t, a, n)
	mustAdd(t, a, technician("carlo@office.example"))
	for _, email := range []string{"anna@office.example", "bruno@office.example", "carlo@office.example"} {
		if got, err := a.ByEmail(t.Context(), email); err != nil || got.Territory != "Nord" {
			t.Fatalf("%s: territory %q, %v", email, got.Territory, err)
		}
	}
}

func TestFiftyAtOnceMakeOneAccount(t *testing.T) {
	a := newTestAccess(t, newTestDB(t))
	var group sync.WaitGroup
	results := make([]error, 50)
	for i := range results {
		group.Go(func() { _, results[i] = a.Add(t.Context(), technician("anna@office.example")) })
	}
	group.Wait()
	won := 0
	for _, err := range results {
		if err == nil {
			won++
		} else {
			wantInvalid(t, err, "email", "taken")
		}
	}
	if won != 1 {
		t.Fatalf("%d accounts were made", won)
	}
}

func TestDisable(t *testing.T) {
	a := newTestAccess(t, newTestDB(t))
	account := mustAdd(t, a, technician("anna@office.example"))
	if _, err := a.Recheck(t.Context(), account); err != nil {
		t.Fatal(err)
	}
	if err := a.Disable(t.Context(), account.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Recheck(t.Context(), account); !errors.Is(err, ErrEnded) {
		t.Fatalf("after the end: %v", err)
	}
	if got, err := a.ByEmail(t.Context(), account.Email); err != nil || !got.Disabled {
		t.Fatalf("account %+v, %v", got, err)
	}
	if err := a.Disable(t.Context(), "no-such-id"); !errors.Is(err, ErrNotFound) {
		t.Fatalf("unknown id: %v", err)
	}

	one := mustAdd(t, a, administrator("one@office.example"))
	if err := a.Disable(t.Context(), one.ID); !errors.Is(err, ErrLastAdministrator) {
		t.Fatalf("last administrator: %v", err)
	}
	two := mustAdd(t, a, administrator("two@office.example"))
	results := make([]error, 2)
	var group sync.WaitGroup
	for i, id := range []string{one.ID, two.ID} {
		group.Go(func() { results[i] = a.Disable(t.Context(), id) })
	}
	group.Wait()
	if (results[0] == nil) == (results[1] == nil) {
		t.Fatalf("both at once: %v", results)
	}
}

func TestSetPasswordEndsSignIns(t *testing.T) {
	a := newTestAccess(t, newTestDB(t))
	account := mustAdd(t, a, technician("anna@office.example"))
	wantInvalid(t, a.SetPassword(t.Context(), account.ID, "anna@office.example1"), "password", "common")
	if err := a.SetPassword(t.Context(), account.ID, otherPassword); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Recheck(t.Context(), account); !errors.Is(err, ErrEnded) {
		t.Fatalf("after a new password: %v", err)
	}
	if _, err := a.authenticate(t.Context(), account.Email, goodPassword); !errors.Is(err, ErrCredentials) {
		t.Fatalf("old password: %v", err)
	}
	if _, err := a.authenticate(t.Context(), account.Email, otherPassword); err != nil {
		t.Fatalf("new password: %v", err)
	}
}
