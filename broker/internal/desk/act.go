package desk

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/ops"
)

// ActKind says what an Act does.
type ActKind string

// The kinds of acts: the steps, and what changes no state.
const (
	ActTake     ActKind = "take"   // it is mine from now on; logs what only came in
	ActAssign   ActKind = "assign" // to a colleague of the team, or to nobody
	ActEdit     ActKind = "edit"   // title, text, area, requester, type
	ActComment  ActKind = "comment"
	ActAnswer   ActKind = "answer" // to the requester, who is told
	ActWait     ActKind = "wait"   // it is somebody else's turn
	ActGoOn     ActKind = "go_on"
	ActAppoint  ActKind = "appoint"
	ActHang     ActKind = "hang" // on a parent incident, or on none
	ActSession  ActKind = "session"
	ActAttach   ActKind = "attach" // these two by Attach and Detach alone
	ActDetach   ActKind = "detach"
	ActOutage   ActKind = "outage" // what the portal says of it, see Outage
	ActLog      ActKind = ActKind(StepLog)
	ActCategory ActKind = ActKind(StepCategorise)
	ActPriority ActKind = ActKind(StepPrioritise)
	ActDiagnose ActKind = ActKind(StepDiagnose)
	ActEscalate ActKind = ActKind(StepEscalate)
	ActInquire  ActKind = ActKind(StepInvestigate)
	ActResolve  ActKind = ActKind(StepResolve)
	ActClose    ActKind = ActKind(StepClose)
	ActReopen   ActKind = ActKind(StepReopen)
)

// ActKinds lists those that Do takes.
func ActKinds() []ActKind {
	kinds := []ActKind{ActTake, ActAssign, ActEdit, ActComment, ActAnswer, ActWait, ActGoOn, ActAppoint, ActHang, ActSession, ActOutage}
	for _, s := range Steps() {
		kinds = append(kinds, ActKind(s))
	}
	return kinds
}

// Act is one thing that is done with a ticket. Fields that its kind does not have are
// zero.
type Act struct {
	Kind ActKind `json:"kind"`

	Text       string     `json:"text,omitempty"` // comment, answer, why; with resolve the solution
	Title      string     `json:"title,omitempty"`
	Area       string     `json:"area,omitempty"`
	Type       Type       `json:"type,omitempty"`
	Requester  *Requester `json:"requester,omitempty"`
	Category   string     `json:"category,omitempty"`
	Impact     Impact     `json:"impact,omitempty"`
	Urgency    Urgency    `json:"urgency,omitempty"`
	Team       *Team      `json:"team,omitempty"`
	Assignee   Person     `json:"assignee,omitzero"`
	Waiting    Waiting    `json:"waiting,omitempty"`
	At         time.Time  `json:"at,omitzero"`
	Parent     string     `json:"parent,omitempty"`
	Session    string     `json:"session,omitempty"`
	Resolution Resolution `json:"resolution,omitempty"`
	Children   bool       `json:"children,omitempty"` // those that hang on it as well: answer and resolve
	Outage     *Outage    `json:"outage,omitempty"`
	File       string     `json:"file,omitempty"` // name of an attachment
}

// Team is whom a ticket is handed on to.
type Team struct {
	Name, Territory string
	Level           access.Level
}

// Limits of what people write.
const (
	maxTitle = 200  // characters
	maxText  = 8000 // characters
	maxLine  = 200
)

// ErrNeeds is wrapped where a ticket lacks something that a step needs; the *Missing
// says what.
var ErrNeeds = errors.New("desk: the ticket lacks something")

// Missing says what has to be filled in first.
type Missing struct{ Field string }

func (m *Missing) Error() string { return "desk: " + m.Field + " has to be filled in first" }
func (m *Missing) Unwrap() error { return ErrNeeds }

