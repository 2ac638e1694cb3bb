package access

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"consento/broker/internal/ops"
)

func byPasskeyText(body []byte) string {
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf(`{"v":1,"kdf":"PRF-HKDF-SHA256","rp":"help.esempio.example","transports":["internal"],"salt":%q,"nonce":%q,"body":%q}`,
		b64(make([]byte, 32)), b64(make([]byte, 12)), b64(body))
}

// newPasskey is one whose credential id is n, as a browser sends it.
func newPasskey(n byte) NewPasskey {
	id := make([]byte, leastCredential)
	id[0] = n
	return NewPasskey{Credential: base64.RawURLEncoding.EncodeToString(id), Name: fmt.Sprintf(" Device %d ", n), Wrapped: byPasskeyText(make([]byte, 154))}
}

// TestPasskeys: each key has its own, only who keeps the key changes them, the
// passphrase stays, and the trail of administration has every change.
func TestPasskeys(t *testing.T) {
	db := newTestDB(t)
	a := newTestAccess(t, db)
	mine, other := addRole(t, a, Auditor, "auditor@esempio.example"), addRole(t, a, Auditor, "second@esempio.example")
	officer := addRole(t, a, DPO, "dpo@esempio.example")
	first := newPasskey(1)
	n := NewAuditorKey{Name: "Laptop", PublicKey: newRecipientText(t), Wrapped: wrappedText(leastRounds, make([]byte, 200)), Passkey: &first}
	key, err := a.AddAuditorKey(t.Context(), mine, n)
	if err != nil {
		t.Fatal(err)
	}
	n.PublicKey, n.Passkey = newRecipientText(t), nil
	second, err := a.AddAuditorKey(t.Context(), mine, n)
	if err != nil {
		t.Fatal(err)
	}
	names := func(id string) (names []string) {
		t.Helper()
		keys, err := a.AuditorKeys(t.Context(), mine)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range keys {
			for _, p := range k.Passkeys {
				if k.ID == id {
					names = append(names, p.Name)
				}
			}
		}
		return names
	}
	for _, role := range Roles() {
		if role == Auditor || role == DPO {
			continue
		}
		account := addRole(t, a, role, string(role)+"@esempio.example")
		if err := errors.Join(a.AddPasskey(t.Context(), account, key.ID, newPasskey(2)), a.RemovePasskey(t.Context(), account, key.ID, first.Credential), a.RelockAuditorKey(t.Context(), account, key.ID, n.Wrapped)); strings.Count(fmt.Sprint(err), ErrForbidden.Error()) != 3 {
			t.Errorf("%s: %v", role, err)
		}
	}
	for _, account := range []Account{other, officer} {
		for _, err := range []error{a.AddPasskey(t.Context(), account, key.ID, newPasskey(2)), a.RemovePasskey(t.Context(), account, key.ID, first.Credential),
			a.RelockAuditorKey(t.Context(), account, key.ID, n.Wrapped), a.RemoveAuditorKey(t.Context(), account, key.ID)} {
			if !errors.Is(err, ErrNotFound) {
				t.Errorf("another's key: %v", err)
			}
		}
		if keys, err := a.AuditorKeys(t.Context(), account); err != nil || len(keys) != 0 {
			t.Errorf("another sees %v, %v", keys, err)
		}
	}
	if err := a.AddPasskey(t.Context(), mine, key.ID, first); !errors.Is(err, ErrInvalid) {
		t.Errorf("the same once more: %v", err)
	}
	if err := a.AddPasskey(t.Context(), mine, second.ID, first); err != nil {
		t.Errorf("the same for another key: %v", err)
	}
	for i := range byte(maxPasskeys - 1) {
		if err := a.AddPasskey(t.Context(), mine, key.ID, newPasskey(i+2)); err != nil {
			t.Fatal(err)
		}
	}
	var wrong *Invalid
	if err := a.AddPasskey(t.Context(), mine, key.ID, newPasskey(99)); !errors.As(err, &wrong) || wrong.Code != "too_many" {
		t.Errorf("one more than the limit: %v", err)
	}
	if got := names(key.ID); len(got) != maxPasskeys || got[0] != "Device 1" {
		t.Errorf("passkeys %q", got)
	}
	if err := a.RemovePasskey(t.Context(), mine, key.ID, first.Credential); err != nil {
		t.Error(err)
	}
	if err := a.RemovePasskey(t.Context(), mine, key.ID, first.Credential); !errors.Is(err, ErrNotFound) {
		t.Errorf("removed twice: %v", err)
	}
	if got := names(second.ID); !slices.Equal(got, []string{"Device 1"}) {
		t.Errorf("the other key has %q", got)
	}

	// Without its last passkey a key opens by its passphrase, which may be another one.
	again := wrappedText(leastRounds+1, make([]byte, 200))
	if err := errors.Join(a.RelockAuditorKey(t.Context(), mine, second.ID, again), a.RemovePasskey(t.Context(), mine, second.ID, first.Credential)); err != nil {
		t.Fatal(err)
	}
	if err := a.RelockAuditorKey(t.Context(), mine, second.ID, wrappedText(1, make([]byte, 200))); !errors.Is(err, ErrInvalid) {
		t.Errorf("a weak passphrase: %v", err)
	}
	keys, err := a.AuditorKeys(t.Context(), mine)
	if err != nil || len(keys) != 2 || keys[1].Wrapped != again || len(keys[1].Passkeys) != 0 {
		t.Errorf("%+v, %v", keys, err)
	}
	if err := a.RemoveAuditorKey(t.Context(), mine, key.ID); err != nil {
		t.Fatal(err)
	}
	if left, err := db.NewSelect().Table("auditor_passkeys").Count(t.Context()); err != nil || left != 0 {
		t.Errorf("%d passkeys of a key that is gone, %v", left, err)
	}

	acts, err := ops.ActsWaiting(t.Context(), db, 100)
	if err != nil {
		t.Fatal(err)
	}
	noted := map[string]int{}
	for _, act := range acts {
		noted[act.What]++
		if strings.HasPrefix(act.What, "passkey.") && (act.By != mine.ID || !strings.Contains(string(act.Body), "Device") || strings.Contains(string(act.Body), first.Credential)) {
			t.Errorf("the trail says %s by %s: %s", act.What, act.By, act.Body)
		}
	}
	if noted["passkey.added"] != maxPasskeys+1 || noted["passkey.removed"] != 2 || noted["auditor_key.relocked"] != 1 {
		t.Errorf("the trail has %v", noted)
	}
}

