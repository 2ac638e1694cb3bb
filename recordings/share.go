package recordings

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"
)

// ErrExpired: the time for which something was shared is over.
var ErrExpired = errors.New("the share has ended")

const (
	shareVersion = 1
	maxShare     = 4 << 20
	maxShareKeys = 64 << 10 // tracks times minutes

	classShare Class = "share"
)

// ShareSecret opens a share that names no recipients: it travels in the fragment
// of a link, which browsers send to nobody.
type ShareSecret [32]byte

// NewShareSecret returns a random secret.
func NewShareSecret() ShareSecret {
	var s ShareSecret
	rand.Read(s[:]) // never fails, crypto/rand
	return s
}

// Text is for the link: 43 characters of base64url without padding. It is a
// method of its own, and String hides the secret, so that it does not slip into a
// log.
func (s ShareSecret) Text() string { return base64.RawURLEncoding.EncodeToString(s[:]) }

// String hides the secret.
func (s ShareSecret) String() string { return "secret of a share" }

// GoString hides the secret from %#v.
func (s ShareSecret) GoString() string { return s.String() }

// ParseShareSecret reads [ShareSecret.Text].
func ParseShareSecret(text string) (ShareSecret, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) != len(ShareSecret{}) || len(text) != 43 {
		return ShareSecret{}, fmt.Errorf("%w: the secret of a share is 43 characters", ErrMalformed)
	}
	return ShareSecret(b), nil
}

// ShareTerms say what is shared, and for how long.
type ShareTerms struct {
	ID     SessionID // random, see [NewSessionID]; the shares of all segments of a session may have the same
	Tracks []Track
	From   time.Duration // since the start of the session; rounded down to a whole minute, as keys are
	To     time.Duration // rounded up
	Made   time.Time
	Until  time.Time // from then on no reader opens it
}

// minutes are the first one shared and the first one not shared any more.
func (t ShareTerms) minutes() (first, end int64) {
	return int64(t.From / time.Minute), int64((t.To + time.Minute - 1) / time.Minute)
}

func (t ShareTerms) check() error {
	first, end := t.minutes()
	switch {
	case t.ID == SessionID{}:
		return fmt.Errorf("%w: share: no id", ErrMalformed)
	case t.From < 0 || end <= first || end > (1<<32)/60_000+1:
		return fmt.Errorf("%w: share: time range", ErrMalformed)
	case len(t.Tracks) == 0 || len(t.Tracks) > 256 || int64(len(t.Tracks))*(end-first) > maxShareKeys:
		return fmt.Errorf("%w: share: number of tracks and minutes", ErrMalformed)
	case !slices.IsSorted(t.Tracks) || len(slices.Compact(slices.Clone(t.Tracks))) != len(t.Tracks):
		return fmt.Errorf("%w: share: tracks are in order, each once", ErrMalformed)
	case t.Made.UnixMilli() < 0 || !t.Until.After(t.Made):
		return fmt.Errorf("%w: share: ends before it was made", ErrMalformed)
	}
	return nil
}

// shareJSON is the one byte form of a share. The keys are encrypted with all else
// as additional data, body left empty.
type shareJSON struct {
	Version int          `json:"v"`
	ID      string       `json:"id"`
	Session string       `json:"sid"`
	Segment int          `json:"segment"`
	Made    int64        `json:"made"`
	Until   int64        `json:"until"`
	Tracks  []int        `json:"tracks"`
	From    int64        `json:"from"` // ms, whole minutes
	To      int64        `json:"to"`   // ms, whole minutes, not shared any more
	Stanzas []stanzaJSON `json:"stanzas"`
	Body    string       `json:"body"`
}

// Share is a file with the keys of some tracks and minutes of one segment.
type Share struct {
	ShareTerms // times rounded
	Session    SessionID
	Segment    int
	json       shareJSON
}

// Share gives chosen tracks and minutes to recipients.
func (s *Session) Share(t ShareTerms, to ...Recipient) ([]byte, error) {
	return s.share(t, func(k contentKey) ([]byte, error) { return newShare(k, s.open, t, Alone(classShare, to...), nil) })
}

