package stream_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jezek/xgb/xproto"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"

	"consento/agent/internal/capture"
	"consento/agent/internal/encode"
	"consento/agent/internal/stream"
	"consento/agent/internal/xtest"
)

// patience is how long a test waits for what has to come: machines are busy.
const patience = 60 * time.Second

// receiver keeps every packet and checks what a network needs of it.
type receiver struct {
	t  testing.TB
	mu sync.Mutex
	// units are the temporal units put together again, without delimiters.
	units  [][]byte
	packet int
	last   uint16
	depack codecs.AV1Depacketizer
	unit   []byte
	frames chan stream.FrameInfo
	failed error
}

func newReceiver(t testing.TB) *receiver {
	return &receiver{t: t, frames: make(chan stream.FrameInfo, 10000)}
}

func (r *receiver) WriteRTP(p *rtp.Packet) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed != nil {
		return r.failed
	}
	if p.MarshalSize() > 1200 {
		r.t.Errorf("packet of %d bytes", p.MarshalSize())
	}
	if r.packet > 0 && p.SequenceNumber != r.last+1 {
		r.t.Errorf("sequence number %d after %d", p.SequenceNumber, r.last)
	}
	r.last = p.SequenceNumber
	r.packet++
	if len(p.Payload) == 0 {
		return nil // one that follows a frame
	}
	part, err := r.depack.Unmarshal(p.Payload)
	if err != nil {
		r.t.Errorf("packet %d: %v", r.packet, err)
	}
	r.unit = append(r.unit, part...)
	if p.Marker {
		r.units = append(r.units, r.unit)
		r.unit = nil
	}
	return nil
}

func (r *receiver) packets() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.packet
}

// next waits for a frame for which ok holds.
func (r *receiver) next(ok func(stream.FrameInfo) bool) stream.FrameInfo {
	r.t.Helper()
	limit := time.After(patience)
	for {
		select {
		case f := <-r.frames:
			if ok(f) {
				return f
			}
		case <-limit:
			r.t.Fatal("frame did not come")
		}
	}
}

func anyFrame(stream.FrameInfo) bool { return true }

