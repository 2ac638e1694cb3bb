package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"strings"
	"time"

	"consento/recordings/stamp"
	"consento/recordings/translog"
	"consento/recordings/verdict"
)

// outside is the clock that a check believes.
type outside struct {
	TimestampCA string `name:"timestamp-ca" placeholder:"FILE" help:"Certificate (PEM) of the authority that stamped the log (RFC 3161), or of who issued it; by default timestamp.pem and timestamp-*.pem in the folder of keys. Without any, timestamps are told of, and not checked."`
}

// roots reads the certificates; nil when there are none.
func (c outside) roots(keys string) (*x509.CertPool, error) {
	if c.TimestampCA == "" {
		if st, err := os.Stat(keys); keys == "" || err != nil || !st.IsDir() {
			return nil, nil
		}
		roots, err := stamp.ReadCertificates(os.DirFS(keys))
		if err != nil {
			return nil, failure{exitUsage, err}
		}
		return roots, nil
	}
	b, err := readSmall(c.TimestampCA)
	roots := x509.NewCertPool()
	if err == nil {
		err = stamp.AddCertificates(roots, b)
	}
	if err != nil {
		return nil, failure{exitUsage, fmt.Errorf("%s: %w", c.TimestampCA, err)}
	}
	return roots, nil
}

// unchecked says what to do.
const unchecked = "give the certificate of its authority (--timestamp-ca)"

// stamped checks the tokens of a log, adds to the report what is wrong with them,
// and returns a line about what they show.
func stamped(fsys fs.FS, r *translog.AuditReport, roots *x509.CertPool) string {
	var good []translog.Stamped
	var says []stamp.Stamp
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
			if _, err := stamp.Read(token, message); err != nil {
				bad(s, err)
			}
			continue
		}
		is, err := stamp.Verify(token, message, roots)
		switch {
		case errors.Is(err, stamp.ErrUnknown):
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
		return fmt.Sprintf("%d, not checked: %s", len(r.Timestamps), unchecked)
	case len(good) == 0:
		return fmt.Sprintf("0 of %d are good", len(r.Timestamps))
	}
	last := len(good) - 1
	if since := r.To.Sub(good[last].Time).Round(time.Hour); since > dailyTold {
		r.Remarks = append(r.Remarks, fmt.Sprintf("the last %d leaves have no timestamp, and the log went on for %s since the last one", r.Checkpoint.Size-good[last].N, since))
	}
	return fmt.Sprintf("%d of %d are good; the first %d leaves were there before %s, says %q", len(good), len(r.Timestamps), good[last].N, utc(says[last].Until()), says[last].By)
}

// mostProblems are told of a log.
const mostProblems = 100

// dailyTold is how long a log may go on without a timestamp before it is told.
const dailyTold = 26 * time.Hour

// apartTold is how far two clocks may differ before it is told.
const apartTold = 15 * time.Minute

// sessionStamp adds to a verdict what an outside clock says about the session: the
// file beside it, or the one that is named.
func (s *session) sessionStamp(r *verdict.Result) (line string, err error) {
	name := s.Timestamp
	if name == "" {
		id, ok := strings.CutSuffix(s.File, "-0.rec")
		if _, err := os.Stat(id + ".stamp"); !ok || err != nil {
			return "", nil
		}
		name = id + ".stamp"
	}
	roots, err := s.roots(s.Policy)
	if err != nil {
		return "", err
	}
	b, err := readSmall(name)
	if err != nil {
		return "", failure{exitUsage, err}
	}
	wrong := func(state verdict.State, code, text string) {
		r.Reasons = append(r.Reasons, verdict.Reason{State: state, Code: code, Segment: -1, Text: "timestamp: " + text})
		r.State = max(r.State, state)
	}
	f, err := stamp.ParseSession(b)
	if err != nil {
		return "", failure{exitUsage, fmt.Errorf("%s: %w", name, err)}
	}
	keys, err := readKeys(s.Policy)
	if err != nil {
		return "", err
	}
	shown, err := f.Proof.Verify(keys)
	if err == nil {
		err = agrees(f.Proof, shown, r)
	}
	if err != nil {
		wrong(verdict.Tampered, "timestamp", err.Error())
		return "", nil
	}
	if roots == nil {
		if _, err := stamp.Read(f.Token, f.Message()); err != nil {
			wrong(verdict.Tampered, "timestamp", err.Error())
			return "", nil
		}
		return "not checked: " + unchecked, nil
	}
	is, err := stamp.Verify(f.Token, f.Message(), roots)
	switch {
	case errors.Is(err, stamp.ErrUnknown):
		wrong(verdict.Unverifiable, "timestamp_unknown", err.Error())
		return "", nil
	case err != nil:
		wrong(verdict.Tampered, "timestamp", err.Error())
		return "", nil
	}
	return fmt.Sprintf("%s before %s, says %q", endings(shown), utc(is.Until()), is.By), nil
}

// agrees compares what was stamped with what the proof of the session says.
func agrees(p translog.Proof, shown translog.ProofReport, r *verdict.Result) error {
	if r.Proof == nil {
		return nil // said already
	}
	if p.Checkpoint.Origin != r.Proof.Checkpoint.Origin {
		return fmt.Errorf("it is of the log of %s", p.Checkpoint.Origin)
	}
	for _, part := range r.Parts {
		if part.Report.Open.Key != nil && translog.ID(part.Report.Open.Session) != p.SID {
			return errors.New("it is about another session")
		}
	}
	for _, stampedLeaf := range shown.Leaves {
		for _, l := range r.Proof.Leaves {
			if l.Index == stampedLeaf.Index && !reflect.DeepEqual(l, stampedLeaf) {
				return fmt.Errorf("leaf %d is another in the proof: there are two logs", l.Index)
			}
		}
	}
	return nil
}

// endings says which segments had ended.
func endings(r translog.ProofReport) string {
	var closed []string
	for _, l := range r.Leaves {
		switch l := l.Leaf.(type) {
		case translog.Closed:
			closed = append(closed, fmt.Sprint(l.Segment))
		case translog.Recovered:
			closed = append(closed, fmt.Sprint(l.Segment))
		}
	}
	if len(closed) == 0 {
		return "it was on the log"
	}
	return "segment " + strings.Join(closed, ", ") + " closed"
}