// ShareLink gives chosen tracks and minutes to whoever has the secret.
func (s *Session) ShareLink(t ShareTerms, secret ShareSecret) ([]byte, error) {
	return s.share(t, func(k contentKey) ([]byte, error) { return newShare(k, s.open, t, nil, &secret) })
}

// Lend makes the share that opened this part anew for one more key, under the same
// terms. The key is one that lives as long as a viewer runs, so that the viewer's
// page needs neither the reader's own key nor the secret of a link.
//
// Errors: [ErrNotForYou] when it was not a share that opened it: see [Session.Rewrap].
func (s *Session) Lend(to Recipient) ([]byte, error) {
	return s.RewrapShare(Alone(classShare, to)...)
}

// RewrapShare makes the share that opened this part anew for other readers, under the
// same terms, as [Session.Rewrap] does a key bag: so the log's own keys follow the
// policy in force. Classes do not matter.
//
// Errors: [ErrNotForYou] when it was not a share that opened it.
func (s *Session) RewrapShare(to ...Stanza) ([]byte, error) {
	part, ok := s.keys.(*sharedKeys)
	if !ok {
		return nil, fmt.Errorf("recordings: %w: no share opened it", ErrNotForYou)
	}
	if len(to) == 0 {
		return nil, errors.New("recordings: a share for nobody")
	}
	j := part.share.json
	j.Stanzas, j.Body = []stanzaJSON{}, ""
	return j.seal(part.keys, s.open, to, nil)
}

func (s *Session) share(t ShareTerms, make func(contentKey) ([]byte, error)) ([]byte, error) {
	all, ok := s.keys.(*trackKeys)
	if !ok {
		return nil, fmt.Errorf("recordings: %w: a share cannot be handed on", ErrNotForYou)
	}
	return make(all.key)
}

// Share gives chosen tracks and minutes to recipients while the segment is still
// open, those to come included: so the customer's copy is made. Later the writer has
// no keys.
func (w *Writer) Share(t ShareTerms, to ...Recipient) ([]byte, error) {
	if w.err != nil {
		return nil, w.err
	}
	return newShare(w.keys.key, w.open, t, Alone(classShare, to...), nil)
}

// ShareAmong is Share for ways of one or more recipients each, as a key bag has them.
// Their classes do not matter.
func (w *Writer) ShareAmong(t ShareTerms, to ...Stanza) ([]byte, error) {
	if w.err != nil {
		return nil, w.err
	}
	return newShare(w.keys.key, w.open, t, to, nil)
}

// ShareLink is Share for whoever has the secret.
func (w *Writer) ShareLink(t ShareTerms, secret ShareSecret) ([]byte, error) {
	if w.err != nil {
		return nil, w.err
	}
	return newShare(w.keys.key, w.open, t, nil, &secret)
}

func shareInfo(id string, o Open) string {
	return fmt.Sprintf("consento-share/v1 %s %s %d", id, o.Session, o.Segment)
}

// linkKey is the key of a share that names no recipients.
func (s ShareSecret) linkKey(info string) ([32]byte, error) {
	b, err := hkdf.Expand(sha256.New, s[:], info, 32)
	if err != nil {
		return [32]byte{}, err
	}
	return [32]byte(b), nil
}

func newShare(k contentKey, o Open, t ShareTerms, to []Stanza, secret *ShareSecret) ([]byte, error) {
	t.Tracks = slices.Compact(slices.Sorted(slices.Values(t.Tracks)))
	if err := t.check(); err != nil {
		return nil, err
	}
	if secret == nil && len(to) == 0 {
		return nil, errors.New("recordings: a share for nobody")
	}
	first, end := t.minutes()
	j := shareJSON{Version: shareVersion, ID: t.ID.String(), Session: o.Session.String(), Segment: o.Segment,
		Made: t.Made.UnixMilli(), Until: t.Until.UnixMilli(), From: first * 60_000, To: end * 60_000, Stanzas: []stanzaJSON{}}
	var keys []byte
	for _, track := range t.Tracks {
		j.Tracks = append(j.Tracks, int(track))
		for m := first; m < end; m++ {
			key, err := k.derive(trackInfo(o.Session, track, uint32(m)))
			if err != nil {
				return nil, err
			}
			keys = append(keys, key...)
		}
	}
	return j.seal(keys, o, to, secret)
}

