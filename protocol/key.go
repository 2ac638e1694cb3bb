package protocol

import (
	"crypto/rand"
	"encoding/base32"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/width"
)

// KeyAlphabet is the 28 characters of session keys. 0/O, 1/I/L and the letters
// that look like a digit (B, S, Z) are left out.
const KeyAlphabet = "23456789ACDEFGHJKMNPQRTUVWXY"

// KeyLength is the number of characters of a session key.
const KeyLength = 7

// KeyLifetime is how long a key can be typed.
const KeyLifetime = 10 * time.Minute

// maxKeyInput bounds what is looked at when a person types a key.
const maxKeyInput = 64

// SessionKey is a key in its canonical form: KeyLength characters of KeyAlphabet.
type SessionKey string

// NewSessionKey draws a key from the system's CSPRNG. Every one of the
// 28^7 = 13,492,928,512 keys is equally likely: bytes that would favour some
// characters are thrown away.
func NewSessionKey() SessionKey {
	const n = len(KeyAlphabet)
	const limit = 256 - 256%n
	key := make([]byte, 0, KeyLength)
	buf := make([]byte, 2*KeyLength)
	for len(key) < KeyLength {
		rand.Read(buf) // never fails (crypto/rand)
		for _, b := range buf {
			if int(b) < limit && len(key) < KeyLength {
				key = append(key, KeyAlphabet[int(b)%n])
			}
		}
	}
	return SessionKey(key)
}

// lookAlike maps letters that are never in a key to the one character of a key
// that they are mistaken for.
var lookAlike = map[rune]rune{'B': '8', 'S': '5', 'Z': '2'}

// ParseSessionKey reads a key as people type it: in either case, with spaces,
// dashes or dots anywhere, in full-width letters. It returns ErrMalformed for
// anything that cannot be a key.
func ParseSessionKey(typed string) (SessionKey, error) {
	if len(typed) > maxKeyInput {
		return "", fmt.Errorf("%w: session key is too long", ErrMalformed)
	}
	var key strings.Builder
	for _, r := range width.Fold.String(typed) {
		switch {
		case unicode.IsSpace(r), unicode.Is(unicode.Pd, r), r == '.', r == '_', r == '\u00ad', r == '\u200b', r == '\u2212':
			continue
		}
		r = unicode.ToUpper(r)
		if l, ok := lookAlike[r]; ok {
			r = l
		}
		if r > unicode.MaxASCII || !strings.ContainsRune(KeyAlphabet, r) {
			return "", fmt.Errorf("%w: session key has a character that no key has", ErrMalformed)
		}
		key.WriteRune(r)
	}
	if key.Len() != KeyLength {
		return "", fmt.Errorf("%w: session key has %d characters instead of %d", ErrMalformed, key.Len(), KeyLength)
	}
	return SessionKey(key.String()), nil
}

// Spaced returns the key as people read it: ABC-DEFG.
func (k SessionKey) Spaced() string {
	if len(k) != KeyLength {
		return string(k)
	}
	return string(k[:3]) + "-" + string(k[3:])
}

// TicketLength is the number of characters of a join ticket.
const TicketLength = 26

// Ticket lets one agent join one session, once. It is 128 bits in lower-case
// base32 (RFC 4648, no padding) and travels in the agent's file name.
type Ticket string

var ticketEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// TicketFrom makes a ticket of 16 bytes.
func TicketFrom(b [16]byte) Ticket { return Ticket(ticketEncoding.EncodeToString(b[:])) }

// ParseTicket checks the form of a ticket.
func ParseTicket(s string) (Ticket, error) {
	if len(s) != TicketLength {
		return "", fmt.Errorf("%w: join ticket", ErrMalformed)
	}
	b, err := ticketEncoding.DecodeString(s)
	if err != nil || len(b) != 16 || ticketEncoding.EncodeToString(b) != s {
		return "", fmt.Errorf("%w: join ticket", ErrMalformed)
	}
	return Ticket(s), nil
}

// AgentFilePrefix begins the file name of a downloaded agent.
const AgentFilePrefix = "consento-"

var ticketInName = regexp.MustCompile(`(?i)consento-([a-z2-7]{26})(?:[^a-z0-9]|$)`)

// TicketFromFileName finds the ticket in the name of the agent's file. Copies
// that a browser or a person renamed ("consento-… (1).exe", "Copy of …") still
// carry it. It returns ErrMalformed when there is none.
func TicketFromFileName(name string) (Ticket, error) {
	if len(name) > 4096 {
		name = name[len(name)-4096:]
	}
	m := ticketInName.FindStringSubmatch(name)
	if m == nil {
		return "", fmt.Errorf("%w: no join ticket in the file name", ErrMalformed)
	}
	return ParseTicket(strings.ToLower(m[1]))
}
