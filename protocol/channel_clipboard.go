package protocol

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"image/png"
	"slices"
	"unicode/utf8"
)

// ClipboardChannel is the label of the WebRTC data channel that carries what is on a
// clipboard between a console and the agent, over the broker: what is said of it as
// JSON text, the content as binary messages, see [Chunk].
const ClipboardChannel = "clipboard"

// Limits of what is taken from a clipboard, or put on one.
const (
	MaxClipMessage = 4 << 10  // bytes of text in one message
	MaxClipText    = 1 << 20  // bytes of UTF-8
	MaxClipImage   = 16 << 20 // bytes of PNG
	MaxClipSide    = 1 << 14  // pixels
	MaxClipPixels  = 1 << 24  // two screens of 3,840 by 2,160: decoded at most 128 MiB
	// ClipWindow is how many bytes may be on their way that the next station has not
	// acknowledged.
	ClipWindow = 128 << 10
)

// ClipType says what is on a clipboard.
type ClipType string

// The types.
const (
	ClipText  ClipType = "text"  // UTF-8
	ClipImage ClipType = "image" // PNG
)

// ClipTypes lists the types.
func ClipTypes() []ClipType { return []ClipType{ClipText, ClipImage} }

// Limit is how much of it there may be, in bytes.
func (t ClipType) Limit() int64 {
	switch t {
	case ClipText:
		return MaxClipText
	case ClipImage:
		return MaxClipImage
	}
	return 0
}

// ClipKind says what a Clip message is.
type ClipKind string

// The kinds.
const (
	ClipGet    ClipKind = "get"    // the console asks for what is on the customer's clipboard
	ClipOffer  ClipKind = "offer"  // whoever sends: content of Type comes, Size bytes, of hash Hash
	ClipAck    ClipKind = "ack"    // whoever takes it: the first At bytes are here
	ClipMoved  ClipKind = "moved"  // the broker to the console: At of Size bytes passed between it and the agent
	ClipDone   ClipKind = "done"   // whoever received it: all of it is here, and is what was offered; from an agent: it is on the clipboard
	ClipCancel ClipKind = "cancel" // the console wants no more of it
	ClipFailed ClipKind = "failed" // it is over, Cause says why
)

// ClipKinds lists the kinds.
func ClipKinds() []ClipKind {
	return []ClipKind{ClipGet, ClipOffer, ClipAck, ClipMoved, ClipDone, ClipCancel, ClipFailed}
}

// ClipCause says why nothing was transferred. It is shown to the technician and stands
// on the evidence.
type ClipCause string

// The causes.
const (
	ClipEmpty     ClipCause = "empty"     // nothing is on the clipboard
	ClipOther     ClipCause = "other"     // neither text nor an image
	ClipSecret    ClipCause = "secret"    // a password manager says that it is secret
	ClipSize      ClipCause = "size"      // more than may be transferred
	ClipBadText   ClipCause = "text"      // text that is no UTF-8
	ClipBadImage  ClipCause = "image"     // an image that cannot be read, or of too many pixels
	ClipSilent    ClipCause = "silent"    // the program that has it does not give it
	ClipHash      ClipCause = "hash"      // what came is not what was sent
	ClipTotal     ClipCause = "total"     // more in all than may be in one session
	ClipBusy      ClipCause = "busy"      // one is on its way already
	ClipHidden    ClipCause = "hidden"    // the customer hides the screen
	ClipAway      ClipCause = "away"      // the connection was lost
	ClipCancelled ClipCause = "cancelled" // the technician stopped it
	ClipWithdrawn ClipCause = "withdrawn" // the consent ended
	ClipBroken    ClipCause = "failed"    // anything else
)

// ClipCauses lists the causes.
func ClipCauses() []ClipCause {
	return []ClipCause{ClipEmpty, ClipOther, ClipSecret, ClipSize, ClipBadText, ClipBadImage, ClipSilent, ClipHash, ClipTotal, ClipBusy,
		ClipHidden, ClipAway, ClipCancelled, ClipWithdrawn, ClipBroken}
}

