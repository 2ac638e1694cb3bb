package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"
)

// row is one line of the result.
type row struct {
	what, target, value string
	verdict             string // "met", "MISSED" or "" where there is no target
	note                string
}

// table gathers the rows.
type table struct{ rows []row }

// atMost adds a value that has a binding target; a target of 0 is none.
func (t *table) atMost(what, unit string, value, target float64, note string) {
	r := row{what: what, value: number(value) + " " + unit, note: note}
	if target > 0 {
		r.target, r.verdict = "≤ "+number(target)+" "+unit, "met"
		if value > target {
			r.verdict = "MISSED"
		}
	}
	t.rows = append(t.rows, r)
}

// atLeast is atMost the other way round.
func (t *table) atLeast(what, unit string, value, target float64, note string) {
	r := row{what: what, value: number(value) + " " + unit, note: note}
	if target > 0 {
		r.target, r.verdict = "≥ "+number(target)+" "+unit, "met"
		if value < target {
			r.verdict = "MISSED"
		}
	}
	t.rows = append(t.rows, r)
}

func (t *table) missed(what, target, value, note string) {
	t.rows = append(t.rows, row{what, target, value, "MISSED", note})
}

func number(v float64) string {
	switch {
	case v >= 100 || v <= -100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10 || v <= -10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func (t *table) print(out io.Writer) error {
	if _, err := fmt.Fprint(out, "| what | target | measured | | samples, notes |\n|---|---|---|---|---|\n"); err != nil {
		return err
	}
	for _, r := range t.rows {
		if _, err := fmt.Fprintf(out, "| %s | %s | %s | %s | %s |\n", r.what, r.target, r.value, r.verdict, r.note); err != nil {
			return err
		}
	}
	return nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// machine says what this was measured on, and how busy it was with other things.
func machine() string {
	model := "unknown processor"
	if data, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(data)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease") // "" will do
	return fmt.Sprintf("%d cores of %s, Linux %s, %s, load before %s",
		runtime.NumCPU(), model, strings.TrimSpace(string(kernel)), runtime.Version(), load())
}

// load is the load average of the last minute.
func load() string {
	data, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(data), " ")
	return first
}
