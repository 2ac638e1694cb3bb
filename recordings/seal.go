package recordings

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"time"
)

const (
	sealSize = 8 + 32 + 8 + 32 + 64 // n, root, wall clock, next key, signature
	sealed   = sealSize - 64

	sealDomain = "consento-seal/v1\x00"
)

// Head is what a seal signs: the tree over the first N records of a segment.
// Whoever keeps one can show later that the file still begins the same way.
type Head struct {
	N    uint64    // records covered; the seal itself is record N
	Root [32]byte  // RFC 6962 root over them
	Time time.Time // the writer's wall clock, milliseconds
}

func (h Head) String() string {
	return fmt.Sprintf("%d %s", h.N, base64.StdEncoding.EncodeToString(h.Root[:]))
}

// Same tells whether both are the same tree; the clock is not compared.
func (h Head) Same(o Head) bool { return h.N == o.N && h.Root == o.Root }

// sealMessage is what the key signs: everything of the seal, its own header
// included, bound to the session.
func sealMessage(sid SessionID, h Header, body []byte) []byte {
	m := make([]byte, 0, len(sealDomain)+len(sid)+boundHeader+sealed)
	m = append(m, sealDomain...)
	m = append(m, sid[:]...)
	m = append(m, h.bound()...)
	return append(m, body[:sealed]...)
}

// signSeal returns a seal's body. next is empty in the final seal.
func signSeal(key ed25519.PrivateKey, sid SessionID, h Header, head Head, next ed25519.PublicKey) []byte {
	b := make([]byte, sealed, sealSize)
	binary.BigEndian.PutUint64(b, head.N)
	copy(b[8:], head.Root[:])
	binary.BigEndian.PutUint64(b[40:], uint64(head.Time.UnixMilli()))
	copy(b[48:], next)
	return append(b, ed25519.Sign(key, sealMessage(sid, h, b))...)
}

func parseSeal(body []byte) (head Head, next ed25519.PublicKey, err error) {
	if len(body) != sealSize {
		return Head{}, nil, fmt.Errorf("%w: a seal of %d bytes", ErrMalformed, len(body))
	}
	head = Head{
		N:    binary.BigEndian.Uint64(body),
		Root: [32]byte(body[8:40]),
		Time: time.UnixMilli(int64(binary.BigEndian.Uint64(body[40:48]))).UTC(),
	}
	return head, ed25519.PublicKey(append([]byte(nil), body[48:80]...)), nil
}

// Seal returns the head that a record of kind SEAL signs.
func (r Record) Seal() (Head, bool) {
	if r.Kind != KindSeal {
		return Head{}, false
	}
	head, _, err := parseSeal(r.Body)
	return head, err == nil
}
