package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"consento/recordings"
	"consento/recordings/verdict"
)

type excerptCommands struct {
	Check excerptCheck `cmd:"" default:"withargs" help:"Check an excerpt. Needs no secret."`
	Make  excerptMake  `cmd:"" help:"Take some records out of a recording, with the proof that they stand in it."`
}

type excerptMake struct {
	File   string        `arg:"" help:"A segment."`
	Out    string        `required:"" placeholder:"FILE" help:"The excerpt."`
	Record []uint64      `placeholder:"N" help:"These records, by number."`
	Track  []string      `placeholder:"TRACK" help:"Only this content: events, video, chat, shell, files, meta, search or a number."`
	From   time.Duration `placeholder:"TIME" help:"Since the start of the session, as 1h2m3s."`
	To     time.Duration `placeholder:"TIME" help:"Until then; without it to the end."`
}

// Run writes the excerpt.
func (m *excerptMake) Run(out io.Writer) error {
	tracks, err := parseTracks(m.Track)
	if err != nil {
		return failure{exitUsage, err}
	}
	to := m.To
	if to == 0 {
		to = 1 << 62
	}
	b, err := recordings.MakeExcerpt(m.File, recordings.ScanOptions{}, recordings.Pick{Records: m.Record, Tracks: tracks, From: m.From, To: to})
	if err != nil {
		return err
	}
	if err := writeNew(m.Out, append(b, '\n'), 0o600); err != nil {
		return failure{exitUsage, err}
	}
	e, err := recordings.ParseExcerpt(b)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s: %d records of %d, %d bytes\n", m.Out, len(e.Records), e.Head.N, len(b))
	return err
}

var trackNames = []recordings.Track{recordings.TrackControl, recordings.TrackEvents, recordings.TrackVideo, recordings.TrackChat,
	recordings.TrackShell, recordings.TrackFiles, recordings.TrackMeta, recordings.TrackSearch, recordings.TrackSystem, recordings.TrackInput, recordings.TrackClipboard, recordings.TrackStills}

func parseTracks(names []string) ([]recordings.Track, error) {
	var tracks []recordings.Track
	for _, name := range names {
		i := slices.IndexFunc(trackNames, func(t recordings.Track) bool { return t.String() == name })
		if i >= 0 {
			tracks = append(tracks, trackNames[i])
			continue
		}
		var n uint8
		if _, err := fmt.Sscanf(name, "%d", &n); err != nil || fmt.Sprint(n) != name {
			return nil, fmt.Errorf("%q is no track", name)
		}
		tracks = append(tracks, recordings.Track(n))
	}
	return tracks, nil
}

type excerptCheck struct {
	File string `arg:"" help:"An excerpt."`
	against
	reading
	Out string `placeholder:"DIR" help:"Decrypt and export to this folder; needs a key."`
}

// Run checks paths and head; the exit code is the verdict.
func (c *excerptCheck) Run(out io.Writer, code *int) error {
	keys, err := readKeys(c.Policy)
	if err != nil {
		return err
	}
	proof, err := c.proof(c.File)
	if err != nil {
		return err
	}
	e, err := recordings.ReadExcerpt(c.File)
	if err != nil {
		return err
	}
	state, why := verdict.Excerpt(e, proof, keys)
	var b strings.Builder
	switch state {
	case verdict.Intact:
		b.WriteString("OK: these records stand in the recording that the log holds\n")
	case verdict.Tampered:
		fmt.Fprintf(&b, "TAMPERED\n  - %s\n", why)
	default:
		fmt.Fprintf(&b, "UNVERIFIABLE: the records stand under the head that the excerpt names\n  - %s\n", why)
	}
	fmt.Fprintf(&b, "\nsession            %s, segment %d, by %q\nstarted            %s\nhead               %s\ncountersigned      %d times\n",
		e.Open.Session, e.Open.Segment, e.Open.Origin, e.Open.Started.Format("2006-01-02 15:04:05.000 UTC"), e.Head, len(e.Cosignatures))
	for _, r := range e.Records {
		fmt.Fprintf(&b, "record %-11d %s, %s, at %s, %d bytes\n", r.Index, r.Kind, r.Track, clock(r.At()), r.Length)
	}
	*code = exitCode(state)
	if _, err := io.WriteString(out, b.String()); err != nil {
		return err
	}
	if c.Out == "" || state == verdict.Tampered {
		return nil
	}
	s, err := c.openExcerpt(e)
	if err != nil {
		return err
	}
	defer s.Close()
	exp, err := recordings.Export(c.Out, []*recordings.Session{s}, recordings.ScanOptions{})
	if err != nil {
		return err
	}
	return printExport(out, c.Out, exp)
}
