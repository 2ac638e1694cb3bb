package stream_test

import (
	"context"
	"errors"
	"fmt"
	"image"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/jezek/xgb/xproto"
	"github.com/pion/rtp"

	"consento/agent/internal/capture"
	"consento/agent/internal/stream"
	"consento/agent/internal/xtest"
)

// The benchmarks run the whole agent side of the picture on a real display of
// 1920x1080 for a few seconds each and report what it costs and sends. The
// figures that count are the metrics; ns/op means nothing here. They let time
// pass, as no test does: load at a steady pace, and what comes of it after so
// many milliseconds, are what they measure.

var hd = image.Pt(1920, 1080)

// discard counts what a network would carry.
type discard struct{ bytes int }

func (d *discard) WriteRTP(p *rtp.Packet) error {
	d.bytes += p.MarshalSize()
	return nil
}

func cpu() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// measure streams the display while act goes on and reports.
func measure(b *testing.B, display string, during time.Duration, act func(ctx context.Context, i int), every time.Duration) {
	src, err := capture.Open(display, capture.Target{})
	if err != nil {
		b.Fatal(err)
	}
	defer src.Close()
	var frames []stream.FrameInfo
	var latency []time.Duration
	d := &discard{}
	s, err := stream.New(stream.Config{Source: src, Sender: d, OnFrame: func(f stream.FrameInfo) {
		frames = append(frames, f)
		latency = append(latency, time.Since(f.Captured))
	}})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		ctx, cancel := context.WithTimeout(b.Context(), during+2*time.Second)
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		// The first key frame and its refinement are not what is measured.
		settled := time.After(2 * time.Second)
		if act == nil {
			<-settled
		} else {
			ticks(ctx, every, settled, act)
		}
		before, cpuBefore, bytesBefore := s.Stats(), cpu(), d.bytes
		if act == nil {
			<-ctx.Done()
		} else {
			ticks(ctx, every, nil, act)
		}
		if err := <-done; !errors.Is(err, context.DeadlineExceeded) {
			b.Fatal(err)
		}
		cancel()
		used := cpu() - cpuBefore
		after := s.Stats()
		n := after.Frames - before.Frames
		tail := latency[len(latency)-int(n):]
		slices.Sort(tail)
		b.ReportMetric(100*used.Seconds()/during.Seconds(), "%cpu")
		b.ReportMetric(float64(n)/during.Seconds(), "fps")
		b.ReportMetric(float64(d.bytes-bytesBefore)*8/1000/during.Seconds(), "kbit/s")
		if n > 0 {
			b.ReportMetric(used.Seconds()*1000/float64(n), "cpu-ms/frame")
			b.ReportMetric(100*(after.CPU-before.CPU).Seconds()/during.Seconds(), "%cpu-encode")
			b.ReportMetric((after.Encode-before.Encode).Seconds()*1000/float64(n), "encode-ms/frame")
			b.ReportMetric(tail[len(tail)/2].Seconds()*1000, "sent-ms-p50")
			b.ReportMetric(tail[len(tail)*95/100].Seconds()*1000, "sent-ms-p95")
		}
		q := 0
		for _, f := range frames[len(frames)-int(n):] {
			q += f.Quantizer
		}
		b.ReportMetric(float64(q)/float64(max(n, 1)), "quantizer")
	}
}

// ticks calls act at a steady pace until ctx or end.
func ticks(ctx context.Context, every time.Duration, end <-chan time.Time, act func(context.Context, int)) {
	t := time.NewTicker(every)
	defer t.Stop()
	for i := 0; ; i++ {
		act(ctx, i)
		select {
		case <-ctx.Done():
			return
		case <-end:
			return
		case <-t.C:
		}
	}
}

