package recordings

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// castLines reads a file of asciicast v3: header, then events.
func castLines(t *testing.T, file string) (header map[string]any, events [][3]any) {
	t.Helper()
	for n, line := range strings.Split(strings.TrimSuffix(file, "\n"), "\n") {
		if n == 0 {
			if err := json.Unmarshal([]byte(line), &header); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			continue
		}
		var event [3]any
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		events = append(events, event)
	}
	return header, events
}

// TestCast: two terminals of a session make one file whose times add up.
func TestCast(t *testing.T) {
	started := time.Date(2026, 11, 29, 10, 0, 0, 0, time.UTC)
	var f castFile
	var file []byte
	add := func(at time.Duration, line []byte) { file = append(file, f.lines(at, line)...) }
	first, line := NewCast(time.Second, CastHeader{Cols: 80, Rows: 24, Term: "xterm-256color", Command: "/bin/bash", Title: "Shell 1", Started: started})
	add(time.Second, line)
	add(1500*time.Millisecond, first.Event(1500*time.Millisecond, CastOutput, "però <b> \x1b[31m漢\u2028\r\n"))
	add(2*time.Second, append(first.Event(2*time.Second, CastInput, "ls\r"), first.Event(1900*time.Millisecond, CastExit, "0")...)) // never backwards
	second, line := NewCast(10*time.Second, CastHeader{Cols: 100, Rows: 30, Title: "Shell 2", Started: started})
	add(10*time.Second, line)
	add(10*time.Second+time.Microsecond, second.Event(10*time.Second+time.Microsecond, CastOutput, "x"))

	header, events := castLines(t, string(file))
	if header["version"] != 3.0 || header["command"] != "/bin/bash" || header["term"].(map[string]any)["cols"] != 80.0 || header["timestamp"] != float64(started.Unix()) {
		t.Errorf("header %v", header)
	}
	want := [][3]any{{0.5, "o", "però <b> \x1b[31m漢\u2028\r\n"}, {0.5, "i", "ls\r"}, {0.0, "x", "0"},
		{8.0, "m", "Shell 2"}, {0.0, "o", "\x1bc"}, {0.0, "r", "100x30"}, {0.000001, "o", "x"}}
	if len(events) != len(want) {
		t.Fatalf("%d events: %v", len(events), events)
	}
	for i := range want {
		if events[i] != want[i] {
			t.Errorf("event %d: %v", i, events[i])
		}
	}
	if !strings.Contains(string(file), "<b>") {
		t.Error("text is not as it was")
	}

	var torn castFile // an excerpt begins anywhere
	header, events = castLines(t, string(torn.lines(time.Minute, first.Event(3*time.Second, CastOutput, "y"))))
	if header["version"] != 3.0 || len(events) != 1 || events[0][2] != "y" {
		t.Errorf("of an excerpt: %v %v", header, events)
	}
}
