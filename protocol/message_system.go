package protocol

import (
	"errors"
	"slices"
)

func sectionOK(s Section) error { return check(columns[s] != nil, "section") }

// sectionsOK accepts a choice of sections: some, each once.
func sectionsOK(list []Section) error {
	if err := check(len(list) > 0 && len(list) <= len(columns), "sections"); err != nil {
		return err
	}
	for i, s := range list {
		if err := errors.Join(sectionOK(s), check(!slices.Contains(list[:i], s), "sections")); err != nil {
			return err
		}
	}
	return nil
}

// SystemRequest asks for a snapshot of some sections. It is answered with
// SystemStarted, and the sections follow as SystemPart.
type SystemRequest struct {
	Session  string    `json:"session"`
	Sections []Section `json:"sections"`
}

func (*SystemRequest) MessageType() string { return "system_request" }

// Validate implements Message.
func (m *SystemRequest) Validate() error {
	return errors.Join(check(m.Session != "" && len(m.Session) <= 64, "session"), sectionsOK(m.Sections))
}

// SystemFollow asks for the live list of processes, or no more of it. It is
// answered with SystemStarted.
type SystemFollow struct {
	Session string `json:"session"`
	On      bool   `json:"on"`
}

func (*SystemFollow) MessageType() string { return "system_follow" }

// Validate implements Message.
func (m *SystemFollow) Validate() error {
	return check(m.Session != "" && len(m.Session) <= 64, "session")
}

// SystemStarted tells a console that its wish is on the evidence and with the agent.
type SystemStarted struct {
	Session  string `json:"session"`
	Snapshot uint32 `json:"snapshot,omitempty"` // number of the snapshot, counted in this session
	Watch    uint32 `json:"watch,omitempty"`    // number of the live list
}

func (*SystemStarted) MessageType() string { return "system_started" }

// Validate implements Message.
func (m *SystemStarted) Validate() error {
	return check(m.Session != "" && len(m.Session) <= 64, "session")
}

// SystemRead tells the agent to read some sections.
type SystemRead struct {
	Epoch    uint32    `json:"epoch"` // of the consent that it relies on
	Snapshot uint32    `json:"snapshot"`
	Sections []Section `json:"sections"`
}

func (*SystemRead) MessageType() string { return "system_read" }

// Validate implements Message.
func (m *SystemRead) Validate() error {
	return errors.Join(check(m.Epoch > 0 && m.Snapshot > 0, "epoch or snapshot"), sectionsOK(m.Sections))
}

// SystemWatch tells the agent to follow the list of processes, or no more.
type SystemWatch struct {
	Epoch uint32 `json:"epoch"`
	Watch uint32 `json:"watch"`
	On    bool   `json:"on"`
}

func (*SystemWatch) MessageType() string { return "system_watch" }

// Validate implements Message.
func (m *SystemWatch) Validate() error { return check(m.Epoch > 0 && m.Watch > 0, "epoch or watch") }

// SystemPart is some rows of one section of a snapshot. The parts of a section
// are counted from 0 and come in order; sections come one by one.
type SystemPart struct {
	Session  string        `json:"session,omitempty"` // to a console only
	Epoch    uint32        `json:"epoch"`
	Snapshot uint32        `json:"snapshot"`
	Section  Section       `json:"section"`
	Part     int           `json:"part"`
	Last     bool          `json:"last"` // the section is whole
	Rows     []SystemRow   `json:"rows,omitempty"`
	Problem  SystemProblem `json:"problem,omitempty"` // with Last: why there are no (more) rows
	Cut      bool          `json:"cut,omitempty"`     // with Last: there were more rows than are sent
}

func (*SystemPart) MessageType() string { return "system_part" }

// Validate implements Message.
func (m *SystemPart) Validate() error {
	if err := errors.Join(check(len(m.Session) <= 64, "session"), check(m.Epoch > 0 && m.Snapshot > 0, "epoch or snapshot"), sectionOK(m.Section),
		check(m.Part >= 0 && m.Part < maxSystemParts, "part"),
		check(m.Problem == "" || slices.Contains(SystemProblems(), m.Problem), "problem"),
		check(m.Last || m.Problem == "" && !m.Cut, "problem before the end")); err != nil {
		return err
	}
	return rowsOK(m.Section, m.Rows)
}

// SystemChanges is what became of the list of processes since the last message:
// rows that are new or other, and the keys of those that are gone. The first of a
// live list (N 0) begins with an empty one.
type SystemChanges struct {
	Session string      `json:"session,omitempty"` // to a console only
	Epoch   uint32      `json:"epoch"`
	Watch   uint32      `json:"watch"`
	N       uint32      `json:"n"`
	Rows    []SystemRow `json:"rows,omitempty"` // with the columns of SectionProcesses
	Gone    []string    `json:"gone,omitempty"`
}

func (*SystemChanges) MessageType() string { return "system_changes" }

// Validate implements Message.
func (m *SystemChanges) Validate() error {
	return errors.Join(check(len(m.Session) <= 64, "session"), check(m.Epoch > 0 && m.Watch > 0, "epoch or watch"),
		check(len(m.Gone) <= MaxSystemPartRows && !slices.ContainsFunc(m.Gone, func(k string) bool { return !keyOK(k) }), "gone"),
		rowsOK(SectionProcesses, m.Rows))
}
