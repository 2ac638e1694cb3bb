package session

import (
	"context"
	"time"

	"consento/protocol"
	"consento/recordings"
)

const (
	// Messages of input that may come: at once, and for each second on average. A
	// console sends one for each animation frame at most.
	maxInputBurst     = 400
	maxInputPerSecond = 120
	// usedInterval is how often the log says what was done, while anything is.
	usedInterval = 10 * time.Second
	// maxBlocks bounds how often the agent of one session may say what blocks.
	maxBlocks = 5000
)

// control is what is done with one consent to control. It belongs to the session's
// goroutine.
type control struct {
	view   *View     // the console that controls; nil while none does
	heard  time.Time // when it said something last
	credit float64   // messages that may still come
	asOf   time.Time
	block  protocol.Block // why the agent lets nothing through
	blocks int            // how often it said so
	used   used
	noted  time.Time // when used was written last
}

// used counts what was done.
type used struct {
	Clicks     int `json:"clicks"`
	Wheel      int `json:"wheel"`
	Keys       int `json:"keys"`
	Characters int `json:"characters"`
}

func (u *used) add(acts []protocol.InputAct) {
	for _, a := range acts {
		switch {
		case a.Kind == protocol.InputButton && a.Down:
			u.Clicks++
		case a.Kind == protocol.InputWheel:
			u.Wheel++
		case a.Kind == protocol.InputKey && a.Down:
			u.Keys++
		case a.Kind == protocol.InputText:
			u.Characters += len([]rune(a.Text))
		}
	}
}

// begin makes ready for a consent that was given.
func (c *control) begin(given protocol.Consent) {
	if given.Permission == protocol.Control {
		*c = control{blocks: c.blocks, credit: maxInputBurst, asOf: time.Now(), noted: time.Now()}
	}
}

func (c *control) end() { c.view, c.block = nil, "" }

// take returns what was done since the last time.
func (c *control) take() used {
	u := c.used
	c.used, c.noted = used{}, time.Now()
	return u
}

// mayCome counts one message.
func (c *control) mayCome(now time.Time) bool {
	c.credit = min(maxInputBurst, c.credit+now.Sub(c.asOf).Seconds()*maxInputPerSecond)
	c.asOf = now
	c.credit--
	return c.credit >= 0
}

// input takes one message of a console's input, on the media's goroutine.
func (v *View) input(data []byte) {
	m, err := protocol.DecodeInput(data)
	at := time.Now()
	v.session.later(func() { v.session.takeInput(v, m, err, at) })
}

// takeInput checks a message, puts what it does on the evidence, and sends it on.
// What may not be is dropped, and never kept for later.
func (s *session) takeInput(v *View, m protocol.Input, malformed error, at time.Time) {
	c, now := &s.tools.control, s.consent(protocol.Control)
	if _, watching := s.viewers[v]; !watching || !v.works() || s.row.State != protocol.StateActive || now.State != protocol.ConsentGiven {
		return
	}
	if malformed != nil || !c.mayCome(at) {
		code := protocol.CodeMalformed
		if malformed == nil {
			code = protocol.CodeThrottled
		}
		s.misused(protocol.Control, code)
		return
	}
	if m.Epoch != now.Epoch || !s.tools.rights.Allows(protocol.Control) {
		return // of a yes that was taken back
	}
	if c.view != v {
		if c.view != nil && at.Sub(c.heard) < protocol.InputSilence {
			return // another window of the technician's controls
		}
		if c.view != nil {
			s.letGo()
		}
		c.view = v
	}
	c.heard = at
	if s.agent == nil || !s.isShown() {
		return
	}
	if acts := noted(m.Acts); len(acts) > 0 {
		if err := s.evidence.append(recordings.TrackInput, protocol.EventControlInput,
			protocol.Input{Epoch: m.Epoch, Width: m.Width, Height: m.Height, Acts: acts}); err != nil {
			s.must(err)
			return
		}
		c.used.add(acts)
	}
	if data, err := m.Encode(); err == nil {
		s.room.SendInput(data)
	}
}

// noted is what of some acts stands on the evidence: all but the mere moves, for
// where the pointer went is there already.
func noted(acts []protocol.InputAct) (list []protocol.InputAct) {
	for _, a := range acts {
		if a.Kind != protocol.InputMove {
			list = append(list, a)
		}
	}
	return list
}

// letGo has the agent release what is held down.
func (s *session) letGo() {
	m := protocol.Input{Epoch: s.consent(protocol.Control).Epoch, Acts: []protocol.InputAct{{Kind: protocol.InputRelease}}}
	if data, err := m.Encode(); err == nil {
		s.room.SendInput(data)
	}
}

// leftControl is called when a console's picture is gone.
func (s *session) leftControl(v *View) {
	if s.tools.control.view == v {
		s.tools.control.view = nil
		s.letGo()
	}
}

// noteUsed puts what was done since the last time on the log.
func (s *session) noteUsed() {
	if u := s.tools.control.take(); u != (used{}) {
		s.note(protocol.EventControlUsed, u)
	}
}

// Control takes the agent's word on whether input is let through.
func (a *Agent) Control(ctx context.Context, m protocol.ControlState) error {
	return a.act(ctx, func(s *session) error {
		c, now := &s.tools.control, s.consent(protocol.Control)
		if now.State != protocol.ConsentGiven || now.Epoch != m.Epoch || c.block == m.Block {
			return nil // it was said before the consent's end was heard
		}
		if c.blocks++; c.blocks > maxBlocks {
			return nil
		}
		c.block = m.Block
		s.note(protocol.EventControlState, map[string]any{"block": m.Block})
		s.publish()
		return nil
	})
}
