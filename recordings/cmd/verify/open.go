package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"consento/recordings"
)

type open struct {
	File     string `arg:"" help:"A segment; those that go on from it (NAME-0.rec, NAME-1.rec, ...) are taken along."`
	Identity string `required:"" placeholder:"FILE" help:"The auditor's private key, or the folder that keygen made."`
	Out      string `required:"" placeholder:"DIR" help:"Folder to export to; it must not hold an export already."`
	Policy   string `placeholder:"KEYS" help:"As for session."`
	Bag      string `placeholder:"FILE" help:"Key bag of the first segment; by default beside it, with .key."`
}

// Run decrypts what can be relied on and prints the verdict; the exit code is
// the verdict as well.
func (o *open) Run(out io.Writer, code *int) error {
	keys, err := logKeys(o.Policy)
	if err != nil {
		return err
	}
	id, err := recordings.ReadIdentity(o.Identity)
	if err != nil {
		return failure{exitUsage, fmt.Errorf("identity: %w", err)}
	}
	paths, err := recordings.Segments(o.File)
	if err != nil {
		return failure{exitUsage, err}
	}
	var sessions []*recordings.Session
	defer func() {
		for _, s := range sessions {
			s.Close()
		}
	}()
	for n, p := range paths {
		bag := recordings.DefaultBag(p)
		if n == 0 && o.Bag != "" {
			bag = o.Bag
		}
		if _, err := recordings.ReadOpen(p); errors.Is(err, fs.ErrNotExist) {
			return failure{exitUsage, err}
		}
		s, err := recordings.OpenSessionBag(p, bag, id)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return failure{exitUnverifiable, fmt.Errorf("without its key bag nothing can be read: %w", err)}
		case err != nil:
			return err
		}
		sessions = append(sessions, s)
	}
	exp, err := recordings.Export(o.Out, sessions, recordings.ScanOptions{LogKeys: keys})
	if err != nil {
		return err
	}
	var f finding
	for n, src := range exp.Sources {
		f.add(paths[n], src.Report(), "this identity")
	}
	*code = f.code()
	if err := f.print(out); err != nil {
		return err
	}
	return o.printExport(out, exp)
}

func (o *open) printExport(out io.Writer, exp recordings.Exported) error {
	_, err := fmt.Fprintf(out, "\nexported to        %s\nevents.json        %d entries\n", o.Out, exp.Events)
	for _, v := range exp.Videos {
		_, e := fmt.Fprintf(out, "%-18s %.1f s, begins at %d ms of the session, stream %d\n", v.File, float64(v.LengthMs)/1000, v.StartMs, v.Stream)
		err = errors.Join(err, e)
	}
	if exp.Shell {
		_, e := fmt.Fprintln(out, "shell.cast")
		err = errors.Join(err, e)
	}
	if exp.Other > 0 {
		_, e := fmt.Fprintf(out, "other/             %d records without a form of their own\n", exp.Other)
		err = errors.Join(err, e)
	}
	return err
}
