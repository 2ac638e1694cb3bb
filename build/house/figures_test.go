package house

import (
	"strings"
	"testing"
)

// TestFigures: a figure that a document names is the code's own. When one of
// these fails, read the whole passage again and not the number alone.
func TestFigures(t *testing.T) {
	const (
		sfu     = "broker/internal/sfu/"
		forward = "build/adr/0008-forwarding.md"
		trust   = "build/adr/0006-trust-of-the-agent.md"
	)
	for _, f := range []struct{ file, code, page, words string }{
		{sfu + "group.go", "maxGroupPackets = 2048", forward, "2048 packets"},
		{sfu + "group.go", "maxGroupBytes   = 2 << 20", forward, "2 MiB"},
		{sfu + "viewer.go", "queuePackets = maxGroupPackets + 512", forward, "a queue of 2560 packets"},
		{sfu + "viewer.go", "fastest     = 150_000_000", forward, "at most 150 Mbit/s"},
		{sfu + "room.go", "keyFrameInterval = 500 * time.Millisecond", forward, "at least 500 ms apart"},
		{sfu + "room.go", "stopPatience = 250 * time.Millisecond", forward, "at most 250 ms"},
		{sfu + "frames.go", "reorderWindow = 1024", forward, "window of 1024 packets"},
		{sfu + "frames.go", "reorderWait = 2 * time.Second", forward, "or 2 s"},
		{sfu + "sfu.go", "historyPackets = 1024", forward, "1024 packets of history"},
		{"protocol/office.go", "OfficeSectionSize = 4096", trust, "section of 4096 bytes"},
		{"protocol/office.go", "len(o.Brokers) > 16", trust, "up to 16 broker"},
		{"broker/internal/ops/trust.go", "manifestLife = 400 * 24 * time.Hour", trust, "(400 days)"},
		{"agent/internal/trust/trust.go", "dialer.ControlContext = loopbackOnly", trust, "when\n   the socket connects"},
		{"agent/internal/run/run.go", "consentTimeout = 2 * time.Minute", "README.md", "two minutes"},
		{"protocol/key.go", "KeyLifetime = 10 * time.Minute", "README.md", "ten minutes"},
		{"broker/internal/access/setup.go", "setupFor = 24 * time.Hour", "README.md", "24 hours"},
	} {
		if !strings.Contains(read(t, f.file), f.code) {
			t.Errorf("%s does not say %q any more, and %s says %q", f.file, f.code, f.page, f.words)
		}
		if !strings.Contains(read(t, f.page), f.words) {
			t.Errorf("%s does not say %q, and %s has %q", f.page, f.words, f.file, f.code)
		}
	}
}