// Clip is one message of the channel. Fields that its kind does not have are zero.
type Clip struct {
	Kind  ClipKind  `json:"kind"`
	Epoch uint32    `json:"epoch"`           // of the consent to send_clipboard or fetch_clipboard that it relies on
	ID    uint32    `json:"id"`              // which transfer of this consent, each larger than the last
	Type  ClipType  `json:"type,omitempty"`  // with offer
	Size  int64     `json:"size,omitempty"`  // bytes; with offer and moved
	At    int64     `json:"at,omitempty"`    // bytes from the start; with ack and moved
	Hash  string    `json:"hash,omitempty"`  // SHA-256, 64 hexadecimal digits; with offer and done
	Cause ClipCause `json:"cause,omitempty"` // with failed
}

// FromConsole reports whether it is for a console to say under a consent to p.
func (m Clip) FromConsole(p Permission) bool {
	switch m.Kind {
	case ClipCancel:
		return true
	case ClipOffer:
		return p == SendClipboard
	case ClipGet, ClipAck, ClipDone:
		return p == FetchClipboard
	}
	return false
}

// FromAgent reports whether it is for an agent to say under a consent to p.
func (m Clip) FromAgent(p Permission) bool {
	switch m.Kind {
	case ClipFailed:
		return true
	case ClipOffer:
		return p == FetchClipboard
	case ClipAck, ClipDone:
		return p == SendClipboard
	}
	return false
}

// Encode makes the data channel message.
func (m Clip) Encode() ([]byte, error) {
	if err := m.validate(); err != nil {
		return nil, err
	}
	return json.Marshal(m)
}

// DecodeClip reads a data channel message of text.
func DecodeClip(data []byte) (Clip, error) {
	var m Clip
	if len(data) > MaxClipMessage {
		return m, fmt.Errorf("%w: clipboard message of %d bytes", ErrMalformed, len(data))
	}
	if !utf8.Valid(data) || json.Unmarshal(data, &m) != nil {
		return Clip{}, fmt.Errorf("%w: clipboard", ErrMalformed)
	}
	return m, m.validate()
}

func (m Clip) validate() error {
	only := Clip{Kind: m.Kind, Epoch: m.Epoch, ID: m.ID} // with the fields that the kind has
	ok := true
	switch m.Kind {
	case ClipGet, ClipCancel:
	case ClipOffer:
		only.Type, only.Size, only.Hash = m.Type, m.Size, m.Hash
		ok = m.Size > 0 && m.Size <= m.Type.Limit() && hashOK(m.Hash)
	case ClipAck:
		only.At = m.At
		ok = m.At > 0 && m.At <= MaxClipImage
	case ClipMoved:
		only.At, only.Size = m.At, m.Size
		ok = m.At >= 0 && m.At <= m.Size && m.Size <= MaxClipImage
	case ClipDone:
		only.Hash = m.Hash
		ok = hashOK(m.Hash)
	case ClipFailed:
		only.Cause = m.Cause
		ok = slices.Contains(ClipCauses(), m.Cause)
	default:
		return check(false, "kind")
	}
	return errors.Join(check(m.Epoch > 0, "epoch"), check(m.ID > 0, "id"), check(ok, string(m.Kind)), check(m == only, "field of another kind"))
}

// ClipProblem says what is wrong with what is, or would be, on a clipboard: "" if
// nothing. Of an image only the head is read: width and height in pixels.
func ClipProblem(kind ClipType, data []byte) (width, height int, problem ClipCause) {
	switch {
	case len(data) == 0:
		return 0, 0, ClipEmpty
	case int64(len(data)) > kind.Limit():
		return 0, 0, ClipSize
	case kind == ClipText:
		if !utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0 {
			return 0, 0, ClipBadText
		}
		return 0, 0, ""
	}
	head, err := png.DecodeConfig(bytes.NewReader(data))
	// The sides first: their product could be more than an int holds.
	if err != nil || head.Width < 1 || head.Height < 1 || head.Width > MaxClipSide || head.Height > MaxClipSide || head.Width*head.Height > MaxClipPixels {
		return 0, 0, ClipBadImage
	}
	return head.Width, head.Height, ""
}
