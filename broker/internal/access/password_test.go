package access

import (
	"context"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"strings"
	"testing"
)

func TestCheckPassword(t *testing.T) {
	about := []string{"anna.bianchi@comune.example", "Anna Bianchi", "Comune di Montefiore"}
	for password, code := range map[string]string{
		goodPassword:                    "",
		otherPassword:                   "",
		"cavallo giallo sotto il ponte": "",
		"kT9#vLq2!zPw7&x":               "",
		"日本語のパスフレーズは長くてもよい":                   "",
		"пять серых цапель над рекой":         "",
		"Grüße aus dem blauen Garten":         "",
		"fourteen chars":                      "too_short",
		"short":                               "too_short",
		"":                                    "too_short",
		strings.Repeat("kT9#vLq2!zPw7&x", 18): "too_long",
		"quiet snow\x00on the bridge":         "characters",
		"quiet snow\xff on the bridge":        "characters",
		"password12345678":                    "common",
		"PasswordPassword1!":                  "common",
		"P@$$w0rd-P@$$w0rd-2026":              "common",
		"p a s s w o r d 1 2 3 4 5":           "common",
		"qwertyuiopasdfghjkl":                 "common",
		"1q2w3e4r5t6y7u8i9o0p":                "common",
		"aaaaaaaaaaaaaaaaaaaa":                "common",
		"abcdefghijklmnopqrst":                "common",
		"98765432109876543210":                "common",
		"kT9#kT9#kT9#kT9#kT9#":                "common",
		"Juventus2026!!!!!":                   "common",
		"correct horse battery staple":        "common",
		"CorrectHorseBatteryStaple1":          "common",
		"Nel mezzo del cammin di nostra vita": "common",
		"iloveyouiloveyou99":                  "common",
		"AnnaBianchi-1984":                    "common",
		"anna.bianchi@comune.example":         "common",
		"Montefiore-2026-!!!":                 "common",
		"M0nt3f10r3_Bi4nchi":                  "common",
		"Consento-Admin-2026":                 "common",
		"ＰａｓｓｗｏｒｄＰａｓｓｗｏｒｄ１２":   "common", // full width
		"Pässwörd-Pässwörd-12": "common",
		"----------------- a":  "common",
	} {
		got, err := CheckPassword(password, about...)
		if code == "" {
			if err != nil || got == "" {
				t.Errorf("%q: %v", password, err)
			}
			continue
		}
		var in *Invalid
		if !errors.As(err, &in) || in.Field != "password" || in.Code != code {
			t.Errorf("%q: %v, want code %s", password, err, code)
		}
		if err != nil && password != "" && strings.Contains(err.Error(), password) {
			t.Errorf("the message repeats the password: %v", err)
		}
	}
}

func TestPasswordIsNormalised(t *testing.T) {
	a := newTestAccess(t, newTestDB(t))
	n := technician("anna@office.example")
	n.Password = "Gru\u0308\u00dfe aus dem blauen Garten" // u + diaeresis
	mustAdd(t, a, n)
	if _, err := a.authenticate(t.Context(), n.Email, "Gr\u00fc\u00dfe aus dem blauen Garten"); err != nil {
		t.Fatalf("composed: %v", err)
	}
	if _, err := a.authenticate(t.Context(), n.Email, "gr\u00fc\u00dfe aus dem blauen garten"); !errors.Is(err, ErrCredentials) {
		t.Fatalf("small letters: %v", err)
	}
	for _, hostile := range []string{"", strings.Repeat("x", 1<<20), "\xff\xfe", "a\x00b"} {
		if _, err := a.authenticate(t.Context(), "other@office.example", hostile); !errors.Is(err, ErrCredentials) && !errors.Is(err, ErrThrottled) {
			t.Errorf("%d hostile bytes: %v", len(hostile), err)
		}
	}
}

// RFC 7914, 11: PBKDF2-HMAC-SHA256 ("passwd", "salt", 1) and ("Password", "NaCl", 80000).
func TestHashAgainstForeignVectors(t *testing.T) {
	for _, v := range []struct {
		password, salt string
		rounds         int
		want           string
	}{
		{"passwd", "salt", 1, "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc"},
		{"Password", "NaCl", 80000, "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56"},
	} {
		got, err := pbkdf2.Key(sha256.New, v.password, []byte(v.salt), v.rounds, 32)
		if err != nil || hex.EncodeToString(got) != v.want {
			t.Errorf("%x, %v", got, err)
		}
	}
	// Made by Python's hashlib.pbkdf2_hmac: this program must go on reading it.
	const foreign = "$pbkdf2-sha256$i=1000,l=32$MDEyMzQ1Njc4OWFiY2RlZg$G6WyGHohUbMty+p+x2UAPrWidgW3NIH5i/WmrBlSbPk"
	h := newHasher(1000, 1)
	for password, want := range map[string]bool{goodPassword: true, otherPassword: false} {
		if ok, outdated, err := h.verify(t.Context(), foreign, password); ok != want || outdated || err != nil {
			t.Errorf("%q: %v, %v, %v", password, ok, outdated, err)
		}
	}
}

