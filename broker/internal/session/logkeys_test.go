package session

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"consento/protocol"
	"consento/recordings"
)

// TestLogHasKeysOfItsOwn: each segment's events can be read without the key of the
// recording, while the session goes on and after it; nothing else can.
func TestLogHasKeysOfItsOwn(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	p := e.active(t)
	rec := filepath.Join(e.evidence, p.id+"-0.rec")
	file := filepath.Join(e.bags, p.id+"-0.logkeys")
	length := func() time.Duration { return must(recordings.ParseShare(must(os.ReadFile(file))(t)))(t).To }
	if l := DefaultLimits(); length() < l.Key+l.Joining+l.Active {
		t.Errorf("after a crash %v could be read", length())
	}
	must(0, e.m.End(t.Context(), anna, p.id))(t)
	must(0, p.agent.Removed(t.Context(), protocol.Removed{Complete: true}))(t)
	p.closed(t)
	eventually(t, "the keys end with the session", func() bool { return length() <= 2*time.Minute })
	share := must(recordings.ParseShare(must(os.ReadFile(file))(t)))(t)
	s := must(recordings.OpenShared(rec, share, time.Now(), recordings.ByIdentity(e.identity)))(t)
	read := 0
	must(s.Read(recordings.ScanOptions{}, func(i recordings.Item) error {
		if read++; i.Track != recordings.TrackEvents {
			t.Errorf("a record of track %v", i.Track)
		}
		return nil
	}))(t)
	if list, _ := e.events(t, p.id); read != len(list) {
		t.Errorf("%d of %d events", read, len(list))
	}
}
