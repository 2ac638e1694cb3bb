package main

import (
	"context"
	"fmt"
	"image"
	"math/rand/v2"
	"os"
	"time"

	"github.com/jezek/xgb/xproto"

	"consento/build/stage"
)

// scene is one kind of work on the customer's screen.
type scene struct {
	name  string
	every time.Duration // between two changes; 0: nothing is painted
	shake time.Duration // added at random, so that changes fall anywhere between frames
	last  time.Duration // how long it is measured
	code  image.Rectangle
	still bool                  // step paints the same whatever was before: its pictures can be compared
	begin func() error          // paints what is there before
	step  func(i, n int) []move // the moves of change i, with code n
	ready func(i, n int) error  // prepares a change out of sight, before its time is taken
}

// measured is what a scene came to.
type measured struct {
	scene   string
	use     usage
	latency []time.Duration
	changes int // painted
	looks   int // of them seen as a picture of their own
	painted []time.Time
	first   int       // code of the first of them
	step    int       // of the scene that painted it
	ssim    []float64 // of samples in the midst of it, where they are taken
}

// warm is how long a scene goes on before it is measured.
const warm = 2 * time.Second

// props are the sheets that scenes are painted from.
type props struct {
	pages  []sheet
	photo  sheet
	tall   sheet // text, for scrolling the whole screen
	lines  sheet // of a terminal
	stamp  sheet // where codes are made ready
	canvas sheet // where pages are made ready
}

const (
	lineHeight    = 16
	terminalCount = 400
	smallCell     = 8
	sceneTerminal = "scrolling terminal"
	sceneText     = "scrolling text, whole screen"
	sceneMix      = "office mix"
)

var terminal = image.Rect(40, 140, 40+1280, 140+800)

func newProps(p *painter) (*props, error) {
	s := &props{}
	var err error
	keep := func(img *image.RGBA, e error) (kept sheet) {
		if err == nil {
			err = e
		}
		if err == nil {
			kept, err = p.sheet(img)
		}
		return kept
	}
	for n := range 4 {
		s.pages = append(s.pages, keep(textPage(n, customerSize)))
	}
	s.photo = keep(photo(customerSize.Add(image.Pt(0, 1000))), nil)
	s.tall = keep(textPage(9, customerSize.Add(image.Pt(0, 1000))))
	s.lines = keep(terminalLines(terminalCount, terminal.Dx(), lineHeight))
	if err != nil {
		return nil, err
	}
	if s.stamp, err = p.blank(image.Pt(256, 256)); err != nil {
		return nil, err
	}
	s.canvas, err = p.blank(customerSize)
	return s, err
}

// scenes in the order in which they are played.
func (o *office) scenes(s *props) []scene {
	p := o.paint
	screen := image.Rectangle{Max: customerSize}
	desk := func() error { return p.copy(s.pages[0].all(image.Point{})) }
	// stamp makes a code ready; show is the move that shows it.
	stamp := func(cell int) func(i, n int) error {
		return func(_, n int) error { return p.code(s.stamp, n, cell, image.Point{}) }
	}
	show := func(code image.Rectangle) move {
		return move{xproto.Drawable(s.stamp.id), image.Rectangle{Max: code.Size()}, code.Min}
	}
	square := func(x, y, cell int) image.Rectangle {
		return image.Rect(x, y, x+cell*codeCells, y+cell*codeCells)
	}
	flip := square(800, 500, 50)
	typed := square(1500, 700, smallCell)
	status := square(terminal.Max.X-40, terminal.Min.Y, smallCell)
	corner := square(960, 540, 16)
	root := xproto.Drawable(o.theirs.root)

	scroll := func(from sheet, i, by int) move {
		y := i * by % (from.size.Y - customerSize.Y)
		return move{xproto.Drawable(from.id), screen.Add(image.Pt(0, y)), image.Point{}}
	}
	whole := func(name string, from sheet) scene {
		return scene{name: name, still: true, every: time.Second / 30, last: 8 * time.Second, code: corner, begin: desk, ready: stamp(16),
			step: func(i, _ int) []move { return []move{scroll(from, i, lineHeight), show(corner)} }}
	}
	return []scene{
		{name: "idle", last: 16 * time.Second, begin: desk},
		{name: "flip of a block", every: 450 * time.Millisecond, shake: 100 * time.Millisecond, last: 20 * time.Second, code: flip,
			begin: desk, ready: stamp(50), step: func(int, int) []move { return []move{show(flip)} }},
		{name: "typing", every: 115 * time.Millisecond, shake: 20 * time.Millisecond, last: 14 * time.Second, code: typed,
			begin: desk, ready: stamp(smallCell),
			// One character of a line of the terminal after the other.
			step: func(i, _ int) []move {
				const width, columns = 8, 60
				row, column := i/columns, i%columns
				from := image.Rect(4+column*width, row*lineHeight, 4+(column+1)*width, (row+1)*lineHeight)
				return []move{{xproto.Drawable(s.lines.id), from, image.Pt(400+column*width, 300+row*lineHeight)}, show(typed)}
			}},
		{name: sceneTerminal, every: time.Second / 30, last: 14 * time.Second, code: status,
			begin: func() error {
				return p.copy(s.pages[0].all(image.Point{}),
					move{xproto.Drawable(s.lines.id), image.Rectangle{Max: terminal.Size()}, terminal.Min})
			},
			ready: stamp(smallCell),
			// As terminals do: what is there moves up, the new line comes below it.
			step: func(i, _ int) []move {
				line := (terminal.Dy()/lineHeight + i) % terminalCount
				up := terminal
				up.Min.Y += lineHeight
				return []move{
					{root, up, terminal.Min},
					{xproto.Drawable(s.lines.id), image.Rect(0, line*lineHeight, terminal.Dx(), (line+1)*lineHeight),
						image.Pt(terminal.Min.X, terminal.Max.Y-lineHeight)},
					show(status),
				}
			}},
		whole(sceneText, s.tall),
		whole("scrolling picture, whole screen", s.photo),
		{name: "whole pages", every: 950 * time.Millisecond, shake: 100 * time.Millisecond, last: 25 * time.Second, code: corner, begin: desk,
			ready: func(i, n int) error {
				if err := p.copyTo(xproto.Drawable(s.canvas.id), s.pages[i%len(s.pages)].all(image.Point{})); err != nil {
					return err
				}
				return p.code(s.canvas, n, 16, corner.Min)
			},
			step: func(int, int) []move { return []move{s.canvas.all(image.Point{})} }},
		// Ten seconds of office work, over and over: a page, five seconds of typing in it, three of scrolling by the wheel.
		{name: sceneMix, every: 125 * time.Millisecond, shake: 20 * time.Millisecond, last: 30 * time.Second, code: corner, begin: desk, ready: stamp(16),
			step: func(i, _ int) []move {
				const width, columns, cycle, typing, wheel = 8, 60, 72, 42, 24
				code := show(corner)
				round, i := i/cycle, i%cycle
				switch {
				case i == 0:
					return []move{s.pages[round%len(s.pages)].all(image.Point{}), code}
				case i <= typing:
					row, column := i/columns, i%columns
					from := image.Rect(4+column*width, row*lineHeight, 4+(column+1)*width, (row+1)*lineHeight)
					return []move{{xproto.Drawable(s.lines.id), from, image.Pt(400+column*width, 300+row*lineHeight)}, code}
				case i <= typing+wheel:
					return []move{scroll(s.tall, i-typing, 3*lineHeight), code}
				}
				return []move{code} // the customer reads
			}},
	}
}