// apply does an act with a ticket. It is pure: what it returns is the ticket afterwards.
// The act is clean.
func (t Ticket) apply(by Person, a Act, now time.Time) (Ticket, error) {
	t.Pauses, t.Teams = slices.Clone(t.Pauses), slices.Clone(t.Teams)
	if slices.Contains(Steps(), Step(a.Kind)) {
		next, err := Next(t.State, Step(a.Kind))
		if err != nil {
			return t, err
		}
		t.State = next
	} else if !t.State.Open() && a.Kind != ActComment && a.Kind != ActSession && a.Kind != ActAttach && a.Kind != ActDetach {
		return t, fmt.Errorf("%w: %s in %s", ErrStep, a.Kind, t.State)
	}
	switch a.Kind {
	case ActTake, ActLog:
		if t.State == Identified {
			t.State = Logged
		}
		if t.State == Escalated {
			t.State = Investigation
		}
		t.Assignee = by
		t.answered(now)
	case ActSession:
		if t.State.Open() && t.Assignee.ID == "" { // whoever helps has it in hand
			return t.apply(by, Act{Kind: ActTake}, now)
		}
	case ActAssign:
		t.Assignee = a.Assignee
	case ActEdit:
		t.edit(a)
	case ActAnswer:
		t.answered(now)
	case ActCategory:
		t.Category = a.Category
		if a.Area != "" {
			t.Area = a.Area
		}
	case ActPriority:
		t.Impact, t.Urgency, t.Priority = a.Impact, a.Urgency, PriorityOf(a.Impact, a.Urgency)
	case ActEscalate:
		t.hand(*a.Team)
	case ActInquire:
		if t.Assignee.ID == "" {
			t.Assignee = by
		}
	case ActWait:
		if t.Waiting == WaitingForNobody {
			t.Pauses = append(t.Pauses, Pause{From: now})
		}
		t.Waiting = a.Waiting
	case ActGoOn:
		if t.Waiting == WaitingForNobody {
			return t, fmt.Errorf("%w: it waits for nobody", ErrStep)
		}
		t.goOn(now)
	case ActAppoint:
		t.Appointment = a.At
	case ActHang:
		if a.Parent == t.ID {
			return t, fmt.Errorf("%w: a ticket hangs on itself", ErrStep)
		}
		t.Parent = a.Parent
		switch {
		case a.Parent != "":
			if t.Waiting == WaitingForNobody {
				t.Pauses = append(t.Pauses, Pause{From: now})
			}
			t.Waiting = WaitingForParent
		case t.Waiting == WaitingForParent:
			t.goOn(now)
		}
	case ActResolve:
		return t.resolve(a, now)
	case ActClose:
		t.Closed = now
	case ActReopen:
		t.Pauses = append(t.Pauses, Pause{t.Resolved, now}) // it was not the office's turn
		t.Resolved, t.Closed, t.Resolution, t.Solution = time.Time{}, time.Time{}, "", ""
		t.Reopened++
	}
	return t, nil
}

// answered notes the first answer: somebody took it in hand, or wrote back.
func (t *Ticket) answered(now time.Time) {
	if t.Responded.IsZero() {
		t.Responded = now
	}
}

func (t *Ticket) goOn(now time.Time) {
	t.Waiting = WaitingForNobody
	for i := range t.Pauses {
		if t.Pauses[i].To.IsZero() {
			t.Pauses[i].To = now
		}
	}
}

// hand gives it to another team, where nobody in particular has it yet.
func (t *Ticket) hand(to Team) {
	t.Team, t.Territory, t.Level, t.Assignee = to.Name, to.Territory, to.Level, Person{}
	if !slices.Contains(t.Teams, to.Name) {
		t.Teams = append(t.Teams, to.Name)
	}
}

func (t *Ticket) edit(a Act) {
	if a.Title != "" {
		t.Title = a.Title
	}
	if a.Text != "" {
		t.Text = a.Text
	}
	if a.Area != "" {
		t.Area = a.Area
	}
	if a.Type != "" {
		t.Type = a.Type
	}
	if a.Requester != nil {
		reach := t.Requester.Reach
		if t.Requester = *a.Requester; t.Requester.Reach == "" {
			t.Requester.Reach = reach
		}
	}
}

// resolve ends the work. What was solved counts in the figures, and so has a category
// and a priority; what was none of the office's need not.
func (t Ticket) resolve(a Act, now time.Time) (Ticket, error) {
	if a.Resolution == Solved || a.Resolution == Workaround {
		switch {
		case t.Category == "":
			return t, &Missing{"category"}
		case t.Priority == 0:
			return t, &Missing{"priority"}
		case a.Text == "":
			return t, &Missing{"solution"}
		}
	}
	t.goOn(now)
	t.answered(now)
	t.Resolved, t.Resolution, t.Solution = now, a.Resolution, a.Text
	return t, nil
}

