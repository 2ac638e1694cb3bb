package access

import (
	"encoding/base32"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestHOTP: RFC 4226, appendix D.
func TestHOTP(t *testing.T) {
	for i, want := range []string{"755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"} {
		if got := hotp([]byte("12345678901234567890"), uint64(i), 6); got != want {
			t.Errorf("%d: %s, want %s", i, got, want)
		}
	}
}

// TestTOTP: RFC 6238, appendix B, and clocks that are off.
func TestTOTP(t *testing.T) {
	secret := []byte("12345678901234567890")
	for at, want := range map[int64]string{59: "94287082", 1111111109: "07081804", 1111111111: "14050471", 1234567890: "89005924", 2000000000: "69279037", 20000000000: "65353130"} {
		if got := hotp(secret, uint64(totpStep(time.Unix(at, 0))), 8); got != want {
			t.Errorf("%d: %s, want %s", at, got, want)
		}
	}
	now := time.Unix(1111111111, 0)
	for off, want := range map[int64]bool{-2: false, -1: true, 0: true, 1: true, 2: false} {
		code := hotp(secret, uint64(totpStep(now)+off), totpDigits)
		if step, ok := totpMatch(secret, code, now); ok != want || ok && step != totpStep(now)+off {
			t.Errorf("a clock %d steps off: %d, %v", off, step, ok)
		}
	}
	if _, ok := totpMatch(secret, "", now); ok {
		t.Error("nothing is a code")
	}
}

func TestNewTOTP(t *testing.T) {
	n := newTOTP([]byte("12345678901234567890"), "Comune & Città", "anna@office.example")
	u, err := url.Parse(n.URL)
	if err != nil || u.Scheme != "otpauth" || u.Host != "totp" || u.Path != "/Comune & Città:anna@office.example" || u.Query().Get("issuer") != "Comune & Città" {
		t.Fatal(n.URL, err)
	}
	secret, err := base32.StdEncoding.DecodeString(strings.ReplaceAll(n.Key, " ", ""))
	if err != nil || string(secret) != "12345678901234567890" || u.Query().Get("secret") != strings.ReplaceAll(n.Key, " ", "") {
		t.Fatal(n.Key, err)
	}
}

func TestSeal(t *testing.T) {
	a := &Access{derive: testKeys}
	sealed, err := a.seal("anna", []byte("secret"))
	if err != nil || strings.Contains(sealed, "secret") {
		t.Fatal(sealed, err)
	}
	if got, err := a.unseal("anna", sealed); err != nil || string(got) != "secret" {
		t.Fatal(got, err)
	}
	other := &Access{derive: func(p string) []byte { return testKeys(p + "!") }}
	for name, open := range map[string]func() ([]byte, error){
		"another account": func() ([]byte, error) { return a.unseal("bruno", sealed) },
		"another server":  func() ([]byte, error) { return other.unseal("anna", sealed) },
		"cut":             func() ([]byte, error) { return a.unseal("anna", sealed[:len(sealed)-2]) },
		"nothing":         func() ([]byte, error) { return a.unseal("anna", "") },
		"no base64":       func() ([]byte, error) { return a.unseal("anna", "###") },
	} {
		if got, err := open(); !errors.Is(err, errSealed) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if _, err := (&Access{}).seal("anna", nil); err == nil {
		t.Error("sealed without a key")
	}
}

func TestCleanCode(t *testing.T) {
	for typed, want := range map[string]string{
		"123456": "123456", " 123 456 ": "123456", "１２３４５６": "123456", "12345": "", "1234567": "", "12a456": "12A456", "": "",
		"abcd efgh-jkmn pqrs": "ABCDEFGHJKMNPQRS", "oil0 0000 0000 0000": "0110000000000000", "abcdefghjkmnpqr!": "", "\x00\x00\x00\x00\x00\x00": "",
	} {
		if got := cleanCode(typed); got != want {
			t.Errorf("%q: %q, want %q", typed, got, want)
		}
	}
}

// FuzzCleanCode: what is typed before somebody is signed in.
func FuzzCleanCode(f *testing.F) {
	for _, seed := range []string{"123456", "abcd-efgh-jkmn-pqrs", "", "１２３４５６", "\xff", strings.Repeat("1", 300)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		got := cleanCode(typed)
		if got != "" && !slices.Contains([]int{totpDigits, recoveryAlphabet.EncodedLen(recoveryBytes)}, len(got)) {
			t.Errorf("%q: %q", typed, got)
		}
		if cleanCode(got) != got {
			t.Errorf("%q is not clean", got)
		}
	})
}
