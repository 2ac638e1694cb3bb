package access

import (
	"errors"
	"maps"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"consento/protocol"
)

// roles are one account of each role, in a house with two teams.
func roles(t testing.TB, a *Access) map[Role]Account {
	t.Helper()
	people := map[Role]Account{}
	for _, role := range Roles() {
		n := NewAccount{Email: string(role) + "@office.example", Name: "Anna Bianchi", Role: role, Password: goodPassword}
		if role.assists() {
			n.Team, n.Level, n.Profile = "Service desk", L1, "View only"
		}
		people[role] = mustAdd(t, a, n)
	}
	return people
}

// TestWhoManages walks every role against every role: who makes, changes, invites and
// ends accounts of whom.
func TestWhoManages(t *testing.T) {
	a := newTestAccess(t, newTestDB(t))
	people := roles(t, a)
	may := map[Role]map[Role]bool{
		Administrator: {Technician: true, Lead: true, Administrator: true, Maintainer: true},
		Auditor:       {Auditor: true, DPO: true},
	}
	for _, by := range Roles() {
		for _, of := range Roles() {
			n := NewAccount{Email: string(by) + "." + string(of) + "@office.example", Name: "Bruno Verdi", Role: of}
			if of.assists() {
				n.Team, n.Level, n.Profile = "Service desk", L1, "View only"
			}
			allowed := func(what string, err error) {
				t.Helper()
				if forbidden := errors.Is(err, ErrForbidden); forbidden == may[by][of] || err != nil && !forbidden {
					t.Errorf("%s: %s of %s: %v", by, what, of, err)
				}
			}
			made, _, err := a.Invite(t.Context(), people[by], n)
			allowed("invite", err)
			if err != nil {
				n.Password = goodPassword
				made = mustAdd(t, a, n)
			}
			_, err = a.InviteAgain(t.Context(), people[by], made.ID)
			allowed("invite again", err)
			n.Name = "Bruno Neri"
			_, err = a.ChangeAccount(t.Context(), people[by], made.ID, n)
			allowed("change", err)
			allowed("end", a.EndAccount(t.Context(), people[by], made.ID))
		}
	}
	// A role of the evidence is an account of its own.
	n := NewAccount{Name: "Anna Bianchi", Role: Auditor}
	if _, err := a.ChangeAccount(t.Context(), people[Administrator], people[Maintainer].ID, n); !errors.Is(err, ErrForbidden) {
		t.Error("an administrator makes an auditor", err)
	}
	n.Role = Administrator
	if _, err := a.ChangeAccount(t.Context(), people[Auditor], people[DPO].ID, n); !errors.Is(err, ErrForbidden) {
		t.Error("an auditor makes an administrator", err)
	}
}