func TestPasskeysAreChecked(t *testing.T) {
	a := newTestAccess(t, newTestDB(t))
	mine := addRole(t, a, Auditor, "auditor@esempio.example")
	n := NewAuditorKey{Name: "Laptop", PublicKey: newRecipientText(t), Wrapped: wrappedText(leastRounds, make([]byte, 200))}
	key, err := a.AddAuditorKey(t.Context(), mine, n)
	if err != nil {
		t.Fatal(err)
	}
	clear := append([]byte{0x30, 0x81, 0x87}, make([]byte, 135)...)
	change := func(do func(*NewPasskey)) NewPasskey {
		n := newPasskey(1)
		do(&n)
		return n
	}
	replace := func(old, with string) NewPasskey {
		return change(func(n *NewPasskey) { n.Wrapped = strings.Replace(n.Wrapped, old, with, 1) })
	}
	for name, p := range map[string]NewPasskey{
		"no name":          change(func(n *NewPasskey) { n.Name = "" }),
		"a NUL":            change(func(n *NewPasskey) { n.Name = "a\x00b" }),
		"no credential":    change(func(n *NewPasskey) { n.Credential = "" }),
		"short id":         change(func(n *NewPasskey) { n.Credential = "AAAA" }),
		"long id":          change(func(n *NewPasskey) { n.Credential = strings.Repeat("AAAA", 400) }),
		"padded id":        change(func(n *NewPasskey) { n.Credential += "==" }),
		"another alphabet": change(func(n *NewPasskey) { n.Credential = "+" + n.Credential[1:] }),
		"line in the id":   change(func(n *NewPasskey) { n.Credential = n.Credential[:4] + "\n" + n.Credential[4:] }),
		"nothing":          change(func(n *NewPasskey) { n.Wrapped = "" }),
		"in clear":         change(func(n *NewPasskey) { n.Wrapped = byPasskeyText(clear) }),
		"short":            change(func(n *NewPasskey) { n.Wrapped = byPasskeyText(make([]byte, 3)) }),
		"huge":             change(func(n *NewPasskey) { n.Wrapped = byPasskeyText(make([]byte, 4000)) }),
		"long":             change(func(n *NewPasskey) { n.Wrapped = byPasskeyText(make([]byte, 600)) }),
		"by passphrase":    change(func(n *NewPasskey) { n.Wrapped = wrappedText(leastRounds, make([]byte, 200)) }),
		"the secret too":   replace(`{`, `{"prf":"x",`),
		"version 2":        replace(`"v":1`, `"v":2`),
		"another kdf":      replace("PRF-HKDF-SHA256", "none"),
		"no host":          replace("help.esempio.example", ""),
		"an address":       replace("help.esempio.example", "https://help"),
		"many transports":  replace(`"internal"`, strings.TrimSuffix(strings.Repeat(`"usb",`, 9), ",")),
		"odd transport":    replace("internal", "<b>"),
		"short salt":       replace(base64.StdEncoding.EncodeToString(make([]byte, 32)), base64.StdEncoding.EncodeToString(make([]byte, 16))),
	} {
		if err := a.AddPasskey(t.Context(), mine, key.ID, p); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
		n.PublicKey, n.Passkey = newRecipientText(t), &p
		if _, err := a.AddAuditorKey(t.Context(), mine, n); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s, with a new key: %v", name, err)
		}
	}
	if keys, err := a.AuditorKeys(t.Context(), mine); err != nil || len(keys) != 1 || len(keys[0].Passkeys) != 0 {
		t.Errorf("%+v, %v", keys, err)
	}
}

func FuzzCleanByPasskey(f *testing.F) {
	f.Add(byPasskeyText(make([]byte, 154)))
	f.Add(`{"v":1,"transports":null}`)
	f.Fuzz(func(t *testing.T, text string) {
		clean, err := cleanByPasskey(text)
		if err != nil {
			return
		}
		if again, err := cleanByPasskey(clean); err != nil || again != clean {
			t.Fatalf("%q became %q, %v", clean, again, err)
		}
	})
}