// play plays a scene and measures it. Codes rise through all scenes.
func (o *office) play(ctx context.Context, g *glass, agent *stage.Agent, sc scene, next *int) (measured, error) {
	m := measured{scene: sc.name}
	if err := sc.begin(); err != nil {
		return m, err
	}
	if sc.every == 0 {
		if err := wait(ctx, 2*warm); err != nil {
			return m, err
		}
		from, err := o.read(agent)
		if err != nil {
			return m, err
		}
		if err := wait(ctx, sc.last); err != nil {
			return m, err
		}
		to, err := o.read(agent)
		m.use = to.since(from)
		return m, err
	}
	i := 0
	if _, err := o.steps(ctx, g, sc, &i, next, warm, false); err != nil {
		return m, err
	}
	from, err := o.read(agent)
	if err != nil {
		return m, err
	}
	m.step, m.first = i, *next
	var samples []scrollSample
	if sc.still {
		g.samples = &samples
		defer func() { g.samples = nil }()
	}
	w, err := o.steps(ctx, g, sc, &i, next, sc.last, true)
	if err != nil {
		return m, err
	}
	to, err := o.read(agent)
	m.use = to.since(from)
	m.latency, m.changes, m.looks, m.painted = w.latencies(), len(w.painted), w.looks, w.painted
	if sc.still && err == nil {
		m.ssim, err = o.similarity(sc, m, samples)
	}
	return m, err
}

// steps paints the changes of a scene for some time, and watches them if wanted.
func (o *office) steps(ctx context.Context, g *glass, sc scene, i, next *int, during time.Duration, watched bool) (*watch, error) {
	w := &watch{first: *next}
	watching, stop := context.WithCancel(ctx)
	defer stop()
	followed := make(chan error, 1)
	if watched {
		go func() { followed <- g.follow(watching, w, sc.code) }()
	} else {
		followed <- nil
	}
	until := time.Now().Add(during)
	due := time.Now()
	for time.Now().Before(until) {
		if err := sc.ready(*i, *next); err != nil {
			return w, err
		}
		due = due.Add(sc.every)
		if sc.shake > 0 {
			due = due.Add(rand.N(sc.shake))
		}
		if err := wait(ctx, time.Until(due)); err != nil {
			return w, err
		}
		*next = w.paint() + 1
		if err := o.paint.copy(sc.step(*i, *next-1)...); err != nil {
			return w, err
		}
		*i++
	}
	if watched {
		// What is on its way may arrive.
		arriving, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		_ = stage.Until(arriving, "last change", w.all) // what never arrives is counted as such
	}
	stop()
	return w, <-followed
}

// read reads all meters.
func (o *office) read(agent *stage.Agent) (reading, error) {
	var r reading
	var err error
	if r.got, err = receive(o.console); err != nil {
		return r, err
	}
	if r.agent, err = familyCPU(agent.PID(), ""); err != nil {
		return r, err
	}
	if r.broker, err = cpuOf(o.broker.PID()); err != nil {
		return r, err
	}
	if r.browser, err = familyCPU(os.Getpid(), "chromium"); err != nil {
		return r, err
	}
	if r.stage, err = familyCPU(os.Getpid(), ""); err != nil {
		return r, err
	}
	if r.all, err = machineCPU(); err != nil {
		return r, err
	}
	r.at = time.Now()
	return r, nil
}

// wait waits for a while; none for a negative one.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("benchmark: %w", ctx.Err())
	}
}
