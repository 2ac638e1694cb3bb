package recordings

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestExportClipboard: what was transferred comes out whole, each in a file of its own,
// and events.json says which; what is no such part stays an event.
func TestExportClipboard(t *testing.T) {
	s := newSetup(t)
	w := s.create(t)
	content := func(clip, part int, last bool, kind, data string) string {
		return fmt.Sprintf(`{"code":"clipboard.content","at_ms":1,"data":{"epoch":2,"clip":%d,"type":%q,"part":%d,"last":%t,"data":%q}}`, clip, kind, part, last, base64.StdEncoding.EncodeToString([]byte(data)))
	}
	for n, body := range []string{
		content(1, 0, false, "text", "perch"), content(1, 1, true, "text", "\u00e9"),
		content(2, 0, true, "image", "\x89PNG"),
		content(3, 0, false, "text", "cut"), content(4, 0, true, "text", "next"),
		content(9, 5, true, "text", "a hole"), content(5, 0, true, "../html", "x"), `{"code":"other"}`, `no JSON`,
	} {
		must(t, w.Append(TrackClipboard, 0, time.Duration(n)*time.Millisecond, 0, []byte(body)))
	}
	_, err := w.Close()
	must(t, err)
	r, err := OpenSession(w.Path(), s.id)
	must(t, err)
	dir := t.TempDir()
	out, err := Export(dir, []*Session{r}, ScanOptions{})
	must(t, err)
	if out.Clipboards != 4 || out.Events != 9 {
		t.Errorf("%+v", out)
	}
	for name, want := range map[string]string{"clipboard-1.txt": "perch\u00e9", "clipboard-2.png": "\x89PNG", "clipboard-3.txt": "cut", "clipboard-4.txt": "next"} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	events, err := os.ReadFile(filepath.Join(dir, eventsName))
	must(t, err)
	var list []map[string]any
	must(t, json.Unmarshal(events, &list))
	if !bytes.Contains(events, []byte(`"file":"clipboard-2.png"`)) || bytes.Contains(events, []byte(base64.StdEncoding.EncodeToString([]byte("perch")))) {
		t.Errorf("%s", events)
	}
}
