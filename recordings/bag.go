package recordings

import (
	"bytes"
	"crypto/hpke"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

var (
	// ErrNotForYou: the key bag names none of the identities that were given.
	ErrNotForYou = errors.New("the recording was not made for this identity")
	// ErrBagMismatch: the key bag does not belong to this segment, or was changed.
	ErrBagMismatch = errors.New("the key bag does not belong to this recording")
)

const (
	maxBag        = 64 << 10
	maxRecipients = 100
)

// bagJSON is the one byte form of a key bag, as openJSON is of OPEN.
type bagJSON struct {
	Version int      `json:"v"`
	Session string   `json:"sid"`
	Segment int      `json:"segment"`
	Stanzas []stanza `json:"stanzas"`
}

// stanza is the content key, wrapped for one recipient.
type stanza struct {
	KEM  int    `json:"kem"`
	ID   string `json:"id"`   // Recipient.ID
	Body string `json:"body"` // base64 of the encapsulated key, then nonce, ciphertext, tag
}

func bagInfo(sid SessionID, segment int) []byte {
	return fmt.Appendf(nil, "consento-bag/v1 %s %d", sid, segment)
}

// wrapKey comes out of HPKE in export-only mode (RFC 9180 section 5.3): its own
// AEADs are not approved in FIPS mode, the exporter and AES-GCM with a random
// nonce are.
func wrapKey(export func(string, int) ([]byte, error)) ([]byte, error) {
	return export("consento-wrap/v1", 32)
}

// newBag returns a key bag that each of the recipients can open alone.
func newBag(k contentKey, sid SessionID, segment int, to []Recipient) ([]byte, error) {
	j := bagJSON{Version: FormatVersion, Session: sid.String(), Segment: segment}
	for _, r := range to {
		enc, s, err := hpke.NewSender(r.key, hpke.HKDFSHA256(), hpke.ExportOnly(), bagInfo(sid, segment))
		if err != nil {
			return nil, err
		}
		wk, err := wrapKey(s.Export)
		if err != nil {
			return nil, err
		}
		a, err := newAEAD(wk)
		if err != nil {
			return nil, err
		}
		body := a.Seal(enc, nil, k[:], []byte(r.ID()))
		j.Stanzas = append(j.Stanzas, stanza{KEM: kemP256, ID: r.ID(), Body: base64.StdEncoding.EncodeToString(body)})
	}
	b, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	_, err = parseBag(b)
	return b, err
}

func parseBag(b []byte) (bagJSON, error) {
	bad := func(what string) (bagJSON, error) {
		return bagJSON{}, fmt.Errorf("%w: key bag: %s", ErrMalformed, what)
	}
	if len(b) > maxBag {
		return bad("too long")
	}
	var j bagJSON
	if err := strictJSON(bytes.TrimSuffix(b, []byte("\n")), &j); err != nil {
		return bad(err.Error())
	}
	if j.Version != FormatVersion {
		return bad(fmt.Sprintf("version %d is unknown", j.Version))
	}
	if _, err := ParseSessionID(j.Session); err != nil || j.Segment < 0 || j.Segment > maxSegment {
		return bad("session id or segment")
	}
	if len(j.Stanzas) == 0 || len(j.Stanzas) > maxRecipients {
		return bad("number of recipients")
	}
	for _, s := range j.Stanzas {
		if id, err := hex.DecodeString(s.ID); err != nil || len(id) != 8 {
			return bad("recipient id")
		}
		if len(s.Body) > 4096 {
			return bad("stanza too long")
		}
	}
	return j, nil
}

// open unwraps the content key with the first identity that fits and checks it
// against the commitment in OPEN.
func (j bagJSON) open(o Open, ids []Identity) (contentKey, error) {
	if j.Session != o.Session.String() || j.Segment != o.Segment {
		return contentKey{}, fmt.Errorf("%w: it is for segment %d of session %s", ErrBagMismatch, j.Segment, j.Session)
	}
	found := false
	for _, s := range j.Stanzas {
		for _, id := range ids {
			if id.key == nil || id.Recipient().ID() != s.ID || s.KEM != kemP256 {
				continue
			}
			found = true
			k, err := s.unwrap(o, id)
			if err != nil {
				continue // another stanza may carry the same id
			}
			c, err := k.commitment(o.Session)
			if err != nil {
				return contentKey{}, err
			}
			if subtle.ConstantTimeCompare(c[:], o.Commit[:]) == 1 {
				return k, nil
			}
		}
	}
	if found {
		return contentKey{}, fmt.Errorf("%w: the key in it is not the one that the recording commits to", ErrBagMismatch)
	}
	return contentKey{}, ErrNotForYou
}

func (s stanza) unwrap(o Open, id Identity) (contentKey, error) {
	b, err := base64.StdEncoding.Strict().DecodeString(s.Body)
	if err != nil || len(b) != p256EncSize+sealOverhead+len(contentKey{}) {
		return contentKey{}, fmt.Errorf("%w: stanza", ErrMalformed)
	}
	r, err := hpke.NewRecipient(b[:p256EncSize], id.key, hpke.HKDFSHA256(), hpke.ExportOnly(), bagInfo(o.Session, o.Segment))
	if err != nil {
		return contentKey{}, err
	}
	wk, err := wrapKey(r.Export)
	if err != nil {
		return contentKey{}, err
	}
	a, err := newAEAD(wk)
	if err != nil {
		return contentKey{}, err
	}
	k, err := a.Open(nil, nil, b[p256EncSize:], []byte(s.ID))
	if err != nil {
		return contentKey{}, err
	}
	return contentKey(k), nil
}

func readBag(path string) (bagJSON, error) {
	f, err := os.Open(path)
	if err != nil {
		return bagJSON{}, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxBag+1))
	if err != nil {
		return bagJSON{}, err
	}
	return parseBag(b)
}

// BagRecipients returns the ids ([Recipient.ID]) that a key bag names. Whether
// the keys in it are right only an identity can tell.
//
// Errors: [ErrBagMismatch], [ErrMalformed], those of the file system.
func BagRecipients(path string, o Open) ([]string, error) {
	b, err := readBag(path)
	if err != nil {
		return nil, err
	}
	if b.Session != o.Session.String() || b.Segment != o.Segment {
		return nil, ErrBagMismatch
	}
	var ids []string
	for _, s := range b.Stanzas {
		ids = append(ids, s.ID)
	}
	return ids, nil
}
