package recordings

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestSnapshotsAreExported: parts become whole sections, each snapshot a file of its
// own; what has another form stays in events.json.
func TestSnapshotsAreExported(t *testing.T) {
	s := newSetup(t)
	w := s.create(t)
	for n, body := range []string{
		`{"code":"system.part","at_ms":10,"data":{"epoch":2,"snapshot":1,"section":"disks","part":0,"columns":[{"name":"mount","kind":"text"}],"rows":[{"key":"/","cells":["/"]}],"last":false}}`,
		`{"code":"control.input","at_ms":11,"data":{"snapshot":9,"section":"x"}}`,
		`{"code":"system.part","at_ms":12,"data":{"epoch":2,"snapshot":1,"section":"disks","part":1,"columns":[],"rows":[{"key":"/home","cells":["/home"]}],"last":true,"cut":true}}`,
		`{"code":"system.part","at_ms":13,"data":{"epoch":2,"snapshot":1,"section":"events","part":0,"last":true,"problem":"denied"}}`,
		`{"code":"system.part","at_ms":14,"data":"broken"}`,
		`{"code":"system.part","at_ms":15,"data":{"epoch":5,"snapshot":2,"section":"disks","part":0,"rows":[{"key":"/","cells":["/"]}]}}`,
	} {
		must(t, w.Append(TrackSystem, 0, time.Duration(n)*time.Millisecond, 0, []byte(body)))
	}
	_, err := w.Close()
	must(t, err)
	r, err := OpenSession(w.Path(), s.id)
	must(t, err)
	out := t.TempDir()
	exp, err := Export(out, []*Session{r}, ScanOptions{})
	must(t, err)
	if exp.Snapshots != 2 || exp.Events != 6 {
		t.Errorf("%+v", exp)
	}
	read := func(n int) (s ExportedSnapshot) {
		b, err := os.ReadFile(filepath.Join(out, systemName(n)))
		must(t, err)
		must(t, json.Unmarshal(b, &s))
		return s
	}
	first, second := read(1), read(2)
	if len(first.Sections) != 2 || first.Snapshot != 1 || len(second.Sections) != 1 || second.Snapshot != 2 {
		t.Fatalf("%+v, %+v", first, second)
	}
	if d := first.Sections[0]; d.Section != "disks" || len(d.Rows) != 2 || d.Rows[1].Cells[0] != "/home" || !d.Whole || !d.Cut || len(d.Columns) < 20 {
		t.Errorf("%+v", d)
	}
	if e := first.Sections[1]; e.Problem != "denied" || !e.Whole || len(e.Rows) != 0 {
		t.Errorf("%+v", e)
	}
	if d := second.Sections[0]; d.Whole || len(d.Rows) != 1 {
		t.Errorf("a section that did not come to its end: %+v", d)
	}
	if _, err := Export(out, []*Session{r}, ScanOptions{}); err == nil {
		t.Error("two exports in one folder")
	}
}
