package recordings

import (
	"bytes"
	"crypto/hpke"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"slices"
)

// Class says by what right somebody reads.
type Class string

// Classes of a key bag's stanzas.
const (
	ClassAuditor  Class = "auditor"  // named by the recipient policy
	ClassEscrow   Class = "escrow"   // the office's printed keys, named by the policy
	ClassCustomer Class = "customer" // the customer's own copy
)

// Stanza is a way to a key: all of To together open it, none of them alone.
type Stanza struct {
	Class Class
	To    []Recipient
}

// Alone makes a stanza of each recipient.
func Alone(c Class, to ...Recipient) []Stanza {
	s := make([]Stanza, len(to))
	for i, r := range to {
		s[i] = Stanza{c, []Recipient{r}}
	}
	return s
}

// Pairs makes a stanza of every two recipients: any two of them open together.
func Pairs(c Class, of ...Recipient) []Stanza {
	var s []Stanza
	for i, a := range of {
		for _, b := range of[i+1:] {
			s = append(s, Stanza{c, []Recipient{a, b}})
		}
	}
	return s
}

const (
	maxStanzas = 100 // in a bag or share
	maxParts   = 3   // in a stanza
	maxBody    = 4096
)

// partJSON is a share of a key, wrapped for one recipient.
type partJSON struct {
	KEM  int    `json:"kem"`
	ID   string `json:"id"`   // Recipient.ID
	Body string `json:"body"` // base64 of the encapsulated key, then nonce, ciphertext, tag
}

// stanzaJSON is [Stanza]; the key is the XOR of the shares in its parts.
type stanzaJSON struct {
	Class Class      `json:"class"`
	Parts []partJSON `json:"parts"`
}

// wrapKey comes out of HPKE in export-only mode (RFC 9180 section 5.3): its own
// AEADs are not approved in FIPS mode, the exporter and AES-GCM with a random
// nonce are.
func wrapKey(export func(string, int) ([]byte, error)) ([]byte, error) {
	return export("consento-wrap/v1", 32)
}

// wrap encrypts 32 bytes for a recipient; info says where they belong, aad in
// what role.
func wrap(secret [32]byte, r Recipient, info, aad string) (partJSON, error) {
	enc, s, err := hpke.NewSender(r.key, hpke.HKDFSHA256(), hpke.ExportOnly(), []byte(info))
	if err != nil {
		return partJSON{}, err
	}
	wk, err := wrapKey(s.Export)
	if err != nil {
		return partJSON{}, err
	}
	a, err := newAEAD(wk)
	if err != nil {
		return partJSON{}, err
	}
	body := a.Seal(enc, nil, secret[:], []byte(aad))
	return partJSON{KEM: int(r.key.KEM().ID()), ID: r.ID(), Body: base64.StdEncoding.EncodeToString(body)}, nil
}

// unwrap is the reverse; id must be the one that the part names.
func (p partJSON) unwrap(id Identity, info, aad string) (secret [32]byte, err error) {
	encSize := kems[p.KEM].enc
	b, err := base64.StdEncoding.Strict().DecodeString(p.Body)
	if err != nil || encSize == 0 || len(b) != encSize+sealOverhead+len(secret) {
		return secret, fmt.Errorf("%w: part of a stanza", ErrMalformed)
	}
	r, err := hpke.NewRecipient(b[:encSize], id.key, hpke.HKDFSHA256(), hpke.ExportOnly(), []byte(info))
	if err != nil {
		return secret, err
	}
	wk, err := wrapKey(r.Export)
	if err != nil {
		return secret, err
	}
	a, err := newAEAD(wk)
	if err != nil {
		return secret, err
	}
	k, err := a.Open(nil, nil, b[encSize:], []byte(aad))
	if err != nil {
		return secret, err
	}
	return [32]byte(k), nil
}

// identity finds the one that the part was wrapped for.
func (p partJSON) identity(ids []Identity) (Identity, bool) {
	i := slices.IndexFunc(ids, func(id Identity) bool {
		return id.key != nil && int(id.key.KEM().ID()) == p.KEM && id.Recipient().ID() == p.ID
	})
	if i < 0 {
		return Identity{}, false
	}
	return ids[i], true
}

