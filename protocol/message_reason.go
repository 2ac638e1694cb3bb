package protocol

import (
	"errors"
	"unicode"
	"unicode/utf8"
)

const (
	// MaxReason bounds why a session is needed, in characters.
	MaxReason = 120
	// MaxStars is the best rating; the worst is 1.
	MaxStars = 5
	// MaxRatingWords bounds what the customer writes beside the stars, in characters.
	MaxRatingWords = 500
)

// Reason says why a session is needed. The customer reads it beside the
// technician's name, so it stands from the moment in which the name is
// confirmed: later ones are refused with CodeNotNow. The broker answers with
// the session's change.
type Reason struct {
	Session string `json:"session"`
	Text    string `json:"text"` // one line; may be empty
}

func (*Reason) MessageType() string { return "reason" }

// Validate implements Message.
func (m *Reason) Validate() error {
	return errors.Join(check(m.Session != "" && len(m.Session) <= 64, "session"), check(lineOK(m.Text, MaxReason), "text"))
}

// Rating is what the customer says about a session that is over. It comes from
// the portal, not as a message.
type Rating struct {
	Stars int    `json:"stars"`           // 1 to MaxStars
	Words string `json:"words,omitempty"` // lines separated by \n; may be empty
}

// Validate returns ErrMalformed for a rating that breaks its limits.
func (r Rating) Validate() error {
	ok := utf8.ValidString(r.Words) && utf8.RuneCountInString(r.Words) <= MaxRatingWords
	for _, c := range r.Words {
		ok = ok && (c == '\n' || unicode.IsGraphic(c) || c == '\u200c' || c == '\u200d')
	}
	return errors.Join(check(r.Stars >= 1 && r.Stars <= MaxStars, "stars"), check(ok, "words"))
}
