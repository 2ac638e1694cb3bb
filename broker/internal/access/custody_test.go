package access

import (
	"errors"
	"strings"
	"testing"
)

// TestCustody: root keys are each auditor's own, the sheets' public halves are for
// all auditors, and nobody else comes to either.
func TestCustody(t *testing.T) {
	a := newTestAccess(t, newTestDB(t))
	mine, other := addRole(t, a, Auditor, "mine@esempio.example"), addRole(t, a, Auditor, "second@esempio.example")
	root := strings.Repeat("0a", 32)
	wrapped := wrappedText(leastRounds, make([]byte, 64))
	three := [3]string{newRecipientText(t), newRecipientText(t), newRecipientText(t)}
	for _, role := range Roles() {
		if role == Auditor {
			continue
		}
		by := addRole(t, a, role, string(role)+"@esempio.example")
		_, list := a.RootKeys(t.Context(), by)
		_, escrow := a.EscrowKeys(t.Context(), by)
		_, kept := a.KeptKeys(t.Context(), by)
		for what, err := range map[string]error{"lists roots": list, "keeps one": a.KeepRootKey(t.Context(), by, root, wrapped), "removes one": a.RemoveRootKey(t.Context(), by, root),
			"sees the escrow": escrow, "prepares it": a.PrepareEscrow(t.Context(), by, three), "lists keys": kept} {
			if !errors.Is(err, ErrForbidden) {
				t.Errorf("%s %s: %v", role, what, err)
			}
		}
	}
	for _, bad := range [][2]string{{"", wrapped}, {strings.ToUpper(root), wrapped}, {root[2:], wrapped}, {root, "{}"}, {root, wrappedText(1000, make([]byte, 64))}} {
		if err := a.KeepRootKey(t.Context(), mine, bad[0], bad[1]); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	again := wrappedText(leastRounds+1, make([]byte, 64))
	for _, w := range []string{wrapped, again} {
		if err := a.KeepRootKey(t.Context(), mine, root, w); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.KeepRootKey(t.Context(), other, root, wrapped); err != nil {
		t.Errorf("a copy of the other auditor's: %v", err)
	}
	if keys, err := a.RootKeys(t.Context(), mine); err != nil || len(keys) != 1 || keys[0].Wrapped != again || keys[0].PublicKey != root {
		t.Errorf("%+v, %v", keys, err)
	}
	if err := a.RemoveRootKey(t.Context(), mine, root); err != nil {
		t.Error(err)
	}
	if err := a.RemoveRootKey(t.Context(), mine, root); !errors.Is(err, ErrNotFound) {
		t.Errorf("once more: %v", err)
	}
	if keys, err := a.RootKeys(t.Context(), other); err != nil || len(keys) != 1 {
		t.Errorf("the other's copy: %+v, %v", keys, err)
	}

	for _, bad := range [][3]string{{}, {three[0], three[1], "x"}, {three[0], three[1], three[0]}} {
		if err := a.PrepareEscrow(t.Context(), mine, bad); !errors.Is(err, ErrInvalid) {
			t.Errorf("%.20q: %v", bad, err)
		}
	}
	newer := [3]string{newRecipientText(t), newRecipientText(t), newRecipientText(t)}
	for _, set := range [][3]string{three, newer} {
		if err := a.PrepareEscrow(t.Context(), mine, set); err != nil {
			t.Fatal(err)
		}
	}
	set, err := a.EscrowKeys(t.Context(), other)
	if err != nil || len(set.Keys) != 3 || set.Keys[0].String() != newer[0] || set.Keys[2].String() != newer[2] || set.Made.IsZero() {
		t.Errorf("%+v, %v", set, err)
	}

	key := NewAuditorKey{Name: "Laptop", PublicKey: newRecipientText(t), Wrapped: wrappedText(leastRounds, make([]byte, 200))}
	if _, err := a.AddAuditorKey(t.Context(), mine, key); err != nil {
		t.Fatal(err)
	}
	named := newRecipientText(t)
	for _, text := range []string{named, key.PublicKey} {
		if _, err := a.AddRecipient(t.Context(), NewRecipient{Name: "Roma", PublicKey: text}); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := a.KeptKeys(t.Context(), other)
	if err != nil || len(kept) != 2 || kept[0] != (KeptKey{mine.Name, "Laptop", true, key.PublicKey}) || kept[1] != (KeptKey{"Roma", "", true, named}) {
		t.Errorf("%+v, %v", kept, err)
	}
}
