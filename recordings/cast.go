package recordings

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// Codes of the events of a terminal (asciicast v3, docs.asciinema.org/manual/asciicast/v3).
const (
	CastOutput = "o"
	CastInput  = "i"
	CastResize = "r" // COLSxROWS
	CastMarker = "m" // a note for who watches
	CastExit   = "x" // the exit status
)

// CastHeader begins a terminal.
type CastHeader struct {
	Cols, Rows int
	Term       string    // of TERM
	Command    string    // what runs
	Title      string    // which terminal of the session it is
	Started    time.Time // wall clock
}

// Cast makes the lines of one terminal on the track shell. The times of its events
// are relative to one another: make all of them, in order.
type Cast struct {
	last time.Duration
}

// NewCast begins a terminal at a time of the session. Line is its header.
func NewCast(at time.Duration, h CastHeader) (c *Cast, line []byte) {
	line = jsonLine(castHeader{Version: 3, Term: castTerm{h.Cols, h.Rows, h.Term}, Timestamp: h.Started.Unix(), Command: h.Command, Title: h.Title})
	return &Cast{last: at.Truncate(time.Microsecond)}, line
}

// Event is the line of one event at a time of the session.
func (c *Cast) Event(at time.Duration, code, data string) []byte {
	at = max(at.Truncate(time.Microsecond), c.last)
	since := at - c.last
	c.last = at
	return castEvent(since, code, data)
}

type castHeader struct {
	Version   int      `json:"version"`
	Term      castTerm `json:"term"`
	Timestamp int64    `json:"timestamp,omitempty"`
	Command   string   `json:"command,omitempty"`
	Title     string   `json:"title,omitempty"`
}

type castTerm struct {
	Cols int    `json:"cols"`
	Rows int    `json:"rows"`
	Type string `json:"type,omitempty"`
}

func castEvent(since time.Duration, code, data string) []byte {
	return jsonLine([]any{json.RawMessage(fmt.Sprintf("%.6f", since.Seconds())), code, data})
}

// jsonLine writes text as it is, where JSON lets it.
func jsonLine(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // strings and numbers can always be said
	}
	return b.Bytes()
}

// castFile makes one file of the terminals of a session: the first header stays,
// each later one becomes a mark and a new size. Where the first is missing, as in
// an excerpt, one is made.
type castFile struct {
	begun bool
	last  time.Duration // of the last record
}

// lines takes the lines of a record at a time of the export and returns those of
// the file.
func (f *castFile) lines(at time.Duration, body []byte) []byte {
	var out []byte
	since := max(0, at-f.last)
	f.last = at
	for line := range bytes.Lines(body) {
		line = bytes.TrimRight(line, "\n")
		var h castHeader
		header := bytes.HasPrefix(line, []byte("{")) && json.Unmarshal(line, &h) == nil
		switch {
		case !f.begun:
			if !header {
				out = append(out, jsonLine(castHeader{Version: 3, Term: castTerm{Cols: 80, Rows: 24}})...)
			}
			out = append(append(out, line...), '\n')
		case header:
			out = append(out, castEvent(since, CastMarker, h.Title)...)
			// What the last one left on the screen goes (ECMA-48 RIS).
			out = append(out, castEvent(0, CastOutput, "\x1bc")...)
			out = append(out, castEvent(0, CastResize, fmt.Sprintf("%dx%d", h.Term.Cols, h.Term.Rows))...)
		default:
			out = append(append(out, line...), '\n')
		}
		f.begun = true
	}
	return out
}
