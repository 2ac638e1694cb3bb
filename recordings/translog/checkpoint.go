package translog

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// ErrCheckpoint: a text is not a checkpoint.
var ErrCheckpoint = errors.New("not a checkpoint")

// maxCheckpoint bounds a checkpoint with all its signatures.
const maxCheckpoint = 32 << 10

// Algorithms of note signatures (C2SP signed-note).
const (
	algEd25519  = 0x01
	algCosigned = 0x04
)

// Checkpoint is the head of a log at one size, with signatures (C2SP
// tlog-checkpoint). Whether they are right is not known before [Keys.Check].
type Checkpoint struct {
	Origin string
	Size   uint64
	Root   tlog.Hash
	Text   []byte // the signed note
}

// checkOrigin: an origin is also the name of a key in a note.
func checkOrigin(s string) error {
	if err := text("origin", s, 1, maxOrigin); err != nil {
		return err
	}
	if strings.ContainsAny(s, " +") {
		return errors.New("origin has a blank or a plus")
	}
	return nil
}

// body is what is signed.
func (c Checkpoint) body() string {
	i := bytes.Index(c.Text, []byte("\n\n"))
	return string(c.Text[:i+1])
}

func checkpointBody(origin string, n uint64, root tlog.Hash) string {
	return fmt.Sprintf("%s\n%d\n%s\n", origin, n, base64.StdEncoding.EncodeToString(root[:]))
}

// ParseCheckpoint reads a signed note; it checks the form alone, no signature.
func ParseCheckpoint(b []byte) (Checkpoint, error) {
	c, err := parseCheckpoint(b)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("%w: %w", ErrCheckpoint, err)
	}
	return c, nil
}

func parseCheckpoint(b []byte) (Checkpoint, error) {
	if len(b) > maxCheckpoint {
		return Checkpoint{}, fmt.Errorf("longer than %d bytes", maxCheckpoint)
	}
	if !utf8.Valid(b) {
		return Checkpoint{}, errors.New("not UTF-8")
	}
	// Form of the note and of all signature lines; whose they are comes later.
	var unverified *note.UnverifiedNoteError
	if _, err := note.Open(b, note.VerifierList()); !errors.As(err, &unverified) {
		return Checkpoint{}, errors.New("not a signed note")
	}
	for _, s := range unverified.Note.UnverifiedSigs {
		if b, err := base64.StdEncoding.DecodeString(s.Base64); err != nil || base64.StdEncoding.EncodeToString(b) != s.Base64 {
			return Checkpoint{}, errors.New("a signature is in another spelling than the one allowed")
		}
	}
	lines := strings.Split(strings.TrimSuffix(unverified.Note.Text, "\n"), "\n")
	if len(lines) < 3 {
		return Checkpoint{}, errors.New("fewer than three lines")
	}
	for _, l := range lines {
		if l == "" {
			return Checkpoint{}, errors.New("an empty line in the text")
		}
	}
	c := Checkpoint{Origin: lines[0], Text: bytes.Clone(b)}
	if err := checkOrigin(c.Origin); err != nil {
		return Checkpoint{}, err
	}
	var err error
	if c.Size, err = decimal(lines[1]); err != nil {
		return Checkpoint{}, err
	}
	if c.Root, err = hash64(lines[2]); err != nil {
		return Checkpoint{}, err
	}
	if c.Size == 0 && c.Root != emptyRoot {
		return Checkpoint{}, errors.New("the root of an empty tree is another")
	}
	return c, nil
}

// emptyRoot is the hash of a tree without leaves (RFC 6962 section 2.1).
var emptyRoot = tlog.Hash(sha256.Sum256(nil))

// decimal reads a number without leading zeros.
func decimal(s string) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || strconv.FormatUint(n, 10) != s || n > maxNumber {
		return 0, fmt.Errorf("%.20q is no size", s)
	}
	return n, nil
}

// hash64 reads a hash in standard base64, in its one spelling.
func hash64(s string) (h tlog.Hash, err error) {
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != len(h) || base64.StdEncoding.EncodeToString(b) != s {
		return h, fmt.Errorf("%.50q is no hash", s)
	}
	return tlog.Hash(b), nil
}

// keyHash is a key's id in signature lines (C2SP signed-note).
func keyHash(name string, alg byte, key ed25519.PublicKey) uint32 {
	h := sha256.New()
	h.Write([]byte(name + "\n"))
	h.Write([]byte{alg})
	h.Write(key)
	return binary.BigEndian.Uint32(h.Sum(nil))
}

// signLine makes a signature line of a note.
func signLine(name string, hash uint32, sig []byte) []byte {
	raw := append(binary.BigEndian.AppendUint32(nil, hash), sig...)
	return fmt.Appendf(nil, "— %s %s\n", name, base64.StdEncoding.EncodeToString(raw))
}