func white(b *testing.B) (string, *xtest.Painter) {
	display := xtest.Server(b, hd.X, hd.Y)
	p := xtest.NewPainter(b, display)
	p.Fill(b, 0xffffff, image.Rectangle{Max: hd})
	p.Text(b, image.Pt(20, 20), 14, lines(75, 0)...)
	return display, p
}

func BenchmarkIdle(b *testing.B) {
	display, _ := white(b)
	measure(b, display, 8*time.Second, nil, 0)
}

func BenchmarkTyping(b *testing.B) {
	display, p := white(b)
	text := lines(1, 0)[0]
	measure(b, display, 6*time.Second, func(_ context.Context, i int) {
		n := 1 + i%len(text)
		p.Text(b, image.Pt(900+6*(n-1), 400+(i/len(text))*14), 14, text[n-1:n])
	}, 100*time.Millisecond)
}

// BenchmarkScroll is a terminal over the whole screen that prints 30 lines a second.
func BenchmarkScroll(b *testing.B) {
	display, _ := white(b)
	xtest.Start(b, display, "xterm", "-geometry", "320x83+0+0", "-b", "0", "-bw", "0", "-e", "sh", "-c",
		`i=0; while :; do i=$((i+1)); echo "$i The quick brown fox jumps over the lazy dog $((i*2654435761)) {}[]() and some more text to fill the line $((i*40503)) $i"; sleep 0.032; done`)
	measure(b, display, 6*time.Second, nil, 0)
}

// BenchmarkPhoto scrolls a picture with much detail over the whole screen.
func BenchmarkPhoto(b *testing.B) {
	display, p := white(b)
	tall := image.Pt(hd.X, hd.Y+1000)
	pix := photo(tall)
	var id xproto.Pixmap
	id, err := xproto.NewPixmapId(p.Conn)
	if err != nil {
		b.Fatal(err)
	}
	xproto.CreatePixmap(p.Conn, 24, id, xproto.Drawable(p.Root), uint16(tall.X), uint16(tall.Y))
	p.ImageOn(b, xproto.Drawable(id), image.Point{}, tall, pix)
	measure(b, display, 6*time.Second, func(_ context.Context, i int) {
		p.Copy(b, xproto.Drawable(id), image.Pt(0, i*12%1000), hd)
	}, 33*time.Millisecond)
}

// BenchmarkPage changes the whole screen once a second.
func BenchmarkPage(b *testing.B) {
	display, p := white(b)
	measure(b, display, 8*time.Second, func(_ context.Context, i int) {
		page(b, p, i)
	}, time.Second)
}

func page(t testing.TB, p *xtest.Painter, i int) {
	p.Fill(t, []uint32{0xffffff, 0xf0f4f8, 0xfffbe6}[i%3], image.Rectangle{Max: hd})
	p.Fill(t, []uint32{0x0066cc, 0x17324d, 0x008055}[i%3], image.Rect(0, 0, hd.X, 60+i%3*20))
	p.Text(t, image.Pt(40+i%5*16, 120), 14, lines(66, i*100)...)
	p.Text(t, image.Pt(900+i%5*16, 123), 15, lines(60, i*177)...)
}

// photo is a picture of smooth areas, edges and fine noise.
func photo(size image.Point) []byte {
	rnd := rand.New(rand.NewPCG(1, 2))
	pix := make([]byte, size.X*size.Y*4)
	const cell = 24
	gw := size.X/cell + 2
	grid := make([][3]float64, gw*(size.Y/cell+2))
	for i := range grid {
		grid[i] = [3]float64{rnd.Float64() * 255, rnd.Float64() * 255, rnd.Float64() * 255}
	}
	for y := range size.Y {
		for x := range size.X {
			gx, gy := x/cell, y/cell
			fx, fy := float64(x%cell)/cell, float64(y%cell)/cell
			n := rnd.Float64()*4 - 2
			for c := range 3 {
				top := grid[gy*gw+gx][c]*(1-fx) + grid[gy*gw+gx+1][c]*fx
				bottom := grid[(gy+1)*gw+gx][c]*(1-fx) + grid[(gy+1)*gw+gx+1][c]*fx
				pix[(y*size.X+x)*4+c] = byte(max(0, min(255, top*(1-fy)+bottom*fy+n)))
			}
		}
	}
	return pix
}

