// Package clipboard reads the desktop's clipboard once, and puts something on it: text
// and images, nothing else. Nothing of it is watched, and what other programs say on the
// clipboard is hostile until it was looked at.
package clipboard

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/png"
	"time"

	"consento/protocol"
)

const (
	// patience is how long a program may say nothing that has the clipboard, or wants
	// what is on it.
	patience = 3 * time.Second
	// readTime is how long reading may take in all: a program may give little each time.
	readTime = 20 * time.Second
)

// Content is what is, or comes, on a clipboard.
type Content struct {
	Type protocol.ClipType
	Data []byte // UTF-8, or PNG
}

// Error says why the clipboard could not be read, or something not be put on it.
type Error struct {
	Cause protocol.ClipCause
	Err   error // nil where the cause says it all
}

func (e *Error) Error() string {
	if e.Err == nil {
		return "clipboard: " + string(e.Cause)
	}
	return fmt.Sprintf("clipboard: %s: %v", e.Cause, e.Err)
}

// Unwrap returns what was behind it, nil if nothing was.
func (e *Error) Unwrap() error { return e.Err }

// CauseOf is the cause that an error of this package has; failed for any other one.
func CauseOf(err error) protocol.ClipCause {
	var e *Error
	if errors.As(err, &e) {
		return e.Cause
	}
	return protocol.ClipBroken
}

// Read reads what is on the clipboard of a display: text if there is any, else an image.
// It returns an *Error, and gives up when ctx ends.
func Read(ctx context.Context, display string) (Content, error) {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	c, err := read(ctx, display)
	if err != nil {
		return Content{}, err
	}
	return Normal(c)
}

// Normal returns the content in the form in which it may go onto a clipboard: text of
// whole characters, an image that was decoded and is encoded anew, so that nothing of
// what else its file held is there. It returns an *Error.
func Normal(c Content) (Content, error) {
	if c.Type == protocol.ClipText {
		c.Data = bytes.TrimRight(c.Data, "\x00") // some programs end it as C does
	}
	if _, _, problem := protocol.ClipProblem(c.Type, c.Data); problem != "" {
		return Content{}, &Error{Cause: problem}
	}
	if c.Type == protocol.ClipText {
		return c, nil
	}
	picture, err := png.Decode(bytes.NewReader(c.Data)) // its size is bounded by its head, which ClipProblem has read
	if err != nil {
		return Content{}, &Error{protocol.ClipBadImage, err}
	}
	var out bytes.Buffer
	if err := png.Encode(&out, picture); err != nil {
		return Content{}, &Error{protocol.ClipBadImage, err}
	}
	if out.Len() > protocol.MaxClipImage {
		return Content{}, &Error{Cause: protocol.ClipSize}
	}
	return Content{protocol.ClipImage, out.Bytes()}, nil
}
