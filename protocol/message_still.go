package protocol

import (
	"errors"
	"slices"
	"time"
)

// Limits of pictures for the record.
const (
	MaxStill     = 10 << 20         // bytes of one, as PNG
	MaxStillPart = 40_000           // bytes of one message
	MaxStills    = 30               // of one session
	MaxCaption   = 100              // characters
	StillPause   = 2 * time.Second  // from one to the next, at least
	StillLimit   = 60 * time.Second // one that is not there by then is given up
)

// StillProblem says why a picture for the record was not kept.
type StillProblem string

// The problems.
const (
	StillHidden StillProblem = "hidden" // the customer showed nothing
	StillSize   StillProblem = "size"   // it is larger than may be kept
	StillFailed StillProblem = "failed" // the customer's computer could not make it, or what came is no such picture
	StillLate   StillProblem = "late"   // it did not come in time, or the connection was lost
)

// StillProblems lists the problems.
func StillProblems() []StillProblem {
	return []StillProblem{StillHidden, StillSize, StillFailed, StillLate}
}

// Still is one picture for the record, as a console lists it: on its way as long as it
// has neither hash nor problem.
type Still struct {
	N       uint32       `json:"n"` // counted from 1
	At      time.Time    `json:"at"`
	Caption string       `json:"caption,omitempty"`
	Width   int          `json:"width,omitempty"` // pixels
	Height  int          `json:"height,omitempty"`
	Size    int64        `json:"size,omitempty"`   // bytes
	SHA256  string       `json:"sha256,omitempty"` // 64 hexadecimal digits
	Problem StillProblem `json:"problem,omitempty"`
	Ticket  bool         `json:"ticket,omitempty"` // it is named among the attachments of the session's ticket
}

// StillRequest asks for a picture of exactly what the customer shows now, for the
// record. It is answered with the session's new shape.
type StillRequest struct {
	Session string `json:"session"`
	Caption string `json:"caption,omitempty"` // one line
}

func (*StillRequest) MessageType() string { return "still_request" }

// Validate implements Message.
func (m *StillRequest) Validate() error {
	return errors.Join(check(m.Session != "" && len(m.Session) <= 64, "session"), check(lineOK(m.Caption, MaxCaption), "caption"))
}

// StillOnTicket puts a picture for the record among the attachments of the ticket that the
// session belongs to: by name, size and hash. It stays sealed on the evidence. It is
// answered with the session's new shape.
type StillOnTicket struct {
	Session string `json:"session"`
	Still   uint32 `json:"still"`
}

func (*StillOnTicket) MessageType() string { return "still_on_ticket" }

// Validate implements Message.
func (m *StillOnTicket) Validate() error {
	return errors.Join(check(m.Session != "" && len(m.Session) <= 64, "session"), check(m.Still > 0 && m.Still <= MaxStills, "still"))
}

// StillTake has the agent take one.
type StillTake struct {
	Epoch uint32 `json:"epoch"` // of the consent to view that it relies on
	Still uint32 `json:"still"`
}

func (*StillTake) MessageType() string { return "still_take" }

// Validate implements Message.
func (m *StillTake) Validate() error { return check(m.Epoch > 0 && m.Still > 0, "epoch or still") }

// StillPart is a part of a picture's file, or with a problem the word that there is
// none. The parts come in order.
type StillPart struct {
	Epoch   uint32       `json:"epoch"`
	Still   uint32       `json:"still"`
	Part    int          `json:"part"` // counted from 0
	Last    bool         `json:"last"`
	Data    []byte       `json:"data,omitempty"` // of a PNG
	Problem StillProblem `json:"problem,omitempty"`
}

func (*StillPart) MessageType() string { return "still_part" }

// Validate implements Message.
func (m *StillPart) Validate() error {
	return errors.Join(check(m.Epoch > 0 && m.Still > 0, "epoch or still"), check(m.Part >= 0 && m.Part <= MaxStill/MaxStillPart, "part"),
		check(len(m.Data) <= MaxStillPart && (len(m.Data) > 0 || m.Problem != ""), "data"),
		check(m.Problem == "" || m.Last && slices.Contains(StillProblems(), m.Problem), "problem"))
}
