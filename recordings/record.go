package recordings

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"time"

	"crypto/rand"
)

const (
	// HeaderSize is the length of a record's header in bytes.
	HeaderSize = 32
	// MaxBody is the greatest length of a record's body in bytes.
	MaxBody = 16 << 20

	// The part of the header that signatures and encryption cover: all but the
	// CRC, which is computed last.
	boundHeader = HeaderSize - 4
)

var (
	recordMagic = [4]byte{'R', 'r', 'V', '1'}
	castagnoli  = crc32.MakeTable(crc32.Castagnoli)
)

// SessionID is the random 128-bit name of a session.
type SessionID [16]byte

// NewSessionID returns a random id.
func NewSessionID() SessionID {
	var s SessionID
	rand.Read(s[:]) // never fails, crypto/rand
	return s
}

// ParseSessionID reads the 32 lower-case hexadecimal digits of [SessionID.String].
func ParseSessionID(s string) (SessionID, error) {
	var id SessionID
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(id) || hex.EncodeToString(b) != s {
		return id, fmt.Errorf("%w: session id is not 32 lower-case hexadecimal digits", ErrMalformed)
	}
	return SessionID(b), nil
}

// String returns 32 lower-case hexadecimal digits.
func (s SessionID) String() string { return hex.EncodeToString(s[:]) }

// Kind tells what a record is.
type Kind uint8

// Kinds of records.
const (
	KindOpen      Kind = 0 // first record: what this segment is
	KindData      Kind = 1 // encrypted content of one track
	KindSeal      Kind = 2 // signature over everything before it
	KindCosig     Kind = 3 // somebody else's signature over a sealed head
	KindRecovered Kind = 4 // a crash was found; the final seal follows
)

func (k Kind) String() string {
	names := [...]string{"OPEN", "DATA", "SEAL", "COSIG", "RECOVERED"}
	if int(k) < len(names) {
		return names[k]
	}
	return "kind " + strconv.Itoa(int(k))
}

// Track separates the contents of a session. Readers verify tracks they do not
// know and leave them unread.
type Track uint8

// Tracks.
const (
	TrackControl Track = 0
	TrackEvents  Track = 1 // JSON objects, one a record
	TrackVideo   Track = 2 // stream id byte, then fragmented MP4, see [Video]
	TrackChat    Track = 3
	TrackShell   Track = 4 // lines of asciicast v3, see [Cast]
	TrackFiles   Track = 5 // JSON objects: what was said of files on their way
	TrackMeta    Track = 6
	TrackSearch  Track = 7 // what auditors search by, see [Summary]
	TrackSystem  Track = 8 // what was read of the customer's computer, JSON objects as on the events
	TrackInput   Track = 9 // what a technician typed and clicked, JSON objects as on the events
	// What was transferred from a clipboard to another, JSON objects as on the events.
	TrackClipboard Track = 10
	// Pictures for the record, JSON objects as on the events.
	TrackStills Track = 11
)

func (t Track) String() string {
	names := [...]string{"control", "events", "video", "chat", "shell", "files", "meta", "search", "system", "input", "clipboard", "stills"}
	if int(t) < len(names) {
		return names[t]
	}
	return "track-" + strconv.Itoa(int(t))
}

// Flags of a record.
type Flags uint16

// Flags.
const (
	FlagKeyframe Flags = 1 // a video fragment that begins with a key frame
	FlagInit     Flags = 2 // a video initialisation segment
	FlagFinal    Flags = 4 // the seal that closes the segment
)

// Header is the fixed part of a record.
type Header struct {
	Kind     Kind
	Track    Track
	Flags    Flags
	Index    uint64 // leaf number in the tree, from 0
	AtMs     uint32 // milliseconds since the start of the session
	DurMs    uint32 // milliseconds
	Length   uint32 // of the body, bytes
	Checksum uint32 // CRC-32C of the header before it and of the body
}

// At is the time since the start of the session.
func (h Header) At() time.Duration { return time.Duration(h.AtMs) * time.Millisecond }

// Duration is how long the content lasts.
func (h Header) Duration() time.Duration { return time.Duration(h.DurMs) * time.Millisecond }

// Minute is the minute since the start of the session, which chooses the key.
func (h Header) Minute() uint32 { return h.AtMs / 60_000 }

var (
	// ErrMalformed is wrapped by every error about bytes or text that do not
	// have the form which FORMAT.md describes.
	ErrMalformed = errors.New("malformed")

	errTorn = errors.New("torn")
)

// put writes all but the checksum into b[:28].
func (h Header) put(b []byte) {
	copy(b, recordMagic[:])
	b[4], b[5] = byte(h.Kind), byte(h.Track)
	binary.BigEndian.PutUint16(b[6:], uint16(h.Flags))
	binary.BigEndian.PutUint64(b[8:], h.Index)
	binary.BigEndian.PutUint32(b[16:], h.AtMs)
	binary.BigEndian.PutUint32(b[20:], h.DurMs)
	binary.BigEndian.PutUint32(b[24:], h.Length)
}

// bound returns the 28 bytes that signatures and encryption cover.
func (h Header) bound() []byte {
	var b [boundHeader]byte
	h.put(b[:])
	return b[:]
}

// parseHeader reads b[:HeaderSize]. The checksum is not checked.
func parseHeader(b []byte) (Header, error) {
	if len(b) < HeaderSize || [4]byte(b[:4]) != recordMagic {
		return Header{}, fmt.Errorf("%w: no record begins here", errTorn)
	}
	h := Header{
		Kind:     Kind(b[4]),
		Track:    Track(b[5]),
		Flags:    Flags(binary.BigEndian.Uint16(b[6:])),
		Index:    binary.BigEndian.Uint64(b[8:]),
		AtMs:     binary.BigEndian.Uint32(b[16:]),
		DurMs:    binary.BigEndian.Uint32(b[20:]),
		Length:   binary.BigEndian.Uint32(b[24:]),
		Checksum: binary.BigEndian.Uint32(b[28:]),
	}
	if h.Length > MaxBody {
		return h, fmt.Errorf("%w: a body of %d bytes", errTorn, h.Length)
	}
	return h, nil
}

// checksum is the CRC-32C over a whole record without the checksum field.
func checksum(rec []byte) uint32 {
	return crc32.Update(crc32.Checksum(rec[:boundHeader], castagnoli), castagnoli, rec[HeaderSize:])
}

// finish fills the checksum of a whole record in.
func finish(rec []byte) {
	binary.BigEndian.PutUint32(rec[boundHeader:], checksum(rec))
}

// millis turns a time of the session into a header field.
func millis(d time.Duration) (uint32, error) {
	ms := d.Milliseconds()
	if ms < 0 || ms > 1<<32-1 {
		return 0, fmt.Errorf("%w: time %v does not fit a record", ErrMalformed, d)
	}
	return uint32(ms), nil
}
