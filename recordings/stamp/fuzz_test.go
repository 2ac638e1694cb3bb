package stamp

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"os"
	"testing"
	"time"

	"github.com/notaryproject/tspclient-go"

	"consento/recordings/stamp/stamptest"
)

// golden is a token that openssl made once, with its issuer and what it is over.
func golden(t testing.TB) (token, ca, over []byte) {
	t.Helper()
	for name, to := range map[string]*[]byte{"golden.token": &token, "golden.pem": &ca, "golden.message": &over} {
		b, err := os.ReadFile("testdata/" + name)
		must(t, err)
		*to = b
	}
	return token, ca, over
}

func trusted(ca []byte) (*x509.CertPool, error) {
	roots := x509.NewCertPool()
	return roots, AddCertificates(roots, ca)
}

// TestGolden: a token of another day still verifies, whatever the clock says now.
func TestGolden(t *testing.T) {
	token, ca, over := golden(t)
	roots, err := trusted(ca)
	must(t, err)
	s, err := Verify(token, over, roots)
	if err != nil || s.By != "CN=Test Clock" || s.Time.After(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("%+v, %v", s, err)
	}
}

// FuzzToken: any input; what verifies says what the authority said.
func FuzzToken(f *testing.F) {
	token, ca, over := golden(f)
	roots, err := trusted(ca)
	must(f, err)
	want, err := Verify(token, over, roots)
	must(f, err)
	f.Add(token)
	f.Add(token[:len(token)/2])
	f.Add(bytes.Repeat([]byte{0x30, 0x80}, 100))
	f.Add(bytes.Repeat([]byte{0x30, 0x84, 0x00, 0x00, 0x10, 0x00}, 50))
	f.Fuzz(func(t *testing.T, in []byte) {
		if s, err := Verify(in, over, roots); err == nil && s != want {
			t.Fatalf("%+v", s)
		}
		_, _ = Read(in, over) // whether it crashes
	})
}

// FuzzAnswer: any input; what passes has a token, which is for Verify to judge.
func FuzzAnswer(f *testing.F) {
	request, err := tspclient.NewRequest(tspclient.RequestOptions{Content: message, HashAlgorithm: crypto.SHA256})
	must(f, err)
	query, err := request.MarshalBinary()
	must(f, err)
	f.Add(stamptest.New(f).Reply(query))
	f.Add([]byte{0x30, 0x03, 0x02, 0x01, 0x02})
	f.Fuzz(func(t *testing.T, in []byte) {
		if a, err := parseAnswer(in, request); err == nil && len(a.TimestampToken.FullBytes) == 0 {
			t.Fatal("granted, without a token")
		}
	})
}
