package device

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hpke"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"errors"

	"golang.org/x/crypto/ssh"

	"consento/protocol"
)

// Sealing is HPKE (RFC 9180) with DHKEM(P-256, HKDF-SHA256), export-only as in the
// recordings: 32 bytes exported as "credential" are the key of AES-256-GCM with a nonce of
// zeros, used once. What is sealed is the encapsulated key (65 bytes) and the ciphertext.
const encSize = 65

// maxRounds bounds the work that an encrypted private key may ask for (bcrypt-pbkdf);
// ssh-keygen makes 16 or 24.
const maxRounds = 1000

var errSealed = errors.New("device: what was sealed cannot be opened")

// entered is what a technician entered. Fields that do not apply are absent.
type entered struct {
	Text       string `json:"text"`       // password or answer
	Key        string `json:"key"`        // private key: OpenSSH, PKCS 1, PKCS 8 or SEC 1, as PEM
	Passphrase string `json:"passphrase"` // of the key, "" for none
}

func sealText(key hpke.PrivateKey) string {
	return base64.StdEncoding.EncodeToString(key.PublicKey().Bytes())
}

// open opens what was sealed to key for info.
func open(key hpke.PrivateKey, sealed, info string) (entered, error) {
	data, err := base64.StdEncoding.Strict().DecodeString(sealed)
	if err != nil || len(data) < encSize {
		return entered{}, errSealed
	}
	r, err := hpke.NewRecipient(data[:encSize], key, hpke.HKDFSHA256(), hpke.ExportOnly(), []byte(info))
	if err != nil {
		return entered{}, errSealed
	}
	secret, err := r.Export("credential", 32)
	if err != nil {
		return entered{}, err
	}
	defer clear(secret)
	gcm, err := newGCM(secret)
	if err != nil {
		return entered{}, err
	}
	plain, err := gcm.Open(nil, make([]byte, gcm.NonceSize()), data[encSize:], nil)
	if err != nil {
		return entered{}, errSealed
	}
	defer clear(plain)
	var e entered
	if json.Unmarshal(plain, &e) != nil {
		return entered{}, errSealed
	}
	return e, nil
}

func newGCM(secret []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(secret)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// signer reads a private key.
func (e entered) signer(old bool) (ssh.Signer, error) {
	if rounds(e.Key) > maxRounds {
		return nil, errors.New("device: a key that asks for too much work")
	}
	var s ssh.Signer
	var err error
	if e.Passphrase == "" {
		s, err = ssh.ParsePrivateKey([]byte(e.Key))
	} else {
		s, err = ssh.ParsePrivateKeyWithPassphrase([]byte(e.Key), []byte(e.Passphrase))
	}
	if err != nil {
		return nil, errors.New("device: the private key cannot be read") // its words could hold parts of it
	}
	algorithms, is := s.(ssh.AlgorithmSigner)
	if s.PublicKey().Type() != ssh.KeyAlgoRSA || old || !is {
		return s, nil
	}
	return ssh.NewSignerWithAlgorithms(algorithms, []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256})
}

// rounds is how many rounds of bcrypt-pbkdf a key in OpenSSH's own form asks for
// (PROTOCOL.key of OpenSSH), 0 if none or if that is not to be told.
func rounds(text string) uint32 {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return 0
	}
	rest, ok := bytes.CutPrefix(block.Bytes, []byte("openssh-key-v1\x00"))
	var fields [3][]byte // cipher, kdf, its options
	for i := range fields {
		if fields[i], rest, ok = field(rest, ok); !ok {
			return 0
		}
	}
	_, rest, ok = field(fields[2], true) // salt
	if !ok || string(fields[1]) != "bcrypt" || len(rest) < 4 {
		return 0
	}
	return binary.BigEndian.Uint32(rest)
}

func field(b []byte, ok bool) (value, rest []byte, is bool) {
	if !ok || len(b) < 4 {
		return nil, nil, false
	}
	n := binary.BigEndian.Uint32(b)
	if uint64(n) > uint64(len(b)-4) {
		return nil, nil, false
	}
	return b[4 : 4+n], b[4+n:], true
}

// info is what an answer to prompt ask of a run is sealed for.
func (c *Consent) info(run, ask uint32, key string) string {
	return protocol.SealInfo(c.config.Session, c.config.Epoch, run, ask, c.config.Device, key)
}