// Acts are the acts that its state asks for, and the others that people may want then.
func (t Ticket) Acts() (next, other []ActKind) {
	talk := []ActKind{ActAnswer, ActComment}
	wait := ActWait
	if t.Waiting != WaitingForNobody {
		wait = ActGoOn
	}
	defer func() {
		if t.State.Open() {
			other = append(other, ActEdit)
		}
	}()
	switch t.State {
	case Identified:
		return []ActKind{ActTake}, append(talk, ActAssign)
	case Logged:
		return []ActKind{ActCategory}, append(talk, wait, ActAssign, ActResolve)
	case Categorised:
		return []ActKind{ActPriority}, append(talk, ActCategory, wait, ActAssign, ActResolve)
	case Prioritised:
		return []ActKind{ActDiagnose}, append(talk, ActCategory, ActPriority, wait, ActAssign, ActResolve)
	case Diagnosis:
		return []ActKind{ActResolve, ActEscalate}, append(talk, wait, ActInquire, ActCategory, ActPriority, ActAssign)
	case Escalated:
		return []ActKind{ActTake}, append(talk, ActEscalate, ActAssign, ActCategory, ActPriority)
	case Investigation:
		return []ActKind{ActResolve, ActEscalate}, append(talk, wait, ActCategory, ActPriority, ActAssign)
	case Resolved:
		return []ActKind{ActClose, ActReopen}, []ActKind{ActComment}
	case Closed:
		return nil, []ActKind{ActReopen, ActComment}
	}
	return nil, nil
}

// Clean returns the act as it is done, or an *access.Invalid that names the field.
func (a Act) Clean() (Act, error) {
	only := Act{Kind: a.Kind, Text: a.Text}
	needs := ""
	switch a.Kind {
	case ActTake, ActLog, ActDiagnose, ActInquire, ActClose, ActGoOn:
	case ActComment, ActAnswer, ActReopen:
		needs = "text"
		only.Children = a.Children && a.Kind == ActAnswer
	case ActOutage:
		only.Outage = a.Outage
		if a.Outage == nil {
			return a, wrong("texts", "missing")
		}
	case ActAssign:
		only.Assignee = a.Assignee
	case ActEdit:
		only.Title, only.Area, only.Type, only.Requester = a.Title, a.Area, a.Type, a.Requester
		if a.Type != "" && !slices.Contains(Types(), a.Type) {
			return a, wrong("type", "unknown")
		}
	case ActCategory:
		only.Category, only.Area = a.Category, a.Area
		if a.Category == "" {
			return a, wrong("category", "missing")
		}
	case ActPriority:
		only.Impact, only.Urgency = a.Impact, a.Urgency
		if a.Impact < ImpactUser || a.Impact > ImpactEveryone {
			return a, wrong("impact", "unknown")
		}
		if a.Urgency < UrgencyLow || a.Urgency > UrgencyHigh {
			return a, wrong("urgency", "unknown")
		}
	case ActEscalate:
		only.Team = a.Team
		if a.Team == nil || a.Team.Name == "" {
			return a, wrong("team", "missing")
		}
		needs = "text"
	case ActWait:
		only.Waiting = a.Waiting
		if !slices.Contains(Waitings(), a.Waiting) {
			return a, wrong("waiting", "unknown")
		}
	case ActAppoint:
		only.At = a.At
	case ActHang:
		if a.Parent != "" && len(a.Parent) < 36 {
			a.Parent = asRef(a.Parent)
		}
		only.Parent = a.Parent
	case ActSession:
		only.Session = a.Session
		if a.Session == "" {
			return a, wrong("session", "missing")
		}
	case ActResolve:
		only.Resolution, only.Children = a.Resolution, a.Children
		if !slices.Contains(Resolutions(), a.Resolution) {
			return a, wrong("resolution", "unknown")
		}
	default:
		return a, wrong("kind", "unknown")
	}
	if a != only {
		return a, wrong("kind", "field_of_another_kind")
	}
	var err error
	if a.Text, err = cleanText("text", a.Text); err != nil {
		return a, err
	}
	if needs != "" && a.Text == "" {
		return a, wrong(needs, "missing")
	}
	for _, f := range []struct {
		field string
		text  *string
		most  int
	}{{"title", &a.Title, maxTitle}, {"area", &a.Area, maxLine}} {
		if *f.text == "" {
			continue
		}
		if *f.text, err = ops.CleanLine(*f.text, f.most); err != nil {
			return a, wrong(f.field, "malformed")
		}
	}
	if a.Outage != nil {
		o, err := a.Outage.clean()
		if err != nil {
			return a, err
		}
		a.Outage = &o
	}
	if a.Requester != nil {
		r, err := a.Requester.Clean()
		if err != nil {
			return a, err
		}
		a.Requester = &r
	}
	return a, nil
}

func wrong(field, code string) error {
	return &access.Invalid{Field: field, Code: code, Reason: "is " + code}
}