func TestHashIsRenewedAtSignIn(t *testing.T) {
	a := newTestAccess(t, newTestDB(t))
	account := mustAdd(t, a, technician("anna@office.example"))
	stored := func() string {
		row, err := selectAccount(t.Context(), a.db, "account.id = ?", account.ID)
		if err != nil {
			t.Fatal(err)
		}
		return row.PasswordHash
	}
	before := stored()
	if _, err := a.authenticate(t.Context(), account.Email, goodPassword); err != nil || stored() != before {
		t.Fatalf("the hash was made anew without need, %v", err)
	}
	a.passwords = newHasher(2000, 2)
	if _, err := a.authenticate(t.Context(), account.Email, otherPassword); !errors.Is(err, ErrCredentials) || stored() != before {
		t.Fatalf("a wrong password changed the hash, %v", err)
	}
	if _, err := a.authenticate(t.Context(), account.Email, goodPassword); err != nil {
		t.Fatal(err)
	}
	after, err := parsePHC(stored())
	if err != nil || after.rounds != 2000 {
		t.Fatalf("hash %+v, %v", after, err)
	}
	if _, err := a.authenticate(t.Context(), account.Email, goodPassword); err != nil {
		t.Fatalf("with the new hash: %v", err)
	}
	if now, err := a.Recheck(t.Context(), account); err != nil || now.ID != account.ID {
		t.Fatalf("a new hash ended the sign-ins: %v", err)
	}
}

// Counted, not timed: the clock of a busy machine tells nothing.
func TestUnknownEmailCostsTheSame(t *testing.T) {
	a := newTestAccess(t, newTestDB(t))
	account := mustAdd(t, a, technician("anna@office.example"))
	ended := mustAdd(t, a, technician("ended@office.example"))
	if err := a.Disable(t.Context(), ended.ID); err != nil {
		t.Fatal(err)
	}
	type work struct{ rounds, salt, length int }
	var done []work
	derive := a.passwords.derive
	a.passwords.derive = func(password string, salt []byte, rounds, length int) ([]byte, error) {
		done = append(done, work{rounds, len(salt), length})
		return derive(password, salt, rounds, length)
	}
	for email, password := range map[string]string{
		account.Email: otherPassword, ended.Email: goodPassword, "nobody@office.example": otherPassword, "nobody": "x",
		"long@office.example": strings.Repeat("x", maxPasswordBytes+1),
	} {
		done = nil
		if _, err := a.authenticate(t.Context(), email, password); !errors.Is(err, ErrCredentials) {
			t.Fatal(err)
		}
		if len(done) != 1 || done[0] != (work{1000, 16, 32}) {
			t.Errorf("%s: work %+v", email, done)
		}
	}
}

func TestProductionHashesAreSlow(t *testing.T) {
	a, err := New(t.Context(), Config{DB: newTestDB(t), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	hash, err := a.passwords.hash(t.Context(), goodPassword)
	if err != nil || !strings.HasPrefix(hash, "$pbkdf2-sha256$i=600000,l=32$") || !strings.HasPrefix(a.passwords.decoy, "$pbkdf2-sha256$i=600000,l=32$") {
		t.Fatalf("%s, decoy %s, %v", hash, a.passwords.decoy, err)
	}
}

func TestHashingWaitsItsTurn(t *testing.T) {
	h := newHasher(1, 1)
	release, err := h.acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.hash(gone, goodPassword); !errors.Is(err, context.Canceled) {
		t.Fatalf("while another hashes: %v", err)
	}
	h.waiting.Store(maxWaiting)
	if _, err := h.hash(t.Context(), goodPassword); !errors.Is(err, ErrThrottled) {
		t.Fatalf("behind a long queue: %v", err)
	}
	h.waiting.Store(0)
	release()
	if _, err := h.hash(t.Context(), goodPassword); err != nil {
		t.Fatal(err)
	}
}

func FuzzParsePHC(f *testing.F) {
	for _, s := range []string{
		"", "$", "$pbkdf2-sha256$i=600000,l=32$c2FsdHNhbHRzYWx0c2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"$pbkdf2-sha256$i=0,l=32$c2FsdHNhbHQ$AA", "$pbkdf2-sha256$i=99999999999999999999,l=32$c2FsdHNhbHQ$AA",
		"$pbkdf2-sha256$i=1,l=16$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA", "$argon2id$v=19$m=65536,t=2,p=1$c2FsdA$AA",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := parsePHC(s)
		if err != nil {
			if !errors.Is(err, errPHC) {
				t.Fatalf("foreign error %v", err)
			}
			return
		}
		if p.String() != s || p.rounds < 1 || p.rounds > 10_000_000 || len(p.salt) < 8 || len(p.hash) < 16 {
			t.Fatalf("%q was read as %+v", s, p)
		}
	})
}

func FuzzCheckPassword(f *testing.F) {
	f.Add(goodPassword, "anna@office.example")
	f.Add("Pässwörd-Pässwörd-12", "")
	f.Fuzz(func(t *testing.T, password, about string) {
		normal, err := CheckPassword(password, about)
		if err != nil {
			return
		}
		if again, ok := normalPassword(normal); !ok || again != normal {
			t.Fatalf("%q is not normal", normal)
		}
		if signIn, ok := normalPassword(password); !ok || signIn != normal {
			t.Fatal("the sign-in would not find this password again")
		}
	})
}
