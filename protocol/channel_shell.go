package protocol

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ShellChannel is the label of the WebRTC data channel that carries a terminal
// between a console and the agent, over the broker, as JSON text.
const ShellChannel = "shell"

// Limits of a terminal.
const (
	MaxTerminalMessage = 60 << 10 // bytes; every browser takes 64 KiB
	MaxTerminalText    = 8 << 10  // bytes of UTF-8 in one message
	MaxTerminalSide    = 500      // columns, rows
	// TerminalWindow is how many bytes of output may be on their way: what the
	// console has not acknowledged. Whoever runs the program stops reading it there.
	TerminalWindow = 256 << 10
	maxTerminalAt  = 1 << 53 // JavaScript counts no further
)

// TerminalKind says what a Terminal message is.
type TerminalKind string

// The kinds, from the console first, then those of the agent.
const (
	TerminalAttach  TerminalKind = "attach"  // this console shows the terminal, and knows Run up to At
	TerminalStart   TerminalKind = "start"   // begin shell Run, Cols by Rows
	TerminalScript  TerminalKind = "script"  // begin the office's own script Own as Run, Cols by Rows; under a consent to the shell alone
	TerminalInput   TerminalKind = "input"   // Text is typed
	TerminalSize    TerminalKind = "size"    // Cols by Rows from now on
	TerminalAck     TerminalKind = "ack"     // output up to At was shown
	TerminalStarted TerminalKind = "started" // shell Run is there: Program, Cols by Rows
	TerminalOutput  TerminalKind = "output"  // Text, whose first byte is number At
	TerminalEcho    TerminalKind = "echo"    // Hidden: the terminal does not show what is typed
	TerminalExited  TerminalKind = "exited"  // shell Run is over, with Code

	// Under a consent to ssh, before the shell is there: from the console, then from the agent.
	TerminalTrust   TerminalKind = "trust"   // the device's Key is the right one: go on, and sign in by Method; Text says why it changed
	TerminalSecret  TerminalKind = "secret"  // Sealed answers prompt Ask
	TerminalHostKey TerminalKind = "hostkey" // the device at Program has Key of Algorithm; what answers prompts is sealed to Seal
	TerminalPrompt  TerminalKind = "prompt"  // Ask: the device wants Method; Left wrong answers may still come
)

// TerminalKinds lists the kinds.
func TerminalKinds() []TerminalKind {
	return []TerminalKind{TerminalAttach, TerminalStart, TerminalScript, TerminalInput, TerminalSize, TerminalAck,
		TerminalStarted, TerminalOutput, TerminalEcho, TerminalExited, TerminalTrust, TerminalSecret, TerminalHostKey, TerminalPrompt}
}

// Terminal is one message of the channel. Fields that its kind does not have are
// zero.
type Terminal struct {
	Kind    TerminalKind `json:"kind"`
	Epoch   uint32       `json:"epoch"`             // of the consent to the shell that it relies on
	Run     uint32       `json:"run,omitempty"`     // which shell of this consent, from 1; with attach 0 for none
	Cols    int          `json:"cols,omitempty"`    // 1 to 500
	Rows    int          `json:"rows,omitempty"`    // 1 to 500
	Text    string       `json:"text,omitempty"`    // 1 to 8,192 bytes
	At      uint64       `json:"at,omitempty"`      // bytes of output of this run, from its start
	Hidden  bool         `json:"hidden,omitempty"`  // with echo
	Program string       `json:"program,omitempty"` // its path, at most 256 bytes
	Script  string       `json:"script,omitempty"`  // with start: id of the script to run, a login shell without
	Own     RunScript    `json:"own,omitzero"`      // with script
	Code    int          `json:"code,omitempty"`    // exit code; 128 and more: ended by signal Code-128; -1: not known

	// Of a device, see Login.
	Cause     DeviceCause `json:"cause,omitempty"`     // with exited and prompt: what went wrong
	Algorithm string      `json:"algorithm,omitempty"` // with hostkey: of the key; with started: all that were agreed on
	Key       string      `json:"key,omitempty"`       // "SHA256:" and 43 characters of base64, as ssh-keygen shows it
	Known     KeyKnown    `json:"known,omitempty"`     // with hostkey, from the broker alone
	Before    string      `json:"before,omitempty"`    // with hostkey and Known changed: what it was
	Seal      string      `json:"seal,omitempty"`      // with hostkey: public key, see SealInfo; 88 characters of base64
	Method    LoginMethod `json:"method,omitempty"`    // with trust: password or key; with prompt
	Ask       uint32      `json:"ask,omitempty"`       // with prompt and secret: counts the prompts of a run
	Left      int         `json:"left,omitempty"`      // with prompt: 1 to 3
	Sealed    string      `json:"sealed,omitempty"`    // with secret: base64, at most 32 KiB
}