// TestInvitation: a link is good once, for a week, for one account, and until the next;
// what was signed in before is out.
func TestInvitation(t *testing.T) {
	a := newTestAccess(t, newTestDB(t))
	people := roles(t, a)
	admin := people[Administrator]
	n := NewAccount{Email: "bruno@office.example", Name: "Bruno Verdi", Role: Technician, Team: "Service desk", Level: L2, Profile: "Full support"}
	bruno, first, err := a.Invite(t.Context(), admin, n)
	if err != nil || bruno.Joined || bruno.Profile.Name != "Full support" {
		t.Fatal(bruno, err)
	}
	if _, _, err := a.Invite(t.Context(), admin, n); err == nil {
		t.Error("invited twice")
	}
	n.Email, n.Team = "x@office.example", "Nobody"
	_, _, err = a.Invite(t.Context(), admin, n)
	wantInvalid(t, err, "team", "unknown")
	token, err := a.InviteAgain(t.Context(), admin, bruno.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []string{"", "x", first, token + "x"} {
		if _, err := a.Invited(t.Context(), wrong); !errors.Is(err, ErrInvitation) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	if who, err := a.Invited(t.Context(), token); err != nil || who.ID != bruno.ID {
		t.Fatal(who, err)
	}
	wantInvalid(t, a.AcceptInvitation(t.Context(), token, "short"), "password", "too_short")
	var won, lost int
	var mu sync.Mutex
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() {
			err := a.AcceptInvitation(t.Context(), token, goodPassword)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won++
			} else if errors.Is(err, ErrInvitation) {
				lost++
			} else {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if won != 1 || lost != 4 {
		t.Errorf("%d won, %d lost", won, lost)
	}
	now, err := a.ByID(t.Context(), bruno.ID)
	if err != nil || !now.Joined {
		t.Error(now, err)
	}
	if _, err := a.Recheck(t.Context(), bruno); !errors.Is(err, ErrEnded) {
		t.Error("what was signed in before stays", err)
	}
	if token, err = a.InviteAgain(t.Context(), admin, bruno.ID); err != nil {
		t.Fatal(err)
	}
	if err := a.EndAccount(t.Context(), admin, bruno.ID); err != nil {
		t.Fatal(err)
	}
	if err := a.AcceptInvitation(t.Context(), token, otherPassword); !errors.Is(err, ErrInvitation) {
		t.Error("an account that ended is invited", err)
	}
	if _, err := a.InviteAgain(t.Context(), admin, bruno.ID); !errors.Is(err, ErrEnded) {
		t.Error(err)
	}
}

// TestInvitationEnds: a link is too old after a week.
func TestInvitationEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newTestAccess(t, newTestDB(t))
		people := roles(t, a)
		token, err := a.InviteAgain(t.Context(), people[Administrator], people[Technician].ID)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(invitedFor - time.Second)
		if _, err := a.Invited(t.Context(), token); err != nil {
			t.Error("within the week", err)
		}
		time.Sleep(2 * time.Second)
		if err := a.AcceptInvitation(t.Context(), token, goodPassword); !errors.Is(err, ErrInvitation) {
			t.Error("after the week", err)
		}
	})
}

// TestLastOnes: nobody ends themselves, or the last administrator or auditor, or changes
// their own role.
func TestLastOnes(t *testing.T) {
	a := newTestAccess(t, newTestDB(t))
	people := roles(t, a)
	admin, auditor := people[Administrator], people[Auditor]
	if err := a.EndAccount(t.Context(), admin, admin.ID); !errors.Is(err, ErrOwnAccount) {
		t.Error(err)
	}
	if _, err := a.ChangeAccount(t.Context(), admin, admin.ID, NewAccount{Name: "X", Role: Maintainer}); !errors.Is(err, ErrOwnAccount) {
		t.Error(err)
	}
	if now, err := a.ChangeAccount(t.Context(), admin, admin.ID, NewAccount{Name: "Carla Blu", Role: Administrator}); err != nil || now.Name != "Carla Blu" {
		t.Error("one's own name", err)
	}
	second, token, err := a.Invite(t.Context(), admin, NewAccount{Email: "second@office.example", Name: "Second One", Role: Administrator})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.EndAccount(t.Context(), second, admin.ID); !errors.Is(err, ErrLastAdministrator) {
		t.Error("the other has no password yet", err)
	}
	if err := a.AcceptInvitation(t.Context(), token, goodPassword); err != nil {
		t.Fatal(err)
	}
	if err := a.EndAccount(t.Context(), second, admin.ID); err != nil {
		t.Error(err)
	}
	if err := a.EndAccount(t.Context(), people[Auditor], auditor.ID); !errors.Is(err, ErrOwnAccount) {
		t.Error(err)
	}
	other, _, err := a.Invite(t.Context(), auditor, NewAccount{Email: "other@office.example", Name: "Other One", Role: Auditor})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.EndAccount(t.Context(), other, auditor.ID); !errors.Is(err, ErrLastAuditor) {
		t.Error("the other has no password yet", err)
	}
}

