package protocol

// SummaryState says where the summary of a session stands that the technician's team
// wants. It is absent where the team wants none, and nobody wrote one at the end.
type SummaryState string

// The states.
const (
	SummaryWanted  SummaryState = "wanted"  // the session goes on; it is to be there when the technician is done
	SummaryMissing SummaryState = "missing" // the session is over without one
	SummaryDone    SummaryState = "done"    // the technician said that it is complete; it is on the evidence
)

// SummaryStates lists the states.
func SummaryStates() []SummaryState {
	return []SummaryState{SummaryWanted, SummaryMissing, SummaryDone}
}

// AtEnd is what becomes of s with the end of the session. Of one that nobody joined there
// is nothing to say.
func (s SummaryState) AtEnd(joined bool) SummaryState {
	switch {
	case s != SummaryWanted:
		return s
	case joined:
		return SummaryMissing
	}
	return ""
}
