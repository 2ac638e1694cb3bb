// Package player serves what a player of recordings in the browser asks for: segments, whole
// or by range, their records apart, and in words why something is not to be had (any more).
// Auditors' pages and those of copies and shares have it in common. It decides nothing:
// who may have a segment is said by the Opener.
package player

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"consento/broker/internal/web/page"
)

// Of the records' form (recordings/FORMAT.md) the pages know the header's length,
// its magic, the track, and how long the body is: enough to serve them apart.
const (
	recordHeader = 32
	recordMagic  = "RrV1"
	recordMax    = 16 << 20
)

// VideoTrack is the number of the picture's track.
const VideoTrack = 2

// Limits of what is served at once.
const (
	maxIndexed = 1 << 20  // records
	maxApart   = 64 << 20 // bytes of records of chosen tracks
	downloads  = 30 * time.Minute
)

// Opener opens the bytes of the segment that the address names, and says when they
// changed last.
type Opener func(r *http.Request, n int) (io.ReadSeekCloser, time.Time, error)

// Server serves an opened segment, or what is asked for of it.
type Server func(rw http.ResponseWriter, r *http.Request, f io.ReadSeeker, changed time.Time) error

// Segment is the number of the segment that the address names.
func Segment(r *http.Request) (int, error) {
	n, err := strconv.Atoi(r.PathValue("n"))
	if err != nil || n < 0 || n > 1<<20 || strconv.Itoa(n) != r.PathValue("n") {
		return 0, page.ErrForm
	}
	return n, nil
}

// Serve opens and serves. The connection may take longer than that of a
// page: recordings are large.
func Serve(rw http.ResponseWriter, r *http.Request, open Opener, serve Server) error {
	n, err := Segment(r)
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

// Give serves a segment to who watches a copy or share.
func Give(open Opener, serve Server) page.Action {
	return func(rw http.ResponseWriter, r *http.Request) error {
		if err := Serve(rw, r, open, serve); err != nil {
			return Refused(rw, err)
		}
		return nil
	}
}

// Whole serves a segment, or the part that a range request asks for.
func Whole(rw http.ResponseWriter, r *http.Request, f io.ReadSeeker, changed time.Time) error {
	if r.Header.Get("Range") == "" {
		rw.Header().Set("Content-Disposition", `attachment; filename="`+FileName(r.PathValue("id"), "-"+r.PathValue("n")+".rec")+`"`)
	}
	http.ServeContent(rw, r, "", changed, f)
	return nil
}

// Index serves the headers of a segment's records, one behind the other: 32
// bytes each, from which all offsets follow. The player learns so what lies where
// without the contents.
func Index(log *slog.Logger) Server {
	return func(rw http.ResponseWriter, r *http.Request, f io.ReadSeeker, _ time.Time) error {
		return serveWalk(log, rw, r, f, func(header []byte, _ int64) (bool, bool) { return true, false })
	}
}

// Records serves the whole records of the tracks that the query names, as they
// stand in the file. The picture's are asked for by range, where they are shown.
func Records(log *slog.Logger) Server {
	return func(rw http.ResponseWriter, r *http.Request, f io.ReadSeeker, _ time.Time) error {
		var wanted [256]bool
		for name := range strings.SplitSeq(r.URL.Query().Get("tracks"), ",") {
			n, err := strconv.ParseUint(name, 10, 8)
			if err != nil || n == VideoTrack {
				return page.ErrForm
			}
			wanted[n] = true
		}
		left := int64(maxApart)
		return serveWalk(log, rw, r, f, func(header []byte, length int64) (bool, bool) {
			const data = 1
			if header[4] != data || !wanted[header[5]] || left < recordHeader+length {
				return false, false
			}
			left -= recordHeader + length
			return true, true
		})
	}
}

func serveWalk(log *slog.Logger, rw http.ResponseWriter, r *http.Request, f io.ReadSeeker, choose func(header []byte, length int64) (head, body bool)) error {
	out := bufio.NewWriterSize(rw, 64<<10)
	err := walkRecords(f, out, choose)
	if err == nil {
		err = out.Flush()
	}
	if err != nil && r.Context().Err() == nil {
		// Part of the answer is on its way: cut it, so that it is not taken for whole.
		log.ErrorContext(r.Context(), "recording cannot be read", "session", r.PathValue("id"), "err", err)
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
