package recordings

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
)

// sealOverhead is what encryption adds to a body: nonce and tag.
const sealOverhead = 12 + 16

// contentKey is the random secret of one segment. Every track and minute has a
// key of its own below it, so that a part can be shared without the rest.
type contentKey [32]byte

func newContentKey() contentKey {
	var k contentKey
	rand.Read(k[:]) // never fails, crypto/rand
	return k
}

// derive is HKDF-Expand (RFC 5869) with SHA-256: the content key is already
// uniform, so there is nothing to extract.
func (k contentKey) derive(info string) ([]byte, error) {
	return hkdf.Expand(sha256.New, k[:], info, 32)
}

// commitment binds a segment to its content key without telling anything of it.
func (k contentKey) commitment(sid SessionID) ([32]byte, error) {
	b, err := k.derive("consento-commit/v1 " + sid.String())
	if err != nil {
		return [32]byte{}, err
	}
	return [32]byte(b), nil
}

func trackInfo(sid SessionID, t Track, minute uint32) string {
	return fmt.Sprintf("consento-track/v1 %s %d %d", sid, t, minute)
}

// trackKey opens one track for one minute.
func (k contentKey) trackKey(sid SessionID, t Track, minute uint32) (cipher.AEAD, error) {
	b, err := k.derive(trackInfo(sid, t, minute))
	if err != nil {
		return nil, err
	}
	return newAEAD(b)
}

// newAEAD returns AES-256-GCM with a random nonce before each ciphertext: the
// only form that the FIPS module approves without a counter.
func newAEAD(key []byte) (cipher.AEAD, error) {
	b, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(b)
}

// dataAAD binds a ciphertext to its session and its place in it.
func dataAAD(sid SessionID, h Header) []byte {
	return append(append(make([]byte, 0, len(sid)+boundHeader), sid[:]...), h.bound()...)
}

// trackKeys remembers the key of the current minute of each track.
type trackKeys struct {
	sid    SessionID
	key    contentKey
	minute [256]uint32
	aead   [256]cipher.AEAD
}

func (c *trackKeys) of(h Header) (cipher.AEAD, error) {
	m := h.Minute()
	if a := c.aead[h.Track]; a != nil && c.minute[h.Track] == m {
		return a, nil
	}
	a, err := c.key.trackKey(c.sid, h.Track, m)
	if err != nil {
		return nil, err
	}
	c.aead[h.Track], c.minute[h.Track] = a, m
	return a, nil
}

// erase makes the keys unreachable; Go gives no stronger word than clear.
func (c *trackKeys) erase() {
	clear(c.key[:])
	clear(c.aead[:])
}
