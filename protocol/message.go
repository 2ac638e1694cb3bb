package protocol

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode"
	"unicode/utf8"
)

// Limits of what is read from a peer.
const (
	MaxMessage  = 64 << 10 // bytes of one WebSocket message
	MaxName     = 100      // characters of a person's or team's name
	MaxText     = 2000     // bytes of an address
	maxFileName = 255      // characters
	maxTypeLen  = 40
)

// ErrVersion is returned for a peer that speaks another major version.
var ErrVersion = errors.New("unknown version of the protocol")

// Envelope carries every message on the WebSockets, as one JSON text frame:
// {"v":1,"type":"join","id":3,"ref":0,"body":{…}}.
// ID counts the sender's messages from 1; Ref is the ID that this one answers,
// 0 if none. A receiver ignores a type it does not know.
type Envelope struct {
	V    int             `json:"v"`
	Type string          `json:"type"`
	ID   uint64          `json:"id,omitempty"`
	Ref  uint64          `json:"ref,omitempty"`
	Body json.RawMessage `json:"body,omitempty"`
}

// Message is implemented by every body.
type Message interface {
	// MessageType is the name on the wire.
	MessageType() string
	// Validate checks what the types alone do not; errors wrap ErrMalformed.
	Validate() error
}

// Encode makes the text frame for m. It returns ErrMalformed for a message that
// breaks its own limits or would be longer than MaxMessage: the other side would
// refuse it.
func Encode(id, ref uint64, m Message) ([]byte, error) {
	if err := m.Validate(); err != nil {
		return nil, fmt.Errorf("%s: %w", m.MessageType(), err)
	}
	body, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(Envelope{V: current.Major, Type: m.MessageType(), ID: id, Ref: ref, Body: body})
	if err == nil && len(data) > MaxMessage {
		err = fmt.Errorf("%w: %s of %d bytes", ErrMalformed, m.MessageType(), len(data))
	}
	if err != nil {
		return nil, err
	}
	return data, nil
}

// DecodeEnvelope reads a text frame. It returns ErrVersion for another major
// version and ErrMalformed for anything that is not an envelope.
func DecodeEnvelope(data []byte) (Envelope, error) {
	var e Envelope
	if len(data) > MaxMessage {
		return e, fmt.Errorf("%w: message of %d bytes", ErrMalformed, len(data))
	}
	if !utf8.Valid(data) {
		return e, fmt.Errorf("%w: message is not UTF-8", ErrMalformed)
	}
	if err := json.Unmarshal(data, &e); err != nil {
		return e, fmt.Errorf("%w: envelope", ErrMalformed)
	}
	if e.V != current.Major {
		return e, fmt.Errorf("%w: %d", ErrVersion, e.V)
	}
	if e.Type == "" || len(e.Type) > maxTypeLen {
		return e, fmt.Errorf("%w: message type", ErrMalformed)
	}
	return e, nil
}

// DecodeBody reads the body of an envelope into a message of type T and
// validates it. Fields that T does not know are ignored.
func DecodeBody[T any, P interface {
	*T
	Message
}](e Envelope) (T, error) {
	var m T
	body := e.Body
	if len(bytes.TrimSpace(body)) == 0 {
		body = []byte("{}")
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return m, fmt.Errorf("%w: body of %s", ErrMalformed, e.Type)
	}
	if err := P(&m).Validate(); err != nil {
		return m, fmt.Errorf("%s: %w", e.Type, err)
	}
	return m, nil
}

// Messages returns one empty value of every message, in the order of PROTOCOL.md.
func Messages() []Message {
	return []Message{&Hello{}, &Error{}, &Ping{}, &Pong{},
		&Join{}, &Joined{}, &Resume{}, &Resumed{}, &NameAnswer{}, &TermsAnswer{}, &ConsentAsk{}, &ConsentAnswer{}, &ConsentRecorded{},
		&Offer{}, &Answer{}, &Sharing{}, &SharingRecorded{}, &Picture{}, &Network{}, &Slept{}, &Ended{}, &Removed{},
		&ConsentEnded{}, &ControlState{}, &Restart{}, &RestartRecorded{}, &SystemRead{}, &SystemWatch{}, &SystemPart{}, &SystemChanges{}, &Annotate{}, &StillTake{}, &StillPart{},
		&Welcome{}, &SessionChanged{}, &NewSession{}, &SessionIssued{}, &EndSession{}, &StopWatching{}, &Crisp{}, &Note{}, &Reason{}, &ConsentRequest{}, &ConsentReturn{},
		&GuestAsk{}, &GuestAnswer{}, &GuestRecorded{}, &GuestEnded{}, &GuestJoin{}, &GuestLeave{},
		&HandedOver{}, &LiveOffer{}, &LiveOfferEnd{}, &Colleagues{}, &ColleagueList{},
		&VendorInvite{}, &VendorInvited{}, &VendorWithdraw{},
		&SystemRequest{}, &SystemFollow{}, &SystemStarted{}, &StillRequest{}, &StillOnTicket{},
		&ChatSay{}, &ChatSaid{}, &ChatSince{}, &Chat{},
		&Tickets{}, &TicketList{}, &TicketChanged{}, &TicketGone{}, &DeskChanged{}, &TicketOpen{}, &TicketShown{}, &TicketDo{}, &TicketNew{}, &TicketRefused{}}
}

