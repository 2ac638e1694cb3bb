package protocol

import (
	"encoding/json"
	"fmt"
	"image"
)

// CursorChannel is the label of the WebRTC data channel that carries the
// cursor from the agent over the broker to each console, as JSON text. The
// picture holds no cursor: the console draws it, without the delay of encoding.
const CursorChannel = "cursor"

// Limits of the cursor.
const (
	MaxCursorMessage = 60 << 10 // bytes
	MaxCursorSide    = 96       // pixels
	maxCoordinate    = 1 << 15
)

// CursorUpdate moves the cursor, and gives it a new shape when Shape is there.
// Positions are pixels of the shared screen from its upper left corner.
type CursorUpdate struct {
	X     int          `json:"x"`
	Y     int          `json:"y"`
	Shape *CursorShape `json:"shape,omitempty"`
}

// CursorShape is the cursor's image. RGBA holds Width*Height pixels of four
// bytes (red, green, blue, alpha; not premultiplied), row by row; the hot spot
// lies at HotX, HotY.
type CursorShape struct {
	Width  int    `json:"width"`
	Height int    `json:"height"`
	HotX   int    `json:"hot_x"`
	HotY   int    `json:"hot_y"`
	RGBA   []byte `json:"rgba"` // base64 in JSON
}

// Encode makes the data channel message.
func (u CursorUpdate) Encode() ([]byte, error) {
	if err := u.validate(); err != nil {
		return nil, err
	}
	return json.Marshal(u)
}

// DecodeCursorUpdate reads a data channel message.
func DecodeCursorUpdate(data []byte) (CursorUpdate, error) {
	var u CursorUpdate
	if len(data) > MaxCursorMessage {
		return u, fmt.Errorf("%w: cursor message of %d bytes", ErrMalformed, len(data))
	}
	if err := json.Unmarshal(data, &u); err != nil {
		return u, fmt.Errorf("%w: cursor", ErrMalformed)
	}
	return u, u.validate()
}

func (u CursorUpdate) validate() error {
	bounds := image.Rect(-maxCoordinate, -maxCoordinate, maxCoordinate, maxCoordinate)
	if !image.Pt(u.X, u.Y).In(bounds) {
		return fmt.Errorf("%w: cursor position", ErrMalformed)
	}
	s := u.Shape
	if s == nil {
		return nil
	}
	if s.Width < 1 || s.Height < 1 || s.Width > MaxCursorSide || s.Height > MaxCursorSide ||
		len(s.RGBA) != 4*s.Width*s.Height || s.HotX < 0 || s.HotY < 0 || s.HotX >= s.Width || s.HotY >= s.Height {
		return fmt.Errorf("%w: cursor shape", ErrMalformed)
	}
	return nil
}
