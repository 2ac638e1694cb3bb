package access

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1" // RFC 6238: what authenticator apps compute; HMAC does not need SHA-1 to be free of collisions
	"crypto/subtle"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/url"
	"time"
)

// What authenticator apps take without asking: HMAC-SHA-1, six digits, 30 s.
const (
	totpDigits      = 6
	totpPeriod      = 30 // seconds
	totpSecretBytes = 20 // RFC 4226, section 4, R6
	// totpSkew is how many steps a clock may be ahead or behind (RFC 6238, section 5.2).
	totpSkew = 1
	// mostCodeFailures in a row end an authenticator (NIST SP 800-63B-4, 3.2.2): with three
	// codes good at a time that is a chance of 3 in 10,000 for who has the password.
	mostCodeFailures = 100
)

// hotp is RFC 4226, section 5.3.
func hotp(secret []byte, counter uint64, digits int) string {
	mac := hmac.New(sha1.New, secret)
	var c [8]byte
	binary.BigEndian.PutUint64(c[:], counter)
	mac.Write(c[:])
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 0xf
	value := binary.BigEndian.Uint32(sum[at:]) & 0x7fffffff
	power := uint32(1)
	for range digits {
		power *= 10
	}
	return fmt.Sprintf("%0*d", digits, value%power)
}

// totpStep is the time step of RFC 6238, section 4.2.
func totpStep(at time.Time) int64 { return at.Unix() / totpPeriod }

// totpMatch returns the step around at whose code this is. It takes the same time
// whichever it is.
func totpMatch(secret []byte, code string, at time.Time) (step int64, ok bool) {
	for s := totpStep(at) - totpSkew; s <= totpStep(at)+totpSkew; s++ {
		if subtle.ConstantTimeCompare([]byte(hotp(secret, uint64(s), totpDigits)), []byte(code)) == 1 {
			step, ok = s, true
		}
	}
	return step, ok
}

// NewTOTP is an authenticator on its way: what a person puts into their app.
type NewTOTP struct {
	Key string // base32 in groups of four
	URL string // otpauth://, for a QR code
}

func newTOTP(secret []byte, issuer, email string) NewTOTP {
	key := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secret)
	query := url.Values{"secret": {key}, "issuer": {issuer}}
	u := url.URL{Scheme: "otpauth", Host: "totp", Path: "/" + issuer + ":" + email, RawQuery: query.Encode()}
	return NewTOTP{Key: groups(key), URL: u.String()}
}

// groups puts a blank after every four characters.
func groups(s string) string {
	out := ""
	for i, r := range s {
		if i > 0 && i%4 == 0 {
			out += " "
		}
		out += string(r)
	}
	return out
}

var errSealed = errors.New("a sealed secret does not open: it belongs to another keys/server.key")

// seal encrypts what the database keeps of a factor, bound to its account (AES-256-GCM
// under a key that is not in the database).
func (a *Access) seal(account string, secret []byte) (string, error) {
	c, err := a.sealer()
	if err != nil {
		return "", err
	}
	nonce := make([]byte, c.NonceSize())
	rand.Read(nonce) // never fails since Go 1.24
	return base64.RawURLEncoding.EncodeToString(c.Seal(nonce, nonce, secret, []byte(account))), nil
}

func (a *Access) unseal(account, text string) ([]byte, error) {
	c, err := a.sealer()
	if err != nil {
		return nil, err
	}
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(data) < c.NonceSize() {
		return nil, errSealed
	}
	secret, err := c.Open(nil, data[:c.NonceSize()], data[c.NonceSize():], []byte(account))
	if err != nil {
		return nil, errSealed
	}
	return secret, nil
}

func (a *Access) sealer() (cipher.AEAD, error) {
	if a.derive == nil {
		return nil, errors.New("access: second factors need the server's secrets")
	}
	block, err := aes.NewCipher(a.derive("second factors"))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