// start runs a stream until the test ends or stop is called; the channel gives
// what Run returned.
func start(t testing.TB, src stream.Source, r *receiver) (s *stream.Stream, stop func() error) {
	t.Helper()
	s, err := stream.New(stream.Config{Source: src, Sender: r, OnFrame: func(f stream.FrameInfo) { r.frames <- f }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() { result <- s.Run(ctx) }()
	stop = sync.OnceValue(func() error {
		cancel()
		return <-result
	})
	t.Cleanup(func() { stop() })
	return s, stop
}

func openDisplay(t testing.TB, w, h int) (string, *capture.Source) {
	t.Helper()
	display := xtest.Server(t, w, h)
	src, err := capture.Open(display, capture.Target{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { src.Close() })
	return display, src
}

// decode gives the luma planes of all frames, decoded by ffmpeg.
func (r *receiver) decode(size image.Point) [][]byte {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	// IVF: a header of 32 bytes, then each frame with size and time.
	var f bytes.Buffer
	f.WriteString("DKIF\x00\x00\x20\x00AV01")
	binary.Write(&f, binary.LittleEndian, []uint16{uint16(size.X), uint16(size.Y)})
	binary.Write(&f, binary.LittleEndian, []uint32{30, 1, uint32(len(r.units)), 0})
	for i, u := range r.units {
		binary.Write(&f, binary.LittleEndian, uint32(len(u)+2))
		binary.Write(&f, binary.LittleEndian, uint64(i))
		f.Write([]byte{0x12, 0}) // temporal delimiter, left out on the wire
		f.Write(u)
	}
	file := filepath.Join(r.t.TempDir(), "s.ivf")
	if err := os.WriteFile(file, f.Bytes(), 0o600); err != nil {
		r.t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd := exec.Command("ffmpeg", "-v", "error", "-c:v", "libdav1d", "-i", file, "-vsync", "passthrough", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-")
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		r.t.Fatalf("ffmpeg: %v\n%s", err, stderr.String())
	}
	frame := size.X*size.Y + 2*((size.X+1)/2)*((size.Y+1)/2)
	if len(out) != frame*len(r.units) {
		r.t.Fatalf("%d bytes decoded of %d frames of %v", len(out), len(r.units), size)
	}
	luma := make([][]byte, len(r.units))
	for i := range luma {
		luma[i] = out[i*frame:][:size.X*size.Y]
	}
	return luma
}

// psnr compares luma with the pixels of the display, in dB.
func psnr(luma []byte, f capture.Frame) float64 {
	var sum float64
	for y := range f.Size.Y {
		for x := range f.Size.X {
			p := f.Pix[y*f.Stride+x*4:]
			// BT.601 in studio range.
			want := 16 + (65.481*float64(p[2])+128.553*float64(p[1])+24.966*float64(p[0]))/255
			d := want - float64(luma[y*f.Size.X+x])
			sum += d * d
		}
	}
	return 10 * math.Log10(255*255/(sum/float64(len(luma))+1e-9))
}

func lines(n, from int) []string {
	var l []string
	for i := range n {
		l = append(l, fmt.Sprintf("%5d The quick brown fox jumps over the lazy dog; 0123456789 {}[]() #%08x", from+i, (from+i)*2654435761))
	}
	return l
}

func TestPictureIsSharpSoonAfterAChange(t *testing.T) {
	size := image.Pt(1281, 799)
	display, src := openDisplay(t, size.X, size.Y)
	paint := xtest.NewPainter(t, display)
	all := image.Rectangle{Max: size}
	truth, err := capture.Open(display, capture.Target{})
	if err != nil {
		t.Fatal(err)
	}
	defer truth.Close()
	r := newReceiver(t)
	seen := &keeper{Source: src}
	_, stop := start(t, seen, r)
	r.next(anyFrame)
	var painted capture.Frame
	for i := range 3 {
		paint.Fill(t, 0xffffff, all)
		paint.Text(t, image.Pt(20, 20), 14, lines(55, i*1000)...)
		if painted, err = truth.Grab(t.Context()); err != nil {
			t.Fatal(err)
		}
		// A frame may be sharp before the painting, or in the midst of it.
		r.next(func(f stream.FrameInfo) bool {
			at, same := seen.shows(painted)
			return sharp(f) && same && !f.Captured.Before(at)
		})
	}
	stop()
	luma := r.decode(size)
	got := psnr(luma[len(luma)-1], painted)
	t.Logf("luma PSNR %.1f dB, %d frames", got, len(luma))
	if got < 40 {
		t.Errorf("luma PSNR is %.1f dB", got)
	}
}

// A new page after a rest comes as a draft at once, and sharp with the second frame
// after it; a program that paints its window anew without a change causes none.
func TestNewPageIsDraftedFirst(t *testing.T) {
	size := image.Pt(1280, 800)
	display, src := openDisplay(t, size.X, size.Y)
	paint := xtest.NewPainter(t, display)
	pages := make([]xproto.Drawable, 2)
	for i := range pages {
		id, err := xproto.NewPixmapId(paint.Conn)
		if err != nil {
			t.Fatal(err)
		}
		pages[i] = xproto.Drawable(id)
		xproto.CreatePixmap(paint.Conn, 24, id, xproto.Drawable(paint.Root), uint16(size.X), uint16(size.Y))
		paint.ImageOn(t, pages[i], image.Point{}, size, photo(image.Pt(size.X, size.Y*(i+1)))[size.X*size.Y*4*i:])
	}
	paint.Copy(t, pages[0], image.Point{}, size)
	r := newReceiver(t)
	_, stop := start(t, src, r)
	if f := r.next(anyFrame); !f.Key || f.Quantizer <= encode.Coarsest {
		t.Errorf("the first frame is no draft: %+v", f)
	}
	heartbeat := func() { // the display rests, all was sent
		var last time.Time
		r.next(func(f stream.FrameInfo) bool {
			pause := f.Captured.Sub(last)
			last = f.Captured
			return sharp(f) && pause > time.Second && pause < time.Minute
		})
	}
	heartbeat()
	began := time.Now()
	paint.Copy(t, pages[1], image.Point{}, size)
	var quantizers []int
	r.next(func(f stream.FrameInfo) bool {
		if f.Captured.Before(began) {
			return false // another heartbeat
		}
		quantizers = append(quantizers, f.Quantizer)
		return sharp(f) && f.Bytes > 1000
	})
	if n := len(quantizers); n < 2 || n > 3 || quantizers[0] <= encode.Coarsest || quantizers[1] > 20 {
		t.Errorf("a new page came with quantizers %v", quantizers)
	}
	heartbeat()
	paint.Copy(t, pages[1], image.Point{}, size)
	if f := r.next(anyFrame); f.Quantizer > encode.Coarsest {
		t.Errorf("the same again came with quantizer %d", f.Quantizer)
	}
	stop()
}

// keeper keeps the last pixels that were taken from a source.
type keeper struct {
	stream.Source
	mu   sync.Mutex
	last capture.Frame
}

func (k *keeper) Grab(ctx context.Context) (capture.Frame, error) {
	f, err := k.Source.Grab(ctx)
	if err == nil {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.last = f
		k.last.Pix = bytes.Clone(f.Pix)
	}
	return f, err
}

// shows says when the last pixels were taken, and whether they are those of want.
func (k *keeper) shows(want capture.Frame) (time.Time, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.last.At, k.last.Size == want.Size && bytes.Equal(k.last.Pix, want.Pix)
}

// sharp accepts the frame that ends a refinement.
func sharp(f stream.FrameInfo) bool { return !f.Key && f.Quantizer <= 8 }

// A key stroke on a sharp picture is one frame, not a refinement, and it is
// still exactly there.
func TestSmallChangeIsOneSharpFrame(t *testing.T) {
	size := image.Pt(800, 600)
	display, src := openDisplay(t, size.X, size.Y)
	paint := xtest.NewPainter(t, display)
	paint.Fill(t, 0xffffff, image.Rectangle{Max: size})
	paint.Text(t, image.Pt(20, 20), 14, lines(40, 0)...)
	truth, err := capture.Open(display, capture.Target{})
	if err != nil {
		t.Fatal(err)
	}
	defer truth.Close()
	r := newReceiver(t)
	seen := &keeper{Source: src}
	_, stop := start(t, seen, r)
	r.next(sharp)
	paint.Text(t, image.Pt(300, 590), 14, "x")
	painted, err := truth.Grab(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f := r.next(func(f stream.FrameInfo) bool { // a heartbeat may have come in between
		at, same := seen.shows(painted)
		return same && !f.Captured.Before(at)
	})
	next := r.next(anyFrame)
	if pause := next.Captured.Sub(f.Captured); f.Quantizer <= 8 && pause < time.Second {
		t.Errorf("another frame %v after it", pause)
	}
	stop()
	luma := r.decode(size)
	grab, err := src.Grab(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := psnr(luma[len(luma)-1], grab); got < 45 {
		t.Errorf("luma PSNR is %.1f dB", got)
	}
}

func TestOnlyHeartbeatsAtRest(t *testing.T) {
	_, src := openDisplay(t, 800, 600)
	r := newReceiver(t)
	start(t, src, r)
	last := r.next(sharp)
	for range 2 {
		f := r.next(anyFrame)
		if pause := f.Captured.Sub(last.Captured); pause < 1900*time.Millisecond {
			t.Errorf("heartbeat after %v", pause)
		}
		if f.Key || f.Bytes > 1000 {
			t.Errorf("heartbeat of %d bytes, key %v", f.Bytes, f.Key)
		}
		last = f
	}
}

// moments lets a test act at a moment of a stream, on the goroutine of Run.
type moments struct {
	stream.Source
	*receiver
	at    func(moment) // called at each of them
	sharp bool         // the last frame
}

type moment string

const (
	capturing moment = "capturing" // the display is being asked
	captured  moment = "captured"  // its pixels go to the encoder next
	sending   moment = "sending"   // a packet went out
	sent      moment = "sent"      // a whole frame did
	resting   moment = "resting"   // the picture is sharp, and nothing is to be done
)

func (m *moments) Grab(ctx context.Context) (capture.Frame, error) {
	f, err := m.Source.Grab(watched{ctx, func() { m.at(capturing) }})
	m.at(captured)
	return f, err
}

func (m *moments) Changed() <-chan struct{} {
	c := m.Source.Changed()
	if m.sharp && len(c) == 0 {
		m.at(resting)
	}
	return c
}

func (m *moments) WriteRTP(p *rtp.Packet) error {
	err := m.receiver.WriteRTP(p)
	m.at(sending)
	return err
}

// watched is a context that tells when somebody begins to watch its end, as the
// display's connection does when it asks the display.
type watched struct {
	context.Context
	begins func()
}

func (w watched) Done() <-chan struct{} {
	w.begins()
	return w.Context.Done()
}

func TestNothingAfterCancel(t *testing.T) {
	display, _ := openDisplay(t, 1920, 1080)
	paint := xtest.NewPainter(t, display)
	for _, c := range []struct {
		at     moment
		nth    int
		rested bool // count from the change of a picture that was sharp
	}{
		{capturing, 1, false}, {captured, 1, false}, {sending, 1, false}, {sending, 2, false},
		{sending, 16, false}, // a pause comes next
		{sending, 20, false}, {sent, 1, false}, {sent, 2, false}, {resting, 1, false},
		{capturing, 1, true}, {captured, 1, true}, {sending, 1, true}, {sent, 1, true},
	} {
		t.Run(fmt.Sprintf("%s %d, rested %t", c.at, c.nth, c.rested), func(t *testing.T) {
			// Of its own: a display that is asked at the end may be given up.
			src, err := capture.Open(display, capture.Target{})
			if err != nil {
				t.Fatal(err)
			}
			defer src.Close()
			draw := func(colour uint32) {
				paint.Fill(t, colour, image.Rect(0, 0, 1920, 1080))
				paint.Text(t, image.Pt(20, 20), 14, lines(70, c.nth)...)
			}
			draw(0xffffff)
			ctx, cancel := context.WithCancel(t.Context())
			var running sync.WaitGroup
			defer func() { cancel(); running.Wait() }()
			var armed atomic.Bool
			var seen, packets int
			var cancelled time.Time
			r := newReceiver(t)
			m := &moments{Source: src, receiver: r}
			m.at = func(now moment) {
				if now != c.at || !armed.Load() {
					return
				}
				if seen++; seen == c.nth {
					packets, cancelled = r.packets(), time.Now()
					cancel()
				}
			}
			s, err := stream.New(stream.Config{Source: m, Sender: m, OnFrame: func(f stream.FrameInfo) {
				r.frames <- f
				m.sharp = sharp(f)
				m.at(sent)
			}})
			if err != nil {
				t.Fatal(err)
			}
			armed.Store(!c.rested)
			result := make(chan error, 1)
			running.Go(func() { result <- s.Run(ctx) })
			if c.rested {
				r.next(sharp)
				armed.Store(true)
				draw(0x336699)
			}
			select {
			case err = <-result:
			case <-time.After(patience):
				t.Fatal("Run goes on")
			}
			t.Logf("Run took %v to return", time.Since(cancelled)) // the target is 100 ms: make bench
			if !errors.Is(err, context.Canceled) {
				t.Errorf("Run: %v", err)
			}
			// Whatever it left behind has ended when the next Run returns.
			draw(0x993366)
			if err := s.Run(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("Run with an ended context: %v", err)
			}
			if more := r.packets() - packets; more > 0 {
				t.Errorf("%d packets after the end", more)
			}
			close(r.frames)
			for f := range r.frames {
				if f.Captured.After(cancelled) {
					t.Errorf("sent a frame captured %v after cancel", f.Captured.Sub(cancelled))
				}
			}
		})
	}
}

// A second Run goes on where the first one stopped, as after a pause.
func TestRunAgain(t *testing.T) {
	display, src := openDisplay(t, 320, 200)
	paint := xtest.NewPainter(t, display)
	r := newReceiver(t) // checks that sequence numbers have no gap
	s, err := stream.New(stream.Config{Source: src, Sender: r, OnFrame: func(f stream.FrameInfo) { r.frames <- f }})
	if err != nil {
		t.Fatal(err)
	}
	for round := range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan error, 1)
		go func() { result <- s.Run(ctx) }()
		if f := r.next(anyFrame); !f.Key {
			t.Errorf("round %d does not begin with a key frame", round)
		}
		r.next(sharp)
		cancel()
		<-result
		for len(r.frames) > 0 {
			<-r.frames
		}
		// Drawn while nobody looks, must be seen in the next round.
		paint.Fill(t, 0x336699, image.Rect(50, 50, 250, 150))
	}
	luma := r.decode(image.Pt(320, 200))
	if got := luma[len(luma)-1][100*320+150]; got < 90 || got > 110 {
		t.Errorf("luma of what was drawn in between is %d", got)
	}
	if n := s.Stats().KeyFrames; n != 2 {
		t.Errorf("%d key frames", n)
	}
}

func TestKeyFrameRequests(t *testing.T) {
	_, src := openDisplay(t, 640, 480)
	r := newReceiver(t)
	s, _ := start(t, src, r)
	first := r.next(anyFrame)
	if !first.Key {
		t.Fatal("first frame is no key frame")
	}
	r.next(sharp)
	s.RequestKeyFrame()
	key := func(f stream.FrameInfo) bool { return f.Key }
	second := r.next(key)
	for range 20 {
		s.RequestKeyFrame()
	}
	third := r.next(key)
	if d := third.Captured.Sub(second.Captured); d < 500*time.Millisecond {
		t.Errorf("key frames %v apart", d)
	}
	r.next(sharp)
	if n := s.Stats().KeyFrames; n > 4 {
		t.Errorf("%d key frames for 21 requests", n)
	}
}

func TestResize(t *testing.T) {
	display, src := openDisplay(t, 1024, 768)
	r := newReceiver(t)
	start(t, src, r)
	r.next(sharp)
	size := image.Pt(801, 600)
	xtest.Resize(t, display, size)
	f := r.next(func(f stream.FrameInfo) bool { return f.Size == size })
	if !f.Key {
		t.Error("the first frame of the new size is no key frame")
	}
}

func TestErrorsReachTheCaller(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()
	t.Run("display lost", func(t *testing.T) {
		display, server := xtest.ServerProcess(t, 320, 200, 24)
		src, err := capture.Open(display, capture.Target{})
		if err != nil {
			t.Fatal(err)
		}
		defer src.Close()
		r := newReceiver(t)
		s, err := stream.New(stream.Config{Source: src, Sender: r, OnFrame: func(f stream.FrameInfo) { r.frames <- f }})
		if err != nil {
			t.Fatal(err)
		}
		result := make(chan error, 1)
		go func() { result <- s.Run(ctx) }()
		r.next(sharp)
		server.Kill()
		if err := <-result; !errors.Is(err, capture.ErrLost) {
			t.Errorf("Run: %v", err)
		}
	})
	t.Run("encoder", func(t *testing.T) {
		_, src := openDisplay(t, 320, 200)
		// More than the encoder takes.
		s, err := stream.New(stream.Config{Source: src, Sender: newReceiver(t), Bitrate: 1 << 40})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Run(ctx); !errors.Is(err, encode.ErrEncoder) {
			t.Errorf("Run: %v", err)
		}
	})
	t.Run("sender", func(t *testing.T) {
		_, src := openDisplay(t, 320, 200)
		r := newReceiver(t)
		r.failed = errors.New("closed")
		s, err := stream.New(stream.Config{Source: src, Sender: r})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Run(ctx); !errors.Is(err, stream.ErrSend) || !errors.Is(err, r.failed) {
			t.Errorf("Run: %v", err)
		}
	})
}

func TestBadConfig(t *testing.T) {
	good := stream.Config{Source: &capture.Source{}, Sender: newReceiver(t)}
	if _, err := stream.New(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*stream.Config){
		"no source": func(c *stream.Config) { c.Source = nil },
		"no sender": func(c *stream.Config) { c.Sender = nil },
		"rate":      func(c *stream.Config) { c.Bitrate = -1 },
		"too fast":  func(c *stream.Config) { c.MaxFPS = 1000 },
		"backwards": func(c *stream.Config) { c.MaxFPS = -1 },
		"no CPU":    func(c *stream.Config) { c.CPU = 0.001 },
		"odd CPU":   func(c *stream.Config) { c.CPU = math.NaN() },
	} {
		cfg := good
		change(&cfg)
		if _, err := stream.New(cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