// seal encrypts the keys, for recipients or for whoever has the secret.
func (j shareJSON) seal(keys []byte, o Open, to []Stanza, secret *ShareSecret) ([]byte, error) {
	var wrapping [32]byte
	info := shareInfo(j.ID, o)
	if secret != nil {
		var err error
		if wrapping, err = secret.linkKey(info); err != nil {
			return nil, err
		}
	} else {
		rand.Read(wrapping[:]) // never fails, crypto/rand
		if err := checkStanzas(to); err != nil {
			return nil, err
		}
		for _, s := range to {
			s.Class = classShare
			w, err := wrapStanza(wrapping, s, info)
			if err != nil {
				return nil, err
			}
			j.Stanzas = append(j.Stanzas, w)
		}
	}
	aad, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	a, err := newAEAD(wrapping[:])
	if err != nil {
		return nil, err
	}
	j.Body = base64.StdEncoding.EncodeToString(a.Seal(nil, nil, keys, aad))
	b, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	_, err = ParseShare(b)
	return b, err
}

// ParseShare reads the form of a share; nothing is opened.
//
// Errors: [ErrMalformed].
func ParseShare(b []byte) (Share, error) {
	bad := func(what string) (Share, error) {
		return Share{}, fmt.Errorf("%w: share: %s", ErrMalformed, what)
	}
	if len(b) > maxShare {
		return bad("too long")
	}
	var j shareJSON
	if err := strictJSON(oneLine(b), &j); err != nil {
		return bad(err.Error())
	}
	if j.Version != shareVersion {
		return bad(fmt.Sprintf("version %d is unknown", j.Version))
	}
	s := Share{json: j, Segment: j.Segment}
	var err error
	if s.Session, err = ParseSessionID(j.Session); err != nil || j.Segment < 0 || j.Segment > maxSegment {
		return bad("session id or segment")
	}
	if s.ID, err = ParseSessionID(j.ID); err != nil {
		return bad("id")
	}
	if j.From < 0 || j.To < 0 || j.To > 1<<33 || j.From%60_000 != 0 || j.To%60_000 != 0 {
		return bad("a time range is of whole minutes")
	}
	for _, t := range j.Tracks {
		if t < 0 || t > 255 {
			return bad("track")
		}
		s.Tracks = append(s.Tracks, Track(t))
	}
	s.From, s.To = time.Duration(j.From)*time.Millisecond, time.Duration(j.To)*time.Millisecond
	s.Made, s.Until = time.UnixMilli(j.Made).UTC(), time.UnixMilli(j.Until).UTC()
	if err := s.check(); err != nil {
		return Share{}, err
	}
	if j.Stanzas == nil || len(j.Stanzas) > maxStanzas {
		return bad("number of recipients")
	}
	for _, st := range j.Stanzas {
		if st.Class != classShare {
			return bad("a stanza of another class")
		}
		if err := st.check(); err != nil {
			return bad(err.Error())
		}
	}
	return s, nil
}

// ReadShare is [ParseShare] of a file.
func ReadShare(path string) (Share, error) {
	b, err := readLimited(path, maxShare)
	if err != nil {
		return Share{}, err
	}
	return ParseShare(b)
}

// Stanzas tells for whom it is. A link has none.
func (s Share) Stanzas() []BagStanza { return stanzasOf(s.json.Stanzas) }

// Like tells that another share has the same terms, for the same segment: it may be
// for others.
func (s Share) Like(o Share) bool {
	a, b := s.json, o.json
	a.Stanzas, a.Body, b.Stanzas, b.Body = nil, "", nil, ""
	return reflect.DeepEqual(a, b)
}

