// Package control is the one way from a technician's input to the customer's mouse
// and keyboard.
//
// It promises, for each act and not only for each message: the red X is not pressed;
// the act relies on the consent that the gate was opened for; the customer sees
// what is shared, uses neither mouse nor keyboard, and is asked nothing; what is
// touched is in what is shared and no window of ours. What does not pass is thrown
// away and never comes later. Whatever stops the input lets go of all that is held.
package control

import (
	"context"
	"errors"
	"image"
	"time"

	"consento/protocol"
)

// Device is what input is put into; see package input. The gate uses it from one
// goroutine.
type Device interface {
	Move(image.Point) error
	Button(button int, down bool) error
	Wheel(right, down int) error
	Key(code string, down bool) error
	Type(ctx context.Context, text string) error
	Touched() (bool, error)
}

// Reach tells what input may touch; see capture.Reach.
type Reach interface {
	Corner(size image.Point) (image.Point, error)
	At(image.Point) (bool, error)
	Keyboard() (bool, error)
}

// Config is what Open needs. The functions may be called from any goroutine and must
// not block.
type Config struct {
	Epoch  uint32 // of the consent
	Device Device
	Reach  Reach
	Alone  bool               // one program is shared, and nothing else may be touched
	Size   func() image.Point // of the picture as it is shown now
	Block  func() protocol.Block
	Ended  <-chan struct{}      // closed by the red X
	Told   func(protocol.Block) // why nothing passes, at each change
	Failed func(error)          // the device is gone: the gate is closed
}

const (
	// queueLength is how many messages may wait. Typing is slow; what waits longer
	// than this is for another moment.
	queueLength = 256
	// lookInterval is how often the customer's hand is looked for between acts.
	lookInterval = 50 * time.Millisecond
	// yieldTime is for how long the customer's own input wins after its last sign.
	yieldTime = time.Second
	// momentTime is how long a block is shown that is over at once.
	momentTime = time.Second
)

// Gate is open from Open to Close, for one consent.
type Gate struct {
	config Config
	queue  chan protocol.Input
	full   chan struct{} // of capacity 1: something was thrown away
	ctx    context.Context
	stop   context.CancelFunc
	done   chan struct{}

	// Of the goroutine alone.
	keys    map[string]bool
	buttons map[int]image.Point // where it went down
	heard   time.Time
	yields  time.Time // until when the customer's own input wins
	moment  protocol.Block
	until   time.Time // of moment
	told    protocol.Block
}

// Open lets the input of one consent through.
func Open(config Config) (*Gate, error) {
	if config.Epoch == 0 || config.Device == nil || config.Reach == nil || config.Size == nil || config.Block == nil ||
		config.Ended == nil || config.Told == nil || config.Failed == nil {
		return nil, errors.New("control: the configuration is not complete")
	}
	g := &Gate{config: config, queue: make(chan protocol.Input, queueLength), full: make(chan struct{}, 1), done: make(chan struct{}),
		keys: map[string]bool{}, buttons: map[int]image.Point{}}
	g.ctx, g.stop = context.WithCancel(context.Background())
	go g.run()
	return g, nil
}

// Take takes one message. It never blocks; of another consent it is nothing.
func (g *Gate) Take(m protocol.Input) {
	if m.Epoch != g.config.Epoch {
		return
	}
	select {
	case g.queue <- m:
	default:
		select {
		case g.full <- struct{}{}:
		default:
		}
	}
}

// closeTime is how long a display may take with what it was just told.
const closeTime = time.Second

// Close closes the gate. When it returns true, nothing passes and nothing is held;
// false if the display hangs, and then at most the act passes that hangs in it.
func (g *Gate) Close() bool {
	g.stop()
	timer := time.NewTimer(closeTime)
	defer timer.Stop()
	select {
	case <-g.done:
		return true
	case <-timer.C:
		return false
	}
}

func (g *Gate) run() {
	defer close(g.done)
	defer g.stop()
	var failure error
	defer func() {
		if failure == nil {
			failure = g.letGo()
		}
		if failure != nil {
			go g.config.Failed(failure)
		}
	}()
	tick := time.NewTicker(lookInterval)
	defer tick.Stop()
	for failure == nil && !g.closed() {
		select {
		case <-g.ctx.Done():
		case <-g.config.Ended:
		case m := <-g.queue:
			failure = g.handle(m)
		case <-g.full:
			g.say(protocol.BlockBusy)
			failure = g.letGo()
		case <-tick.C:
			failure = g.watch()
		}
	}
}

// closed reports whether nothing may pass any more, ever.
func (g *Gate) closed() bool {
	select {
	case <-g.ctx.Done():
		return true
	case <-g.config.Ended:
		return true
	default:
		return false
	}
}

// handle does the acts of one message.
func (g *Gate) handle(m protocol.Input) error {
	g.heard = time.Now()
	for _, a := range m.Acts {
		if g.closed() {
			return nil
		}
		if blocked, err := g.blocked(); blocked || err != nil {
			return err
		}
		if err := g.act(m, a); err != nil {
			return err
		}
	}
	return nil
}

// watch is called between acts: whoever holds something must be heard of.
func (g *Gate) watch() error {
	blocked, err := g.blocked()
	if blocked || err != nil {
		return err
	}
	if len(g.keys)+len(g.buttons) == 0 {
		return nil
	}
	if time.Since(g.heard) > protocol.InputSilence {
		return g.letGo()
	}
	if len(g.keys) > 0 { // a held key repeats, wherever the keyboard has gone
		if ok, err := g.config.Reach.Keyboard(); !ok || err != nil {
			return errors.Join(err, g.letGo())
		}
	}
	return nil
}

// blocked looks whether anything keeps input out. If so, what is held is let go.
func (g *Gate) blocked() (bool, error) {
	now := time.Now()
	touched, err := g.config.Device.Touched()
	if err != nil {
		return true, err
	}
	if touched {
		g.yields = now.Add(yieldTime)
	}
	block := g.config.Block()
	if block == "" && now.Before(g.yields) {
		block = protocol.BlockCustomer
	}
	if block != "" {
		g.tell(block)
		return true, g.letGo()
	}
	if now.Before(g.until) {
		g.tell(g.moment)
	} else {
		g.tell("")
	}
	return false, nil
}

// say shows a block that is over at once for a moment.
func (g *Gate) say(b protocol.Block) {
	g.moment, g.until = b, time.Now().Add(momentTime)
	g.tell(b)
}

func (g *Gate) tell(b protocol.Block) {
	if b != g.told {
		g.told = b
		g.config.Told(b)
	}
}

// letGo releases all that is held.
func (g *Gate) letGo() error {
	var errs []error
	for button := range g.buttons {
		errs = append(errs, g.config.Device.Button(button, false))
	}
	for code := range g.keys {
		errs = append(errs, g.config.Device.Key(code, false))
	}
	clear(g.buttons)
	clear(g.keys)
	return errors.Join(errs...)
}
