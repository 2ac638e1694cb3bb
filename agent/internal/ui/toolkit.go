package ui

import (
	"image"
	"time"

	"github.com/jezek/xgb/xproto"
)

// What window managers and screen readers call the program (WM_CLASS).
const programName, programClass = "consento-agent", "Consento"

// toolkit draws windows. Its functions may be called from any goroutine; its events come on a
// goroutine of the toolkit, so their receivers must not block.
type toolkit interface {
	openDialog(dialog, func(event)) (dialogWindow, error)
	openBar(BarText, func(event)) (barWindow, error)
	openChat(t ChatText, front bool, tell func(event)) (chatWindow, error)
	canShow(string) bool
	speak(language string)
	close()
}

// dialogWindow is one dialog on the screen.
type dialogWindow interface {
	set(part, string)   // changes a text
	xid() xproto.Window // the top-level window
	close()             // takes it off the screen and waits for that; may be called twice
}

// barWindow is the bar on the screen.
type barWindow interface {
	update(BarText)
	elapsed(string)
	bounds() image.Rectangle // on the root window, pixels
	xid() xproto.Window
	close()
}

// dialog is all that a dialog can hold; empty parts are not shown.
type dialog struct {
	title, heading string
	who            []string // name first, then what stands under it
	body           string
	details        string // long, scrolls
	links          []Link
	choices        Choices
	report         string // stands with the links
	aside, also    string // the same: each opens another window, and decides nothing
	fault          string // what was wrong with the last entry
	field          *field
	busy           bool   // an indeterminate sign of work
	warning        string // a sample, so that room can be kept for it
	more           string // button beside the warning
	refuse, accept string // buttons, in the order of Tab
	quiet          bool   // it asks nothing and takes no keyboard by itself
}

// field is a one-line text field.
type field struct{ label, hint, value string }

// part names a text that can change while the window is open.
type part int

const (
	partBody    part = iota
	partWarning      // with it the button for more time; empty hides both
	partAddress      // an address that could not be opened, for the person to copy
)

// kind says what happened in a window.
type kind int

const (
	shown      kind = iota + 1 // it is on the screen
	refused                    // refusing button, Escape, or closed by the window manager
	accepted                   // accepting button, or Enter in the field
	moreTime                   // button for more time
	followed                   // a link, text is the address
	reporting                  // something is wrong: everything is to stop
	ended                      // the red X
	paused                     // the bar's button to pause or go on
	changing                   // the bar's button to change what is shown
	takingBack                 // the bar's button to take back what is allowed
	picked                     // a choice; told with accepted only
	chatting                   // the button for the chat
	sending                    // a line of chat, text is the line
	again                      // the same once more, text is its key
)

// alsoText is the text of a chatting that is not the dialog's aside, but what stands before it.
const alsoText = "also"

// event is something that a person did in a window, or that it is there now.
type event struct {
	kind   kind
	text   string // of the field for accepted, the address for followed
	choice int    // for accepted, where there are choices
	marks  uint64 // likewise, a bit for each of several that is marked
	at     time.Time
}