// sign makes the log's own checkpoint.
func sign(origin string, n uint64, root tlog.Hash, key ed25519.PrivateKey) Checkpoint {
	body := checkpointBody(origin, n, root)
	line := signLine(origin, keyHash(origin, algEd25519, key.Public().(ed25519.PublicKey)), ed25519.Sign(key, []byte(body)))
	return Checkpoint{origin, n, root, append([]byte(body+"\n"), line...)}
}

// cosign makes the line of a witness (C2SP tlog-cosignature, Ed25519).
func cosign(body, name string, key ed25519.PrivateKey, at time.Time) []byte {
	sec := uint64(at.Unix())
	sig := binary.BigEndian.AppendUint64(nil, sec)
	sig = append(sig, ed25519.Sign(key, cosignedMessage(sec, []byte(body)))...)
	return signLine(name, keyHash(name, algCosigned, key.Public().(ed25519.PublicKey)), sig)
}

func cosignedMessage(sec uint64, body []byte) []byte {
	return append(fmt.Appendf(nil, "cosignature/v1\ntime %d\n", sec), body...)
}

// Add returns the checkpoint with more signature lines; lines that it has are not
// added again. The signatures are not checked.
func (c Checkpoint) Add(lines []byte) (Checkpoint, error) {
	out := bytes.Clone(c.Text)
	for line := range bytes.Lines(lines) {
		if !bytes.Contains(c.Text, line) {
			out = append(out, line...)
		}
	}
	return ParseCheckpoint(out)
}

// verifier checks the signatures of one key under whatever name.
type verifier struct {
	name string
	hash uint32
	key  ed25519.PublicKey
	alg  byte
}

func (v verifier) Name() string    { return v.name }
func (v verifier) KeyHash() uint32 { return v.hash }

func (v verifier) Verify(msg, sig []byte) bool {
	if v.alg == algCosigned {
		if len(sig) != 8+ed25519.SignatureSize {
			return false
		}
		sec := binary.BigEndian.Uint64(sig)
		if sec > 1<<63-1 {
			return false
		}
		msg, sig = cosignedMessage(sec, msg), sig[8:]
	}
	return ed25519.Verify(v.key, msg, sig)
}

// Cosignature is a witness's word for a checkpoint.
type Cosignature struct {
	Witness string // name of the key in [Keys]
	Name    string // as the witness calls itself
	Time    time.Time
}

// Check verifies all signatures of a checkpoint. The log's is missing when signed
// is false: none is by a key of k. A wrong signature by a known key is an error.
func (k Keys) Check(c Checkpoint) (signed bool, cosigned []Cosignature, err error) {
	n, err := note.Open(c.Text, known{k, c.Origin})
	var none *note.UnverifiedNoteError
	if errors.As(err, &none) {
		return false, nil, nil
	}
	if err != nil {
		return false, nil, fmt.Errorf("a signature is wrong: %w", err)
	}
	seen := map[string]bool{}
	for _, s := range n.Sigs {
		if v, err := (known{k, c.Origin}).log(s.Name, s.Hash); err == nil && v != nil {
			signed = true
			continue
		}
		w, ok := k.witness(s.Name, s.Hash)
		raw, err := base64.StdEncoding.DecodeString(s.Base64)
		if !ok || err != nil || seen[string(w.Key)] {
			continue // a key counts once, under whatever names
		}
		seen[string(w.Key)] = true
		cosigned = append(cosigned, Cosignature{w.Name, s.Name, time.Unix(int64(binary.BigEndian.Uint64(raw[4:])), 0).UTC()})
	}
	return signed, cosigned, nil
}

// known finds the verifier of a signature line among keys. Witness keys are known
// by their key id, which is computed with the name that stands in the line.
type known struct {
	Keys
	origin string
}

func (k known) Verifier(name string, hash uint32) (note.Verifier, error) {
	if v, err := k.log(name, hash); err == nil {
		return v, nil
	}
	if w, ok := k.witness(name, hash); ok {
		return verifier{name, hash, w.Key, algCosigned}, nil
	}
	return nil, &note.UnknownVerifierError{Name: name, KeyHash: hash}
}

func (k known) log(name string, hash uint32) (note.Verifier, error) {
	if name == k.origin {
		for _, key := range k.Log {
			if keyHash(name, algEd25519, key) == hash {
				return verifier{name, hash, key, algEd25519}, nil
			}
		}
	}
	return nil, &note.UnknownVerifierError{Name: name, KeyHash: hash}
}

func (k Keys) witness(name string, hash uint32) (NamedKey, bool) {
	for _, w := range k.Witness {
		if keyHash(name, algCosigned, w.Key) == hash {
			return w, true
		}
	}
	return NamedKey{}, false
}
