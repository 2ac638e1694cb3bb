package protocol

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode"
	"unicode/utf8"
)

// InputChannel is the label of the WebRTC data channel that carries a
// technician's input from a console over the broker to the agent, as JSON text.
const InputChannel = "input"

// Limits of input.
const (
	MaxInputMessage = 8 << 10 // bytes
	MaxInputActs    = 32      // of one message
	MaxInputText    = 256     // characters of one act
	MaxWheel        = 1200    // ten steps
)

// InputBeat is how often a console that controls says so, InputSilence how long
// the agent lets keys be held down without a word from it.
const (
	InputBeat    = 500 * time.Millisecond
	InputSilence = 2 * time.Second
)

// InputKind says what an InputAct does.
type InputKind string

// The kinds of acts.
const (
	InputMove    InputKind = "move"    // the pointer goes to X, Y
	InputButton  InputKind = "button"  // at X, Y, Button goes down or up
	InputWheel   InputKind = "wheel"   // at X, Y, by DX and DY
	InputKey     InputKind = "key"     // the key Code goes down or up
	InputText    InputKind = "text"    // Text is typed
	InputRelease InputKind = "release" // everything held goes up
)

// InputKinds lists the kinds.
func InputKinds() []InputKind {
	return []InputKind{InputMove, InputButton, InputWheel, InputKey, InputText, InputRelease}
}

// InputAct is one thing done with mouse or keyboard. Fields that its kind does
// not have are zero.
type InputAct struct {
	Kind   InputKind `json:"kind"`
	X      int       `json:"x,omitempty"` // pixels of the picture, from its upper left corner
	Y      int       `json:"y,omitempty"`
	Button int       `json:"button,omitempty"` // 1 left, 2 middle, 3 right, 8 back, 9 forward
	Down   bool      `json:"down,omitempty"`
	DX     int       `json:"dx,omitempty"` // 120 a step, to the right
	DY     int       `json:"dy,omitempty"` // 120 a step, downwards
	Code   string    `json:"code,omitempty"`
	Text   string    `json:"text,omitempty"`
}

// Input is one message of the channel: acts in their order. One without acts is a
// heartbeat.
type Input struct {
	Epoch  uint32     `json:"epoch"`           // of the consent to control that it relies on
	Width  int        `json:"width,omitempty"` // pixels of the picture that points are meant for
	Height int        `json:"height,omitempty"`
	Acts   []InputAct `json:"acts,omitempty"`
}

// Encode makes the data channel message.
func (m Input) Encode() ([]byte, error) {
	if err := m.validate(); err != nil {
		return nil, err
	}
	data, err := json.Marshal(m)
	if err == nil && len(data) > MaxInputMessage {
		err = fmt.Errorf("%w: input message of %d bytes", ErrMalformed, len(data))
	}
	if err != nil {
		return nil, err
	}
	return data, nil
}

// DecodeInput reads a data channel message.
func DecodeInput(data []byte) (Input, error) {
	var m Input
	if len(data) > MaxInputMessage {
		return m, fmt.Errorf("%w: input message of %d bytes", ErrMalformed, len(data))
	}
	if !utf8.Valid(data) || json.Unmarshal(data, &m) != nil {
		return Input{}, fmt.Errorf("%w: input", ErrMalformed)
	}
	return m, m.validate()
}

func (m Input) validate() error {
	err := errors.Join(check(m.Epoch > 0, "epoch"), check(m.Width >= 0 && m.Width <= maxPixels && m.Height >= 0 && m.Height <= maxPixels, "size"),
		check(len(m.Acts) <= MaxInputActs, "acts"))
	if err != nil {
		return err
	}
	for _, a := range m.Acts {
		if err := a.validate(m.Width, m.Height); err != nil {
			return err
		}
	}
	return nil
}

// Points reports whether the act is done at a point of the picture.
func (a InputAct) Points() bool {
	return a.Kind == InputMove || a.Kind == InputButton || a.Kind == InputWheel
}

func (a InputAct) validate(width, height int) error {
	only := InputAct{Kind: a.Kind} // with the fields that the kind has
	if a.Points() {
		if only.X, only.Y = a.X, a.Y; a.X < 0 || a.Y < 0 || a.X >= width || a.Y >= height {
			return check(false, "point")
		}
	}
	ok := true
	switch a.Kind {
	case InputMove, InputRelease:
	case InputButton:
		only.Button, only.Down = a.Button, a.Down
		ok = slices.Contains([]int{1, 2, 3, 8, 9}, a.Button)
	case InputWheel:
		only.DX, only.DY = a.DX, a.DY
		ok = max(a.DX, -a.DX) <= MaxWheel && max(a.DY, -a.DY) <= MaxWheel && (a.DX != 0 || a.DY != 0)
	case InputKey:
		only.Code, only.Down = a.Code, a.Down
		ok = IsKeyCode(a.Code)
	case InputText:
		only.Text = a.Text
		ok = a.Text != "" && inputTextOK(a.Text)
	default:
		return check(false, "kind")
	}
	return errors.Join(check(ok, string(a.Kind)), check(a == only, "field of another kind"))
}

// inputTextOK accepts what can be typed: no control characters, none that have no
// meaning of their own. Line breaks and tabs are keys.
func inputTextOK(s string) bool {
	if !utf8.ValidString(s) || utf8.RuneCountInString(s) > MaxInputText {
		return false
	}
	for _, r := range s {
		if unicode.IsControl(r) || r == utf8.RuneError || unicode.Is(unicode.Co, r) {
			return false
		}
	}
	return true
}
