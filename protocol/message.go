package protocol

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// Limits of what is read from a peer.
const (
	MaxMessage = 64 << 10 // bytes of one WebSocket message
	MaxName    = 100      // characters of a person's or team's name
	MaxText    = 2000     // characters of a short text
	maxTypeLen = 40
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

// Encode makes the text frame for m.
func Encode(id, ref uint64, m Message) ([]byte, error) {
	if err := m.Validate(); err != nil {
		return nil, fmt.Errorf("%s: %w", m.MessageType(), err)
	}
	body, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	return json.Marshal(Envelope{V: current.Major, Type: m.MessageType(), ID: id, Ref: ref, Body: body})
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

// check returns an ErrMalformed that names the field, if ok is false.
func check(ok bool, field string) error {
	if ok {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrMalformed, field)
}

func textOK(s string, max int) bool { return utf8.ValidString(s) && utf8.RuneCountInString(s) <= max }

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
		check(textOK(m.Software, MaxName), "software"),
		check(textOK(m.System, MaxName), "system"),
		check(len(m.Language) <= 35, "language"))
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
	CodeUnavailable  ErrorCode = "unavailable"   // the broker is stopping or broken
	CodeNoSession    ErrorCode = "no_session"    // no such session, or not for this person
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
	return errors.Join(check(textOK(p.Name, MaxName) && p.Name != "", "name"), check(textOK(p.Team, MaxName), "team"),
		check(textOK(p.Office, MaxName), "office"), check(textOK(p.Phone, MaxName), "phone"))
}
