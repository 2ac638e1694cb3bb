package console_test

import (
	"time"

	"consento/protocol"
)

var technician = protocol.Person{Name: "Giulia Moretti", Team: "Service desk", Office: "Comune di Rivabella", Phone: "+39 0541 555 010"}

// scene makes a session as it is in a state, with all that the customer did before.
func scene(id string, state protocol.State, issued time.Time) protocol.Session {
	s := protocol.Session{
		ID: id, State: state, Technician: technician, Mine: true,
		IssuedAt: issued, KeyExpires: issued.Add(protocol.KeyLifetime),
	}
	switch state {
	case protocol.StateJoined:
		s.Steps = []protocol.Step{protocol.StepKeyTyped, protocol.StepNameConfirmed}
	case protocol.StateWaiting:
		s.Steps = []protocol.Step{protocol.StepKeyTyped, protocol.StepNameConfirmed, protocol.StepAgentFetched, protocol.StepAgentStarted, protocol.StepTermsAccepted}
		s.System = "Debian GNU/Linux 12"
		s.Consents = []protocol.Consent{{Permission: protocol.ViewScreen, State: protocol.ConsentAsked, Epoch: 1}}
		s.Recording = true
	case protocol.StateActive, protocol.StateEnding, protocol.StateClosed:
		s.Steps = []protocol.Step{protocol.StepKeyTyped, protocol.StepNameConfirmed, protocol.StepAgentFetched, protocol.StepAgentStarted, protocol.StepTermsAccepted, protocol.StepViewAllowed}
		s.System = "Debian GNU/Linux 12"
		s.Consents = []protocol.Consent{{Permission: protocol.ViewScreen, State: protocol.ConsentGiven, Epoch: 1}}
		s.Recording = true
		s.ActiveAt = issued.Add(2 * time.Minute)
		s.Viewers = []string{technician.Name}
	}
	if state.Over() {
		s.EndedAt = issued.Add(9*time.Minute + 30*time.Second)
		s.EndReason = protocol.EndCustomer
		s.Viewers = nil
	}
	return s
}

// past makes a session of a colleague that is over.
func past(id, name, system string, reason protocol.EndReason, issued time.Time) protocol.Session {
	s := scene(id, protocol.StateClosed, issued)
	s.Mine, s.Technician.Name, s.System, s.EndReason = false, name, system, reason
	removed := true
	s.Removed = &removed
	return s
}
