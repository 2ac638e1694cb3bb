package protocol

import (
	"encoding/base64"
	"errors"
	"slices"
	"time"
)

// RestartLimit is how long an agent may take to come back after a restart of the
// customer's computer.
const RestartLimit = 15 * time.Minute

// RestartState says how far a restart of the customer's computer is, which the
// customer has allowed.
type RestartState string

// The states of a restart.
const (
	// RestartCounting: what comes back lies on the customer's disk, and the computer
	// restarts when the time is over, unless the customer stops that.
	RestartCounting RestartState = "counting"
	RestartGoing    RestartState = "going" // the system is asked to restart
	// RestartByHand: the system does not let the program restart it, and the customer
	// is asked to.
	RestartByHand RestartState = "by_hand"
)

// RestartStates lists the states.
func RestartStates() []RestartState {
	return []RestartState{RestartCounting, RestartGoing, RestartByHand}
}

// MaxRestartSeconds bounds how long an agent counts down.
const MaxRestartSeconds = 120

// Restart is the agent's word on a restart under the consent to Reboot. The broker
// answers RestartRecorded once it is on the evidence.
type Restart struct {
	Epoch   uint32       `json:"epoch"`
	State   RestartState `json:"state"`
	Seconds int          `json:"seconds,omitempty"` // with counting: until the computer restarts
	// Hash and Machine, with counting, are what is asked for at the return: SHA-256 of
	// the secret in the ticket, and a name of the computer for this session alone.
	// Both in base64url.
	Hash    string `json:"hash,omitempty"`
	Machine string `json:"machine,omitempty"`
}

func (*Restart) MessageType() string { return "restart" }

// Validate implements Message.
func (m *Restart) Validate() error {
	counting := m.State == RestartCounting
	return errors.Join(check(m.Epoch > 0, "epoch"), check(slices.Contains(RestartStates(), m.State), "state"),
		check(m.Seconds >= 0 && m.Seconds <= MaxRestartSeconds && (counting || m.Seconds == 0), "seconds"),
		check(counting == digestOK(m.Hash) && (counting || m.Hash == ""), "hash"), check(counting == digestOK(m.Machine) && (counting || m.Machine == ""), "machine"))
}

// digestOK accepts 32 bytes in base64url without padding (RFC 4648, section 5).
func digestOK(s string) bool {
	data, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil && len(data) == 32
}

// RestartRecorded tells the agent that its word on a restart is on the evidence: only
// now the system may be asked.
type RestartRecorded struct {
	Epoch uint32       `json:"epoch"`
	State RestartState `json:"state"`
}

func (*RestartRecorded) MessageType() string { return "restart_recorded" }

// Validate implements Message.
func (m *RestartRecorded) Validate() error {
	return errors.Join(check(m.Epoch > 0, "epoch"), check(slices.Contains(RestartStates(), m.State), "state"))
}

// Return is what an agent comes back with after a restart of its computer, in Join.
type Return struct {
	Session string `json:"session"`
	Secret  string `json:"secret"`  // of the ticket; good once
	Machine string `json:"machine"` // Restart.Machine
}

func (r Return) validate() error {
	return errors.Join(check(r.Session != "" && len(r.Session) <= 64, "session"), check(digestOK(r.Secret), "secret"), check(digestOK(r.Machine), "machine"))
}

// Restarting is what a console shows of a restart.
type Restarting struct {
	State RestartState `json:"state"`
	At    time.Time    `json:"at"`    // when the computer restarts, or since when it does
	Until time.Time    `json:"until"` // when the agent has to be back
}
