package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"consento/recordings"
)

type session struct {
	File   string `arg:"" help:"A segment; those that go on from it (NAME-0.rec, NAME-1.rec, ...) are taken along."`
	Policy string `placeholder:"KEYS" help:"File or folder of public keys, with the log's (log.pub) for recordings that a crash interrupted."`
	Bag    string `placeholder:"FILE" help:"Key bag of the first segment; by default beside it, with .key."`
}

// Run checks the recording and prints what it found; the exit code is the verdict.
func (s *session) Run(out io.Writer, code *int) error {
	keys, err := logKeys(s.Policy)
	if err != nil {
		return err
	}
	paths, err := recordings.Segments(s.File)
	if err != nil {
		return failure{exitUsage, err}
	}
	var f finding
	for _, p := range paths {
		rep, err := recordings.ScanFile(p, recordings.ScanOptions{LogKeys: keys})
		if err != nil {
			return failure{exitUsage, err}
		}
		f.add(p, rep, s.bag(p))
	}
	*code = f.code()
	return f.print(out)
}

// bag says whom the contents were encrypted for.
func (s *session) bag(path string) string {
	bag := recordings.DefaultBag(path)
	if s.Bag != "" && path == s.File {
		bag = s.Bag
	}
	o, err := recordings.ReadOpen(path)
	if err != nil {
		return "unknown"
	}
	ids, err := recordings.BagRecipients(bag, o)
	if err != nil {
		return "nobody: " + err.Error()
	}
	return fmt.Sprintf("%d: %s", len(ids), strings.Join(ids, ", "))
}

// finding is what is known of all segments.
type finding struct {
	parts   []part
	reasons []string // why the verdict is what it is, worst first
	worst   int
}

type part struct {
	path   string
	rep    recordings.Report
	reader string
}

func (f *finding) add(path string, rep recordings.Report, reader string) {
	if n := len(f.parts); n > 0 {
		switch err := recordings.Continues(f.parts[n-1].rep, rep); {
		case errors.Is(err, recordings.ErrTampered):
			f.reason(exitTampered, path, err.Error())
		case err != nil:
			f.reason(exitIncomplete, path, err.Error())
		}
	} else if rep.Open.Segment > 0 {
		f.reason(exitUnverifiable, path, fmt.Sprintf("begins with segment %d; those before it were not looked at", rep.Open.Segment))
	}
	f.parts = append(f.parts, part{path, rep, reader})
	switch rep.Verdict {
	case recordings.Tampered:
		f.reason(exitTampered, path, rep.Fault.Reason)
	case recordings.Incomplete:
		if rep.Fault != nil {
			f.reason(exitIncomplete, path, "torn end: "+rep.Fault.Reason)
		}
		if !rep.Final {
			f.reason(exitIncomplete, path, "no final seal: it is still being written, or was interrupted")
		}
	}
	if rep.Recovered != nil && rep.Final && !rep.RecoveryChecked && rep.Verdict != recordings.Tampered {
		f.reason(exitUnverifiable, path, "a crash interrupted it; give the log's public key (--policy) to check who closed it")
	}
}

// severity orders exit codes.
func severity(code int) int {
	return map[int]int{exitTampered: 3, exitIncomplete: 2, exitUnverifiable: 1}[code]
}

func (f *finding) reason(code int, path, text string) {
	if len(f.parts) > 1 {
		text = fmt.Sprintf("%s: %s", path, text)
	}
	if severity(code) > severity(f.worst) {
		f.worst = code
		f.reasons = append([]string{text}, f.reasons...)
		return
	}
	f.reasons = append(f.reasons, text)
}

// code is the verdict as exit code. Without a log to anchor it to, the best is
// unverifiable.
func (f *finding) code() int {
	if f.worst != 0 {
		return f.worst
	}
	return exitUnverifiable
}
