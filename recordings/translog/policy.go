package translog

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// MaxPolicy bounds the file of a signed recipient policy, in bytes.
const MaxPolicy = 256<<10 + 1000

// policyDomain is what is signed before the text of a policy, as in package recordings.
const policyDomain = "consento-policy/v1\x00"

// SignedPolicy checks that a file is the recipient policy which a leaf names by
// its hash, and that root signed it: as its own root key, or as the one before. It
// looks at no more of it, for who only has to know whose word it is.
func SignedPolicy(file []byte, hash Hash, root ed25519.PublicKey) error {
	text, rest, _ := bytes.Cut(file, []byte("\n"))
	if len(file) > MaxPolicy || len(root) != ed25519.PublicKeySize || Hash(sha256.Sum256(text)) != hash {
		return fmt.Errorf("translog: it is not the recipient policy %s", hash)
	}
	lines := bytes.Split(rest, []byte("\n"))
	if n := len(lines); n < 2 || n > 3 || len(lines[n-1]) != 0 {
		return fmt.Errorf("translog: recipient policy %s: signatures", hash)
	}
	for _, line := range lines[:len(lines)-1] {
		sig, err := hex.DecodeString(string(line))
		if err == nil && ed25519.Verify(root, append([]byte(policyDomain), text...), sig) {
			return nil
		}
	}
	return fmt.Errorf("translog: recipient policy %s is not signed by the auditors' root key", hash)
}
