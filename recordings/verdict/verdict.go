// Package verdict says what can be relied on of a session's recording: the files
// alone, and what the office's global log, its witnesses and its recipient policy
// say of them. Who shows a verdict, the stand-alone verifier or a page of the
// broker, shows this one.
//
// It needs no secret, no network and no broker. It promises that Intact is said
// only of segments that are whole, closed and unchanged since each of their seals,
// that are the ones which a log, signed and witnessed, says were opened and closed
// in this session, and all of them; where a policy is known, that nobody else can
// read them.
package verdict

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"time"

	"consento/recordings"
	"consento/recordings/translog"
)

// State is what a check comes to.
type State uint8

// The states, from best to worst.
const (
	Intact       State = iota + 1
	Unverifiable       // nothing wrong, but something to compare with is missing
	Incomplete         // not closed, or the end is torn, or a part is missing
	Tampered           // something was changed
)

// Reason is one finding.
type Reason struct {
	State    State // what it makes of the whole
	Code     string
	Segment  int           // -1: of none in particular
	From, To time.Duration // of the session that it touches; To 0: none in particular
	Values   map[string]string
	Text     string // in English
}

// Part is one segment that was looked at.
type Part struct {
	Path   string
	Report recordings.Report
}

// Result is the verdict with all that led to it.
type Result struct {
	State   State
	Reasons []Reason // the worst first
	Remarks []string // in English; they change nothing
	Parts   []Part
	Proof   *translog.ProofReport // nil without one
}

// Case collects what is known of one session.
type Case struct {
	keys     translog.Keys
	policies *recordings.PolicyChain
	proof    *anchor
	parts    []Part
	reasons  []Reason
	remarks  []string
}

// New begins a case. Without a proof the best verdict is Unverifiable; without
// policies nobody can say who may read it.
func New(keys translog.Keys, proof *translog.Proof, policies *recordings.PolicyChain) *Case {
	c := &Case{keys: keys, policies: policies}
	if proof != nil {
		c.proof = newAnchor(*proof, keys)
	}
	return c
}

// Scan verifies a segment and adds what it finds; bag is the file of its key bag.
// An error is one of the file system.
func (c *Case) Scan(path, bag string) error {
	report, err := recordings.ScanFile(path, c.Options(path))
	if err != nil {
		return err
	}
	return c.Add(path, bag, report)
}

// Anchored says whether there is a proof, which knows what became of a segment whose
// file is gone.
func (c *Case) Anchored() bool { return c.proof != nil }

// LogKeys may have closed what a crash interrupted.
func (c *Case) LogKeys() []ed25519.PublicKey { return c.keys.Log }

// Options are what a segment has to be scanned with for Add.
func (c *Case) Options(path string) recordings.ScanOptions {
	return recordings.ScanOptions{LogKeys: c.keys.Log, Known: c.proof.known(path)}
}

// Add takes a segment that was scanned with Options, in the order of numbers.
func (c *Case) Add(path, bag string, report recordings.Report) error {
	c.file(path, report)
	c.recipients(report.Open, bag)
	if c.proof == nil {
		return nil
	}
	return c.compare(path, bag, report)
}

// Result closes the case.
func (c *Case) Result() Result {
	r := Result{State: Intact, Parts: c.parts}
	if c.proof == nil {
		c.reason(Unverifiable, "no_proof", -1, "nothing outside the files was there to compare them with: give the proof from the log (--proof)", nil)
	} else {
		c.whole()
		r.Proof = &c.proof.report
	}
	slices.SortStableFunc(c.reasons, func(a, b Reason) int { return int(b.State) - int(a.State) })
	for _, reason := range c.reasons {
		r.State = max(r.State, reason.State)
	}
	r.Reasons, r.Remarks = c.reasons, c.remarks
	return r
}

func (c *Case) reason(state State, code string, segment int, text string, values map[string]string) {
	c.reasons = append(c.reasons, Reason{State: state, Code: code, Segment: segment, Text: text, Values: maps.Clone(values)})
}

// file adds what the file alone shows.
func (c *Case) file(path string, r recordings.Report) {
	segment := r.Open.Segment
	if n := len(c.parts); n > 0 {
		switch err := recordings.Continues(c.parts[n-1].Report, r); {
		case errors.Is(err, recordings.ErrTampered):
			c.reason(Tampered, "chain", segment, err.Error(), nil)
		case err != nil:
			c.reason(Incomplete, "missing_segment", segment-1, err.Error(), nil)
		}
	} else if segment > 0 {
		c.reason(Unverifiable, "begins_later", segment, fmt.Sprintf("begins with segment %d; those before it were not looked at", segment), nil)
	}
	c.parts = append(c.parts, Part{path, r})
	switch r.Verdict {
	case recordings.Tampered:
		c.reasons = append(c.reasons, Reason{State: Tampered, Code: "changed", Segment: segment, From: r.Fault.From, To: r.Fault.To, Text: r.Fault.Reason,
			Values: map[string]string{"record": strconv.FormatUint(r.Fault.Index, 10)}})
	case recordings.Incomplete:
		if r.Fault != nil {
			c.reasons = append(c.reasons, Reason{State: Incomplete, Code: "torn", Segment: segment, From: r.Fault.From, To: r.Fault.To, Text: "torn end: " + r.Fault.Reason})
		}
		if !r.Final {
			c.reason(Incomplete, "unfinished", segment, "no final seal: it is still being written, or was interrupted", nil)
		}
	}
	if r.Recovered != nil && r.Final && !r.RecoveryChecked && r.Verdict != recordings.Tampered {
		c.reason(Unverifiable, "recovery_unchecked", segment, "a crash interrupted it; give the log's public key (--policy) to check who closed it", nil)
	}
}

// recipients checks whom the key bag of a segment lets read.
func (c *Case) recipients(o recordings.Open, bag string) {
	if o.Key == nil {
		return // not even its first record reads: said already
	}
	if c.policies == nil {
		if o.Policy != ([32]byte{}) {
			c.reason(Unverifiable, "no_policy", o.Segment,
				"give the auditors' root key (auditors.pub) and the policies (N.policy) in the folder of keys, to check who may read it", nil)
		}
		return
	}
	b, err := recordings.ReadBag(bag)
	if errors.Is(err, fs.ErrNotExist) {
		c.remarks = append(c.remarks, fmt.Sprintf("segment %d: there is no key bag, so nobody can read it; who could was not checked", o.Segment))
		return
	}
	n := 0
	if err == nil {
		n, err = c.policies.Check(o, b)
	}
	switch {
	case errors.Is(err, recordings.ErrForeign):
		c.reason(Tampered, "foreign_recipient", o.Segment, err.Error(), map[string]string{"id": err.Error()})
	case err != nil:
		c.reason(Unverifiable, "policy", o.Segment, err.Error(), nil)
	case n == 0:
		c.reason(Unverifiable, "no_policy", o.Segment, "it names no recipient policy, though the office has one", nil)
	default:
		if !slices.ContainsFunc(b.Stanzas(), func(s recordings.BagStanza) bool { return s.Class == recordings.ClassEscrow }) {
			c.remarks = append(c.remarks, fmt.Sprintf("segment %d: there is no escrow: when the auditors' keys are lost, its contents are", o.Segment))
		}
		c.remarks = append(c.remarks, fmt.Sprintf("segment %d: read by nobody but whom policy %d names", o.Segment, n))
	}
}
