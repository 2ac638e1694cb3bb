package recordings

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/tlog"
)

var (
	// ErrClosed: the writer was closed.
	ErrClosed = errors.New("the recording is closed")
	// ErrFailed is wrapped by every call after a write failed. What was sealed
	// before stays as it is; [Recover] closes the segment.
	ErrFailed = errors.New("the recording failed")
)

const maxSegment = 1 << 20

// Config says what to record and for whom.
type Config struct {
	Dir        string      // folder of the segment and, unless BagDir is set, of its key bag
	BagDir     string      // folder of the key bag; empty: Dir
	Session    SessionID   // random, see NewSessionID
	Segment    int         // 0 for the first
	Origin     string      // who records, e.g. the office's host name; printable ASCII, at most 255
	Started    time.Time   // time 0 of the session. Every segment of a session is given the same
	Recipients []Recipient // auditors who can read it, each alone
	Stanzas    []Stanza    // further ways to read it, as [Policy.Stanzas] gives them. There must be one of either
	Retention  string      // retention class, printable ASCII, at most 64
	Policy     [32]byte    // hash of the recipient policy; zero: none
	Continues  *Head       // last head of the segment before; needed when Segment > 0
	// Bagged, if any, is called when the key bag is on the disk and nothing else of the
	// segment is: the moment to bring it to a second place.
	Bagged func()
	// Now is the clock; nil means time.Now. It stamps the seals.
	Now func() time.Time
}

func (c Config) check() error {
	switch {
	case c.Dir == "":
		return errors.New("recordings: no folder")
	case c.Session == SessionID{}:
		return errors.New("recordings: no session id")
	case c.Started.IsZero():
		return errors.New("recordings: no start time")
	case len(c.Recipients)+len(c.Stanzas) == 0:
		return errors.New("recordings: nobody could read it: no recipient")
	}
	return checkStanzas(c.stanzas())
}

func (c Config) stanzas() []Stanza {
	return append(Alone(ClassAuditor, c.Recipients...), c.Stanzas...)
}

// SegmentName is the file name of a segment.
func SegmentName(sid SessionID, segment int) string { return fmt.Sprintf("%s-%d.rec", sid, segment) }

// BagName is the file name of a segment's key bag.
func BagName(sid SessionID, segment int) string { return fmt.Sprintf("%s-%d.key", sid, segment) }

// Writer records one segment. It is meant for one goroutine: no method may run
// at the same time as another.
type Writer struct {
	open  Open
	path  string
	now   func() time.Time
	f     *os.File
	space space
	off   int64 // length of the file
	tree  tree
	keys  trackKeys
	sign  ed25519.PrivateKey
	head  Head   // last seal
	heads []Head // the last few, which may be countersigned
	lastM uint32 // no seal's time lies before an earlier one's
	dirty bool   // something follows the last seal
	buf   []byte
	err   error // set: nothing can be written any more
}

// Create begins a segment. When it returns, key bag, OPEN and the first seal
// are on the disk, in this order. A file of that name must not exist.
func Create(c Config) (*Writer, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.BagDir == "" {
		c.BagDir = c.Dir
	}
	key := newContentKey()
	commit, err := key.commitment(c.Session)
	if err != nil {
		return nil, fmt.Errorf("recordings: %w", err)
	}
	pub, sign, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("recordings: %w", err)
	}
	w := &Writer{
		now:  c.Now,
		path: filepath.Join(c.Dir, SegmentName(c.Session, c.Segment)),
		open: Open{Session: c.Session, Segment: c.Segment, Origin: c.Origin, Started: c.Started, Key: pub,
			Commit: commit, Policy: c.Policy, Retention: c.Retention, Continues: c.Continues},
		keys: trackKeys{sid: c.Session, key: key},
		sign: sign,
	}
	body, err := w.open.marshal()
	if err != nil {
		return nil, fmt.Errorf("recordings: %w", err)
	}
	bag, err := newBag(key, c.Session, c.Segment, c.stanzas())
	if err != nil {
		return nil, fmt.Errorf("recordings: key bag: %w", err)
	}
	bagPath := filepath.Join(c.BagDir, BagName(c.Session, c.Segment))
	if err := writeDurable(bagPath, bag); err != nil {
		return nil, fmt.Errorf("recordings: key bag: %w", full(err))
	}
	if c.Bagged != nil {
		c.Bagged()
	}
	if err := w.begin(body); err != nil {
		// Nothing was announced: leave nothing behind.
		if w.f != nil {
			err = errors.Join(err, w.f.Close(), os.Remove(w.path))
		}
		return nil, fmt.Errorf("recordings: %w", errors.Join(err, os.Remove(bagPath)))
	}
	return w, nil
}

