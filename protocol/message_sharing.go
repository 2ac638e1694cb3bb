package protocol

import (
	"errors"
	"strings"
)

// BrowserSoftware begins Hello.Software of an agent that is a page in the
// customer's own browser.
const BrowserSoftware = "consento-browser "

// Browser reports whether it is a page in a browser that speaks as an agent.
func (m *Hello) Browser() bool { return strings.HasPrefix(m.Software, BrowserSoftware) }

// SharingState says whether the customer's screen is being sent, and if not,
// why not. The consent stays as it is: who wants it back says so by
// ConsentAnswer or Ended.
type SharingState string

// The states of what is shared.
const (
	SharingShown   SharingState = "shown"   // the picture is sent
	SharingPaused  SharingState = "paused"  // the customer hides it; nothing is sent
	SharingMuted   SharingState = "muted"   // the system gives no picture, as of a minimised window
	SharingStopped SharingState = "stopped" // what was shared is gone, or no longer shared; nothing is sent until the customer chooses anew
	SharingDenied  SharingState = "denied"  // the system's own question was refused, cancelled or failed; nothing is sent by it
	SharingLocked  SharingState = "locked"  // the screen is locked, or somebody else's session is in front: nobody attends
)

// SharingStates lists the states.
func SharingStates() []SharingState {
	return []SharingState{SharingShown, SharingPaused, SharingMuted, SharingStopped, SharingDenied, SharingLocked}
}

// Source is the kind of thing that is shared.
type Source string

// The sources.
const (
	SourceDesktop     Source = "desktop"     // all monitors
	SourceMonitor     Source = "monitor"     // one of them
	SourceApplication Source = "application" // all windows of one program
	SourceWindow      Source = "window"
	SourceTab         Source = "tab"     // of a browser
	SourceUnknown     Source = "unknown" // the system does not say
)

// Sources lists the sources.
func Sources() []Source {
	return []Source{SourceDesktop, SourceMonitor, SourceApplication, SourceWindow, SourceTab, SourceUnknown}
}

// maxPixels bounds the width and the height of what is shared.
const maxPixels = 65535

// Sharing says what the agent shares at present. The agent sends it at each
// change; before the consent to view, only SharingDenied means anything.
type Sharing struct {
	State  SharingState `json:"state"`
	Source Source       `json:"source"`
	Width  int          `json:"width"` // pixels, 0 if not known
	Height int          `json:"height"`
	// Name of the program or the monitor, "" else. Never the title of a window
	// or of a page: that is the customer's own.
	Name string `json:"name,omitempty"`
	// Covered is how many programs the customer hides of a desktop or a monitor that is
	// shared, and Fields how many fields for passwords are covered at present. Which, nobody
	// is told.
	Covered int `json:"covered,omitempty"`
	Fields  int `json:"fields,omitempty"`
}

// MaxCovered bounds how many programs, and how many fields, are covered.
const MaxCovered = 64

func (*Sharing) MessageType() string { return "sharing" }

// Validate implements Message.
func (m *Sharing) Validate() error {
	state, source := false, false
	for _, s := range SharingStates() {
		state = state || s == m.State
	}
	for _, s := range Sources() {
		source = source || s == m.Source
	}
	return errors.Join(check(state, "state"), check(source, "source"),
		check(m.Width >= 0 && m.Width <= maxPixels && m.Height >= 0 && m.Height <= maxPixels, "size"),
		check(lineOK(m.Name, MaxName), "name"),
		check(m.Covered >= 0 && m.Covered <= MaxCovered && m.Fields >= 0 && m.Fields <= MaxCovered, "covered"),
		check(m.Name == "" || m.Source == SourceApplication || m.Source == SourceMonitor, "name of this source"))
}

// SharingRecorded answers a Sharing that says what is shown: it is on disk as
// evidence. Only now may pixels of another source than before go out.
type SharingRecorded struct{}

func (*SharingRecorded) MessageType() string { return "sharing_recorded" }

// Validate implements Message.
func (*SharingRecorded) Validate() error { return nil }
