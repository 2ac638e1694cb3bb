package protocol

import (
	"errors"
	"time"
	"unicode"
	"unicode/utf8"
)

// MaxNote bounds what a technician writes about one session, in characters.
const MaxNote = 2000

// Note replaces what the technician wrote about a session. Base is the noted_at
// of the text that this one replaces, zero for the first: what was meanwhile
// written in another window is not overwritten, but refused with CodeNotNow.
// The broker answers with the session's change.
type Note struct {
	Session string    `json:"session"`
	Text    string    `json:"text"` // lines separated by \n; may be empty
	Base    time.Time `json:"base,omitzero"`
	// Done says that this is the summary of the session, and complete: it is on the
	// evidence before the answer, also after the end. Without it the text is a draft there.
	Done bool `json:"done,omitempty"`
}

func (*Note) MessageType() string { return "note" }

// Validate implements Message.
func (m *Note) Validate() error {
	return errors.Join(check(m.Session != "" && len(m.Session) <= 64, "session"), check(noteOK(m.Text) && (!m.Done || shows(m.Text)), "text"))
}

// noteOK accepts text of several lines in any script: no control characters but
// line feed and tab, none that reorder the text around them.
func noteOK(s string) bool { return textOK(s, MaxNote) }

func textOK(s string, characters int) bool {
	if !utf8.ValidString(s) || utf8.RuneCountInString(s) > characters {
		return false
	}
	for _, r := range s {
		embeds := r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
		if embeds || unicode.In(r, unicode.Zl, unicode.Zp) || unicode.IsControl(r) && r != '\n' && r != '\t' {
			return false
		}
	}
	return true
}