func (w *Writer) begin(open []byte) error {
	f, err := os.OpenFile(w.path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if err != nil {
		return full(err)
	}
	w.f, w.space.f = f, f
	if err := w.record(Header{Kind: KindOpen, Length: uint32(len(open))}, open, bulk); err != nil {
		return err
	}
	if _, err := w.seal(0); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return syncDir(filepath.Dir(w.path))
}

// Path is the segment's file.
func (w *Writer) Path() string { return w.path }

// Open returns what the first record says.
func (w *Writer) Open() Open { return w.open }

// Head is the last sealed head.
func (w *Writer) Head() Head { return w.head }

// Append encrypts and writes one piece of a track: at since the start of the
// session, lasting dur. It is with the operating system when Append returns, and
// sealed by the next [Writer.Seal]. plain is not kept.
//
// Errors: [ErrNoSpace] (the writer goes on working: small events and the final
// seal still fit), [ErrMalformed] (an event that is no JSON object, a body that
// is too long), [ErrFailed], [ErrClosed].
func (w *Writer) Append(track Track, flags Flags, at, dur time.Duration, plain []byte) error {
	if w.err != nil {
		return w.err
	}
	if len(plain) > MaxBody-sealOverhead {
		return fmt.Errorf("%w: a body of %d bytes is too long", ErrMalformed, len(plain))
	}
	if flags&^(FlagKeyframe|FlagInit) != 0 {
		return fmt.Errorf("%w: flags %#x", ErrMalformed, flags)
	}
	if track == TrackEvents && !jsonObject(plain) {
		return fmt.Errorf("%w: an event is one JSON object in UTF-8", ErrMalformed)
	}
	atMs, err := millis(at)
	if err != nil {
		return err
	}
	durMs, err := millis(dur)
	if err != nil {
		return err
	}
	h := Header{Kind: KindData, Track: track, Flags: flags, Index: w.tree.n, AtMs: atMs, DurMs: durMs,
		Length: uint32(len(plain) + sealOverhead)}
	want := bulk
	if track == TrackEvents || track == TrackControl {
		want = small
	}
	if err := w.room(h, want); err != nil {
		return err
	}
	aead, err := w.keys.of(h)
	if err != nil {
		return w.fail(err)
	}
	w.buf = slices.Grow(w.buf[:0], HeaderSize+int(h.Length))[:HeaderSize]
	h.put(w.buf)
	w.buf = aead.Seal(w.buf, nil, plain, dataAAD(w.open.Session, h))
	return w.flush()
}

// Seal signs everything so far, replaces and erases the signing key, and waits
// for the disk. Without anything new it returns the last head again.
func (w *Writer) Seal() (Head, error) {
	if w.err != nil {
		return Head{}, w.err
	}
	if !w.dirty {
		return w.head, nil
	}
	return w.seal(0)
}

// Close writes the final seal, waits for the disk, and erases all keys. Nothing
// can follow. A failed writer is closed without a seal and returns its error.
func (w *Writer) Close() (Head, error) {
	if errors.Is(w.err, ErrClosed) {
		return w.head, w.err
	}
	err := w.err
	if err == nil {
		// The content first, the final seal after it: so no crash can leave a
		// final seal behind content that did not reach the disk.
		err = w.sync()
	}
	if err == nil {
		_, err = w.seal(FlagFinal)
	}
	if err == nil && !w.space.off {
		// Give the room back that stayed reserved beyond the end.
		err = w.f.Truncate(w.off)
	}
	err = errors.Join(err, w.f.Close())
	w.keys.erase()
	clear(w.sign)
	w.err = ErrClosed
	return w.head, err
}

func (w *Writer) seal(flags Flags) (Head, error) {
	now := w.now()
	if ms, err := millis(now.Sub(w.open.Started)); err == nil {
		w.lastM = max(w.lastM, ms)
	}
	head := Head{N: w.tree.n, Root: w.tree.root(), Time: now.Truncate(time.Millisecond)}
	h := Header{Kind: KindSeal, Flags: flags, Index: w.tree.n, AtMs: w.lastM, Length: sealSize}
	if err := w.room(h, last); err != nil {
		return Head{}, err
	}
	var next ed25519.PublicKey
	var sign ed25519.PrivateKey
	if flags&FlagFinal == 0 {
		var err error
		if next, sign, err = ed25519.GenerateKey(rand.Reader); err != nil {
			return Head{}, w.fail(err)
		}
	}
	body := signSeal(w.sign, w.open.Session, h, head, next)
	clear(w.sign) // who takes this process over now cannot sign the past again
	w.sign = sign
	if err := w.record(h, body, last); err != nil {
		return Head{}, err
	}
	if err := w.sync(); err != nil {
		return Head{}, err
	}
	w.head, w.dirty = head, false
	w.heads = latest(w.heads, head, maxHeads)
	return head, nil
}

// record writes a record that is not encrypted.
func (w *Writer) record(h Header, body []byte, want need) error {
	if err := w.room(h, want); err != nil {
		return err
	}
	w.buf = slices.Grow(w.buf[:0], HeaderSize+len(body))[:HeaderSize]
	h.put(w.buf)
	w.buf = append(w.buf, body...)
	return w.flush()
}

func (w *Writer) room(h Header, want need) error {
	err := w.space.take(w.off, HeaderSize+int64(h.Length), want)
	if err != nil && !errors.Is(err, ErrNoSpace) {
		return w.fail(err)
	}
	return err
}

// flush writes the record in buf and takes it into the tree.
func (w *Writer) flush() error {
	finish(w.buf)
	if _, err := w.f.WriteAt(w.buf, w.off); err != nil {
		// Take a half-written record away again where that is possible; where
		// not, it is a torn tail, which Recover accounts for.
		return w.fail(errors.Join(full(err), w.f.Truncate(w.off)))
	}
	w.off += int64(len(w.buf))
	w.tree.add(tlog.RecordHash(w.buf))
	w.dirty = true
	if cap(w.buf) > 1<<20 {
		w.buf = nil
	}
	return nil
}

func (w *Writer) sync() error {
	// A failed sync may have dropped the pages: the file cannot be trusted to
	// take more.
	if err := syncData(w.f); err != nil {
		return w.fail(err)
	}
	return nil
}

func (w *Writer) fail(err error) error {
	w.err = fmt.Errorf("%w: %w", ErrFailed, err)
	w.keys.erase()
	clear(w.sign)
	return w.err
}

// full marks errors of a full disk.
func full(err error) error {
	if isFull(err) {
		return fmt.Errorf("%w: %w", ErrNoSpace, err)
	}
	return err
}

// writeDurable makes a new file; it is on the disk, with its name, on return.
func writeDurable(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return syncDir(filepath.Dir(path))
}

func jsonObject(b []byte) bool {
	return utf8.Valid(b) && len(b) >= 2 && b[0] == '{' && json.Valid(b)
}
