package main

import (
	"crypto/x509"
	"errors"
	"fmt"
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
	roots, err := stamp.Certificates(c.TimestampCA, keys)
	if err != nil {
		return nil, failure{exitUsage, err}
	}
	return roots, nil
}

// stamped is the clock that a check of one session believes.
type stamped struct {
	outside
	Timestamp string `placeholder:"FILE" help:"Timestamp of the session; by default the one beside it (ID.stamp)."`
}

// add adds to a verdict what an outside clock says about the session: the file beside
// it, or the one that is named. It returns when it was closed before, and the same as
// a line.
func (s stamped) add(r *verdict.Result, recording, policy string) (before time.Time, line string, err error) {
	name := s.Timestamp
	if name == "" {
		id, ok := strings.CutSuffix(recording, "-0.rec")
		if _, err := os.Stat(id + ".stamp"); !ok || err != nil {
			return before, "", nil
		}
		name = id + ".stamp"
	}
	roots, err := s.roots(policy)
	if err != nil {
		return before, "", err
	}
	b, err := readSmall(name)
	if err != nil {
		return before, "", failure{exitUsage, err}
	}
	wrong := func(state verdict.State, code, text string) {
		r.Reasons = append(r.Reasons, verdict.Reason{State: state, Code: code, Segment: -1, Text: "timestamp: " + text})
		r.State = max(r.State, state)
	}
	f, err := stamp.ParseSession(b)
	if err != nil {
		return before, "", failure{exitUsage, fmt.Errorf("%s: %w", name, err)}
	}
	keys, err := readKeys(policy)
	if err != nil {
		return before, "", err
	}
	shown, err := f.Proof.Verify(keys)
	if err == nil {
		err = agrees(f.Proof, shown, r)
	}
	if err != nil {
		wrong(verdict.Tampered, "timestamp", err.Error())
		return before, "", nil
	}
	if roots == nil {
		if _, err := stamp.Read(f.Token, f.Message()); err != nil {
			wrong(verdict.Tampered, "timestamp", err.Error())
			return before, "", nil
		}
		return before, "not checked: " + stamp.Unchecked, nil
	}
	is, err := stamp.Verify(f.Token, f.Message(), roots)
	switch {
	case errors.Is(err, stamp.ErrUnknown):
		wrong(verdict.Unverifiable, "timestamp_unknown", err.Error())
		return before, "", nil
	case err != nil:
		wrong(verdict.Tampered, "timestamp", err.Error())
		return before, "", nil
	}
	return is.Until(), fmt.Sprintf("%s before %s, says %q", endings(shown), utc(is.Until()), is.By), nil
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
