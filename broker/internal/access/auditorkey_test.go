package access

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"consento/protocol"
)

func wrappedText(rounds int, body []byte) string {
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf(`{"v":1,"kdf":"PBKDF2-SHA256","rounds":%d,"salt":%q,"nonce":%q,"body":%q}`,
		rounds, b64(make([]byte, 16)), b64(make([]byte, 12)), b64(body))
}

// TestAuditorKeys: auditors and data-protection officers keep keys, each their own, and nobody else any.
func TestAuditorKeys(t *testing.T) {
	a := newTestAccess(t, newTestDB(t))
	people := map[Role]Account{}
	for _, role := range Roles() {
		people[role] = addRole(t, a, role, string(role)+"@esempio.example")
	}
	mine, other := people[Auditor], addRole(t, a, Auditor, "second@esempio.example")
	good := NewAuditorKey{Name: "  Laptop ", PublicKey: newRecipientText(t), Wrapped: wrappedText(leastRounds, make([]byte, 200))}
	for role, account := range people {
		if role == Auditor || role == DPO {
			continue
		}
		if _, err := a.AddAuditorKey(t.Context(), account, good); !errors.Is(err, ErrForbidden) {
			t.Errorf("%s adds a key: %v", role, err)
		}
		if _, err := a.AuditorKeys(t.Context(), account); !errors.Is(err, ErrForbidden) {
			t.Errorf("%s lists keys: %v", role, err)
		}
		if err := a.RemoveAuditorKey(t.Context(), account, "any"); !errors.Is(err, ErrForbidden) {
			t.Errorf("%s removes a key: %v", role, err)
		}
	}
	key, err := a.AddAuditorKey(t.Context(), mine, good)
	if err != nil || key.Name != "Laptop" || len(key.ID) != 16 {
		t.Fatalf("%+v, %v", key, err)
	}
	if _, err := a.AddAuditorKey(t.Context(), other, good); !errors.Is(err, ErrInvalid) {
		t.Errorf("another takes the same key: %v", err)
	}
	if keys, err := a.AuditorKeys(t.Context(), other); err != nil || len(keys) != 0 {
		t.Errorf("another sees %v, %v", keys, err)
	}
	if err := a.RemoveAuditorKey(t.Context(), other, key.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("another removes it: %v", err)
	}
	if keys, err := a.AuditorKeys(t.Context(), mine); err != nil || len(keys) != 1 || keys[0].Wrapped != good.Wrapped || keys[0].PublicKey != good.PublicKey {
		t.Errorf("%+v, %v", keys, err)
	}
	if err := a.RemoveAuditorKey(t.Context(), mine, key.ID); err != nil {
		t.Error(err)
	}
	if keys, err := a.AuditorKeys(t.Context(), mine); err != nil || len(keys) != 0 {
		t.Errorf("%+v, %v", keys, err)
	}
	for range maxAuditorKeys {
		good.PublicKey = newRecipientText(t)
		if _, err := a.AddAuditorKey(t.Context(), mine, good); err != nil {
			t.Fatal(err)
		}
	}
	good.PublicKey = newRecipientText(t)
	if _, err := a.AddAuditorKey(t.Context(), mine, good); !errors.Is(err, ErrInvalid) {
		t.Errorf("one more than the limit: %v", err)
	}
}

func TestAuditorKeysAreChecked(t *testing.T) {
	a := newTestAccess(t, newTestDB(t))
	mine := addRole(t, a, Auditor, "auditor@esempio.example")
	wrapped := wrappedText(leastRounds, make([]byte, 200))
	clear := append([]byte{0x30, 0x81, 0x87}, make([]byte, 135)...)
	for name, n := range map[string]NewAuditorKey{
		"no name":        {PublicKey: newRecipientText(t), Wrapped: wrapped},
		"no key":         {Name: "a", Wrapped: wrapped},
		"private key":    {Name: "a", PublicKey: "CONSENTO-IDENTITY-1AAAA", Wrapped: wrapped},
		"nothing":        {Name: "a", PublicKey: newRecipientText(t)},
		"weak":           {Name: "a", PublicKey: newRecipientText(t), Wrapped: wrappedText(1000, make([]byte, 200))},
		"endless":        {Name: "a", PublicKey: newRecipientText(t), Wrapped: wrappedText(1<<40, make([]byte, 200))},
		"in clear":       {Name: "a", PublicKey: newRecipientText(t), Wrapped: wrappedText(leastRounds, clear)},
		"short":          {Name: "a", PublicKey: newRecipientText(t), Wrapped: wrappedText(leastRounds, make([]byte, 3))},
		"unknown member": {Name: "a", PublicKey: newRecipientText(t), Wrapped: strings.Replace(wrapped, "{", `{"passphrase":"x",`, 1)},
		"huge":           {Name: "a", PublicKey: newRecipientText(t), Wrapped: wrappedText(leastRounds, make([]byte, 4000))},
	} {
		if _, err := a.AddAuditorKey(t.Context(), mine, n); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzCleanWrapped(f *testing.F) {
	f.Add(wrappedText(leastRounds, make([]byte, 200)))
	f.Add(`{"v":1}`)
	f.Fuzz(func(t *testing.T, text string) {
		clean, err := cleanWrapped(text)
		if err != nil {
			return
		}
		if again, err := cleanWrapped(clean); err != nil || again != clean {
			t.Fatalf("%q became %q, %v", clean, again, err)
		}
	})
}

func addRole(t *testing.T, a *Access, role Role, email string) Account {
	t.Helper()
	n := NewAccount{Email: email, Name: "Carla Neri", Role: role, Password: "seven grey herons over Bolzano"}
	if role.assists() {
		n.Team, n.Level, n.Profile = "Desk", L1, protocol.ProfileViewOnly
	}
	account, err := a.Add(context.WithoutCancel(t.Context()), n)
	if err != nil {
		t.Fatal(err)
	}
	return account
}

// TestTrailReaders: the data-protection officer's key reads the trail and opens no
// recording; one whose account has ended reads nothing more.
func TestTrailReaders(t *testing.T) {
	a := newTestAccess(t, newTestDB(t))
	officer, auditor := addRole(t, a, DPO, "dpo@esempio.example"), addRole(t, a, Auditor, "auditor@esempio.example")
	keep := func(by Account) string {
		key, err := a.AddAuditorKey(t.Context(), by, NewAuditorKey{Name: "Laptop", PublicKey: newRecipientText(t), Wrapped: wrappedText(leastRounds, make([]byte, 200))})
		if err != nil {
			t.Fatal(err)
		}
		return key.ID
	}
	officers, _ := keep(officer), keep(auditor) // an auditor's reads once it is named
	named, err := a.AddRecipient(t.Context(), NewRecipient{Name: "Auditors", PublicKey: newRecipientText(t)})
	if err != nil {
		t.Fatal(err)
	}
	readers := func() (ids []string) {
		keys, err := a.TrailReaders(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range keys {
			ids = append(ids, k.ID())
		}
		return ids
	}
	if got := fmt.Sprint(readers()); got != fmt.Sprint([]string{named.Key.ID(), officers}) {
		t.Errorf("readers %s", got)
	}
	if recipients, err := a.RecipientsFor(t.Context(), "", ""); err != nil || len(recipients) != 1 {
		t.Errorf("recordings are for %v, %v", recipients, err)
	}
	if err := a.Disable(t.Context(), officer.ID); err != nil {
		t.Fatal(err)
	}
	if got := readers(); len(got) != 1 {
		t.Errorf("readers after the account ended: %v", got)
	}
}
