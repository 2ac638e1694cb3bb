package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"consento/recordings"
	"consento/recordings/translog"
	"consento/recordings/verdict"
)

// against is what a recording is compared with.
type against struct {
	Proof  string `placeholder:"FILE" help:"Proof of what the log holds about the session; by default the one beside it (ID.proof). Without it the best verdict is unverifiable."`
	Policy string `placeholder:"KEYS" help:"File or folder of public keys: the log's (log.pub), its witnesses' (witness-NAME.pub), the auditors' root (auditors.pub) with the policies that it signed (N.policy)."`
}

// begin opens a case for the recording that begins with this file.
func (a against) begin(file string) (*verdict.Case, error) {
	keys, err := readKeys(a.Policy)
	if err != nil {
		return nil, err
	}
	policies, err := readPolicies(a.Policy)
	if err != nil {
		return nil, err
	}
	proof, err := a.proof(file)
	if err != nil {
		return nil, err
	}
	return verdict.New(keys, proof, policies), nil
}

func (a against) proof(file string) (*translog.Proof, error) {
	name := a.Proof
	if name == "" {
		session, ok := strings.CutSuffix(file, "-0.rec")
		if !ok {
			return nil, nil
		}
		name = session + ".proof"
		if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
	}
	b, err := readSmall(name)
	if err != nil {
		return nil, failure{exitUsage, err}
	}
	p, err := translog.ParseProof(b)
	if err != nil {
		return nil, failure{exitUsage, fmt.Errorf("%s: %w", name, err)}
	}
	return &p, nil
}

type session struct {
	File string `arg:"" help:"A segment; those that go on from it (NAME-0.rec, NAME-1.rec, ...) are taken along."`
	against
	stamped
	Bag string `placeholder:"FILE" help:"Key bag of the first segment; by default beside it, with .key, or in the folder bags beside that of the recording."`
}

// Run checks the recording and prints what it found; the exit code is the verdict.
func (s *session) Run(out io.Writer, code *int) error {
	c, err := s.begin(s.File)
	if err != nil {
		return err
	}
	paths, err := recordings.Segments(s.File)
	if err != nil {
		return failure{exitUsage, err}
	}
	readable := map[string]string{}
	for _, p := range paths {
		err := c.Scan(p, s.bag(p))
		if errors.Is(err, fs.ErrNotExist) && c.Anchored() {
			continue // the proof says whether it was deleted by a decision
		}
		if err != nil {
			return failure{exitUsage, err}
		}
		readable[p] = s.readable(p)
	}
	result := c.Result()
	_, seen, err := s.stamped.add(&result, s.File, s.Policy)
	if err != nil {
		return err
	}
	*code = exitCode(result.State)
	return printResult(out, result, readable, seen)
}

// exitCode is the verdict as exit code.
func exitCode(s verdict.State) int {
	return map[verdict.State]int{verdict.Intact: exitOK, verdict.Unverifiable: exitUnverifiable, verdict.Incomplete: exitIncomplete, verdict.Tampered: exitTampered}[s]
}

// bag is the key bag of a segment.
func (s *session) bag(path string) string {
	if s.Bag != "" && path == s.File {
		return s.Bag
	}
	return recordings.FindBag(path)
}

// readable says whom the contents were encrypted for.
func (s *session) readable(path string) string {
	o, err := recordings.ReadOpen(path)
	if err != nil {
		return "unknown"
	}
	b, err := recordings.ReadBag(s.bag(path))
	if err == nil {
		err = b.For(o)
	}
	if err != nil {
		return "nobody: " + err.Error()
	}
	return readers(b)
}

func readers(b recordings.Bag) string {
	var who []string
	for _, s := range b.Stanzas() {
		who = append(who, fmt.Sprintf("%s %s", s.Class, strings.Join(s.IDs, " with ")))
	}
	return fmt.Sprintf("%d: %s", len(who), strings.Join(who, ", "))
}
