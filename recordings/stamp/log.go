package stamp

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"consento/recordings/translog"
)

// Certificates reads those in a file or, where none is named, in a folder of keys
// (timestamp.pem, timestamp-*.pem); nil when there are none, or no folder.
func Certificates(file, folder string) (*x509.CertPool, error) {
	if file == "" {
		if st, err := os.Stat(folder); folder == "" || err != nil || !st.IsDir() {
			return nil, nil
		}
		return ReadCertificates(os.DirFS(folder))
	}
	b, err := translog.ReadFile(os.DirFS(filepath.Dir(file)), filepath.Base(file))
	roots := x509.NewCertPool()
	if err == nil {
		err = AddCertificates(roots, b)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return roots, nil
}

// Unchecked says what to do where no certificate was given.
const Unchecked = "give the certificate of its authority (--timestamp-ca)"

// CheckLog checks the tokens of a log, adds to the report what is wrong with them, and
// returns a line about what they show, "" where there is nothing to say. Without roots
// it only sees whether they are over this log.
func CheckLog(fsys fs.FS, r *translog.AuditReport, roots *x509.CertPool) string {
	var good []translog.Stamped
	var says []Stamp
	bad := func(s translog.Stamped, err error) {
		if len(r.Problems) >= mostProblems {
			r.More++
			return
		}
		r.Problems = append(r.Problems, translog.Problem{Index: int64(s.Index), Text: "timestamp: " + err.Error()})
	}
	missing := func(s translog.Stamped, text string) {
		r.Missing = append(r.Missing, fmt.Sprintf("leaf %d: timestamp: %s", s.Index, text))
	}
	for _, s := range r.Timestamps {
		token, err := translog.ReadSealed(fsys, s.Token)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			if roots != nil {
				missing(s, "its token is not in the folder")
			}
			continue
		case errors.Is(err, translog.ErrTampered):
			continue // the audit has said so
		case err != nil:
			missing(s, err.Error())
			continue
		}
		message := s.Message(r.Checkpoint.Origin)
		if roots == nil {
			// What it is over needs no certificate to be seen.
			if _, err := Read(token, message); err != nil {
				bad(s, err)
			}
			continue
		}
		is, err := Verify(token, message, roots)
		switch {
		case errors.Is(err, ErrUnknown):
			missing(s, err.Error())
		case err != nil:
			bad(s, err)
		default:
			good, says = append(good, s), append(says, is)
			if apart := s.Time.Sub(is.Time).Round(time.Second); apart.Abs() > apartTold {
				r.Remarks = append(r.Remarks, fmt.Sprintf("leaf %d: the clock of the log differs by %s from that of the timestamp authority", s.Index, apart))
			}
		}
	}
	switch {
	case len(r.Timestamps) == 0 && roots != nil:
		return "none: no outside clock has seen this log"
	case len(r.Timestamps) == 0:
		return ""
	case roots == nil:
		return fmt.Sprintf("%d, not checked: %s", len(r.Timestamps), Unchecked)
	case len(good) == 0:
		return fmt.Sprintf("0 of %d are good", len(r.Timestamps))
	}
	last := len(good) - 1
	if since := r.To.Sub(good[last].Time).Round(time.Hour); since > dailyTold {
		r.Remarks = append(r.Remarks, fmt.Sprintf("the last %d leaves have no timestamp, and the log went on for %s since the last one", r.Checkpoint.Size-good[last].N, since))
	}
	return fmt.Sprintf("%d of %d are good; the first %d leaves were there before %s, says %q", len(good), len(r.Timestamps), good[last].N, says[last].Until().UTC().Format("2006-01-02 15:04:05 UTC"), says[last].By)
}

// mostProblems are told of a log.
const mostProblems = 100

// dailyTold is how long a log may go on without a timestamp before it is told.
const dailyTold = 26 * time.Hour

// apartTold is how far two clocks may differ before it is told.
const apartTold = 15 * time.Minute