// TestTeamsAndProfiles: made, changed, refused while somebody has them.
func TestTeamsAndProfiles(t *testing.T) {
	a := newTestAccess(t, newTestDB(t))
	people := roles(t, a)
	admin := people[Administrator]
	ctx := t.Context()
	if err := a.AddTeam(ctx, admin, Team{Name: " Networks ", Territory: "North", Level: L2}); err != nil {
		t.Fatal(err)
	}
	wantInvalid(t, a.AddTeam(ctx, admin, Team{Name: "Networks", Level: L1}), "name", "taken")
	wantInvalid(t, a.AddTeam(ctx, admin, Team{Name: "\u202e", Level: L1}), "name", "malformed")
	wantInvalid(t, a.AddTeam(ctx, admin, Team{Name: "X", Level: "L9"}), "level", "unknown")
	for _, role := range Roles() {
		if role == Administrator {
			continue
		}
		for what, err := range map[string]error{"add": a.AddTeam(ctx, people[role], Team{Name: "Y", Level: L1}), "change": a.ChangeTeam(ctx, people[role], "Networks", L3), "delete": a.DeleteTeam(ctx, people[role], "Networks"),
			"profile": a.SaveProfile(ctx, people[role], nil, protocol.BuiltInProfiles()[0]), "delete profile": a.DeleteProfile(ctx, people[role], "x")} {
			if !errors.Is(err, ErrForbidden) {
				t.Errorf("%s: %s: %v", role, what, err)
			}
		}
	}
	if err := a.ChangeTeam(ctx, admin, "Networks", L3); err != nil {
		t.Error(err)
	}
	teams, err := a.Teams(ctx)
	if err != nil || len(teams) != 2 || teams[0] != (Team{"Networks", "North", L3, 0}) || teams[1].People != 2 {
		t.Error(teams, err)
	}
	if err := a.DeleteTeam(ctx, admin, "Service desk"); !errors.Is(err, ErrInUse) {
		t.Error(err)
	}
	if err := errors.Join(a.DeleteTeam(ctx, admin, "Networks")); err != nil {
		t.Error(err)
	}
	if err := a.DeleteTeam(ctx, admin, "Networks"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}

	p := protocol.Profile{Name: "Look and chat", Permissions: protocol.PermissionSet{protocol.ViewScreen: true, protocol.MayChat: true}, Files: protocol.DefaultFileLimits()}
	if err := a.SaveProfile(ctx, admin, nil, p); err != nil {
		t.Fatal(err)
	}
	wantInvalid(t, a.SaveProfile(ctx, admin, nil, p), "name", "taken")
	more := p
	more.Permissions = maps.Clone(p.Permissions)
	more.Permissions[protocol.Control] = true
	more.Files.Folders = false
	if err := a.SaveProfile(ctx, admin, &p, more); err != nil {
		t.Fatal(err)
	}
	if err := a.SaveProfile(ctx, admin, &p, more); !errors.Is(err, ErrStale) {
		t.Error("what somebody else saved is lost", err)
	}
	blind := more
	blind.Permissions = protocol.PermissionSet{protocol.Control: true}
	wantInvalid(t, a.SaveProfile(ctx, admin, &more, blind), "permissions", "no_view")
	small := more
	small.Files.Total = 1
	wantInvalid(t, a.SaveProfile(ctx, admin, &more, small), "total", "range")
	n := NewAccount{Name: "Anna Bianchi", Role: Technician, Team: "Service desk", Level: L1, Profile: p.Name}
	if now, err := a.ChangeAccount(ctx, admin, people[Technician].ID, n); err != nil || !now.Profile.Permissions[protocol.Control] || now.Profile.Files.Folders {
		t.Error("the profile does not hold at once", now.Profile, err)
	}
	if err := a.DeleteProfile(ctx, admin, p.Name); !errors.Is(err, ErrInUse) {
		t.Error(err)
	}
	n.Profile = "View only"
	if _, err := a.ChangeAccount(ctx, admin, people[Technician].ID, n); err != nil {
		t.Fatal(err)
	}
	if err := a.DeleteProfile(ctx, admin, p.Name); err != nil {
		t.Error(err)
	}
	if err := a.DeleteProfile(ctx, admin, "View only"); !errors.Is(err, ErrInUse) {
		t.Error(err)
	}
}
