package annotate

import (
	"errors"
	"image"
	"sync"
	"time"

	"consento/agent/internal/capture"
	"consento/protocol"
)

const (
	// backlog is how many messages may wait; what comes later is dropped.
	backlog = 64
	// frame is the least time between two pictures of what is drawn.
	frame = 33 * time.Millisecond
	// look is how soon it is noticed that nothing may be drawn any more.
	look = 100 * time.Millisecond
)

// Config is what Open needs.
type Config struct {
	Display string
	What    capture.Target
	Covers  *capture.Covers    // what is not shown of it; nil for nothing
	Name    *image.Alpha       // stands beside the pointer; nil for none
	Size    func() image.Point // of the picture that is shown
	Hidden  func() bool        // nothing is shown at present: nothing is drawn either
	Failed  func(error)        // called once when the display does not work any more
}

// Drawing is what is drawn under one consent. Its methods may be called from any
// goroutine.
type Drawing struct {
	config  Config
	layer   *capture.Layer
	said    chan protocol.Annotate
	changed chan struct{} // of capacity 1: windows did
	stop    chan struct{}
	once    sync.Once
	done    chan struct{}
}

// Able tells whether it is possible on a display.
func Able(display string) error {
	l, err := capture.OpenLayer(display, capture.Target{}, nil, func() {})
	if err == nil {
		l.Close()
	}
	return err
}

// Open makes ready to draw. Errors: those of capture.OpenLayer.
func Open(config Config) (*Drawing, error) {
	if config.Size == nil || config.Hidden == nil || config.Failed == nil {
		return nil, errors.New("annotate: the configuration is not complete")
	}
	d := &Drawing{config: config, said: make(chan protocol.Annotate, backlog), changed: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{})}
	var err error
	d.layer, err = capture.OpenLayer(config.Display, config.What, config.Covers, func() {
		select {
		case d.changed <- struct{}{}:
		default:
		}
	})
	if err != nil {
		return nil, err
	}
	go d.run()
	return d, nil
}

// Take draws what a message says; whether it may is the caller's to know. It never
// blocks.
func (d *Drawing) Take(m protocol.Annotate) {
	if m.Validate() != nil {
		return
	}
	select {
	case d.said <- m:
	default:
	}
}

// Close takes everything away. When it returns nothing is drawn any more, unless the
// display hangs.
func (d *Drawing) Close() {
	d.once.Do(func() { close(d.stop) })
	d.Closed(time.Second)
}

// Closed waits until nothing is drawn any more, for so long at most.
func (d *Drawing) Closed(patience time.Duration) bool {
	limit := time.NewTimer(patience)
	defer limit.Stop()
	select {
	case <-d.done:
		return true
	case <-limit.C:
		return false
	}
}

func (d *Drawing) run() {
	defer close(d.done)
	defer d.layer.Close()
	err := d.draw()
	if err == nil {
		return
	}
	select {
	case <-d.stop:
	default:
		d.config.Failed(err)
	}
}

// draw follows what is said and what windows do, until the end. Its errors are the
// display's.
func (d *Drawing) draw() error {
	b, shown := board{}, false
	timer := time.NewTimer(0)
	defer timer.Stop()
	var last time.Time // when something was shown
	for {
		timer.Stop()
		if !b.empty() {
			timer.Reset(look)
		}
		var said []protocol.Annotate
		select {
		case <-d.stop:
			return nil
		case m := <-d.said:
			said = append(said, m)
		case <-d.changed:
			if b.empty() {
				continue // nobody sees it
			}
		case <-timer.C:
		}
		if wait := frame - time.Since(last); wait > 0 {
			timer.Reset(wait)
			select {
			case <-timer.C:
			case <-d.stop:
				return nil
			}
		}
		for more := true; more; {
			select {
			case m := <-d.said:
				said = append(said, m)
			default:
				more = false
			}
		}
		last = time.Now()
		scene, err := d.layer.Look()
		switch {
		case errors.Is(err, capture.ErrTarget) || d.config.Hidden():
			b.clear() // nothing of it is seen
		case err != nil:
			return err
		default:
			for _, m := range said {
				if m.Kind == protocol.AnnotateUndo || m.Kind == protocol.AnnotateClear || d.meant(m, scene) {
					b.take(m, scene, last)
				}
			}
			b.expire(scene, last)
		}
		drawn := b.paint(scene, d.config.Name)
		if drawn == nil && !shown {
			continue
		}
		if err := d.layer.Show(drawn); err != nil {
			return err
		}
		shown = drawn != nil
	}
}

// meant reports whether a message is meant for the picture that is shown now.
func (d *Drawing) meant(m protocol.Annotate, scene capture.Scene) bool {
	size := image.Pt(m.Width, m.Height)
	return len(m.Points) == 0 || size == d.config.Size() && size == scene.Picture.Size()
}
