package recordings

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf8"
)

// MaxSummary is the length of the longest [Summary], in bytes as it is written.
const MaxSummary = 16 << 10

// Summary is what auditors search by: the words that one segment knows of its session
// (FORMAT.md, track 7). It repeats what stands on the other tracks, so that thousands
// of sessions can be searched without reading them.
type Summary struct {
	Version int      `json:"v"`                // 1
	People  []string `json:"people,omitempty"` // who helped and who watched
	Team    string   `json:"team,omitempty"`
	Reason  string   `json:"reason,omitempty"` // why the session was needed
	Note    string   `json:"note,omitempty"`   // what was noted, as it stood last
	End     string   `json:"end,omitempty"`    // code of the end
	Words   string   `json:"words,omitempty"`  // of the customer's rating
	System  string   `json:"system,omitempty"` // of the customer's computer
	Shown   []string `json:"shown,omitempty"`  // programs and screens that were shown, by name
	Chat    []string `json:"chat,omitempty"`
}

// Bytes writes the summary; of one that is too long the chat goes first, the newest
// lines of it last, then what was shown.
func (s Summary) Bytes() ([]byte, error) {
	s.Version = 1
	for {
		b, err := json.Marshal(s)
		if err != nil || len(b) <= MaxSummary {
			return b, err
		}
		switch {
		case len(s.Chat) > 0:
			s.Chat = s.Chat[(len(s.Chat)+3)/4:]
		case len(s.Shown) > 0:
			s.Shown = s.Shown[(len(s.Shown)+3)/4:]
		default:
			return nil, fmt.Errorf("recordings: a summary of %d bytes, at most %d", len(b), MaxSummary)
		}
	}
}

// ParseSummary reads what Bytes wrote; members that it does not know are passed over.
func ParseSummary(b []byte) (Summary, error) {
	var s Summary
	if len(b) > MaxSummary || !utf8.Valid(b) {
		return s, fmt.Errorf("%w: summary", ErrMalformed)
	}
	if err := json.Unmarshal(b, &s); err != nil || s.Version != 1 {
		return s, fmt.Errorf("%w: summary", ErrMalformed)
	}
	return s, nil
}

// maxSummaryRecord is the longest record that has a summary.
const maxSummaryRecord = HeaderSize + MaxSummary + 12 + 16

// FindSummary returns where the last summary lies in a segment's file: the offset of
// its record, or -1 when there is none. It goes from header to header, opens nothing
// and checks nothing; it ends where no whole record follows.
func FindSummary(path string) (int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return -1, fmt.Errorf("recordings: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return -1, fmt.Errorf("recordings: %w", err)
	}
	found := int64(-1)
	header := make([]byte, HeaderSize)
	for at := int64(0); at+HeaderSize <= info.Size(); {
		if _, err := f.ReadAt(header, at); err != nil {
			if errors.Is(err, io.EOF) {
				break // it became shorter meanwhile
			}
			return -1, fmt.Errorf("recordings: %w", err)
		}
		h, err := parseHeader(header)
		next := at + HeaderSize + int64(h.Length)
		if err != nil || next > info.Size() {
			break
		}
		if h.Kind == KindData && h.Track == TrackSearch {
			found = at
		}
		at = next
	}
	return found, nil
}

// ReadSummary returns the whole record of a summary, encrypted, that FindSummary
// found. It returns ErrMalformed when there is none at that offset.
func ReadSummary(path string, at int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("recordings: %w", err)
	}
	defer f.Close()
	b := make([]byte, maxSummaryRecord)
	n, err := f.ReadAt(b, at)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("recordings: %w", err)
	}
	h, err := parseHeader(b[:n])
	end := HeaderSize + int(h.Length)
	if err != nil || h.Kind != KindData || h.Track != TrackSearch || end > n || checksum(b[:end]) != h.Checksum {
		return nil, fmt.Errorf("%w: no summary at byte %d", ErrMalformed, at)
	}
	return b[:end], nil
}
