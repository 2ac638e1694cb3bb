package protocol

import (
	"errors"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	// MaxChat bounds one line of chat, in characters.
	MaxChat = 1000
	// MaxChatLines bounds the lines of one message.
	MaxChatLines = 100
	// maxChatKey bounds ChatSay.Key, in characters.
	maxChatKey = 40
)

// ChatSide says who wrote a line.
type ChatSide string

// The sides.
const (
	ChatTechnician ChatSide = "technician"
	ChatCustomer   ChatSide = "customer"
)

// ChatSides lists the sides.
func ChatSides() []ChatSide { return []ChatSide{ChatTechnician, ChatCustomer} }

// ChatSay says one line to the other side. It is answered with ChatSaid.
type ChatSay struct {
	Session string `json:"session,omitempty"` // from a console only
	// Key is the sender's own name for this line: what is said again under the same
	// key counts once.
	Key  string `json:"key"`
	Text string `json:"text"` // lines separated by \n
}

func (*ChatSay) MessageType() string { return "chat_say" }

// Validate implements Message.
func (m *ChatSay) Validate() error {
	return errors.Join(check(len(m.Session) <= 64, "session"), check(chatKeyOK(m.Key), "key"), check(chatOK(m.Text), "text"))
}

// ChatSaid answers ChatSay: the line is on the evidence and was passed on, or it was
// refused and the other side has nothing of it.
type ChatSaid struct {
	Key  string    `json:"key"`
	N    uint32    `json:"n,omitempty"`    // number of the line, 0 if it was refused
	Code ErrorCode `json:"code,omitempty"` // why it was
}

func (*ChatSaid) MessageType() string { return "chat_said" }

// Validate implements Message.
func (m *ChatSaid) Validate() error {
	return errors.Join(check(chatKeyOK(m.Key), "key"), check(m.N > 0 || m.Code != "", "n or code"), check(len(m.Code) <= maxTypeLen, "code"))
}

// ChatSince asks for the lines behind a number. It is answered with Chat.
type ChatSince struct {
	Session string `json:"session,omitempty"` // from a console only
	After   uint32 `json:"after,omitempty"`   // 0: from the first that is there
}

func (*ChatSince) MessageType() string { return "chat_since" }

// Validate implements Message.
func (m *ChatSince) Validate() error { return check(len(m.Session) <= 64, "session") }

// Chat carries lines: as the answer to ChatSince, and each new one as it comes, to the
// side that wrote it as well.
type Chat struct {
	Session string     `json:"session,omitempty"` // to a console only
	Allowed bool       `json:"allowed"`           // lines may be said now
	Lines   []ChatLine `json:"lines,omitempty"`   // in the order of their numbers
	More    bool       `json:"more,omitempty"`    // there are further ones: ask behind the last
}

func (*Chat) MessageType() string { return "chat" }

// Validate implements Message.
func (m *Chat) Validate() error {
	errs := []error{check(len(m.Session) <= 64, "session"), check(len(m.Lines) <= MaxChatLines, "lines")}
	last := uint32(0)
	for _, l := range m.Lines {
		errs = append(errs, check(l.N > last, "n"), l.validate())
		last = l.N
	}
	return errors.Join(errs...)
}

// ChatLine is one line of the chat, as it stands on the evidence.
type ChatLine struct {
	N    uint32   `json:"n"` // counts from 1 in each session
	From ChatSide `json:"from"`
	Name string   `json:"name,omitempty"` // of the technician, "" for the customer
	// Guest is the Epoch of the person who wrote it beside the technician; 0: the technician.
	Guest uint32    `json:"guest,omitempty"`
	Text  string    `json:"text"`
	At    time.Time `json:"at"`
	Key   string    `json:"key"` // ChatSay.Key
}

func (l ChatLine) validate() error {
	return errors.Join(check(slices.Contains(ChatSides(), l.From), "from"), check(lineOK(l.Name, MaxName), "name"),
		check(chatOK(l.Text), "text"), check(!l.At.IsZero(), "at"), check(chatKeyOK(l.Key), "key"))
}

func chatKeyOK(key string) bool {
	for _, r := range key {
		if r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' && r != '_' {
			return false
		}
	}
	return key != "" && len(key) <= maxChatKey
}

// chatOK accepts text in any script that shows something: as a note (noteOK), but
// shorter and not blank.
func chatOK(s string) bool {
	return textOK(s, MaxChat) && shows(s)
}

// ChatText makes what a person wrote or pasted fit to be said: line ends as \n, without
// the control characters and the marks that reorder the text around them. What is blank
// becomes "". It does not shorten.
func ChatText(s string) string {
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u2028", "\n", "\u2029", "\n").Replace(strings.ToValidUTF8(s, "\ufffd"))
	s = strings.TrimSpace(strings.Map(func(r rune) rune {
		if r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' || unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, s))
	if utf8.RuneCountInString(s) <= MaxChat && !chatOK(s) {
		return ""
	}
	return s
}