// sampler keeps the pixels of every tenth frame of a source.
type sampler struct {
	stream.Source
	n      int
	frames map[time.Time]capture.Frame
}

func (s *sampler) Grab(ctx context.Context) (capture.Frame, error) {
	f, err := s.Source.Grab(ctx)
	if err == nil && len(f.Damage) > 0 {
		if s.n++; s.n%10 == 0 {
			c := f
			c.Pix = slices.Clone(f.Pix)
			s.frames[f.At] = c
		}
	}
	return f, err
}

// BenchmarkSharpScroll reports how sharp the picture is while it scrolls.
func BenchmarkSharpScroll(b *testing.B) {
	display, p := white(b)
	src, err := capture.Open(display, capture.Target{})
	if err != nil {
		b.Fatal(err)
	}
	defer src.Close()
	for b.Loop() {
		sample := &sampler{Source: src, frames: map[time.Time]capture.Frame{}}
		r := newReceiver(b)
		ctx, cancel := context.WithTimeout(b.Context(), 4*time.Second)
		_, stop := start(b, sample, r)
		i := 0
		ticks(ctx, 33*time.Millisecond, nil, func(context.Context, int) {
			p.Copy(b, xproto.Drawable(p.Root), image.Pt(0, 14), image.Pt(hd.X, hd.Y-14))
			p.Fill(b, 0xffffff, image.Rect(0, hd.Y-14, hd.X, hd.Y))
			p.Text(b, image.Pt(20, hd.Y-4), 14, lines(1, i)...)
			i++
		})
		cancel()
		stop()
		var all []float64
		luma := r.decode(hd)
		for k := range luma {
			info := <-r.frames
			if f, ok := sample.frames[info.Captured]; ok && !info.Key {
				all = append(all, psnr(luma[k], f))
			}
		}
		slices.Sort(all)
		b.ReportMetric(all[len(all)/2], "dB-p50")
		b.ReportMetric(all[0], "dB-min")
	}
}

// BenchmarkSharpPage reports how sharp the picture is some time after the whole
// screen changed.
func BenchmarkSharpPage(b *testing.B) {
	display, p := white(b)
	src, err := capture.Open(display, capture.Target{})
	if err != nil {
		b.Fatal(err)
	}
	defer src.Close()
	truth, err := capture.Open(display, capture.Target{})
	if err != nil {
		b.Fatal(err)
	}
	defer truth.Close()
	after := []time.Duration{100 * time.Millisecond, 200 * time.Millisecond, 300 * time.Millisecond, 400 * time.Millisecond, time.Second}
	for b.Loop() {
		r := newReceiver(b)
		_, stop := start(b, src, r)
		<-time.After(2 * time.Second)
		type look struct{ change, wait, frame int }
		var looks []look
		var truths []capture.Frame
		for i := range 4 {
			began := time.Now()
			page(b, p, i)
			for k, d := range after {
				<-time.After(d - time.Since(began))
				r.mu.Lock()
				looks = append(looks, look{i, k, len(r.units) - 1})
				r.mu.Unlock()
			}
			f, err := truth.Grab(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			f.Pix = slices.Clone(f.Pix)
			truths = append(truths, f)
		}
		stop()
		luma := r.decode(hd)
		worst := make([]float64, len(after))
		for _, l := range looks {
			if v := psnr(luma[l.frame], truths[l.change]); worst[l.wait] == 0 || v < worst[l.wait] {
				worst[l.wait] = v
			}
		}
		for k, d := range after {
			b.ReportMetric(worst[k], fmt.Sprintf("dB-%dms", d.Milliseconds()))
		}
	}
}
