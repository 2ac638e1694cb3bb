package web

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/web/page"
)

// Of the records' form (recordings/FORMAT.md) the pages know the header's length,
// its magic, the track, and how long the body is: enough to serve them apart.
const (
	recordHeader = 32
	recordMagic  = "RrV1"
	recordMax    = 16 << 20
	videoTrack   = 2
)

// Limits of what is served at once.
const (
	maxIndexed = 1 << 20  // records
	maxApart   = 64 << 20 // bytes of records of chosen tracks
	downloads  = 30 * time.Minute
)

// opener opens the bytes of the segment that the address names, and says when they
// changed last.
type opener func(r *http.Request, n int) (io.ReadSeekCloser, time.Time, error)

// server serves an opened segment, or what is asked for of it.
type server func(rw http.ResponseWriter, r *http.Request, f io.ReadSeeker, changed time.Time) error

func segmentNumber(r *http.Request) (int, error) {
	n, err := strconv.Atoi(r.PathValue("n"))
	if err != nil || n < 0 || n > 1<<20 || strconv.Itoa(n) != r.PathValue("n") {
		return 0, page.ErrForm
	}
	return n, nil
}

// serveSegment opens and serves. The connection may take longer than that of a
// page: recordings are large.
func serveSegment(rw http.ResponseWriter, r *http.Request, open opener, serve server) error {
	n, err := segmentNumber(r)
	if err != nil {
		return err
	}
	f, changed, err := open(r, n)
	if err != nil {
		return err
	}
	defer f.Close()
	// A connection that cannot have deadlines is a test's recorder.
	_ = http.NewResponseController(rw).SetWriteDeadline(time.Now().Add(downloads))
	rw.Header().Set("Content-Type", "application/octet-stream")
	return serve(rw, r, f, changed)
}

// giveAudited serves a segment to an auditor.
func (w *Web) giveAudited(serve server) func(http.ResponseWriter, *http.Request, access.Account) error {
	return func(rw http.ResponseWriter, r *http.Request, by access.Account) error {
		return serveSegment(rw, r, func(r *http.Request, n int) (io.ReadSeekCloser, time.Time, error) {
			return w.evidence.Segment(r.Context(), by, grantOf(r), r.PathValue("id"), n)
		}, serve)
	}
}

// giveBytes serves a segment to who watches a copy or share.
func (w *Web) giveBytes(open opener, serve server) page.Action {
	return func(rw http.ResponseWriter, r *http.Request) error {
		if err := serveSegment(rw, r, open, serve); err != nil {
			return w.sharedProblem(rw, err)
		}
		return nil
	}
}

// serveWhole serves a segment, or the part that a range request asks for.
func serveWhole(rw http.ResponseWriter, r *http.Request, f io.ReadSeeker, changed time.Time) error {
	if r.Header.Get("Range") == "" {
		rw.Header().Set("Content-Disposition", `attachment; filename="`+downloadName(r.PathValue("id"), "-"+r.PathValue("n")+".rec")+`"`)
	}
	http.ServeContent(rw, r, "", changed, f)
	return nil
}

// serveIndex serves the headers of a segment's records, one behind the other: 32
// bytes each, from which all offsets follow. The player learns so what lies where
// without the contents.
func (w *Web) serveIndex(rw http.ResponseWriter, r *http.Request, f io.ReadSeeker, _ time.Time) error {
	return w.serveWalk(rw, r, f, func(header []byte, _ int64) (bool, bool) { return true, false })
}

// serveRecords serves the whole records of the tracks that the query names, as they
// stand in the file. The picture's are asked for by range, where they are shown.
func (w *Web) serveRecords(rw http.ResponseWriter, r *http.Request, f io.ReadSeeker, _ time.Time) error {
	var wanted [256]bool
	for name := range strings.SplitSeq(r.URL.Query().Get("tracks"), ",") {
		n, err := strconv.ParseUint(name, 10, 8)
		if err != nil || n == videoTrack {
			return page.ErrForm
		}
		wanted[n] = true
	}
	left := int64(maxApart)
	return w.serveWalk(rw, r, f, func(header []byte, length int64) (bool, bool) {
		const data = 1
		if header[4] != data || !wanted[header[5]] || left < recordHeader+length {
			return false, false
		}
		left -= recordHeader + length
		return true, true
	})
}

func (w *Web) serveWalk(rw http.ResponseWriter, r *http.Request, f io.ReadSeeker, choose func(header []byte, length int64) (head, body bool)) error {
	out := bufio.NewWriterSize(rw, 64<<10)
	err := walkRecords(f, out, choose)
	if err == nil {
		err = out.Flush()
	}
	if err != nil && r.Context().Err() == nil {
		// Part of the answer is on its way: cut it, so that it is not taken for whole.
		w.Log.ErrorContext(r.Context(), "recording cannot be read", "session", r.PathValue("id"), "err", err)
		panic(http.ErrAbortHandler)
	}
	return nil
}

// walkRecords goes from record to record, and copies what choose says. It ends at
// the first that is not whole: the end of one that is being written, or damage,
// which the verdict speaks of.
func walkRecords(f io.ReadSeeker, out io.Writer, choose func(header []byte, length int64) (head, body bool)) error {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	var header [recordHeader]byte
	off := int64(0)
	for range maxIndexed {
		if off+recordHeader > size {
			return nil
		}
		if _, err := f.Seek(off, io.SeekStart); err != nil {
			return err
		}
		if _, err := io.ReadFull(f, header[:]); err != nil {
			return ended(err)
		}
		length := int64(binary.BigEndian.Uint32(header[24:]))
		if string(header[:4]) != recordMagic || length > recordMax || off+recordHeader+length > size {
			return nil
		}
		head, body := choose(header[:], length)
		if head {
			if _, err := out.Write(header[:]); err != nil {
				return err
			}
		}
		if body {
			if _, err := io.CopyN(out, f, length); err != nil {
				return err
			}
		}
		off += recordHeader + length
	}
	return nil
}

// ended: a file that became shorter meanwhile ends there.
func ended(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// giveBag serves a key bag: without a key that it is for it opens nothing.
func (w *Web) giveBag(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	n, err := segmentNumber(r)
	if err != nil {
		return err
	}
	bag, err := w.evidence.Bag(r.Context(), by, grantOf(r), r.PathValue("id"), n)
	if err != nil {
		return err
	}
	return page.Attach(rw, "application/json", downloadName(r.PathValue("id"), fmt.Sprintf("-%d.key", n)), bag)
}

// giveLogKeys serves the keys of a segment's events: they are a share, encrypted as a
// key bag is.
func (w *Web) giveLogKeys(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	n, err := segmentNumber(r)
	if err != nil {
		return err
	}
	keys, err := w.evidence.LogKeys(r.Context(), by, grantOf(r), r.PathValue("id"), n)
	if err != nil {
		return err
	}
	return page.Attach(rw, "application/json", downloadName(r.PathValue("id"), fmt.Sprintf("-%d.logkeys", n)), keys)
}

func (w *Web) giveProof(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	proof, err := w.evidence.Proof(r.Context(), by, r.PathValue("id"))
	if err != nil {
		return err
	}
	return page.Attach(rw, "application/json", downloadName(r.PathValue("id"), ".proof"), proof)
}

func (w *Web) giveTimestamp(rw http.ResponseWriter, r *http.Request, by access.Account) error {
	file, err := w.evidence.Timestamp(r.Context(), by, r.PathValue("id"))
	if err != nil {
		return err
	}
	return page.Attach(rw, "application/json", downloadName(r.PathValue("id"), ".stamp"), file)
}
