package protocol

import "errors"

// Slept says that the customer's computer slept, or that the agent was not run for
// another reason, such as a stopped process. The agent sends it as soon as it runs
// again, and once more if its connection did not outlive the sleep.
type Slept struct {
	N  int   `json:"n"`  // counts from 1; what is said again counts once
	MS int64 `json:"ms"` // how long
}

// maxSlept bounds Slept.MS: a month.
const maxSlept = 31 * 24 * 3600 * 1000

func (*Slept) MessageType() string { return "slept" }

// Validate implements Message.
func (m *Slept) Validate() error {
	return errors.Join(check(m.N > 0, "n"), check(m.MS > 0 && m.MS <= maxSlept, "ms"))
}
