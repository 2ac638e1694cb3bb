package access

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// authenticator is one passkey (W3C WebAuthn level 3, sections 6.1 and 6.5), by hand.
type authenticator struct {
	key     *ecdsa.PrivateKey
	id      []byte
	handle  []byte
	counter uint32
	// What a dishonest browser says instead.
	origin, rp string
	unverified bool
}

func newAuthenticator(t *testing.T) *authenticator {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id := make([]byte, 32)
	rand.Read(id)
	return &authenticator{key: key, id: id, origin: testAddress, rp: "help.office.example"}
}

func (x *authenticator) data(extra []byte, flags byte) []byte {
	rp := sha256.Sum256([]byte(x.rp))
	flags |= 1 // somebody is there
	if !x.unverified {
		flags |= 4
	}
	x.counter++
	return append(binary.BigEndian.AppendUint32(append(rp[:], flags), x.counter), extra...)
}

func (x *authenticator) client(t *testing.T, kind string, options []byte) (challenge map[string]any, data []byte) {
	t.Helper()
	var o struct {
		PublicKey map[string]any `json:"publicKey"`
	}
	if err := json.Unmarshal(options, &o); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(map[string]any{"type": kind, "challenge": o.PublicKey["challenge"], "origin": x.origin, "crossOrigin": false})
	if err != nil {
		t.Fatal(err)
	}
	return o.PublicKey, data
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (x *authenticator) answer(t *testing.T, response map[string]any) string {
	t.Helper()
	text, err := json.Marshal(map[string]any{"id": b64(x.id), "rawId": b64(x.id), "type": "public-key", "clientExtensionResults": map[string]any{}, "response": response})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// create answers navigator.credentials.create.
func (x *authenticator) create(t *testing.T, options []byte) string {
	t.Helper()
	o, client := x.client(t, "webauthn.create", options)
	var err error
	if x.handle, err = base64.RawURLEncoding.DecodeString(o["user"].(map[string]any)["id"].(string)); err != nil {
		t.Fatal(err)
	}
	point, err := x.key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	cose := append([]byte{0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32}, point[1:33]...)
	cose = append(append(cose, 0x22, 0x58, 32), point[33:]...)
	attested := append(make([]byte, 16), 0, byte(len(x.id)))
	data := x.data(append(append(attested, x.id...), cose...), 0x40)
	object := append([]byte{0xa3, 0x63}, "fmt"...)
	object = append(append(object, 0x64), "none"...)
	object = append(append(object, 0x67), "attStmt"...)
	object = append(append(object, 0xa0, 0x68), "authData"...)
	object = append(append(object, 0x58, byte(len(data))), data...)
	return x.answer(t, map[string]any{"clientDataJSON": b64(client), "attestationObject": b64(object)})
}

// get answers navigator.credentials.get.
func (x *authenticator) get(t *testing.T, options []byte) string {
	t.Helper()
	_, client := x.client(t, "webauthn.get", options)
	data := x.data(nil, 0)
	hash := sha256.Sum256(client)
	digest := sha256.Sum256(append(append([]byte{}, data...), hash[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, x.key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return x.answer(t, map[string]any{"clientDataJSON": b64(client), "authenticatorData": b64(data), "signature": b64(signature), "userHandle": b64(x.handle)})
}

func (b *inBubble) asked(t *testing.T, add bool) (options []byte) {
	t.Helper()
	b.do(func(r *http.Request) {
		var err error
		if options, err = b.a.BeginPasskey(r, add); err != nil {
			t.Fatal(err)
		}
	})
	return options
}

func (b *inBubble) adds(t *testing.T, x *authenticator, name string) (codes []string, err error) {
	t.Helper()
	answer := x.create(t, b.asked(t, true))
	b.do(func(r *http.Request) { codes, _, err = b.a.AddOwnPasskey(r, name, answer) })
	return codes, err
}

func (b *inBubble) uses(t *testing.T, x *authenticator) (step Step, err error) {
	t.Helper()
	answer := x.get(t, b.asked(t, false))
	b.do(func(r *http.Request) { step, err = b.a.UsePasskey(r, answer) })
	return step, err
}

func TestOwnPasskeys(t *testing.T) {
	a := newTestAccess(t, newTestDB(t))
	anna, bruno := mustAdd(t, a, technician("anna@office.example")), mustAdd(t, a, technician("bruno@office.example"))
	b := &inBubble{a: a, address: "192.0.2.1:1"}
	if err := b.signIn(anna.Email, goodPassword); err != nil {
		t.Fatal(err)
	}
	var err error
	b.do(func(r *http.Request) { _, err = a.BeginPasskey(r, true) })
	if !errors.Is(err, ErrUnproven) {
		t.Fatalf("a stolen sign-in adds a passkey: %v", err)
	}
	b.confirms(t, goodPassword)
	phone := newAuthenticator(t)
	phone.unverified = true
	if _, err := b.adds(t, phone, "Phone"); !errors.Is(err, ErrPasskey) {
		t.Fatalf("nobody was checked: %v", err)
	}
	phone.unverified = false
	if _, err := b.adds(t, phone, " "); !errors.Is(err, ErrInvalid) {
		t.Fatal(err)
	}
	codes, err := b.adds(t, phone, "Phone")
	if err != nil || len(codes) != recoveryCodes {
		t.Fatal(codes, err)
	}
	stick := newAuthenticator(t)
	if codes, err := b.adds(t, stick, "Stick"); err != nil || codes != nil {
		t.Fatal(codes, err)
	}
	if f, err := a.Factors(t.Context(), anna.ID); err != nil || len(f.Passkeys) != 2 || f.Passkeys[0].Name != "Phone" || !f.Passkeys[0].Used.IsZero() || !f.Any() {
		t.Fatalf("%+v, %v", f, err)
	}

	// Without a password, straight in.
	visitor := &inBubble{a: a, address: "192.0.2.2:1"}
	if step, err := visitor.uses(t, phone); err != nil || step != "" || !visitor.signedIn() {
		t.Fatalf("%q, %v", step, err)
	}
	if f, err := a.Factors(t.Context(), anna.ID); err != nil || f.Passkeys[0].Used.IsZero() {
		t.Fatalf("%+v, %v", f, err)
	}
	// It confirms, in the place of the password.
	if _, err := visitor.uses(t, phone); err != nil {
		t.Fatal(err)
	}
	visitor.do(func(r *http.Request) {
		if !a.Proven(r) {
			t.Error("not confirmed")
		}
	})
	// And it is the second factor after the password.
	if err := b.signIn(anna.Email, goodPassword); err != nil || b.signedIn() {
		t.Fatal(err)
	}
	if step, err := b.uses(t, stick); err != nil || step != "" || !b.signedIn() {
		t.Fatalf("%q, %v", step, err)
	}

	// What is no proof. Each lets the one after it in.
	for name, lie := range map[string]func(*authenticator){
		"a false page":        func(x *authenticator) { x.origin = "https://help.office.example.evil.example" },
		"another port":        func(x *authenticator) { x.origin = "https://help.office.example" },
		"another address":     func(x *authenticator) { x.rp = "evil.example" },
		"nobody was checked":  func(x *authenticator) { x.unverified = true },
		"somebody else's key": func(x *authenticator) { x.key = newAuthenticator(t).key },
		"somebody else's":     func(x *authenticator) { x.handle = []byte(bruno.ID) },
		"nobody's":            func(x *authenticator) { x.handle = nil },
		"unknown":             func(x *authenticator) { x.id = newAuthenticator(t).id },
	} {
		thief, liar := &inBubble{a: a, address: "192.0.2.9:1"}, *stick
		lie(&liar)
		if _, err := thief.uses(t, &liar); !errors.Is(err, ErrPasskey) || thief.signedIn() {
			t.Errorf("%s: %v", name, err)
		}
		stick.counter = liar.counter
	}
	// An answer is good once, and for the question that was asked.
	visitor = &inBubble{a: a, address: "192.0.2.3:1"}
	old := visitor.asked(t, false)
	answer := stick.get(t, visitor.asked(t, false))
	late := stick.get(t, old)
	visitor.do(func(r *http.Request) { _, err = a.UsePasskey(r, late) })
	if !errors.Is(err, ErrPasskey) {
		t.Fatalf("for an older question: %v", err)
	}
	visitor.do(func(r *http.Request) { _, err = a.UsePasskey(r, answer) })
	if !errors.Is(err, ErrPasskey) {
		t.Fatalf("after the question was answered: %v", err)
	}
	for _, nonsense := range []string{"", "{}", "[]", "\x00", `{"id":"x"}`} {
		visitor.do(func(r *http.Request) { _, err = a.UsePasskey(r, nonsense) })
		if !errors.Is(err, ErrPasskey) {
			t.Errorf("%q: %v", nonsense, err)
		}
	}

	// A copy: the counter goes back, and the passkey is out.
	copied := *phone
	if _, err := visitor.uses(t, phone); err != nil {
		t.Fatal(err)
	}
	thief := &inBubble{a: a, address: "192.0.2.4:1"}
	if _, err := thief.uses(t, &copied); !errors.Is(err, ErrPasskeyCopied) || thief.signedIn() {
		t.Fatal(err)
	}

	// Away: what runs elsewhere ends, and it signs in no more.
	before, err := a.ByID(t.Context(), anna.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.signIn(anna.Email, goodPassword); err != nil {
		t.Fatal(err)
	}
	if _, err := b.second(codes[0]); err != nil {
		t.Fatal(err)
	}
	b.confirms(t, goodPassword)
	b.do(func(r *http.Request) { err = a.RemoveOwnPasskey(r, b64(phone.id)) })
	if err != nil || !b.signedIn() || visitor.signedIn() {
		t.Fatal(err)
	}
	if _, err := a.Recheck(t.Context(), before); !errors.Is(err, ErrEnded) {
		t.Fatalf("what runs goes on: %v", err)
	}
	if _, err := thief.uses(t, phone); !errors.Is(err, ErrPasskey) {
		t.Fatal(err)
	}
	b.do(func(r *http.Request) { err = a.RemoveOwnPasskey(r, b64(phone.id)) })
	if !errors.Is(err, ErrNotFound) {
		t.Fatal(err)
	}
	other := &inBubble{a: a, address: "192.0.2.5:1"}
	if err := other.signIn(bruno.Email, goodPassword); err != nil {
		t.Fatal(err)
	}
	other.confirms(t, goodPassword)
	other.do(func(r *http.Request) { err = a.RemoveOwnPasskey(r, b64(stick.id)) })
	if !errors.Is(err, ErrNotFound) {
		t.Fatalf("somebody else's: %v", err)
	}
	if _, err := other.adds(t, stick, "Anna's"); !errors.Is(err, ErrPasskey) {
		t.Fatalf("one passkey of two accounts: %v", err)
	}
	if err := a.Disable(t.Context(), anna.ID); err != nil {
		t.Fatal(err)
	}
	stick.handle = []byte(anna.ID)
	if _, err := thief.uses(t, stick); !errors.Is(err, ErrCredentials) || thief.signedIn() {
		t.Fatalf("an account that ended: %v", err)
	}
}

// TestPasskeyQuestions: they grow old, and nobody asks for many.
func TestPasskeyQuestions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newTestAccess(t, newTestDB(t))
		anna := mustAdd(t, a, technician("anna@office.example"))
		b := &inBubble{a: a, address: "192.0.2.1:1"}
		if err := b.signIn(anna.Email, goodPassword); err != nil {
			t.Fatal(err)
		}
		b.confirms(t, goodPassword)
		phone := newAuthenticator(t)
		if _, err := b.adds(t, phone, "Phone"); err != nil {
			t.Fatal(err)
		}
		visitor := &inBubble{a: a, address: "192.0.2.2:1"}
		answer := phone.get(t, visitor.asked(t, false))
		time.Sleep(ceremonyFor + time.Second)
		var err error
		visitor.do(func(r *http.Request) { _, err = a.UsePasskey(r, answer) })
		if !errors.Is(err, ErrPasskey) {
			t.Fatal(err)
		}
		for i := 0; ; i++ {
			flood := &inBubble{a: a, address: "192.0.2.3:1"}
			flood.do(func(r *http.Request) { _, err = a.BeginPasskey(r, false) })
			if errors.Is(err, ErrThrottled) {
				break
			}
			if err != nil || i > 2*addressPace.free {
				t.Fatal(i, err)
			}
		}
		none := newTestAccess(t, newTestDB(t))
		if none.webauthn, err = newWebAuthn("https://192.0.2.1:8443"); err != nil || none.webauthn != nil {
			t.Fatal(none.webauthn, err)
		}
		nobody := &inBubble{a: none, address: "192.0.2.1:1"}
		nobody.do(func(r *http.Request) { _, err = none.BeginPasskey(r, false) })
		if !errors.Is(err, ErrNoPasskeys) {
			t.Fatal(err)
		}
	})
}

// FuzzPasskeyAnswer: what a browser sends before somebody is signed in.
func FuzzPasskeyAnswer(f *testing.F) {
	for _, seed := range []string{"", "{}", `{"id":"AAAA","rawId":"AAAA","type":"public-key","response":{"clientDataJSON":"e30","authenticatorData":"AA","signature":"AA","userHandle":"AA"}}`,
		`{"id":"AAAA","rawId":"AAAA","type":"public-key","response":{"clientDataJSON":"e30","attestationObject":"o2NmbXRkbm9uZWdhdHRTdG10oGhhdXRoRGF0YVgl"}}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, answer string) {
		if parsed, err := parseGot(answer); (parsed == nil) != (err != nil) {
			t.Error(parsed, err)
		}
		if parsed, err := parseCreated(answer); (parsed == nil) != (err != nil) {
			t.Error(parsed, err)
		}
	})
}
