package foreign

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"strings"
)

// keyOf takes the public key out of a verifier key (C2SP signed-note).
func keyOf(vkey string) (ed25519.PublicKey, error) {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 {
		return nil, errors.New("not a verifier key")
	}
	b, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(b) != 1+ed25519.PublicKeySize {
		return nil, errors.Join(errors.New("not a verifier key"), err)
	}
	return b[1:], nil
}