// Link tells that a secret opens it, and no identity.
func (s Share) Link() bool { return len(s.json.Stanzas) == 0 }

// ShareKey opens a share: identities, or the secret of its link.
type ShareKey func(s Share, info string) ([32]byte, error)

// ByIdentity opens a share that names one of the identities.
func ByIdentity(ids ...Identity) ShareKey {
	return func(s Share, info string) ([32]byte, error) {
		return openStanzas(s.json.Stanzas, ids, info, func([32]byte) bool { return true })
	}
}

// BySecret opens the share of a link.
func BySecret(secret ShareSecret) ShareKey {
	return func(s Share, info string) ([32]byte, error) {
		if !s.Link() {
			return [32]byte{}, ErrNotForYou
		}
		return secret.linkKey(info)
	}
}

// OpenShared opens the shared part of a segment. [Session.Read] passes over all
// other records, after verifying them.
//
// Errors: [ErrExpired], [ErrNotForYou], [ErrBagMismatch] (the share is of another
// segment, or was changed), those of [ReadOpen].
func OpenShared(path string, s Share, now time.Time, key ShareKey) (*Session, error) {
	src, err := fileSource(path)
	if err != nil {
		return nil, err
	}
	return s.session(src, now, key)
}

// OpenSharedExcerpt opens the shared part of an excerpt.
//
// Errors: as for [OpenShared].
func OpenSharedExcerpt(e Excerpt, s Share, now time.Time, key ShareKey) (*Session, error) {
	return s.session(source{e.Open, e.scan}, now, key)
}

func (s Share) session(src source, now time.Time, key ShareKey) (*Session, error) {
	if !now.Before(s.Until) {
		return nil, fmt.Errorf("recordings: %w: on %s", ErrExpired, s.Until.Format("2006-01-02 15:04 UTC"))
	}
	if s.Session != src.first.Session || s.Segment != src.first.Segment {
		return nil, fmt.Errorf("recordings: %w: the share is for segment %d of session %s", ErrBagMismatch, s.Segment, s.Session)
	}
	wrapping, err := key(s, shareInfo(s.json.ID, src.first))
	if err != nil {
		return nil, fmt.Errorf("recordings: %w", err)
	}
	keys, err := s.keys(wrapping)
	if err != nil {
		return nil, fmt.Errorf("recordings: %w", err)
	}
	return &Session{open: src.first, scan: src.scan, keys: keys}, nil
}

// keys decrypts the keys in the share.
func (s Share) keys(wrapping [32]byte) (*sharedKeys, error) {
	outer := s.json
	outer.Body = ""
	aad, err := json.Marshal(outer)
	if err != nil {
		return nil, err
	}
	b, err := base64.StdEncoding.Strict().DecodeString(s.json.Body)
	if err != nil {
		return nil, fmt.Errorf("%w: share: body", ErrMalformed)
	}
	a, err := newAEAD(wrapping[:])
	if err != nil {
		return nil, err
	}
	first, end := s.minutes()
	keys, err := a.Open(nil, nil, b, aad)
	if err != nil || int64(len(keys)) != 32*int64(len(s.Tracks))*(end-first) {
		return nil, fmt.Errorf("%w: the share does not open with this key, or was changed", ErrBagMismatch)
	}
	return &sharedKeys{share: s, keys: keys}, nil
}

// sharedKeys are those of some tracks and minutes, 32 bytes each, in order of
// track, then minute.
type sharedKeys struct {
	share Share
	keys  []byte
}

func (k *sharedKeys) of(h Header) (cipher.AEAD, error) {
	first, end := k.share.minutes()
	m := int64(h.Minute())
	track, ok := slices.BinarySearch(k.share.Tracks, h.Track)
	if !ok || m < first || m >= end {
		return nil, nil
	}
	at := 32 * (int64(track)*(end-first) + m - first)
	return newAEAD(k.keys[at : at+32])
}

func (k *sharedKeys) erase() { clear(k.keys) }
