package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"consento/build/stage"
)

// cpuOf is the CPU time, user and system, that a process used so far. It is the
// sum that /proc/PID/stat gives, but in nanoseconds instead of ticks of 10 ms.
func cpuOf(pid int) (time.Duration, error) {
	var t unix.Timespec
	// The clock of a process: see clock_getcpuclockid(3) and the kernel's posix-timers.h.
	if err := unix.ClockGettime(int32(^pid<<3|2), &t); err != nil {
		return 0, fmt.Errorf("CPU clock of %d: %w", pid, err)
	}
	return time.Duration(t.Nano()), nil
}

// process is one line of the process table.
type process struct {
	pid, parent int
	name        string
}

// family lists a process and all that descend from it.
func family(root int) ([]process, error) {
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	children := map[int][]process{}
	var found []process
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			continue // it ended meanwhile
		}
		open, end := bytes.IndexByte(data, '('), bytes.LastIndexByte(data, ')')
		if open < 1 || end < open {
			continue
		}
		var p process
		var state string
		if _, err := fmt.Sscan(string(data[end+1:]), &state, &p.parent); err != nil {
			continue
		}
		if p.pid, err = strconv.Atoi(strings.TrimSpace(string(data[:open]))); err != nil {
			continue
		}
		p.name = string(data[open+1 : end])
		if p.pid == root {
			found = append(found, p)
		}
		children[p.parent] = append(children[p.parent], p)
	}
	for i := 0; i < len(found); i++ {
		found = append(found, children[found[i].pid]...)
	}
	return found, nil
}

// familyCPU is the CPU time of a process and all that descend from it, of those
// with that name if one is given.
func familyCPU(root int, name string) (time.Duration, error) {
	all, err := family(root)
	if err != nil {
		return 0, err
	}
	var sum time.Duration
	for _, p := range all {
		if name != "" && p.name != name {
			continue
		}
		if used, err := cpuOf(p.pid); err == nil { // it may have ended
			sum += used
		}
	}
	return sum, nil
}

// memory is the resident memory of a process in bytes, shared parts included.
func memory(pid int) (int64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return kb << 10, err
		}
	}
	return 0, fmt.Errorf("no VmRSS of %d", pid)
}

// reception is what the technician's browser says of the picture's connection
// (W3C "Identifiers for WebRTC's Statistics API"); all counters rise.
type reception struct {
	Transport float64 `json:"transport"` // bytes of everything inside UDP
	Packets   float64 `json:"packets"`
	Lost      float64 `json:"lost"`
	Nacks     float64 `json:"nacks"`
	Plis      float64 `json:"plis"`
	Frames    float64 `json:"frames"` // decoded
	Dropped   float64 `json:"dropped"`
	Keys      float64 `json:"keys"`
	Decode    float64 `json:"decode"` // seconds, all frames
	Buffer    float64 `json:"buffer"` // seconds in the jitter buffer, all frames
}

// hookConnections makes the page remember its connections for receive.
const hookConnections = `(() => {
	const Plain = RTCPeerConnection;
	window.benchConnections = [];
	window.RTCPeerConnection = class extends Plain {
		constructor(...all) { super(...all); window.benchConnections.push(this); }
	};
	return true;
})()`

func receive(b *stage.Browser) (reception, error) {
	return stage.Eval[reception](b, `(async () => {
		const out = {transport: 0, packets: 0, lost: 0, nacks: 0, plis: 0, frames: 0, dropped: 0, keys: 0, decode: 0, buffer: 0};
		for (const c of window.benchConnections) {
			if (c.connectionState !== "connected") continue;
			(await c.getStats()).forEach((s) => {
				if (s.type === "transport") out.transport += s.bytesReceived;
				if (s.type !== "inbound-rtp") return;
				out.packets += s.packetsReceived; out.lost += s.packetsLost; out.nacks += s.nackCount; out.plis += s.pliCount;
				out.frames += s.framesDecoded ?? 0; out.dropped += s.framesDropped ?? 0; out.keys += s.keyFramesDecoded ?? 0;
				out.decode += s.totalDecodeTime ?? 0; out.buffer += s.jitterBufferDelay ?? 0;
			});
		}
		return out;
	})()`)
}

// reading is all meters at one moment.
type reading struct {
	at                     time.Time
	agent, broker, browser time.Duration // CPU
	stage, all             time.Duration // CPU of everything on the stage with us, and of the whole machine
	got                    reception
}

// usage is what lies between two readings.
type usage struct {
	during                 time.Duration
	agent, broker, browser float64 // per cent of a core
	stage, others          float64 // per cent of a core: all on the stage with us; what is no part of it
	kbits                  float64 // kbit/s
	got                    reception
}

func (to reading) since(from reading) usage {
	d := to.at.Sub(from.at)
	share := func(a, b time.Duration) float64 { return 100 * float64(b-a) / float64(d) }
	stage := share(from.stage, to.stage)
	return usage{
		stage: stage, others: share(from.all, to.all) - stage,
		during: d, agent: share(from.agent, to.agent), broker: share(from.broker, to.broker), browser: share(from.browser, to.browser),
		kbits: (to.got.Transport - from.got.Transport) * 8 / 1000 / d.Seconds(),
		got: reception{
			Transport: to.got.Transport - from.got.Transport, Packets: to.got.Packets - from.got.Packets, Lost: to.got.Lost - from.got.Lost,
			Nacks: to.got.Nacks - from.got.Nacks, Plis: to.got.Plis - from.got.Plis, Frames: to.got.Frames - from.got.Frames,
			Dropped: to.got.Dropped - from.got.Dropped, Keys: to.got.Keys - from.got.Keys,
			Decode: to.got.Decode - from.got.Decode, Buffer: to.got.Buffer - from.got.Buffer,
		},
	}
}

// machineCPU is the CPU time that all programs of the machine used, and that other
// machines took from it (proc(5), /proc/stat).
func machineCPU() (time.Duration, error) {
	data, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	line, _, _ := strings.Cut(string(data), "\n")
	var user, nice, system, idle, waiting, irq, soft, steal int64
	if _, err := fmt.Sscanf(line, "cpu %d %d %d %d %d %d %d %d", &user, &nice, &system, &idle, &waiting, &irq, &soft, &steal); err != nil {
		return 0, fmt.Errorf("/proc/stat: %w", err)
	}
	return time.Duration(user+nice+system+irq+soft+steal) * (time.Second / 100), nil
}
