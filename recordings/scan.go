package recordings

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"os"
)

// Record is one record as it stands in the file.
type Record struct {
	Header
	Offset int64
	Body   []byte // ciphertext in DATA; valid during the callback only
	raw    []byte // header and body
}

// ScanOptions is what a reader knows beforehand. The zero value knows nothing.
type ScanOptions struct {
	// LogKeys may have signed the seal behind RECOVERED.
	LogKeys []ed25519.PublicKey
	// Known are heads that somebody kept: the file must have passed each of them.
	Known []Head
	// Each is called for each good record, in order. It sees records before the
	// seal that covers them; an error ends the scan and is returned.
	Each func(Record) error
}

const (
	maxCosigs = 64  // kept in a report
	maxHeads  = 256 // back to which a countersignature may refer
)

// ScanFile is [Scan] over what a file holds at this moment. It may be written
// meanwhile; what is added is not looked at.
func ScanFile(path string, opts ScanOptions) (Report, error) {
	f, err := os.Open(path)
	if err != nil {
		return Report{}, fmt.Errorf("recordings: %w", err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return Report{}, fmt.Errorf("recordings: %w", err)
	}
	return Scan(io.LimitReader(f, st.Size()), opts)
}

// Scan reads one segment to its end and checks all that needs no secret: framing,
// numbering, tree, seals and their ratchet. It takes any input in bounded memory
// (a record of at most [MaxBody]). The error is that of reading or of
// opts.Each; what is wrong with the recording is in the report.
//
// It is a [Follower] that is told where the end is.
func Scan(r io.Reader, opts ScanOptions) (Report, error) {
	f := NewFollower(opts)
	chunk := make([]byte, 64<<10)
	for {
		n, err := r.Read(chunk)
		_, ferr := f.Write(chunk[:n])
		switch {
		case errors.Is(ferr, ErrTampered):
			if err != nil && err != io.EOF {
				return f.Report(), err
			}
			if err := f.s.tail(r, f.buf, err == io.EOF); err != nil {
				return f.Report(), err
			}
			return f.s.conclude(), nil
		case ferr != nil:
			return f.Report(), ferr
		case err == io.EOF:
			if err := f.s.ends(f.buf); err != nil {
				return f.Report(), err
			}
			return f.s.conclude(), nil
		case err != nil:
			return f.Report(), err
		}
	}
}
