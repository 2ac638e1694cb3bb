package recordings

import (
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
)

// TestSummary: the last one of a file is found without a key, and opens with the
// auditor's; what is no summary is refused.
func TestSummary(t *testing.T) {
	s := newSetup(t)
	w := s.create(t)
	must(t, w.Append(TrackEvents, 0, 0, 0, []byte(`{"code":"test.tick"}`)))
	_, err := w.Seal()
	must(t, err)
	if at, err := FindSummary(w.Path()); at != -1 || err != nil {
		t.Errorf("without one: %d, %v", at, err)
	}
	want := Summary{Version: 1, People: []string{"Anna Rossi"}, Reason: "Stampante", End: "customer", Shown: []string{"xterm"}}
	for _, sum := range []Summary{{Reason: "Printer"}, want} {
		b, err := sum.Bytes()
		must(t, err)
		must(t, w.Append(TrackSearch, 0, 0, 0, b))
	}
	_, err = w.Close()
	must(t, err)
	at, err := FindSummary(w.Path())
	must(t, err)
	record, err := ReadSummary(w.Path(), at)
	must(t, err)
	var found []Summary
	session, err := OpenSession(w.Path(), s.id)
	must(t, err)
	defer session.Close()
	_, err = session.Read(ScanOptions{}, func(i Item) error {
		sum, err := ParseSummary(i.Body)
		found = append(found, sum)
		return err
	}, TrackSearch)
	must(t, err)
	if len(found) != 2 || !reflect.DeepEqual(found[1], want) {
		t.Errorf("%+v", found)
	}
	if strings.Contains(string(record), "Stampante") || len(record) < HeaderSize {
		t.Errorf("%d bytes", len(record))
	}
	for _, wrong := range []int64{0, at - 1, at + 1, 1 << 40} {
		if _, err := ReadSummary(w.Path(), wrong); !errors.Is(err, ErrMalformed) {
			t.Errorf("at %d: %v", wrong, err)
		}
	}
	whole, err := os.ReadFile(w.Path())
	must(t, err)
	whole[at+HeaderSize] ^= 1
	must(t, os.WriteFile(w.Path(), whole, 0o600))
	if _, err := ReadSummary(w.Path(), at); !errors.Is(err, ErrMalformed) {
		t.Errorf("a changed one: %v", err)
	}
	must(t, os.WriteFile(w.Path(), whole[:at+HeaderSize+5], 0o600)) // torn
	if at, err := FindSummary(w.Path()); err != nil || at < 0 {
		t.Errorf("the one before a torn one: %d, %v", at, err)
	}
}

// TestSummaryIsBounded: chat goes first, the newest last; what is foreign is refused.
func TestSummaryIsBounded(t *testing.T) {
	long := Summary{Reason: "kept", Shown: []string{"xterm"}}
	for range 400 {
		long.Chat = append(long.Chat, strings.Repeat("a", 100))
	}
	long.Chat = append(long.Chat, "the last word")
	b, err := long.Bytes()
	must(t, err)
	got, err := ParseSummary(b)
	must(t, err)
	if len(b) > MaxSummary || got.Reason != "kept" || len(got.Shown) != 1 || got.Chat[len(got.Chat)-1] != "the last word" {
		t.Errorf("%d bytes, %+v", len(b), got)
	}
	if _, err := (Summary{Note: strings.Repeat("a", MaxSummary)}).Bytes(); err == nil {
		t.Error("a note that is too long was written")
	}
	for _, bad := range []string{"", "[]", `{"v":2}`, `{"v":1,"people":"x"}`, "{\"v\":1,\"note\":\"\xff\"}", `{"v":1,"note":"` + strings.Repeat("a", MaxSummary) + `"}`} {
		if _, err := ParseSummary([]byte(bad)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%.20s: %v", bad, err)
		}
	}
}
