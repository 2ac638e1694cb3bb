package recordings

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
)

const (
	noteInfo = "consento-note/v1"
	// MaxNote bounds the text of a note, in bytes.
	MaxNote = 256 << 10
)

// noteJSON is the one byte form of a note, as openJSON is of OPEN.
type noteJSON struct {
	Version int          `json:"v"`
	Stanzas []stanzaJSON `json:"stanzas"`
	Body    string       `json:"body"` // base64 of nonce, ciphertext, tag
}

// SealNote encrypts a text that belongs to no recording, such as the reason of a
// viewing, so that each of the recipients can read it alone.
func SealNote(text []byte, to ...Recipient) ([]byte, error) {
	if len(text) > MaxNote {
		return nil, fmt.Errorf("%w: a note of %d bytes", ErrMalformed, len(text))
	}
	stanzas := Alone(ClassAuditor, to...)
	if err := checkStanzas(stanzas); err != nil {
		return nil, err
	}
	if len(stanzas) == 0 {
		return nil, fmt.Errorf("recordings: nobody could read the note")
	}
	var key [32]byte
	rand.Read(key[:]) // never fails, crypto/rand
	defer clear(key[:])
	j := noteJSON{Version: 1}
	for _, s := range stanzas {
		w, err := wrapStanza(key, s, noteInfo)
		if err != nil {
			return nil, fmt.Errorf("recordings: note: %w", err)
		}
		j.Stanzas = append(j.Stanzas, w)
	}
	a, err := newAEAD(key[:])
	if err != nil {
		return nil, fmt.Errorf("recordings: note: %w", err)
	}
	j.Body = base64.StdEncoding.EncodeToString(a.Seal(nil, nil, text, []byte(noteInfo)))
	return json.Marshal(j)
}

// OpenNote reads a note with the first identity that fits.
//
// Errors: [ErrNotForYou], [ErrMalformed].
func OpenNote(note []byte, ids ...Identity) ([]byte, error) {
	var j noteJSON
	if len(note) > 2*MaxNote+maxBag {
		return nil, fmt.Errorf("%w: note: too long", ErrMalformed)
	}
	if err := strictJSON(note, &j); err != nil {
		return nil, fmt.Errorf("%w: note: %w", ErrMalformed, err)
	}
	body, err := base64.StdEncoding.Strict().DecodeString(j.Body)
	if err != nil || j.Version != 1 || len(j.Stanzas) > maxStanzas {
		return nil, fmt.Errorf("%w: note", ErrMalformed)
	}
	for _, s := range j.Stanzas {
		if err := s.check(); err != nil {
			return nil, err
		}
	}
	var text []byte
	_, err = openStanzas(j.Stanzas, ids, noteInfo, func(key [32]byte) bool {
		a, err := newAEAD(key[:])
		if err != nil {
			return false
		}
		text, err = a.Open(nil, nil, body, []byte(noteInfo))
		return err == nil
	})
	return text, err
}
