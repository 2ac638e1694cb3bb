package access

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"slices"
	"testing"

	"consento/broker/internal/ops"
	"consento/broker/internal/ops/opstest"
	"consento/protocol"

	"github.com/uptrace/bun"
)

// Passwords that pass the policy.
const (
	goodPassword  = "seven grey herons over Bolzano"
	otherPassword = "quiet snow on the old bridge"
)

// newTestDB opens a real database in a fresh data folder.
func newTestDB(t testing.TB) *bun.DB {
	t.Helper()
	db := opstest.Database(t, t.TempDir()+"/data")
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// testAddress is where people reach the broker of these tests.
const testAddress = "https://help.office.example:8443"

// testKeys stand in for the server's secrets.
func testKeys(purpose string) []byte { h := sha256.Sum256([]byte(purpose)); return h[:] }

// newTestAccess hashes with few rounds: the suite makes hundreds of hashes.
func newTestAccess(t testing.TB, db *bun.DB) *Access {
	t.Helper()
	a, err := New(context.Background(), Config{DB: db, Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Derive: testKeys, PublicURL: testAddress})
	if err != nil {
		t.Fatal(err)
	}
	a.passwords = newHasher(1000, 2)
	return a
}

func technician(email string) NewAccount {
	return NewAccount{Email: email, Name: "Anna Bianchi", Role: Technician, Team: "Service desk", Level: L1,
		Profile: "View only", Password: goodPassword}
}

func administrator(email string) NewAccount {
	return NewAccount{Email: email, Name: "Carla Neri", Role: Administrator, Password: goodPassword}
}

func mustAdd(t testing.TB, a *Access, n NewAccount) Account {
	t.Helper()
	account, err := a.Add(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	return account
}

// wantInvalid asserts that err refuses this field with this code.
func wantInvalid(t testing.TB, err error, field, code string) {
	t.Helper()
	var in *Invalid
	if !errors.As(err, &in) || !errors.Is(err, ErrInvalid) {
		t.Fatalf("error %v, want *Invalid", err)
	}
	if in.Field != field || in.Code != code || in.Reason == "" {
		t.Fatalf("refused %q with code %q (%s), want %q with %q", in.Field, in.Code, in.Reason, field, code)
	}
}

func TestNewSeedsBuiltInProfilesAndKeepsWhatTheOfficeMadeOfThem(t *testing.T) {
	db := newTestDB(t)
	newTestAccess(t, db)
	if _, err := db.NewUpdate().Model((*profileRow)(nil)).Set("permissions = ?", "view_screen send_clipboard").
		Where("name = ?", "Full support").Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	a := newTestAccess(t, db)
	profiles, err := a.Profiles(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, p := range profiles {
		got[p.Name] = permissionText(p.Permissions)
	}
	if len(got) != 2 || got["View only"] != "view_screen annotate stills chat" || got["Full support"] != "view_screen send_clipboard" {
		t.Fatalf("profiles %v", got)
	}
	for _, p := range profiles {
		if p.Files != protocol.DefaultFileLimits() {
			t.Errorf("%s: files %+v", p.Name, p.Files)
		}
	}
	for _, p := range profiles {
		if p.Permissions[protocol.SSH] || len(p.Hosts) > 0 {
			t.Errorf("%s: ssh to %v", p.Name, p.Hosts)
		}
	}
	// A profile that was made before is given devices, and loses them.
	full := func() protocol.Profile {
		t.Helper()
		list, err := a.Profiles(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return list[slices.IndexFunc(list, func(p protocol.Profile) bool { return p.Name == "Full support" })]
	}
	hosts := protocol.HostRules{"10.0.0.0/8", "*.lan.example"}
	if err := a.SetSSH(t.Context(), "Full support", true, hosts); err != nil || !full().Permissions[protocol.SSH] || !slices.Equal(full().Hosts, hosts) {
		t.Errorf("%+v, %v", full(), err)
	}
	if a.SetSSH(t.Context(), "Full support", true, protocol.HostRules{"10.0.0.0/33"}) == nil || a.SetSSH(t.Context(), "Nobody's", true, nil) == nil || !slices.Equal(full().Hosts, hosts) {
		t.Error("a rule that is none, or a profile that is none, is taken")
	}
	if err := a.SetSSH(t.Context(), "Full support", false, hosts); err != nil || full().Permissions[protocol.SSH] || len(full().Hosts) > 0 {
		t.Errorf("%+v, %v", full(), err)
	}
	if _, err := db.NewUpdate().Model((*profileRow)(nil)).Set("permissions = ?", "view_screen everything").
		Where("name = ?", "Full support").Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Profiles(t.Context()); err == nil {
		t.Fatal("a permission that nobody knows was taken")
	}
}

func TestNewRefusesHalfAConfig(t *testing.T) {
	db := newTestDB(t)
	for name, c := range map[string]Config{
		"no database": {Log: slog.New(slog.DiscardHandler)},
		"no log":      {DB: db},
		"bad office":  {DB: db, Log: slog.New(slog.DiscardHandler), Office: ops.Office{Name: "Comune di Prova"}},
	} {
		if _, err := New(t.Context(), c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
