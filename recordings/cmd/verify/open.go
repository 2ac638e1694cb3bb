package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"consento/recordings"
)

// reading is by what right contents are read: identities and a key bag, or a share.
type reading struct {
	Identity []string `placeholder:"FILE" help:"An auditor's private key, the folder that keygen made, or what was typed from a printed sheet; two where two are needed."`
	Bag      string   `placeholder:"FILE" help:"Key bag of the first segment; by default beside it, with .key, or in the folder bags beside that of the recording."`
	Share    string   `placeholder:"FILE" help:"A share instead of a key bag: only its tracks and minutes are read."`
	Secret   string   `placeholder:"TEXT" help:"The secret of a shared link (behind its #), instead of an identity."`
}

func (r reading) identities() ([]recordings.Identity, error) {
	if (len(r.Identity) == 0) != (r.Share != "" && r.Secret != "") {
		return nil, failure{exitUsage, errors.New("give an identity, or a share and its secret")}
	}
	var ids []recordings.Identity
	for _, path := range r.Identity {
		id, err := recordings.ReadIdentity(path)
		if err != nil {
			return nil, failure{exitUsage, fmt.Errorf("identity %s: %w", path, err)}
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// share reads the share and by what it opens.
func (r reading) share(ids []recordings.Identity) (recordings.Share, recordings.ShareKey, error) {
	s, err := recordings.ReadShare(r.Share)
	if err != nil {
		return s, nil, err
	}
	if r.Secret == "" {
		return s, recordings.ByIdentity(ids...), nil
	}
	secret, err := recordings.ParseShareSecret(r.Secret)
	return s, recordings.BySecret(secret), err
}

// open opens a segment; first is the one that --bag is about.
func (r reading) open(path string, first bool) (*recordings.Session, error) {
	ids, err := r.identities()
	if err != nil {
		return nil, err
	}
	if r.Share != "" {
		s, key, err := r.share(ids)
		if err != nil {
			return nil, err
		}
		return recordings.OpenShared(path, s, time.Now(), key)
	}
	s, err := recordings.OpenSessionBag(path, r.bag(path, first), ids...)
	if errors.Is(err, fs.ErrNotExist) {
		err = failure{exitUnverifiable, fmt.Errorf("without its key bag nothing can be read: %w", err)}
	}
	return s, err
}

// bag is the key bag of a segment.
func (r reading) bag(path string, first bool) string {
	if first && r.Bag != "" {
		return r.Bag
	}
	return recordings.FindBag(path)
}

func (r reading) openExcerpt(e recordings.Excerpt) (*recordings.Session, error) {
	ids, err := r.identities()
	if err != nil {
		return nil, err
	}
	if r.Share != "" {
		s, key, err := r.share(ids)
		if err != nil {
			return nil, err
		}
		return recordings.OpenSharedExcerpt(e, s, time.Now(), key)
	}
	if r.Bag == "" {
		return nil, failure{exitUsage, errors.New("give the key bag of the segment (--bag), or a share")}
	}
	b, err := recordings.ReadBag(r.Bag)
	if err != nil {
		return nil, err
	}
	return recordings.OpenExcerpt(e, b, ids...)
}

type open struct {
	File string `arg:"" help:"A segment; those that go on from it (NAME-0.rec, NAME-1.rec, ...) are taken along, unless it is a share that opens it."`
	reading
	against
	Out string `required:"" placeholder:"DIR" help:"Folder to export to; it must not hold an export already."`
}

// Run decrypts what can be relied on and prints the verdict; the exit code is
// the verdict as well.
func (o *open) Run(out io.Writer, code *int) error {
	c, err := o.begin(o.File)
	if err != nil {
		return err
	}
	if _, err := o.identities(); err != nil {
		return err
	}
	paths := []string{o.File}
	if o.Share == "" {
		if paths, err = recordings.Segments(o.File); err != nil {
			return failure{exitUsage, err}
		}
	}
	var sessions []*recordings.Session
	defer func() {
		for _, s := range sessions {
			s.Close()
		}
	}()
	for n, p := range paths {
		if _, err := recordings.ReadOpen(p); errors.Is(err, fs.ErrNotExist) {
			return failure{exitUsage, err}
		}
		s, err := o.open(p, n == 0)
		if err != nil {
			return err
		}
		sessions = append(sessions, s)
	}
	exp, err := recordings.Export(o.Out, sessions, recordings.ScanOptions{LogKeys: c.LogKeys()})
	if err != nil {
		return err
	}
	readable := map[string]string{}
	for n, src := range exp.Sources {
		if err := c.Add(paths[n], o.bag(paths[n], n == 0), src.Report()); err != nil {
			return failure{exitUsage, err}
		}
		readable[paths[n]] = "this identity"
	}
	result := c.Result()
	*code = exitCode(result.State)
	if err := printResult(out, result, readable, ""); err != nil {
		return err
	}
	return printExport(out, o.Out, exp)
}

func printExport(out io.Writer, dir string, exp recordings.Exported) error {
	_, err := fmt.Fprintf(out, "\nexported to        %s\nevents.json        %d entries\n", dir, exp.Events)
	for _, v := range exp.Videos {
		_, e := fmt.Fprintf(out, "%-18s %.1f s, begins at %d ms of the session, stream %d\n", v.File, float64(v.LengthMs)/1000, v.StartMs, v.Stream)
		err = errors.Join(err, e)
	}
	if exp.Shell {
		_, e := fmt.Fprintln(out, "shell.cast")
		err = errors.Join(err, e)
	}
	if exp.Snapshots > 0 {
		_, e := fmt.Fprintf(out, "system-N.json      %d times system information was read\n", exp.Snapshots)
		err = errors.Join(err, e)
	}
	if exp.Other > 0 {
		_, e := fmt.Fprintf(out, "other/             %d records without a form of their own\n", exp.Other)
		err = errors.Join(err, e)
	}
	return err
}
