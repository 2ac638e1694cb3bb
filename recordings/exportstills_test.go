package recordings

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestExportStills: each picture comes out as it was taken, events.json says which, and
// whether it has its hash; what is none stays an event.
func TestExportStills(t *testing.T) {
	s := newSetup(t)
	w := s.create(t)
	sum := sha256.Sum256([]byte("\x89PNG 1"))
	content := func(hash, data string) string {
		return fmt.Sprintf(`{"code":"still.content","at_ms":1,"data":{"epoch":1,"still":1,"sha256":%q,"width":2,"height":1,"data":%q}}`, hash, base64.StdEncoding.EncodeToString([]byte(data)))
	}
	for n, body := range []string{content(hex.EncodeToString(sum[:]), "\x89PNG 1"), content("00", "\x89PNG 2"), content("", ""), `{"code":"other"}`, `no JSON`} {
		must(t, w.Append(TrackStills, 0, time.Duration(n)*time.Millisecond, 0, []byte(body)))
	}
	_, err := w.Close()
	must(t, err)
	r, err := OpenSession(w.Path(), s.id)
	must(t, err)
	dir := t.TempDir()
	out, err := Export(dir, []*Session{r}, ScanOptions{})
	must(t, err)
	if out.Stills != 2 || out.Events != 5 {
		t.Errorf("%+v", out)
	}
	for name, want := range map[string]string{"picture-1.png": "\x89PNG 1", "picture-2.png": "\x89PNG 2"} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	events, err := os.ReadFile(filepath.Join(dir, eventsName))
	must(t, err)
	if !bytes.Contains(events, []byte(`"file":"picture-1.png","intact":true`)) || !bytes.Contains(events, []byte(`"file":"picture-2.png","intact":false`)) ||
		bytes.Contains(events, []byte(base64.StdEncoding.EncodeToString([]byte("\x89PNG 1")))) {
		t.Errorf("%s", events)
	}
}
