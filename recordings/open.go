package recordings

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// FormatVersion is the version of the format that this package writes and reads.
const FormatVersion = 1

const maxOpen = 4096

// Open is the first record of a segment: in clear, without personal data.
type Open struct {
	Session   SessionID
	Segment   int       // 0, 1, ...
	Origin    string    // who recorded: printable ASCII
	Started   time.Time // wall clock at time 0 of the records, milliseconds
	Key       ed25519.PublicKey
	Commit    [32]byte // commitment to the content key
	Policy    [32]byte // hash of the recipient policy; zero: none yet
	Retention string   // retention class
	Continues *Head    // head of the segment before; nil in the first
}

// openJSON is the one byte form of OPEN: these fields in this order, without
// blanks. Another spelling is refused, so that no two readers can read one OPEN
// differently.
type openJSON struct {
	Version   int        `json:"v"`
	Session   string     `json:"sid"`
	Segment   int        `json:"segment"`
	Origin    string     `json:"origin"`
	Started   int64      `json:"started"`
	Key       string     `json:"key"`
	Commit    string     `json:"commit"`
	Policy    string     `json:"policy"`
	Retention string     `json:"retention"`
	Continues *continues `json:"continues"`
}

type continues struct {
	N    uint64 `json:"n"`
	Root string `json:"root"`
}

func (o Open) marshal() ([]byte, error) {
	j := openJSON{
		Version: FormatVersion, Session: o.Session.String(), Segment: o.Segment, Origin: o.Origin,
		Started: o.Started.UnixMilli(), Key: hex.EncodeToString(o.Key), Commit: hex.EncodeToString(o.Commit[:]),
		Retention: o.Retention,
	}
	if o.Policy != ([32]byte{}) {
		j.Policy = hex.EncodeToString(o.Policy[:])
	}
	if o.Continues != nil {
		j.Continues = &continues{N: o.Continues.N, Root: hex.EncodeToString(o.Continues.Root[:])}
	}
	b, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	_, err = parseOpen(b) // what is written must read
	return b, err
}

// parseOpen reads the body of record 0.
func parseOpen(b []byte) (Open, error) {
	bad := func(what string) (Open, error) {
		return Open{}, fmt.Errorf("%w: OPEN: %s", ErrMalformed, what)
	}
	if len(b) > maxOpen {
		return bad("too long")
	}
	var j openJSON
	if err := strictJSON(b, &j); err != nil {
		return bad(err.Error())
	}
	if j.Version != FormatVersion {
		return bad(fmt.Sprintf("version %d is unknown", j.Version))
	}
	o := Open{Segment: j.Segment, Origin: j.Origin, Started: time.UnixMilli(j.Started).UTC(), Retention: j.Retention}
	var err error
	if o.Session, err = ParseSessionID(j.Session); err != nil || o.Session == (SessionID{}) {
		return bad("session id")
	}
	if o.Segment < 0 || o.Segment > maxSegment {
		return bad("segment number")
	}
	if !plainText(o.Origin, 255) || !plainText(o.Retention, 64) {
		return bad("origin and retention class are short plain ASCII")
	}
	key, err := hash32(j.Key) // as long as a hash
	if err != nil {
		return bad("seal key")
	}
	o.Key = key[:]
	if o.Commit, err = hash32(j.Commit); err != nil {
		return bad("key commitment")
	}
	if j.Policy != "" {
		if o.Policy, err = hash32(j.Policy); err != nil {
			return bad("policy hash")
		}
	}
	if (j.Continues != nil) != (o.Segment > 0) {
		return bad("every segment but the first names the head that it continues")
	}
	if j.Continues != nil {
		o.Continues = &Head{N: j.Continues.N}
		if o.Continues.Root, err = hash32(j.Continues.Root); err != nil {
			return bad("continued head")
		}
	}
	return o, nil
}

// strictJSON decodes b into v and refuses every spelling but v's own.
func strictJSON(b []byte, v any) error {
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("not the expected JSON: %w", err)
	}
	again, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if !bytes.Equal(b, again) {
		return fmt.Errorf("not in the one allowed spelling")
	}
	return nil
}

func hash32(s string) (h [32]byte, err error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(h) || hex.EncodeToString(b) != s {
		return h, fmt.Errorf("%w: not 64 lower-case hexadecimal digits", ErrMalformed)
	}
	return [32]byte(b), nil
}

// plainText accepts printable ASCII that JSON writes without escapes.
func plainText(s string, most int) bool {
	if len(s) > most {
		return false
	}
	for _, c := range []byte(s) {
		if c < 0x20 || c > 0x7e || bytes.IndexByte([]byte(`"\<>&`), c) >= 0 {
			return false
		}
	}
	return true
}
