package recordings

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Names of the files of an export.
const (
	videoName    = "video.mp4"
	eventsName   = "events.json"
	shellName    = "shell.cast"
	manifestName = "export.json"
	otherDir     = "other" // what has no form of its own, one file a record
)

// Exported says what an export holds. It is also written as "export.json".
type Exported struct {
	Session string            `json:"session"`
	Started time.Time         `json:"started"` // time 0 of all the times
	Sources []ExportedSegment `json:"segments"`
	Videos  []ExportedVideo   `json:"videos"`
	Events  int               `json:"events"` // entries of events.json
	Shell   bool              `json:"shell"`  // there is a shell.cast
	Other   int               `json:"other"`  // files in the folder "other"
	// Snapshots is how many times system information was read: system-1.json and so on.
	Snapshots int `json:"snapshots,omitempty"`
	// Clipboards is how many things went from a clipboard to another: clipboard-1.txt, or .png, and so on.
	Clipboards int `json:"clipboards,omitempty"`
	// Stills is how many pictures for the record: picture-1.png and so on.
	Stills int `json:"stills,omitempty"`
}

// ExportedSegment tells how far one segment could be relied on.
type ExportedSegment struct {
	Segment  int    `json:"segment"`
	Verdict  string `json:"verdict"`
	Unsealed uint64 `json:"unsealed_records"` // exported although no seal of the recorder covers them
	report   Report
}

// Report of the scan that the export was made by.
func (s ExportedSegment) Report() Report { return s.report }

// ExportedVideo is one file of video: one stream with one size and form.
type ExportedVideo struct {
	File     string `json:"file"`
	Stream   uint8  `json:"stream"`
	StartMs  int64  `json:"start_ms"` // of its first picture
	LengthMs int64  `json:"length_ms"`
}

// Export decrypts the segments of one session, in order, into a folder, which is
// made when it is not there and must not hold an export already:
//
//   - video.mp4, then video-2.mp4 and so on for each change of size or codec and
//     each further stream, in order of their beginning. Each begins at time 0;
//   - events.json, an array of every event, chat line, word on files and other record of text in
//     order, each with "index", "segment", "at_ms" and "track", and with
//     "unsealed": true where no seal of the recorder covers it;
//   - shell.cast, when there was a shell (asciicast v3): all of them, one after the other;
//   - system-1.json, then system-2.json and so on, each an [ExportedSnapshot] of the
//     customer's computer;
//   - clipboard-1.txt or clipboard-1.png and so on: what went from a clipboard to another;
//   - picture-1.png and so on: the pictures for the record, as they were taken;
//   - other/, one file a record, for what has no form of its own;
//   - export.json, an [Exported].
//
// Of a segment that was tampered with, only what was sealed before the fault is
// exported. The error is that of reading or writing; [ErrTampered] when a record
// does not decrypt; [os.ErrExist] before anything is written.
func Export(dir string, segments []*Session, opts ScanOptions) (Exported, error) {
	if len(segments) == 0 {
		return Exported{}, errors.New("recordings: nothing to export")
	}
	if err := freshDir(dir); err != nil {
		return Exported{}, fmt.Errorf("recordings: export: %w", err)
	}
	e, err := newExporter(dir, segments[0].open)
	if err != nil {
		return Exported{}, fmt.Errorf("recordings: export: %w", err)
	}
	for _, s := range segments {
		if err = e.segment(s, opts); err != nil {
			break
		}
	}
	if err = errors.Join(err, e.finish()); err != nil {
		return e.out, fmt.Errorf("recordings: export: %w", err)
	}
	return e.out, nil
}

// freshDir makes sure that no export would be mixed with an older one.
func freshDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, name := range []string{videoName, eventsName, shellName, manifestName, otherDir, systemName(1), clipName(1, "text"), clipName(1, "image"), stillName(1)} {
		path := filepath.Join(dir, name)
		if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
			return errors.Join(err, fmt.Errorf("%w: %s", os.ErrExist, path))
		}
	}
	return nil
}

// exporter writes an export as records come by; it holds one fragment of video a
// stream in memory.
type exporter struct {
	dir     string
	started time.Time
	out     Exported
	events  *os.File
	list    *bufio.Writer
	shell   *os.File
	cast    castFile
	streams map[uint8]*videoExport
	part    segmentPart
	system  *ExportedSnapshot // at hand; nil while none is
	clip    *exportedClip     // likewise
}

