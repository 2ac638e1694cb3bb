package capture_test

import (
	"image"
	"syscall"
	"testing"
	"time"

	"consento/agent/internal/xtest"
)

func BenchmarkGrab(b *testing.B) {
	for name, box := range map[string]image.Rectangle{
		"key stroke":   image.Rect(500, 500, 510, 520),
		"whole screen": image.Rect(0, 0, 1920, 1080),
	} {
		b.Run(name, func(b *testing.B) {
			display := xtest.Server(b, 1920, 1080)
			s := open(b, display)
			grab(b, s)
			paint := xtest.NewPainter(b, display)
			var colour uint32
			var used time.Duration
			for b.Loop() {
				b.StopTimer()
				colour += 0x10101
				paint.Fill(b, colour&0xffffff, box)
				changed(b, s)
				before := cpu()
				b.StartTimer()
				if f := grab(b, s); len(f.Damage) == 0 {
					b.Fatal("no damage")
				}
				b.StopTimer()
				used += cpu() - before
				b.StartTimer()
			}
			b.ReportMetric(used.Seconds()*1000/float64(b.N), "cpu-ms/grab")
		})
	}
}

func cpu() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// BenchmarkPointer reports what following the pointer costs, while it moves and
// while it rests.
func BenchmarkPointer(b *testing.B) {
	const during = 3 * time.Second
	display := xtest.Server(b, 1920, 1080)
	s := open(b, display)
	for name, moving := range map[string]bool{"moving": true, "resting": false} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if moving {
					xtest.Start(b, display, "sh", "-c", `i=0; while :; do i=$(((i+7)%1000)); xdotool mousemove $i $i; done`)
				}
				n := 0
				before := cpu()
				for end := time.After(during); end != nil; { // the time is what is measured
					select {
					case <-s.Pointer():
						n++
					case <-end:
						end = nil
					}
				}
				b.ReportMetric(100*(cpu()-before).Seconds()/during.Seconds(), "%cpu")
				b.ReportMetric(float64(n)/during.Seconds(), "states/s")
			}
		})
	}
}
