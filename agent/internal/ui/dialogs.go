package ui

import (
	"errors"
	"fmt"
	"image"
	"strings"
	"time"
)

// Link is a page that a person can read before answering.
type Link struct {
	Label string
	URL   string // absolute, http or https
}

// Person is who asks: the name and where they belong.
type Person struct {
	Name   string
	Team   string
	Office string
}

// Question asks for a yes or a no. Heading, Accept and Refuse are needed, the rest may be empty.
type Question struct {
	Title   string
	Heading string
	Who     Person
	Body    string // paragraphs, separated by empty lines
	Details string // long text such as terms; scrolls
	Links   []Link
	Choices Choices // what exactly is said yes to; may be empty
	Accept  string  // button
	Refuse  string  // button, has the focus
	Report  string  // beside the links: stops everything, because something is wrong; may be empty
	Aside   string  // the same: opens another window and decides nothing; may be empty
	OnAside func()  // needed with Aside; it must not block
	Also    string  // as Aside, before it
	OnAlso  func()

	Delay time.Duration // a yes counts only this long after the question has come up, so that nobody can be hurried; a no counts at once
	Wait  string        // shown meanwhile; needed with Delay

	Timeout  time.Duration            // no answer after this is TimedOut; 0 waits for ever
	Warning  func(seconds int) string // makes what is shown in the last 30 s; nil shows nothing
	MoreTime string                   // button beside the warning, starts the timeout again
}

// Choices are what a yes can mean, one of which is chosen from the start. At least two, or none.
// Of several, each can be marked or not, and there may be a single one.
type Choices struct {
	Label   string // what is chosen
	List    []Choice
	Chosen  int // index in List, at first
	Several bool
	Marked  []bool // of several, those that are marked at first; as many as there are, or none
}

// Choice is one of several things. Label and Note may come from a stranger: they are one line each.
type Choice struct {
	Label string
	Note  string      // under it, may be empty
	Icon  image.Image // may be nil
}

// maxChoices is how many things a person can be asked to choose from.
const maxChoices = 64

// marks has a bit for each choice that is marked at first.
func (c Choices) marks() (bits uint64) {
	for i, on := range c.Marked {
		if on {
			bits |= 1 << i
		}
	}
	return bits
}

func (c Choices) check() error {
	if len(c.List) == 0 {
		return nil
	}
	if c.Several && len(c.Marked) != 0 && len(c.Marked) != len(c.List) {
		return fmt.Errorf("%w: %d of %d choices marked or not", ErrText, len(c.Marked), len(c.List))
	}
	if len(c.List) < 2 && !c.Several || len(c.List) > maxChoices || c.Chosen < 0 || c.Chosen >= len(c.List) {
		return fmt.Errorf("%w: %d choices, number %d chosen", ErrText, len(c.List), c.Chosen)
	}
	if err := checkTexts(text{"label of the choices", c.Label, maxLine, true}); err != nil {
		return err
	}
	for _, choice := range c.List {
		if err := checkTexts(text{"choice", choice.Label, maxLine, true}, text{"note of a choice", choice.Note, maxLine, false}); err != nil {
			return err
		}
		if strings.ContainsAny(choice.Label+choice.Note, "\n\t") {
			return fmt.Errorf("%w: a choice of several lines", ErrText)
		}
	}
	return nil
}

// Answer is what the person said. The zero value is no answer.
type Answer int

const (
	Accepted Answer = iota + 1
	Refused         // also Escape and closing the window
	TimedOut        // counts as a no
	Reported        // something is wrong; a no as well
)

// String returns the answer's name.
func (a Answer) String() string {
	switch a {
	case Accepted:
		return "accepted"
	case Refused:
		return "refused"
	case TimedOut:
		return "timed out"
	case Reported:
		return "reported"
	}
	return "no answer"
}

// Prompt asks for one line of text. The field has the focus, Enter continues, Escape cancels.
type Prompt struct {
	Title    string
	Heading  string
	Body     string
	Label    string // of the field
	Hint     string // under the field
	Error    string // above the field: what was wrong the last time
	Value    string // what stands in the field at first
	Continue string // button
	Cancel   string // button
}

// Notice tells something and waits for OK.
type Notice struct {
	Title   string
	Heading string
	Body    string
	Details string
	Links   []Link
	OK      string // button; Escape and closing the window do the same
}

