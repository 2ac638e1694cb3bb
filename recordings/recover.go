package recordings

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

var (
	// ErrTampered: the file shows something that no crash explains. Recovery
	// leaves it as it is.
	ErrTampered = errors.New("the recording was tampered with")
	// ErrNothing: the file does not even hold OPEN and the first seal, so no
	// head of it was ever announced.
	ErrNothing = errors.New("the recording never began")
)

// Recovered is the record that closes a segment after a crash.
type Recovered struct {
	Time       time.Time // wall clock of the recovery, milliseconds
	Sealed     uint64    // records up to and with the last seal
	Unsealed   uint64    // whole records behind it; they are kept
	TornBytes  int64     // bytes behind those; they are cut off
	TornSHA256 [32]byte  // of these bytes; zero when there are none
	Reason     string    // why, in a word of the caller's
	Head       Head      // of the final seal; not part of the record
	// Already: the segment had its final seal; nothing was written.
	Already bool
}

// recoveredJSON is the one byte form, as openJSON is of OPEN.
type recoveredJSON struct {
	Version  int    `json:"v"`
	Time     int64  `json:"time"`
	Sealed   uint64 `json:"sealed"`
	Unsealed uint64 `json:"unsealed"`
	Torn     int64  `json:"torn"`
	SHA256   string `json:"sha256"`
	Reason   string `json:"reason"`
}

func (r Recovered) marshal() ([]byte, error) {
	j := recoveredJSON{Version: FormatVersion, Time: r.Time.UnixMilli(), Sealed: r.Sealed, Unsealed: r.Unsealed,
		Torn: r.TornBytes, Reason: r.Reason}
	if r.TornBytes > 0 {
		j.SHA256 = hex.EncodeToString(r.TornSHA256[:])
	}
	b, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	_, err = parseRecovered(b)
	return b, err
}

func parseRecovered(b []byte) (Recovered, error) {
	bad := func(what string) (Recovered, error) {
		return Recovered{}, fmt.Errorf("%w: RECOVERED: %s", ErrMalformed, what)
	}
	if len(b) > maxOpen {
		return bad("too long")
	}
	var j recoveredJSON
	if err := strictJSON(b, &j); err != nil {
		return bad(err.Error())
	}
	if j.Version != FormatVersion || j.Torn < 0 || !plainText(j.Reason, 64) || (j.Torn > 0) != (j.SHA256 != "") {
		return bad("fields")
	}
	r := Recovered{Time: time.UnixMilli(j.Time).UTC(), Sealed: j.Sealed, Unsealed: j.Unsealed, TornBytes: j.Torn, Reason: j.Reason}
	if j.SHA256 != "" {
		var err error
		if r.TornSHA256, err = hash32(j.SHA256); err != nil {
			return bad("hash")
		}
	}
	return r, nil
}

// Recover closes a segment that a crash left open: the torn tail is hashed,
// counted and cut off, whole records without a seal stay, and the log key seals
// the result. A segment that has its final seal is left alone, so it may run
// again. The file must not be written by anybody else meanwhile.
//
// Errors: [ErrTampered], [ErrNothing], those of the file system.
func Recover(path string, logKey ed25519.PrivateKey, reason string, now time.Time) (Recovered, error) {
	if len(logKey) != ed25519.PrivateKeySize {
		return Recovered{}, errors.New("recordings: no log key")
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return Recovered{}, fmt.Errorf("recordings: recover: %w", err)
	}
	rc, err := recoverFile(f, logKey, reason, now)
	if err = errors.Join(err, f.Close()); err != nil {
		return rc, fmt.Errorf("recordings: recover %s: %w", filepath.Base(path), err)
	}
	return rc, nil
}

func recoverFile(f *os.File, logKey ed25519.PrivateKey, reason string, now time.Time) (Recovered, error) {
	// Scanned without log keys: a seal of an earlier recovery by a log key that
	// has since been replaced must not look tampered.
	rep, err := Scan(f, ScanOptions{})
	if err != nil {
		return Recovered{}, err
	}
	switch {
	case rep.Verdict == Tampered:
		return Recovered{}, fmt.Errorf("%w: %w", ErrTampered, rep.Fault)
	case rep.Seals == 0:
		return Recovered{}, ErrNothing
	case rep.Final && rep.Fault == nil:
		rc := Recovered{}
		if rep.Recovered != nil {
			rc = *rep.Recovered
		}
		rc.Head, rc.Already = rep.Head, true
		return rc, nil
	}
	return closeSegment(f, rep, logKey, reason, now)
}

func closeSegment(f *os.File, rep Report, logKey ed25519.PrivateKey, reason string, now time.Time) (Recovered, error) {
	rc := Recovered{Time: now.UTC().Truncate(time.Millisecond), Sealed: rep.Sealed, Unsealed: rep.UnsealedRecords(), Reason: reason}
	at := max(rep.last.AtMs, rep.sealAt) // the header's time: now, but where the clock is wrong
	if ms, err := millis(now.Sub(rep.Open.Started)); err == nil {
		at = max(at, ms)
	}

	// A recovery that was itself interrupted leaves RECOVERED without its seal:
	// it is taken away and written anew, and counted with the torn bytes.
	good, edge := rep.GoodBytes, rep.edge
	if rep.Recovered != nil {
		var err error
		if good, edge, err = without(f, rep); err != nil {
			return rc, err
		}
		rc.Sealed, rc.Unsealed = rep.Sealed, rep.UnsealedRecords()-1
	}
	var err error
	if rc.TornBytes, rc.TornSHA256, err = hashTail(f, good); err != nil {
		return rc, err
	}
	body, err := rc.marshal()
	if err != nil {
		return rc, err
	}
	w := &Writer{open: rep.Open, f: f, space: space{off: true}, off: good, tree: edge, lastM: at,
		sign: append(ed25519.PrivateKey(nil), logKey...), now: func() time.Time { return now }}
	if err := f.Truncate(good); err != nil {
		return rc, err
	}
	if err := w.record(Header{Kind: KindRecovered, Index: edge.n, AtMs: at, Length: uint32(len(body))}, body, last); err != nil {
		return rc, err
	}
	if err := w.sync(); err != nil {
		return rc, err
	}
	rc.Head, err = w.seal(FlagFinal)
	return rc, err
}

// without returns the place and the tree before the last record.
func without(f *os.File, rep Report) (int64, tree, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return 0, tree{}, err
	}
	var t tree
	var off int64
	_, err := Scan(f, ScanOptions{Each: func(r Record) error {
		if r.Index == rep.Records-1 {
			off = r.Offset
			return io.EOF
		}
		t.add(tlog.RecordHash(r.raw))
		return nil
	}})
	if !errors.Is(err, io.EOF) {
		return 0, tree{}, errors.Join(errors.New("the file changed meanwhile"), err)
	}
	return off, t, nil
}

func hashTail(f *os.File, from int64) (int64, [32]byte, error) {
	h := sha256.New()
	if _, err := f.Seek(from, io.SeekStart); err != nil {
		return 0, [32]byte{}, err
	}
	n, err := io.Copy(h, f)
	if err != nil || n == 0 {
		return 0, [32]byte{}, err
	}
	return n, [32]byte(h.Sum(nil)), nil
}