// Known reports whether a message of this name is in this version. One that is
// not may come from a newer minor version and is tolerated; one that is, where
// it does not belong, is refused with CodeUnknownState.
func Known(messageType string) bool {
	for _, m := range Messages() {
		if m.MessageType() == messageType {
			return true
		}
	}
	return false
}

// check returns an ErrMalformed that names the field, if ok is false.
func check(ok bool, field string) error {
	if ok {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrMalformed, field)
}

// lineOK accepts one line that is fit to be shown: no control characters, none
// that reorder or hide the text around them, but for the joiners (U+200C,
// U+200D) that some scripts are written with.
func lineOK(s string, max int) bool {
	if !utf8.ValidString(s) || utf8.RuneCountInString(s) > max {
		return false
	}
	for _, r := range s {
		if !unicode.IsPrint(r) && r != '\u200c' && r != '\u200d' {
			return false
		}
	}
	return true
}

// tagOK accepts what a BCP 47 language tag is made of (RFC 5646, section 2.1).
func tagOK(s string) bool {
	for _, r := range s {
		if r != '-' && (r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r)) {
			return false
		}
	}
	return len(s) <= 35
}

// Hello is the first message of each side on every WebSocket.
type Hello struct {
	Version  Version `json:"version"`
	Software string  `json:"software"` // name and version of the program, for the log
	System   string  `json:"system"`   // operating system of an agent, "" else
	Language string  `json:"language"` // BCP 47 tag that the person reads, "" if unknown
}

func (*Hello) MessageType() string { return "hello" }

// Validate implements Message.
func (m *Hello) Validate() error {
	if !m.Version.Speaks() {
		return fmt.Errorf("%w: %s", ErrVersion, m.Version)
	}
	return errors.Join(
		check(lineOK(m.Software, MaxName), "software"),
		check(lineOK(m.System, MaxName), "system"),
		check(tagOK(m.Language), "language"))
}

// ErrorCode says to a program what went wrong; people read a sentence made of it.
type ErrorCode string

// The error codes.
const (
	CodeMalformed    ErrorCode = "malformed"     // the message does not have its form
	CodeVersion      ErrorCode = "version"       // another major version
	CodeKey          ErrorCode = "key"           // wrong, used or expired key or ticket: never said which
	CodeThrottled    ErrorCode = "throttled"     // too many tries
	CodeNotAllowed   ErrorCode = "not_allowed"   // the rights do not reach
	CodeNotNow       ErrorCode = "not_now"       // not possible in this state of the session
	CodeNoRecipient  ErrorCode = "no_recipient"  // no auditor's key is named, so no session starts
	CodeEvidence     ErrorCode = "evidence"      // the evidence cannot be written
	CodeWitness      ErrorCode = "witness"       // no witness has signed the evidence for too long, so no session starts
	CodeUnavailable  ErrorCode = "unavailable"   // the broker is stopping or broken
	CodeNoSession    ErrorCode = "no_session"    // no such session, or not for this person
	CodeNoTicket     ErrorCode = "no_ticket"     // no such ticket, or not for this person
	CodeMedia        ErrorCode = "media"         // no picture connection could be made
	CodeUnknownState ErrorCode = "unknown_state" // a message that does not belong here
)

// Error answers a message that could not be carried out.
type Error struct {
	Code ErrorCode `json:"code"`
}

func (*Error) MessageType() string { return "error" }

// Validate implements Message.
func (m *Error) Validate() error { return check(m.Code != "" && len(m.Code) <= maxTypeLen, "code") }

// Person is who is shown to the other side.
type Person struct {
	Name   string `json:"name"`
	Team   string `json:"team"`
	Office string `json:"office"`
	Phone  string `json:"phone"` // the office's own number to call back
}

func (p Person) validate() error {
	return errors.Join(check(lineOK(p.Name, MaxName) && p.Name != "", "name"), check(lineOK(p.Team, MaxName), "team"),
		check(lineOK(p.Office, MaxName), "office"), check(lineOK(p.Phone, MaxName), "phone"))
}
