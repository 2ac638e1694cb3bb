package control

import (
	"image"
	"strings"

	"consento/protocol"
)

// act does one act that nothing blocks, as far as its own reach goes.
func (g *Gate) act(m protocol.Input, a protocol.InputAct) error {
	switch a.Kind {
	case protocol.InputRelease:
		return g.letGo()
	case protocol.InputKey:
		return g.key(a)
	case protocol.InputText:
		ok, err := g.config.Reach.Keyboard()
		if err != nil {
			return err
		}
		if !ok {
			g.say(protocol.BlockReach)
			return nil
		}
		return g.config.Device.Type(g.ctx, a.Text)
	}
	if size := g.config.Size(); a.Points() && size != image.Pt(m.Width, m.Height) {
		return g.missed(a) // the technician saw another picture
	}
	corner, err := g.config.Reach.Corner(image.Pt(m.Width, m.Height))
	if err != nil {
		return g.missed(a) // it is just changing
	}
	return g.point(a, corner.Add(image.Pt(a.X, a.Y)))
}

// missed is a pointer's act that hits nothing. What it would let go goes up.
func (g *Gate) missed(a protocol.InputAct) error {
	if _, held := g.buttons[a.Button]; a.Kind == protocol.InputButton && held && !a.Down {
		delete(g.buttons, a.Button)
		return g.config.Device.Button(a.Button, false)
	}
	return nil
}

// point does an act of the pointer at a place of the display.
func (g *Gate) point(a protocol.InputAct, at image.Point) error {
	up := a.Kind == protocol.InputButton && !a.Down
	if _, held := g.buttons[a.Button]; up && !held {
		return nil
	}
	// While a button is held the display sends everything to where it went down: a
	// drag may leave the window.
	if len(g.buttons) == 0 {
		ok, err := g.config.Reach.At(at)
		if err != nil {
			return err
		}
		if !ok && (a.Kind != protocol.InputMove || g.config.Alone) {
			if a.Kind != protocol.InputMove {
				g.say(protocol.BlockReach)
			}
			return nil
		}
	}
	if err := g.config.Device.Move(at); err != nil {
		return err
	}
	switch a.Kind {
	case protocol.InputWheel:
		return g.config.Device.Wheel(a.DX, a.DY)
	case protocol.InputButton:
		if _, held := g.buttons[a.Button]; held && a.Down {
			return nil
		}
		if a.Down {
			g.buttons[a.Button] = at
		} else {
			delete(g.buttons, a.Button)
		}
		return g.config.Device.Button(a.Button, a.Down)
	}
	return nil
}

// key presses or releases a key.
func (g *Gate) key(a protocol.InputAct) error {
	if g.keys[a.Code] == a.Down {
		return nil // it repeats by itself
	}
	if !a.Down {
		delete(g.keys, a.Code)
		return g.config.Device.Key(a.Code, false)
	}
	ok, err := g.config.Reach.Keyboard()
	if err != nil {
		return err
	}
	if !ok || g.config.Alone && g.leaves(a.Code) {
		g.say(protocol.BlockReach)
		return nil
	}
	g.keys[a.Code] = true
	return g.config.Device.Key(a.Code, true)
}

// leaves tells whether a window manager would take this key for itself, with what is
// held: it would lead out of the program that is shared.
func (g *Gate) leaves(code string) bool {
	alt := g.keys["AltLeft"]
	control := g.keys["ControlLeft"] || g.keys["ControlRight"]
	switch {
	case code == "MetaLeft" || code == "MetaRight" || code == "PrintScreen":
		return true
	case alt && control, code == "AltLeft" && control, alt && (code == "ControlLeft" || code == "ControlRight"):
		return true
	case alt:
		return code == "Tab" || code == "Escape" || code == "Space" || len(code) > 1 && strings.HasPrefix(code, "F") && code[1] >= '1' && code[1] <= '9'
	}
	return false
}
