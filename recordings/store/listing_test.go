package store_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"consento/recordings"
	"consento/recordings/store"
)

// FuzzListing: what a store, or whoever wrote the file, says of versions is compared or
// refused, however much it is; and nothing of it acts on the terminal it is printed on.
func FuzzListing(f *testing.F) {
	name := recordings.SegmentName(recordings.SessionID{1}, 0)
	at := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	b, err := json.Marshal(store.Listing{Of: "bucket", At: at,
		Recordings: []store.Object{{Key: "a", Name: name, Versions: []store.Version{{ID: "2", At: at, Marker: true}, {ID: "1", At: at, Mode: store.Governance, Until: at, Asked: at.AddDate(1, 0, 0)}}}},
		Parts:      []store.Object{{Key: "b", Name: "\x1b[31m../" + name, Part: "1"}, {Key: "c", Name: recordings.SegmentName(recordings.SessionID{2}, 0), Part: "9"}},
		Bags:       []store.Object{{Key: "d", Name: strings.TrimSuffix(name, ".rec") + ".key", Versions: []store.Version{{Broken: "\x1b]0;owned\a"}}}}})
	must(f, err)
	f.Add(b)
	f.Add([]byte(`{"recordings":null}`))
	f.Add([]byte(`{"at":"2026-03-01T09:00:00Z","recordings":[{"name":"` + name + `","versions":[{"mode":"\u001b[2J","until":"9999-12-31T23:59:59Z"}]}]}`))
	empty, dir := os.DirFS(f.TempDir()), f.TempDir()
	f.Fuzz(func(t *testing.T, in []byte) {
		must(t, os.WriteFile(filepath.Join(dir, store.ListingFile), in, 0o600))
		got, err := store.Compare(t.Context(), empty, 0, nil, store.Dir(dir))
		if err != nil {
			return
		}
		for _, finding := range got.Findings {
			if text := finding.Name + " " + finding.Text; strings.ContainsFunc(text, unicode.IsControl) || len(text) > 1000 {
				t.Fatalf("%q", text)
			}
		}
	})
}
