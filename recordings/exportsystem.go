package recordings

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// systemName is the name of the n-th snapshot of system information in an export.
func systemName(n int) string { return fmt.Sprintf("system-%d.json", n) }

// ExportedSnapshot is what a technician read of the customer's computer at one
// time. It is written as "system-1.json" and so on.
type ExportedSnapshot struct {
	Segment  int               `json:"segment"`
	Snapshot uint32            `json:"snapshot"` // its number in the segment
	AtMs     int64             `json:"at_ms"`    // when its first part came
	Sections []ExportedSection `json:"sections"`
	epoch    uint32
}

// ExportedSection is one section of it, put together from its parts.
type ExportedSection struct {
	Section string          `json:"section"`
	Columns json.RawMessage `json:"columns"` // names and kinds, in the order of the cells
	Rows    []ExportedRow   `json:"rows"`
	Whole   bool            `json:"whole"`             // its last part came
	Problem string          `json:"problem,omitempty"` // why there are no (more) rows
	Cut     bool            `json:"cut,omitempty"`     // the computer had more rows than were sent
}

// ExportedRow is one row of a section.
type ExportedRow struct {
	Key   string   `json:"key"`
	Cells []string `json:"cells"`
}

// systemPart is the form of the event that holds some rows (PROTOCOL.md, system.part).
type systemPart struct {
	Code string `json:"code"`
	AtMs int64  `json:"at_ms"`
	Data struct {
		Epoch    uint32          `json:"epoch"`
		Snapshot uint32          `json:"snapshot"`
		Section  string          `json:"section"`
		Part     int             `json:"part"`
		Last     bool            `json:"last"`
		Columns  json.RawMessage `json:"columns"`
		Rows     []ExportedRow   `json:"rows"`
		Problem  string          `json:"problem"`
		Cut      bool            `json:"cut"`
	} `json:"data"`
}

// snapshotPart takes a part of a snapshot. What has another form stays what it is in
// events.json, where every part stands as well.
func (e *exporter) snapshotPart(i Item) error {
	var p systemPart
	if json.Unmarshal(i.Body, &p) != nil || p.Code != "system.part" || p.Data.Section == "" {
		return nil
	}
	d := p.Data
	if s := e.system; s == nil || s.Segment != e.part.number || s.Snapshot != d.Snapshot || s.epoch != d.Epoch {
		if err := e.endSnapshot(); err != nil {
			return err
		}
		e.system = &ExportedSnapshot{Segment: e.part.number, Snapshot: d.Snapshot, AtMs: i.At.Milliseconds(), epoch: d.Epoch}
	}
	s := e.system
	n := len(s.Sections) - 1
	if n < 0 || s.Sections[n].Section != d.Section {
		s.Sections = append(s.Sections, ExportedSection{Section: d.Section, Columns: d.Columns, Rows: []ExportedRow{}})
		n++
	}
	section := &s.Sections[n]
	section.Rows = append(section.Rows, d.Rows...)
	section.Whole, section.Problem, section.Cut = d.Last, d.Problem, d.Cut
	return nil
}

// endSnapshot writes the snapshot at hand.
func (e *exporter) endSnapshot() error {
	if e.system == nil {
		return nil
	}
	b, err := json.MarshalIndent(e.system, "", "  ")
	if err != nil {
		return err
	}
	e.system = nil
	e.out.Snapshots++
	f, err := os.OpenFile(filepath.Join(e.dir, systemName(e.out.Snapshots)), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err = f.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("%w, %w", err, f.Close())
	}
	return f.Close()
}
