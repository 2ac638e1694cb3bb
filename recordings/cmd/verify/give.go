package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"time"

	"consento/recordings"
)

type share struct {
	File string `arg:"" help:"A segment."`
	reading
	Out   string        `required:"" placeholder:"FILE" help:"The share."`
	For   []string      `xor:"to" placeholder:"FILE" help:"Public keys of who may read it."`
	Link  bool          `xor:"to" help:"For whoever has a secret, which is printed."`
	Track []string      `required:"" placeholder:"TRACK" help:"What is shared: events, video, chat, shell, files, meta, search or a number."`
	From  time.Duration `placeholder:"TIME" help:"Since the start of the session, as 1h2m3s; rounded down to a minute."`
	To    time.Duration `required:"" placeholder:"TIME" help:"Until then; rounded up to a minute."`
	Days  int           `default:"7" help:"After so many days no reader opens it."`
}

// Run writes the share.
func (s *share) Run(out io.Writer) error {
	tracks, err := parseTracks(s.Track)
	if err != nil {
		return failure{exitUsage, err}
	}
	to, err := readRecipients(s.For)
	if err == nil && (s.Days < 1 || s.Days > 3660) {
		err = errors.New("a share lasts 1 to 3660 days")
	}
	if err == nil && !s.Link && len(to) == 0 {
		err = errors.New("say for whom: --for or --link")
	}
	if err != nil {
		return failure{exitUsage, err}
	}
	opened, err := s.open(s.File, true)
	if err != nil {
		return err
	}
	defer opened.Close()
	now := time.Now()
	terms := recordings.ShareTerms{ID: recordings.NewSessionID(), Tracks: tracks, From: s.From, To: s.To, Made: now, Until: now.AddDate(0, 0, s.Days)}
	said := ""
	var b []byte
	if s.Link {
		secret := recordings.NewShareSecret()
		said = "secret             " + secret.Text() + "\n"
		b, err = opened.ShareLink(terms, secret)
	} else {
		b, err = opened.Share(terms, to...)
	}
	if err != nil {
		return err
	}
	if err := writeNew(s.Out, append(b, '\n'), 0o600); err != nil {
		return failure{exitUsage, err}
	}
	_, err = fmt.Fprintf(out, "share              %s\nuntil              %s\n%s", s.Out, terms.Until.UTC().Format("2006-01-02 15:04 UTC"), said)
	return err
}

type rewrap struct {
	File string `arg:"" help:"A segment."`
	reading
	To        string `required:"" placeholder:"FILE" help:"The signed policy that says who may read from now on."`
	Team      string `help:"The technician's team."`
	Territory string `help:"Its territory."`
	Out       string `required:"" placeholder:"FILE" help:"The new key bag, to take the place of the old one; with --share NAME.logkeys, the keys of the log."`
}

// Run writes a key bag, or the log's own keys, for those whom a policy names.
func (r *rewrap) Run(out io.Writer) error {
	p, err := recordings.ReadPolicy(r.To)
	if err != nil {
		return failure{exitUsage, err}
	}
	to, err := p.Stanzas(r.Team, r.Territory)
	if err != nil {
		return failure{exitUsage, err}
	}
	opened, err := r.open(r.File, true)
	if err != nil {
		return err
	}
	defer opened.Close()
	if r.Share != "" {
		b, err := opened.RewrapShare(to...)
		if err != nil {
			return err
		}
		if err := writeNew(r.Out, b, 0o600); err != nil {
			return failure{exitUsage, err}
		}
		_, err = fmt.Fprintf(out, "keys of the log    %s, SHA-256 %x\n", r.Out, sha256.Sum256(b))
		return err
	}
	bag, err := opened.Rewrap(to)
	if err != nil {
		return err
	}
	if err := writeNew(r.Out, bag.Bytes(), 0o600); err != nil {
		return failure{exitUsage, err}
	}
	_, err = fmt.Fprintf(out, "key bag            %s, SHA-256 %x\nreadable by        %s\n", r.Out, sha256.Sum256(bag.Bytes()), readers(bag))
	return err
}
