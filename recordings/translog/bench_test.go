package translog

import (
	"os"
	"slices"
	"sync"
	"testing"
	"time"
)

// BenchmarkAdd is one leaf at a time, each durable and under a checkpoint.
func BenchmarkAdd(b *testing.B) {
	l, _ := newLog(b)
	took := make([]time.Duration, 0, b.N)
	n := 0
	for b.Loop() {
		n++
		begin := time.Now()
		add(b, l, closed(n))
		took = append(took, time.Since(begin))
	}
	quantiles(b, took)
}

// BenchmarkAddShared is 50 at a time, which share commits.
func BenchmarkAddShared(b *testing.B) {
	l, _ := newLog(b)
	var mu sync.Mutex
	var took []time.Duration
	var wait sync.WaitGroup
	share := make(chan int)
	for range 50 {
		wait.Go(func() {
			for n := range share {
				begin := time.Now()
				_, err := l.Add(b.Context(), closed(n))
				d := time.Since(begin)
				mu.Lock()
				took = append(took, d)
				mu.Unlock()
				if err != nil {
					b.Error(err)
				}
			}
		})
	}
	n := 0
	for b.Loop() {
		n++
		share <- n
	}
	close(share)
	wait.Wait()
	quantiles(b, took)
}

func quantiles(b *testing.B, took []time.Duration) {
	slices.Sort(took)
	for name, q := range map[string]float64{"p50-ms": 0.5, "p99-ms": 0.99} {
		b.ReportMetric(float64(took[int(float64(len(took)-1)*q)].Microseconds())/1000, name)
	}
}

// BenchmarkAudit is a log of 10,000 sessions of ten leaves; it also reports the
// size of a session's proof.
func BenchmarkAudit(b *testing.B) {
	l, dir := newLog(b)
	for n := 0; n < 10_000; n += 100 {
		var leaves []Leaf
		for k := range 100 {
			o := opened(n + k)
			leaves = append(leaves, o)
			for h := range 8 {
				leaves = append(leaves, Heartbeat{[]Head{{o.SID, 0, uint64(h + 2), testHash(h)}}})
			}
			leaves = append(leaves, closed(n+k))
		}
		add(b, l, leaves...)
	}
	c := witnessed(b, l)
	p, err := l.Proof(b.Context(), testID(50), c, 501, 510)
	must(b, err)
	text, err := p.Marshal()
	must(b, err)
	for b.Loop() {
		r, err := Audit(b.Context(), os.DirFS(dir), testKeys())
		if err != nil || !clean(r) {
			b.Fatal(err, r.Problems)
		}
	}
	b.ReportMetric(float64(len(p.Leaves[0].Path)*32), "path-B")
	b.ReportMetric(float64(len(text)), "proof-B")
	b.ReportMetric(float64(l.Size()), "leaves")
}
