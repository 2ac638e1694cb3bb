package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"consento/recordings/stamp"
	"consento/recordings/translog"
)

type logCheck struct {
	Dir    string   `arg:"" help:"Folder of the log: a copy, or the one that is being written."`
	Old    []string `placeholder:"FILE" help:"An older checkpoint of the log, or a proof or receipt with one, that somebody kept. Can be repeated."`
	Policy string   `placeholder:"KEYS" help:"Folder of public keys: the log's (log.pub) and its witnesses' (witness-NAME.pub)."`
	outside
}

// Run recomputes the log and prints what it found; the exit code is the verdict.
func (c *logCheck) Run(out io.Writer, code *int) error {
	keys, err := readKeys(c.Policy)
	if err != nil {
		return err
	}
	roots, err := c.roots(c.Policy)
	if err != nil {
		return err
	}
	var old []translog.Checkpoint
	for _, name := range c.Old {
		point, err := oldCheckpoint(name)
		if err != nil {
			return failure{exitUsage, fmt.Errorf("%s: %w", name, err)}
		}
		old = append(old, point)
	}
	if _, err := os.Stat(c.Dir); err != nil {
		return failure{exitUsage, err}
	}
	rep, err := translog.Audit(context.Background(), os.DirFS(c.Dir), keys, old...)
	if err != nil {
		return failure{exitUsage, err}
	}
	seen := stamp.CheckLog(os.DirFS(c.Dir), &rep, roots)
	*code = auditCode(rep)
	_, err = io.WriteString(out, auditText(rep, len(old), seen))
	return err
}

// oldCheckpoint reads a checkpoint, or that of a proof.
func oldCheckpoint(name string) (translog.Checkpoint, error) {
	b, err := readSmall(name)
	if err != nil {
		return translog.Checkpoint{}, err
	}
	if bytes.HasPrefix(b, []byte("{")) {
		p, err := translog.ParseProof(b)
		return p.Checkpoint, err
	}
	return translog.ParseCheckpoint(b)
}

func auditCode(r translog.AuditReport) int {
	switch {
	case len(r.Problems) > 0:
		return exitTampered
	case len(r.Unclosed) > 0:
		return exitIncomplete
	case len(r.Missing) > 0:
		return exitUnverifiable
	}
	return exitOK
}

func auditText(r translog.AuditReport, old int, clock string) string {
	var b strings.Builder
	switch auditCode(r) {
	case exitTampered:
		b.WriteString("TAMPERED: the log contradicts itself, or what others kept of it\n")
	case exitIncomplete:
		b.WriteString("INCOMPLETE: the log is whole, but sessions in it have no end\n")
	case exitUnverifiable:
		b.WriteString("UNVERIFIABLE: the log agrees with itself, but somebody's word for it is missing\n")
	default:
		b.WriteString("OK: the log is whole, and agrees with what its witnesses and others kept of it\n")
	}
	for _, p := range r.Problems {
		fmt.Fprintf(&b, "  - %s\n", p)
	}
	if r.More > 0 {
		fmt.Fprintf(&b, "  - and %d more\n", r.More)
	}
	for _, s := range r.Unclosed {
		fmt.Fprintf(&b, "  - %s was opened and never closed\n", s)
	}
	for _, m := range r.Missing {
		fmt.Fprintf(&b, "  - %s\n", m)
	}
	if r.Checkpoint.Text == nil {
		return b.String()
	}
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-18s %s\n", name, fmt.Sprintf(format, args...))
	}
	b.WriteByte('\n')
	line("log", "%s", r.Checkpoint.Origin)
	line("checkpoint", "%d leaves, root %s", r.Checkpoint.Size, translog.Hash(r.Checkpoint.Root))
	if !r.From.IsZero() {
		line("written", "%s to %s", utc(r.From), utc(r.To))
	}
	var kinds []string
	for k, n := range r.Leaves {
		kinds = append(kinds, fmt.Sprintf("%s %d", k, n))
	}
	slices.Sort(kinds)
	line("leaves", "%s", strings.Join(kinds, ", "))
	line("sessions", "%d, of which %d segments are being recorded", r.Sessions, len(r.Live))
	line("witnesses", "%s", witnesses(r.Witnesses))
	if len(r.Witnesses) > 0 {
		line("witnessed", "%d of %d leaves", r.Cosigned, r.Checkpoint.Size)
	}
	if clock != "" {
		line("timestamps", "%s", clock)
	}
	if old > 0 {
		line("older checkpoints", "%d, of which %d are signed and not beyond this log", old, r.Old)
	}
	for _, m := range r.Remarks {
		line("remark", "%s", m)
	}
	return b.String()
}

func witnesses(by []translog.Cosignature) string {
	if len(by) == 0 {
		return "none"
	}
	var names []string
	for _, c := range by {
		names = append(names, fmt.Sprintf("%s (%s) on %s", c.Witness, c.Name, utc(c.Time)))
	}
	return strings.Join(names, ", ")
}

func utc(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
