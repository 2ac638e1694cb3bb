package sysinfo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxEvents is how many of the newest events are shown.
const maxEvents = 500

// levels are the words for the severities of syslog (RFC 5424, section 6.2.1).
var levels = []string{"emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"}

// events reads the newest events, as far as the customer's user may.
func events(ctx context.Context, t *Table) error {
	err := ask(ctx, journalList, func(out io.Reader) error { return journal(ctx, out, t) })
	if len(t.Rows) > 0 || ctx.Err() != nil {
		return ctx.Err()
	}
	for _, path := range []string{"/var/log/syslog", "/var/log/messages"} {
		f, opened := os.Open(path)
		if opened != nil {
			if !errors.Is(opened, fs.ErrNotExist) {
				err = opened
			}
			continue
		}
		return errors.Join(syslogTail(ctx, f, t), f.Close())
	}
	if err == nil {
		return ErrDenied // there is a journal, and nothing in it for this user
	}
	return err
}

// journal reads journalctl's JSON, one object a line. A message that is no UTF-8
// comes as a list of bytes (systemd, Journal JSON Format).
func journal(ctx context.Context, r io.Reader, t *Table) error {
	return scan(ctx, r, func(line string) bool {
		var e struct {
			Time     string          `json:"__REALTIME_TIMESTAMP"` // microseconds
			Cursor   string          `json:"__CURSOR"`
			Priority string          `json:"PRIORITY"`
			Source   json.RawMessage `json:"SYSLOG_IDENTIFIER"`
			Command  json.RawMessage `json:"_COMM"`
			Message  json.RawMessage `json:"MESSAGE"`
		}
		if json.Unmarshal([]byte(line), &e) != nil {
			return true
		}
		at, err := strconv.ParseInt(e.Time, 10, 64)
		if err != nil || at < 0 {
			return true
		}
		source := textOf(e.Source)
		if source == "" {
			source = textOf(e.Command)
		}
		return t.event(time.UnixMicro(at), level(e.Priority), source, textOf(e.Message), strconv.FormatInt(at, 10))
	})
}

// event appends one event.
func (t *Table) event(at time.Time, level, source, text, key string) bool {
	if len(t.Rows) >= maxEvents {
		t.Cut = true
		return false
	}
	when := ""
	if at.Unix() > 0 {
		when = strconv.FormatInt(at.Unix(), 10)
	}
	return t.add(key, when, level, source, text)
}

// textOf reads a field of the journal: a string, a list of bytes, or a list of either.
func textOf(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	var numbers []int
	if json.Unmarshal(raw, &numbers) == nil {
		b := make([]byte, len(numbers))
		for i, n := range numbers {
			b[i] = byte(n)
		}
		return string(b)
	}
	return ""
}

func level(priority string) string {
	if n, err := strconv.Atoi(priority); err == nil && n >= 0 && n < len(levels) {
		return levels[n]
	}
	return ""
}

// tailSize is how much of the end of a log is looked at, in bytes.
const tailSize = 256 << 10

// syslogTail reads the last lines of a log, newest first.
func syslogTail(ctx context.Context, f *os.File, t *Table) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return ErrMissing
	}
	from := max(0, info.Size()-tailSize)
	tail, err := io.ReadAll(io.NewSectionReader(f, from, tailSize))
	if err != nil {
		return err
	}
	if from > 0 {
		_, tail, _ = bytes.Cut(tail, []byte("\n")) // the rest of a line
	}
	return syslog(ctx, string(tail), time.Now(), t)
}

// syslog reads lines of rsyslog's forms: an RFC 3339 time, or the older one without
// a year (RFC 3164, section 4.1.2), the host, the source, the text.
func syslog(ctx context.Context, text string, now time.Time, t *Table) error {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	slices.Reverse(lines)
	for _, line := range lines {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if line == "" {
			continue
		}
		at, rest := stamp(line, now)
		_, said, _ := strings.Cut(rest, " ") // the host
		source, text, ok := strings.Cut(said, ": ")
		if !ok {
			source, text = "", said
		}
		source, _, _ = strings.Cut(source, "[")
		if !t.event(at, "", source, text, eventKey(at, source, text)) {
			break
		}
	}
	return nil
}

// stamp cuts the time off a line.
func stamp(line string, now time.Time) (time.Time, string) {
	first, rest, _ := strings.Cut(line, " ")
	if at, err := time.Parse(time.RFC3339Nano, first); err == nil {
		return at, rest
	}
	const old = "Jan _2 15:04:05"
	if len(line) <= len(old) {
		return time.Time{}, line
	}
	at, err := time.ParseInLocation(old, line[:len(old)], now.Location())
	if err != nil {
		return time.Time{}, line
	}
	at = at.AddDate(now.Year(), 0, 0)
	if at.After(now.Add(24 * time.Hour)) {
		at = at.AddDate(-1, 0, 0)
	}
	return at, strings.TrimPrefix(line[len(old):], " ")
}

// eventKey tells an event of a log without numbers from others.
func eventKey(at time.Time, source, text string) string {
	return strconv.FormatInt(at.UnixMilli(), 10) + " " + source + " " + text
}
