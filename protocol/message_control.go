package protocol

import (
	"errors"
	"slices"
)

// Block says why the agent lets no input through at present. What comes meanwhile
// is thrown away.
type Block string

// The blocks.
const (
	BlockDialog   Block = "dialog"   // a window of the agent asks the customer something
	BlockCustomer Block = "customer" // the customer uses mouse or keyboard
	BlockHidden   Block = "hidden"   // nothing is shown: paused, locked, minimised
	BlockAway     Block = "away"     // the agent's connection is lost
	BlockReach    Block = "reach"    // the last act was meant for a window that is out of reach
	BlockBusy     Block = "busy"     // more came than can be typed
)

// Blocks lists the blocks.
func Blocks() []Block {
	return []Block{BlockDialog, BlockCustomer, BlockHidden, BlockAway, BlockReach, BlockBusy}
}

// ControlState is the agent's word on whether input is let through, at each
// change.
type ControlState struct {
	Epoch uint32 `json:"epoch"` // of the consent
	Block Block  `json:"block"` // "" if it is let through
}

func (*ControlState) MessageType() string { return "control_state" }

// Validate implements Message.
func (m *ControlState) Validate() error {
	return errors.Join(check(m.Epoch > 0, "epoch"), check(m.Block == "" || slices.Contains(Blocks(), m.Block), "block"))
}
