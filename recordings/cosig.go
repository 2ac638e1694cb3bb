package recordings

import (
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

const (
	// CosignatureSize is the length of a countersignature in bytes: key, n, root,
	// signature.
	CosignatureSize = 32 + 8 + 32 + 64

	cosigDomain = "consento-cosig/v1\x00"
)

// Cosignature is somebody else's signature over a sealed head. Whether Key is
// one to trust is for the reader to decide.
type Cosignature struct {
	Key  ed25519.PublicKey
	Head Head // without a time
	raw  []byte
}

// Cosign signs a sealed head of a session. Who does it must have verified the
// segment up to there ([Follower]), and must never sign two roots of one n.
func Cosign(key ed25519.PrivateKey, sid SessionID, h Head) []byte {
	b := append(make([]byte, 0, CosignatureSize), key.Public().(ed25519.PublicKey)...)
	b = binary.BigEndian.AppendUint64(b, h.N)
	b = append(b, h.Root[:]...)
	return append(b, ed25519.Sign(key, cosigMessage(sid, b))...)
}

// ParseCosignature reads what [Cosign] made and checks the signature with the key
// that it names itself.
func ParseCosignature(sid SessionID, body []byte) (Cosignature, error) {
	if len(body) != CosignatureSize {
		return Cosignature{}, fmt.Errorf("%w: a countersignature of %d bytes", ErrMalformed, len(body))
	}
	c := Cosignature{
		Key:  ed25519.PublicKey(append([]byte(nil), body[:32]...)),
		Head: Head{N: binary.BigEndian.Uint64(body[32:]), Root: [32]byte(body[40:72])},
		raw:  append([]byte(nil), body...),
	}
	if !ed25519.Verify(c.Key, cosigMessage(sid, body), body[72:]) {
		return c, fmt.Errorf("%w: the countersignature is wrong", ErrMalformed)
	}
	return c, nil
}

func cosigMessage(sid SessionID, body []byte) []byte {
	m := append([]byte(cosigDomain), sid[:]...)
	return append(m, body[:72]...)
}

// DefaultCosignatures is where the countersignatures of a segment's final head
// lie, over which no record can follow: the same name with ".cosig".
func DefaultCosignatures(path string) string { return strings.TrimSuffix(path, ".rec") + ".cosig" }

// ReadCosignatures reads a file of countersignatures, one after the other. No
// file is none.
//
// Errors: [ErrMalformed], those of the file system.
func ReadCosignatures(path string, sid SessionID) ([]Cosignature, error) {
	b, err := readLimited(path, maxCosigs*CosignatureSize)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []Cosignature
	for ; len(b) > 0; b = b[CosignatureSize:] {
		c, err := ParseCosignature(sid, b[:min(len(b), CosignatureSize)])
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// Cosigned appends somebody's countersignature, which the next seal covers. It
// must be over one of the last 256 heads; any other would spoil the recording.
//
// Errors: [ErrMalformed] (nothing was written), those of [Writer.Append].
func (w *Writer) Cosigned(body []byte) error {
	if w.err != nil {
		return w.err
	}
	c, err := ParseCosignature(w.open.Session, body)
	if err != nil {
		return err
	}
	for _, h := range w.heads {
		if h.Same(c.Head) {
			return w.record(Header{Kind: KindCosig, Index: w.tree.n, AtMs: w.lastM, Length: CosignatureSize}, body, small)
		}
	}
	return fmt.Errorf("%w: a countersignature over a head that was not sealed lately", ErrMalformed)
}
