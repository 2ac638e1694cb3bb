package desk

import (
	"errors"
	"fmt"
)

// State is where a ticket stands in its life. The zero value is invalid.
type State string

// The states in their usual order. A ticket of any type has the same ones.
const (
	Identified    State = "identified"    // it came in; nobody has taken it in hand
	Logged        State = "logged"        // requester, contact and symptoms are written down
	Categorised   State = "categorised"   // what it is about is known
	Prioritised   State = "prioritised"   // how much it matters is known
	Diagnosis     State = "diagnosis"     // the first that has it looks for the cause
	Escalated     State = "escalated"     // handed on to a team that has not taken it up
	Investigation State = "investigation" // the team that it was handed on to works on it
	Resolved      State = "resolved"      // there is a solution, and the requester was told
	Closed        State = "closed"        // nothing more is to be done
)

// States lists the states in their usual order.
func States() []State {
	return []State{Identified, Logged, Categorised, Prioritised, Diagnosis, Escalated, Investigation, Resolved, Closed}
}

// Open reports whether work on it is not done.
func (s State) Open() bool { return s != Resolved && s != Closed }

// Step is what changes a ticket's state, or may only be done in some of them.
type Step string

// The steps.
const (
	StepLog         Step = "log"
	StepCategorise  Step = "categorise"
	StepPrioritise  Step = "prioritise"
	StepDiagnose    Step = "diagnose"
	StepEscalate    Step = "escalate"
	StepInvestigate Step = "investigate"
	StepResolve     Step = "resolve"
	StepClose       Step = "close"
	StepReopen      Step = "reopen"
)

// Steps lists the steps in their usual order.
func Steps() []Step {
	return []Step{StepLog, StepCategorise, StepPrioritise, StepDiagnose, StepEscalate, StepInvestigate, StepResolve, StepClose, StepReopen}
}

// ErrStep is wrapped by the error of a step that the state does not allow.
var ErrStep = errors.New("desk: not possible in this state of the ticket")

// Next returns the state that follows s on a step. It is pure; the database holds the
// same table.
//
// Category and priority may be changed as long as it is open, and change no state once
// work has begun. It may be resolved at any time after it was taken in hand: it may be a
// duplicate, or be withdrawn. Reopened it is worked on again where it was found to be
// hardest to solve: at the team that has it.
func Next(s State, step Step) (State, error) {
	switch {
	case s == Identified && step == StepLog:
		return Logged, nil
	case s == Logged && step == StepCategorise:
		return Categorised, nil
	case s == Categorised && step == StepPrioritise:
		return Prioritised, nil
	case s == Prioritised && step == StepDiagnose:
		return Diagnosis, nil
	case (s == Diagnosis || s == Investigation || s == Escalated) && step == StepEscalate:
		return Escalated, nil
	case (s == Escalated || s == Diagnosis) && step == StepInvestigate:
		return Investigation, nil
	case s.Open() && s.known() && s != Identified && step == StepResolve:
		return Resolved, nil
	case s == Resolved && step == StepClose:
		return Closed, nil
	case (s == Resolved || s == Closed) && step == StepReopen:
		return Investigation, nil
	case step == StepCategorise && (s == Categorised || s == Prioritised || s == Diagnosis || s == Escalated || s == Investigation),
		step == StepPrioritise && (s == Prioritised || s == Diagnosis || s == Escalated || s == Investigation):
		return s, nil
	}
	return "", fmt.Errorf("%w: %s in %s", ErrStep, step, s)
}

func (s State) known() bool {
	for _, k := range States() {
		if k == s {
			return true
		}
	}
	return false
}