// FromConsole reports whether it is for a console to say; else it is for an agent.
func (m Terminal) FromConsole() bool {
	switch m.Kind {
	case TerminalAttach, TerminalStart, TerminalScript, TerminalInput, TerminalSize, TerminalAck, TerminalTrust, TerminalSecret:
		return true
	}
	return false
}

// Encode makes the data channel message.
func (m Terminal) Encode() ([]byte, error) {
	if err := m.validate(); err != nil {
		return nil, err
	}
	data, err := json.Marshal(m)
	if err == nil && len(data) > MaxTerminalMessage {
		err = fmt.Errorf("%w: terminal message of %d bytes", ErrMalformed, len(data))
	}
	if err != nil {
		return nil, err
	}
	return data, nil
}

// DecodeTerminal reads a data channel message.
func DecodeTerminal(data []byte) (Terminal, error) {
	var m Terminal
	if len(data) > MaxTerminalMessage {
		return m, fmt.Errorf("%w: terminal message of %d bytes", ErrMalformed, len(data))
	}
	if !utf8.Valid(data) || json.Unmarshal(data, &m) != nil {
		return Terminal{}, fmt.Errorf("%w: terminal", ErrMalformed)
	}
	return m, m.validate()
}

func (m Terminal) validate() error {
	only := Terminal{Kind: m.Kind, Epoch: m.Epoch, Run: m.Run} // with the fields that the kind has
	ok := m.Run > 0
	switch m.Kind {
	case TerminalAttach:
		only.At = m.At
		ok = m.Run > 0 || m.At == 0
	case TerminalStart, TerminalSize:
		only.Cols, only.Rows = m.Cols, m.Rows
		ok = ok && sideOK(m.Cols) && sideOK(m.Rows)
		if m.Kind == TerminalStart && m.Script != "" {
			_, known := ScriptOf(m.Script)
			only.Script, ok = m.Script, ok && known
		}
	case TerminalScript:
		only.Cols, only.Rows, only.Own = m.Cols, m.Rows, m.Own
		ok = ok && sideOK(m.Cols) && sideOK(m.Rows) && m.Own.validate() == nil
	case TerminalInput:
		only.Text = m.Text
		ok = ok && terminalTextOK(m.Text)
	case TerminalAck:
		only.At = m.At
	case TerminalStarted:
		only.Cols, only.Rows, only.Program, only.Algorithm = m.Cols, m.Rows, m.Program, m.Algorithm
		ok = ok && sideOK(m.Cols) && sideOK(m.Rows) && programOK(m.Program) && algorithmOK(m.Algorithm)
	case TerminalOutput:
		only.At, only.Text = m.At, m.Text
		ok = ok && terminalTextOK(m.Text)
	case TerminalEcho:
		only.Hidden = m.Hidden
	case TerminalExited:
		only.Code, only.Cause = m.Code, m.Cause
		ok = ok && m.Code >= -1 && m.Code <= 255 && m.Cause.valid()
	case TerminalTrust, TerminalSecret, TerminalHostKey, TerminalPrompt:
		fields, fine := m.login()
		only, ok = fields, ok && fine
	default:
		return check(false, "kind")
	}
	return errors.Join(check(m.Epoch > 0, "epoch"), check(ok, string(m.Kind)), check(m.At <= maxTerminalAt, "at"), check(m == only, "field of another kind"))
}

func programOK(s string) bool {
	return s != "" && len(s) <= 256 && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

func sideOK(n int) bool { return n >= 1 && n <= MaxTerminalSide }

func terminalTextOK(s string) bool {
	return s != "" && len(s) <= MaxTerminalText && utf8.ValidString(s)
}

// TerminalText makes of some bytes of a program's output what can be told: whole
// characters, with U+FFFD for what is none. Rest is the beginning of a character
// whose end is still to come, at most 3 bytes; it is part of data.
func TerminalText(data []byte) (text string, rest []byte) {
	end := len(data)
	for n := 1; n <= min(utf8.UTFMax-1, len(data)); n++ {
		if b := data[len(data)-n]; utf8.RuneStart(b) {
			if b >= utf8.RuneSelf && !utf8.FullRune(data[len(data)-n:]) {
				end = len(data) - n
			}
			break
		}
	}
	return strings.ToValidUTF8(string(data[:end]), string(utf8.RuneError)), data[end:]
}