// segmentPart is what is known of the segment at hand.
type segmentPart struct {
	number int
	shift  time.Duration // from its times to those of the export
	sealed uint64        // records before this one are sealed
	skip   bool          // leave what is not sealed out
}

func newExporter(dir string, first Open) (*exporter, error) {
	f, err := createIn(dir, eventsName)
	if err != nil {
		return nil, err
	}
	e := &exporter{
		dir: dir, started: first.Started, events: f, list: bufio.NewWriter(f), streams: map[uint8]*videoExport{},
		out: Exported{Session: first.Session.String(), Started: first.Started, Sources: []ExportedSegment{}, Videos: []ExportedVideo{}},
	}
	_, err = e.list.WriteString("[")
	return e, err
}

func createIn(dir, name string) (*os.File, error) {
	return os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
}

// segment exports one segment. It is read twice: the first time to learn what is
// sealed, the second time to decrypt it.
func (e *exporter) segment(s *Session, opts ScanOptions) error {
	opts.Each = nil
	rep, err := s.scan(opts)
	if err != nil {
		return err
	}
	e.part = segmentPart{
		number: s.open.Segment, shift: max(0, s.open.Started.Sub(e.started)),
		sealed: rep.Sealed, skip: rep.Verdict == Tampered,
	}
	if rep.Recovered != nil {
		// The seal behind RECOVERED came too late to vouch for these.
		e.part.sealed = min(e.part.sealed, rep.Recovered.Sealed)
	}
	for _, v := range e.streams {
		v.bridge = false // what was on the screen between two segments is not known
	}
	src := ExportedSegment{Segment: s.open.Segment, Verdict: rep.Verdict.String(), report: rep}
	switch {
	case e.part.skip:
	case rep.Recovered != nil:
		src.Unsealed = rep.Recovered.Unsealed
	default:
		src.Unsealed = rep.UnsealedRecords()
	}
	e.out.Sources = append(e.out.Sources, src)
	again, err := s.Read(opts, func(i Item) error {
		if i.Index >= rep.Sealed && (e.part.skip || i.Index >= rep.Records) {
			return nil
		}
		return e.item(i)
	})
	if err == nil && again.Sealed < rep.Sealed {
		err = errors.New("the file changed while it was read")
	}
	return err
}

func (e *exporter) item(i Item) error {
	i.At += e.part.shift
	switch i.Track {
	case TrackVideo:
		err := e.video(i)
		if errors.Is(err, ErrMalformed) {
			return e.other(i)
		}
		return err
	case TrackShell:
		return e.shellLines(i)
	case TrackSystem:
		if err := e.snapshotPart(i); err != nil {
			return err
		}
		return e.event(i)
	case TrackClipboard:
		return e.clipContent(i)
	case TrackStills:
		return e.still(i)
	case TrackControl, TrackEvents, TrackChat, TrackFiles, TrackMeta, TrackInput:
		return e.event(i)
	case TrackSearch:
		return nil // it repeats what stands on the others
	}
	return e.other(i)
}

func (e *exporter) shellLines(i Item) error {
	if e.shell == nil {
		f, err := createIn(e.dir, shellName)
		if err != nil {
			return err
		}
		e.shell, e.out.Shell = f, true
	}
	_, err := e.shell.Write(e.cast.lines(i.At, i.Body))
	return err
}

// other keeps a record that has no form of its own as it is.
func (e *exporter) other(i Item) error {
	dir := filepath.Join(e.dir, otherDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	name := fmt.Sprintf("%d-%06d-%s.bin", e.part.number, i.Index, i.Track)
	if err := os.WriteFile(filepath.Join(dir, name), i.Body, 0o600); err != nil {
		return err
	}
	e.out.Other++
	b, err := json.Marshal(otherDir + "/" + name)
	if err != nil {
		return err
	}
	return e.entry(i, member{"file", b})
}

// finish ends every file; it is called whatever happened before.
func (e *exporter) finish() error {
	var errs []error
	for _, v := range e.streams {
		errs = append(errs, e.endRun(v))
	}
	errs = append(errs, e.endSnapshot(), e.endClip())
	_, err := e.list.WriteString("\n]\n")
	errs = append(errs, err, e.list.Flush(), e.events.Close())
	if e.shell != nil {
		errs = append(errs, e.shell.Close())
	}
	b, err := json.MarshalIndent(e.out, "", "  ")
	errs = append(errs, err)
	if err == nil {
		errs = append(errs, os.WriteFile(filepath.Join(e.dir, manifestName), append(b, '\n'), 0o600))
	}
	return errors.Join(errs...)
}