// ProgressText is what a small window says while something is being done.
type ProgressText struct {
	Title   string
	Heading string
	Text    string
	Cancel  string // button
	Quiet   bool   // it asks nothing: what others do goes on, and it does not take the keyboard
}

// BarText is what the bar says. Title, Who and End are needed.
type BarText struct {
	Title     string
	Who       string    // "NAME SURNAME sees your screen"; names between isolates (FSI, PDI) may be shortened
	Allowed   string    // what is allowed now
	Short     string    // the same in fewer words, for where that has no room; empty: there are none
	Recording string    // word beside the dot; empty means not recorded
	Pause     string    // button that pauses, or goes on; empty means none
	Change    string    // button that changes what is shown; empty means none
	TakeBack  string    // button that takes back what is allowed beside seeing; empty means none
	Chat      string    // button for the chat; empty means none
	End       string    // label of the red X, such as "End now"
	Since     time.Time // start of the time shown; zero means when the bar opened
}

func (p Person) lines() []string {
	if p.Name == "" {
		return nil
	}
	lines := []string{p.Name}
	switch {
	case p.Team != "" && p.Office != "":
		lines = append(lines, p.Team+" · "+p.Office)
	case p.Team != "" || p.Office != "":
		lines = append(lines, p.Team+p.Office)
	}
	return lines
}

func checkLinks(links []Link) error {
	for _, l := range links {
		if err := checkTexts(text{"link label", l.Label, maxLine, true}, text{"link address", l.URL, maxLine, true}); err != nil {
			return err
		}
		if err := checkURL(l.URL); err != nil {
			return err
		}
	}
	return nil
}

func (q Question) check() error {
	if err := checkTexts(text{"title", q.Title, maxLine, false}, text{"heading", q.Heading, maxLine, true},
		text{"name", q.Who.Name, maxLine, false}, text{"team", q.Who.Team, maxLine, false}, text{"office", q.Who.Office, maxLine, false},
		text{"body", q.Body, maxBody, false}, text{"details", q.Details, maxDetails, false},
		text{"accepting button", q.Accept, maxLine, true}, text{"refusing button", q.Refuse, maxLine, true},
		text{"reporting button", q.Report, maxLine, false}, text{"button of another window", q.Aside, maxLine, false}, text{"button of one more window", q.Also, maxLine, false}, text{"warning", q.warning(warnTime), maxLine, false}, text{"button for more time", q.MoreTime, maxLine, false}, text{"wait", q.Wait, maxLine, q.Delay > 0}); err != nil {
		return err
	}
	if q.Aside != "" && q.OnAside == nil || q.Also != "" && q.OnAlso == nil {
		return fmt.Errorf("%w: a button that does nothing", ErrText)
	}
	return errors.Join(checkLinks(q.Links), q.Choices.check())
}

func (p Prompt) check() error {
	return checkTexts(text{"title", p.Title, maxLine, false}, text{"heading", p.Heading, maxLine, true},
		text{"body", p.Body, maxBody, false}, text{"label", p.Label, maxLine, true}, text{"hint", p.Hint, maxLine, false},
		text{"error", p.Error, maxLine, false}, text{"value", p.Value, maxEntry, false},
		text{"continue button", p.Continue, maxLine, true}, text{"cancel button", p.Cancel, maxLine, true})
}

func (n Notice) check() error {
	if err := checkTexts(text{"title", n.Title, maxLine, false}, text{"heading", n.Heading, maxLine, true},
		text{"body", n.Body, maxBody, false}, text{"details", n.Details, maxDetails, false},
		text{"OK button", n.OK, maxLine, true}); err != nil {
		return err
	}
	return checkLinks(n.Links)
}

func (p ProgressText) check() error {
	return checkTexts(text{"title", p.Title, maxLine, false}, text{"heading", p.Heading, maxLine, false},
		text{"text", p.Text, maxBody, true}, text{"cancel button", p.Cancel, maxLine, true})
}

func (b BarText) check() error {
	return checkTexts(text{"title", b.Title, maxLine, false}, text{"who", b.Who, maxLine, true},
		text{"allowed", b.Allowed, maxBody, false}, text{"allowed, in short", b.Short, maxLine, false}, text{"recording", b.Recording, maxLine, false},
		text{"end", b.End, maxLine, true}, text{"pause button", b.Pause, maxLine, false}, text{"change button", b.Change, maxLine, false},
		text{"button to take back", b.TakeBack, maxLine, false}, text{"chat button", b.Chat, maxLine, false})
}
