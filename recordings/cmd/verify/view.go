package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"consento/recordings"
	"consento/recordings/verdict"
)

type view struct {
	File string `arg:"" help:"A segment; those that go on from it (NAME-0.rec, NAME-1.rec, ...) are taken along, unless it is a share that opens it."`
	reading
	against
	stamped
}

// Run checks the recording and shows it on a page of this computer until it is
// interrupted; the exit code is the verdict.
func (v *view) Run(out io.Writer, code *int) error {
	if !playerBuilt() {
		return failure{exitUsage, errors.New("this program was built without its player: make build makes one that has it. The command open works as it is")}
	}
	s, err := v.prepare()
	if err != nil {
		return err
	}
	defer s.close()
	*code = exitCode(s.result.State)
	if err := printResult(out, s.result, s.readable, s.seen); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	return s.serve(ctx, out)
}

// showing is a recording that a page shows.
type showing struct {
	session  string
	result   verdict.Result
	readable map[string]string
	before   time.Time // when an outside clock says that it was closed; zero: none does
	seen     string    // the same as a line
	parts    []*part
	share    *recordings.Share // by which it was opened; nil by key bags
	// secret is of a key pair that lives as long as this run: the page's browser
	// opens by it what was wrapped for it here, and never has an auditor's key.
	secret string
}

// part is one segment, as far as it is whole and untouched.
type part struct {
	number int
	file   *os.File
	index  []byte // headers of all records, one behind the other
	places []place
	end    int64
	keys   []byte // key bag or share, for the key of this run
}

// place says where a record lies.
type place struct {
	at          int64
	length      int64 // with its header
	kind, track uint8
}

const (
	headerSize = 32
	maxPlaces  = 1 << 20 // records of a segment that a page shows
)

// prepare checks the recording, and wraps its keys anew for a key of this run.
func (v *view) prepare() (*showing, error) {
	c, err := v.begin(v.File)
	if err != nil {
		return nil, err
	}
	paths := []string{v.File}
	if v.Share == "" {
		if paths, err = recordings.Segments(v.File); err != nil {
			return nil, failure{exitUsage, err}
		}
	}
	own, err := recordings.NewIdentity()
	if err != nil {
		return nil, err
	}
	s := &showing{readable: map[string]string{}}
	if s.secret, err = own.Secret(); err != nil {
		return nil, err
	}
	for n, path := range paths {
		if err := s.take(c, path, v.reading, n == 0, own); err != nil {
			s.close()
			return nil, err
		}
	}
	s.result = c.Result()
	if s.before, s.seen, err = v.stamped.add(&s.result, v.File, v.Policy); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *showing) take(c *verdict.Case, path string, by reading, first bool, own recordings.Identity) error {
	opened, err := by.open(path, first)
	if errors.Is(err, os.ErrNotExist) {
		return failure{exitUsage, err}
	} else if err != nil {
		return err
	}
	defer opened.Close()
	keys, err := s.lend(opened, by, own.Recipient())
	if err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return failure{exitUsage, err}
	}
	p := &part{number: opened.Open().Segment, file: f, keys: keys}
	s.session, s.parts = opened.Open().Session.String(), append(s.parts, p)
	options := c.Options(path)
	options.Each = p.add
	report, err := recordings.ScanFile(path, options)
	if err != nil {
		return failure{exitUsage, err}
	}
	s.readable[path] = "this identity"
	if err := c.Add(path, by.bag(path, first), report); err != nil {
		return failure{exitUsage, fmt.Errorf("%s: %w", filepath.Base(path), err)}
	}
	return nil
}

// lend wraps what opened a segment for the key of this run.
func (s *showing) lend(opened *recordings.Session, by reading, to recordings.Recipient) ([]byte, error) {
	if by.Share == "" {
		bag, err := opened.Rewrap(recordings.Alone(recordings.ClassAuditor, to))
		return bag.Bytes(), err
	}
	b, err := opened.Lend(to)
	if err != nil {
		return nil, err
	}
	share, err := recordings.ParseShare(b)
	s.share = &share
	return b, err
}

// add takes a record that is good into the index.
func (p *part) add(r recordings.Record) error {
	if len(p.places) == maxPlaces {
		return nil
	}
	var header [headerSize]byte
	if _, err := p.file.ReadAt(header[:], r.Offset); err != nil {
		return err
	}
	here := place{at: r.Offset, length: headerSize + int64(r.Length), kind: uint8(r.Kind), track: uint8(r.Track)}
	p.index, p.places, p.end = append(p.index, header[:]...), append(p.places, here), here.at+here.length
	return nil
}

func (s *showing) close() {
	for _, p := range s.parts {
		p.file.Close()
	}
}
