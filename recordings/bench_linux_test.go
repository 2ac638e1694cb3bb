package recordings

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// BenchmarkSeal is one second of a session without its content: a small event,
// the seal, and the wait for the disk.
func BenchmarkSeal(b *testing.B) {
	s := newSetup(b)
	w := s.create(b)
	at := time.Duration(0)
	for b.Loop() {
		at += time.Second
		must(b, w.Append(TrackEvents, 0, at%time.Hour, 0, []byte(`{"code":"test.tick"}`)))
		_, err := w.Seal()
		must(b, err)
	}
	_, err := w.Close()
	must(b, err)
}

// BenchmarkAppendVideo is a fragment of 60 kB: encryption, hash and write.
func BenchmarkAppendVideo(b *testing.B) {
	s := newSetup(b)
	w := s.create(b)
	body := bytes.Repeat([]byte{7}, 60_000)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	at := time.Duration(0)
	for b.Loop() {
		at += time.Second
		must(b, w.Append(TrackVideo, 0, at%time.Hour, time.Second, body))
	}
	_, err := w.Close()
	must(b, err)
}

// BenchmarkScan verifies an hour of a session at 16 kB a second, 60 MB.
func BenchmarkScan(b *testing.B) {
	s := newSetup(b)
	w := s.create(b)
	body := bytes.Repeat([]byte{7}, 16_000)
	for n := range 3600 {
		must(b, w.Append(TrackVideo, 0, time.Duration(n)*time.Second, time.Second, body))
		if n%60 == 59 { // the disk's time is measured elsewhere
			_, err := w.Seal()
			must(b, err)
		}
	}
	_, err := w.Close()
	must(b, err)
	file, err := os.ReadFile(w.Path())
	must(b, err)
	b.SetBytes(int64(len(file)))
	for b.Loop() {
		rep, err := Scan(bytes.NewReader(file), ScanOptions{})
		must(b, err)
		if rep.Verdict != Unanchored {
			b.Fatal(rep.Fault)
		}
	}
}

// BenchmarkLive is one second of 1, 50 and 200 sessions at once, each with 60 kB
// of video and an event: how long a seal takes to be on the disk, and what of a
// core a session costs.
func BenchmarkLive(b *testing.B) {
	for _, sessions := range []int{1, 50, 200} {
		b.Run(strconv.Itoa(sessions), func(b *testing.B) {
			writers := make([]*Writer, sessions)
			for i := range writers {
				writers[i] = newSetup(b).create(b)
			}
			body := bytes.Repeat([]byte{7}, 60_000)
			took := make([]time.Duration, 0, 1024)
			var mu sync.Mutex
			before, at := cpuTime(b), time.Duration(0)
			for b.Loop() {
				at += time.Second
				var wait sync.WaitGroup
				for _, w := range writers {
					wait.Go(func() {
						err := errors.Join(w.Append(TrackVideo, 0, at%time.Hour, time.Second, body), w.Append(TrackEvents, 0, at%time.Hour, 0, []byte(`{"code":"test.tick"}`)))
						begin := time.Now()
						_, sealed := w.Seal()
						d := time.Since(begin)
						mu.Lock()
						defer mu.Unlock()
						took = append(took, d)
						if err = errors.Join(err, sealed); err != nil {
							b.Error(err)
						}
					})
				}
				wait.Wait()
			}
			cpu := cpuTime(b) - before
			slices.Sort(took)
			seconds := float64(len(took)) // of one session
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "seal-p50-ms")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "seal-p99-ms")
			b.ReportMetric(cpu.Seconds()/seconds*100, "%core/session")
			info, err := os.Stat(writers[0].Path())
			must(b, err)
			b.ReportMetric((float64(info.Size())*float64(sessions)-seconds*float64(len(body)))/seconds, "overhead-B/s")
			for _, w := range writers {
				_, err := w.Close()
				must(b, err)
			}
		})
	}
}

// cpuTime is what this process has used, user and system.
func cpuTime(b *testing.B) time.Duration {
	var u unix.Rusage
	must(b, unix.Getrusage(unix.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
