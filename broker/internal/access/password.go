package access

import (
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

const (
	// defaultRounds of PBKDF2-HMAC-SHA256: OWASP Password Storage Cheat Sheet, 2023.
	defaultRounds = 600_000
	saltBytes     = 16
	hashBytes     = sha256.Size
	// maxWaiting bounds who waits for a turn to hash: a flood is told to come back
	// instead of holding memory and connections.
	maxWaiting = 256
	busyFor    = 2 * time.Second
)

var errPHC = errors.New("not a password hash of this program")

// hasher makes and checks password hashes, a few at a time: one costs a good
// tenth of a second of a core, and pictures have to go on meanwhile.
type hasher struct {
	rounds  int
	slots   chan struct{}
	waiting atomic.Int64
	decoy   string // hash of nothing: what an unknown e-mail is checked against
	// derive is PBKDF2-HMAC-SHA256 (RFC 8018, 5.2); tests count its work.
	derive func(password string, salt []byte, rounds, length int) ([]byte, error)
}

func newHasher(rounds, parallel int) *hasher {
	return &hasher{
		rounds: rounds,
		slots:  make(chan struct{}, parallel),
		decoy:  phc{rounds: rounds, salt: make([]byte, saltBytes), hash: make([]byte, hashBytes)}.String(),
		derive: func(password string, salt []byte, rounds, length int) ([]byte, error) {
			return pbkdf2.Key(sha256.New, password, salt, rounds, length)
		},
	}
}

// hash returns the PHC string of a password that CheckPassword has passed.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	release, err := h.acquire(ctx)
	if err != nil {
		return "", err
	}
	defer release()
	p := phc{rounds: h.rounds, salt: make([]byte, saltBytes)}
	rand.Read(p.salt) // never fails since Go 1.24
	if p.hash, err = h.derive(password, p.salt, p.rounds, hashBytes); err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}
	return p.String(), nil
}

// verify says whether password has the hash stored, in time that does not depend
// on the answer, and whether the hash should be made anew.
func (h *hasher) verify(ctx context.Context, stored, password string) (ok, outdated bool, err error) {
	p, err := parsePHC(stored)
	if err != nil {
		return false, false, err
	}
	release, err := h.acquire(ctx)
	if err != nil {
		return false, false, err
	}
	defer release()
	got, err := h.derive(password, p.salt, p.rounds, len(p.hash))
	if err != nil {
		return false, false, fmt.Errorf("hash password: %w", err)
	}
	ok = subtle.ConstantTimeCompare(got, p.hash) == 1
	return ok, ok && (p.rounds != h.rounds || len(p.salt) != saltBytes || len(p.hash) != hashBytes), nil
}

func (h *hasher) acquire(ctx context.Context) (release func(), err error) {
	if h.waiting.Add(1) > maxWaiting {
		h.waiting.Add(-1)
		return nil, &Throttled{RetryAfter: busyFor}
	}
	defer h.waiting.Add(-1)
	select {
	case h.slots <- struct{}{}:
		return func() { <-h.slots }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// phc is a hash with what it was made with.
type phc struct {
	rounds     int
	salt, hash []byte
}

const phcID = "pbkdf2-sha256"

// String writes $pbkdf2-sha256$i=ROUNDS,l=BYTES$SALT$HASH, base64 without padding
// (PHC string format).
func (p phc) String() string {
	return fmt.Sprintf("$%s$i=%d,l=%d$%s$%s", phcID, p.rounds, len(p.hash),
		base64.RawStdEncoding.EncodeToString(p.salt), base64.RawStdEncoding.EncodeToString(p.hash))
}

// parsePHC reads exactly what String writes, within bounds that keep a damaged
// row from costing minutes.
func parsePHC(s string) (phc, error) {
	parts := strings.Split(s, "$")
	if len(s) > 300 || len(parts) != 5 || parts[0] != "" || parts[1] != phcID {
		return phc{}, errPHC
	}
	i, l, ok := strings.Cut(parts[2], ",")
	if !ok {
		return phc{}, errPHC
	}
	var p phc
	var err error
	if p.rounds, err = parameter(i, "i=", 1, 10_000_000); err != nil {
		return phc{}, err
	}
	length, err := parameter(l, "l=", 16, 64)
	if err != nil {
		return phc{}, err
	}
	strict := base64.RawStdEncoding.Strict()
	if p.salt, err = strict.DecodeString(parts[3]); err != nil || len(p.salt) < 8 || len(p.salt) > 64 {
		return phc{}, errPHC
	}
	if p.hash, err = strict.DecodeString(parts[4]); err != nil || len(p.hash) != length {
		return phc{}, errPHC
	}
	if p.String() != s { // line breaks inside base64, leading zeros
		return phc{}, errPHC
	}
	return p, nil
}

func parameter(s, prefix string, least, most int) (int, error) {
	text, ok := strings.CutPrefix(s, prefix)
	n, err := strconv.Atoi(text)
	if !ok || err != nil || n < least || n > most {
		return 0, errPHC
	}
	return n, nil
}
