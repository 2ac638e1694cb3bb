package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"consento/broker/internal/ops"
)

// TestResetFactors: whoever has the machine helps the last administrator, and it stands on
// the trail as the command's.
func TestResetFactors(t *testing.T) {
	data := dataFlag{Data: filepath.Join(t.TempDir(), "data")}
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("seven grey herons over Bolzano\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := (accountAddCommand{dataFlag: data, Email: "carla@office.example", Name: "Carla Neri", Role: "administrator", PasswordFile: password}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	db, err := ops.OpenDatabase(t.Context(), data.Data)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range []string{
		"INSERT INTO totp (account_id, secret, made_at, last_step, failures) SELECT id, 'sealed', created_at, 0, 0 FROM accounts",
		"INSERT INTO recovery_codes (code_hash, account_id, made_at) SELECT 'hash', id, created_at FROM accounts",
		"INSERT INTO sign_in_passkeys (credential, account_id, name, data, made_at) SELECT 'AAAA', id, 'Phone', '{}', created_at FROM accounts",
	} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := (accountResetCommand{dataFlag: data, Email: "Carla@office.example"}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"totp", "recovery_codes", "sign_in_passkeys"} {
		if n, err := db.NewSelect().Table(table).Count(t.Context()); err != nil || n != 0 {
			t.Errorf("%s: %d, %v", table, n, err)
		}
	}
	acts, err := ops.ActsWaiting(t.Context(), db, 10)
	if err != nil || len(acts) != 2 || acts[1].What != "factors.removed" || acts[1].By != ops.ByCommand {
		t.Errorf("%+v, %v", acts, err)
	}
	if err := (accountResetCommand{dataFlag: data, Email: "nobody@office.example"}).Run(context.Background()); err == nil {
		t.Error("reset for nobody")
	}
}