func (p partJSON) check() error {
	if id, err := hex.DecodeString(p.ID); err != nil || len(id) != 8 || hex.EncodeToString(id) != p.ID {
		return fmt.Errorf("%w: recipient id", ErrMalformed)
	}
	if len(p.Body) > maxBody {
		return fmt.Errorf("%w: stanza too long", ErrMalformed)
	}
	return nil
}

// checkStanzas refuses what no key could be wrapped for.
func checkStanzas(stanzas []Stanza) error {
	if len(stanzas) > maxStanzas {
		return fmt.Errorf("recordings: more than %d ways to read it", maxStanzas)
	}
	for _, s := range stanzas {
		if len(s.To) == 0 || len(s.To) > maxParts {
			return fmt.Errorf("recordings: a stanza is for 1 to %d recipients", maxParts)
		}
		for i, r := range s.To {
			if r.key == nil {
				return fmt.Errorf("recordings: empty recipient")
			}
			if slices.ContainsFunc(s.To[:i], r.same) {
				return fmt.Errorf("recordings: a stanza names a recipient twice, who would hold all of it")
			}
		}
	}
	return nil
}

// partAAD binds a part to its class, so that it cannot be passed off as another.
func partAAD(c Class, id string) string { return string(c) + " " + id }

// wrapStanza splits the key into as many shares as there are recipients.
func wrapStanza(secret [32]byte, s Stanza, info string) (stanzaJSON, error) {
	j := stanzaJSON{Class: s.Class}
	left := secret
	for i, r := range s.To {
		part := left
		if i < len(s.To)-1 {
			rand.Read(part[:]) // never fails, crypto/rand
			subtle.XORBytes(left[:], left[:], part[:])
		}
		p, err := wrap(part, r, info, partAAD(s.Class, r.ID()))
		if err != nil {
			return j, err
		}
		j.Parts = append(j.Parts, p)
	}
	return j, nil
}

// openStanza combines the shares. found is how many parts are for the identities.
func (s stanzaJSON) open(ids []Identity, info string) (secret [32]byte, found int, err error) {
	for _, p := range s.Parts {
		if _, ok := p.identity(ids); ok {
			found++
		}
	}
	if found < len(s.Parts) {
		return secret, found, nil
	}
	for _, p := range s.Parts {
		id, _ := p.identity(ids)
		share, err := p.unwrap(id, info, partAAD(s.Class, p.ID))
		if err != nil {
			return [32]byte{}, found, err
		}
		subtle.XORBytes(secret[:], secret[:], share[:])
	}
	return secret, found, nil
}

func (s stanzaJSON) check() error {
	if len(s.Parts) == 0 || len(s.Parts) > maxParts {
		return fmt.Errorf("%w: parts of a stanza", ErrMalformed)
	}
	for i, p := range s.Parts {
		if err := p.check(); err != nil {
			return err
		}
		if slices.ContainsFunc(s.Parts[:i], func(o partJSON) bool { return o.ID == p.ID }) {
			return fmt.Errorf("%w: a stanza names a recipient twice", ErrMalformed)
		}
	}
	return nil
}

// openStanzas tries each stanza until one gives a key that right accepts.
func openStanzas(stanzas []stanzaJSON, ids []Identity, info string, right func([32]byte) bool) ([32]byte, error) {
	some, all := false, false
	for _, s := range stanzas {
		k, found, err := s.open(ids, info)
		some = some || found > 0
		if found < len(s.Parts) {
			continue
		}
		all = true
		if err == nil && right(k) { // else: another stanza may carry the same id
			return k, nil
		}
	}
	switch {
	case all:
		return [32]byte{}, fmt.Errorf("%w: the key in it is not the one that the recording commits to", ErrBagMismatch)
	case some:
		return [32]byte{}, ErrMoreKeys
	}
	return [32]byte{}, ErrNotForYou
}

func readAllLimited(r io.Reader, most int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && int64(len(b)) > most {
		err = fmt.Errorf("%w: longer than %d bytes", ErrMalformed, most)
	}
	return b, err
}

// readLimited reads a small file.
func readLimited(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAllLimited(f, most)
}

// oneLine takes the line feed off that may follow a JSON text in a file.
func oneLine(b []byte) []byte { return bytes.TrimSuffix(b, []byte("\n")) }
