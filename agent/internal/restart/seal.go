package restart

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
)

// sealKey is good for one folder on one computer. Everybody who can read the folder
// there can compute it: it keeps copies from being of use elsewhere, nothing more.
func sealKey(salt []byte, folder string) ([]byte, error) {
	where, err := place(folder)
	if err != nil {
		return nil, err
	}
	return hkdf.Key(sha256.New, append(machineID(), where...), salt, "consento restart ticket 1", 32)
}

const saltSize = 16

// sealPlain seals with AES-256-GCM (NIST SP 800-38D): salt, nonce, text.
func sealPlain(folder string, plain []byte) ([]byte, error) {
	out := make([]byte, saltSize, saltSize+len(plain)+64)
	rand.Read(out) // never fails since Go 1.24
	aead, err := aeadOf(out[:saltSize], folder)
	if err != nil {
		return nil, err
	}
	return append(out, aead.Seal(nil, nil, plain, nil)...), nil
}

func openPlain(folder string, sealed []byte) ([]byte, error) {
	if len(sealed) < saltSize {
		return nil, errors.New("restart: the ticket is cut")
	}
	aead, err := aeadOf(sealed[:saltSize], folder)
	if err != nil {
		return nil, err
	}
	return aead.Open(nil, nil, sealed[saltSize:], nil)
}

func aeadOf(salt []byte, folder string) (cipher.AEAD, error) {
	key, err := sealKey(salt, folder)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}
