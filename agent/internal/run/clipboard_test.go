package run

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"consento/agent/internal/clipboard"
	"consento/protocol"
)

// clipSaid is what the agent says of a clipboard, and the content that it sends.
type clipSaid struct {
	mu   sync.Mutex
	list []protocol.Clip
	data []byte
}

func (c *clipSaid) say(m protocol.Clip) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append(c.list, m)
	return nil
}

func (c *clipSaid) chunk(p protocol.Chunk) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.data = append(c.data, p.Data...)
	return nil
}

// last is the newest word of a kind on a transfer.
func (c *clipSaid) last(id uint32, kind protocol.ClipKind) (m protocol.Clip, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.list, func(m protocol.Clip) bool { return m.ID == id && m.Kind == kind })
	if i < 0 {
		return m, false
	}
	return c.list[i], true
}

func (c *clipSaid) sent() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.data)
}

// clip is what the broker passes on.
func (a *attended) clip(m protocol.Clip) {
	a.t.Helper()
	data, err := m.Encode()
	if err != nil {
		a.t.Fatal(err)
	}
	a.tools.clips.take(true, data)
}

// clipTo offers content and sends some of it.
func (a *attended) clipTo(epoch, id uint32, offered, sent string) {
	a.t.Helper()
	sum := sha256.Sum256([]byte(offered))
	a.clip(protocol.Clip{Kind: protocol.ClipOffer, Epoch: epoch, ID: id, Type: protocol.ClipText, Size: int64(len(offered)), Hash: hex.EncodeToString(sum[:])})
	for at := 0; at < len(sent); at += protocol.MaxChunk {
		data, err := protocol.Chunk{Epoch: epoch, ID: id, At: int64(at), Data: []byte(sent[at:min(at+protocol.MaxChunk, len(sent))])}.Encode()
		if err != nil {
			a.t.Fatal(err)
		}
		a.tools.clips.take(false, data)
	}
}

// clipWindow is the customer's window of the clipboard, "" if there is none.
func (a *attended) clipWindow() string {
	id, err := a.xdotool("search", "--onlyvisible", "--name", "clipboard")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(id)
}

func (a *attended) onDisplay(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "DISPLAY="+a.display)
	return cmd
}

// holds is what is on the clipboard, "" if nothing is.
func (a *attended) holds() string {
	a.t.Helper()
	c, err := clipboard.Read(a.t.Context(), a.display)
	if err != nil && clipboard.CauseOf(err) != protocol.ClipEmpty {
		a.t.Fatal(err)
	}
	return string(c.Data)
}

// failsClip waits until the agent says that a transfer is over.
func failsClip(t *testing.T, said *clipSaid, id uint32, want protocol.ClipCause) {
	t.Helper()
	until(t, "it fails: "+string(want), func() bool {
		m, ok := said.last(id, protocol.ClipFailed)
		if ok && m.Cause != want {
			t.Fatalf("%+v, want %s", m, want)
		}
		return ok
	})
}

// TestSendClipboardByConsent: no broker puts anything on the clipboard without the
// customer's yes, nor what it did not offer; the customer sees it, and with the yes it goes.
func TestSendClipboardByConsent(t *testing.T) {
	t.Parallel()
	a := attend(t)
	a.tools.board = true
	try := func(when string) {
		t.Helper()
		a.gets(recordedFor(protocol.SendClipboard, 3))
		a.clipTo(3, 100, "early", "early")
		if on := a.holds(); a.tools.open[protocol.SendClipboard] != nil || on != "" {
			t.Fatalf("%s: open, or %q is there", when, on)
		}
	}
	try("unasked")
	a.gets(askFor(protocol.SendClipboard, 3))
	try("while it is asked")
	a.agrees(protocol.SendClipboard)
	a.gets(recordedFor(protocol.SendClipboard, 3))
	tool, ok := a.tools.open[protocol.SendClipboard].(*clipTool)
	if !ok {
		t.Fatal("not open")
	}
	said := &clipSaid{}
	tool.say, tool.chunk = said.say, said.chunk

	a.clipTo(2, 1, "of an old yes", "of an old yes")
	a.clip(protocol.Clip{Kind: protocol.ClipGet, Epoch: 3, ID: 1})
	a.clipTo(3, 2, "what was offered", "what comes then!")
	failsClip(t, said, 2, protocol.ClipHash)
	a.clipTo(3, 3, "short", "much longer than that")
	failsClip(t, said, 3, protocol.ClipBroken)
	a.tools.hidden.Store(true)
	a.clipTo(3, 4, "hidden", "hidden")
	failsClip(t, said, 4, protocol.ClipHidden)
	a.tools.hidden.Store(false)
	if on := a.holds(); on != "" {
		t.Fatalf("%q is there", on)
	}

	text := "perch\u00e9 " + strings.Repeat("long ", 40_000)
	a.clipTo(3, 5, text, text)
	until(t, "it is there", func() bool { _, ok := said.last(5, protocol.ClipDone); return ok })
	if on := a.holds(); on != text {
		t.Errorf("%d bytes are there", len(on))
	}
	if a.clipWindow() == "" {
		t.Error("the customer is not told")
	}
	if a.UI.Asking() {
		t.Error("a window that tells something holds control back")
	}
	a.clipTo(3, 5, "again", "again") // a broker that repeats itself
	a.clipTo(3, 6, "one thing", "one")
	a.clipTo(3, 7, "another", "another") // beside it
	failsClip(t, said, 7, protocol.ClipBusy)

	// In mid-flight the customer takes it back.
	a.takesBack(protocol.SendClipboard)
	a.clipTo(3, 6, "one thing", " thing")
	a.clipTo(3, 8, "late", "late")
	if on := a.holds(); on != "" {
		t.Errorf("after it was taken back %q is there", on)
	}
	until(t, "the window goes", func() bool { return a.clipWindow() == "" })
	if _, ok := said.last(6, protocol.ClipDone); ok {
		t.Error("what was on its way arrived")
	}
}

// TestFetchClipboardByConsent: the clipboard is read once for each press, and never
// unseen; the customer's button in the window takes the consent back.
func TestFetchClipboardByConsent(t *testing.T) {
	t.Parallel()
	a := attend(t)
	a.tools.board = true
	theirs, err := clipboard.Own(a.display)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(theirs.Close)
	text := []byte(strings.Repeat("what the customer copied ", 10_000))
	if err := theirs.Put(t.Context(), clipboard.Content{Type: protocol.ClipText, Data: text}); err != nil {
		t.Fatal(err)
	}
	a.gets(askFor(protocol.FetchClipboard, 3))
	a.agrees(protocol.FetchClipboard)
	a.gets(recordedFor(protocol.FetchClipboard, 3))
	tool, ok := a.tools.open[protocol.FetchClipboard].(*clipTool)
	if !ok {
		t.Fatal("not open")
	}
	said := &clipSaid{}
	var reads atomic.Int32
	read := tool.read
	tool.say, tool.chunk = said.say, said.chunk
	tool.read = func(ctx context.Context) (clipboard.Content, error) { reads.Add(1); return read(ctx) }
	get := func(id uint32) { a.clip(protocol.Clip{Kind: protocol.ClipGet, Epoch: 3, ID: id}) }

	get(1)
	until(t, "the window is full", func() bool { return said.sent() == protocol.ClipWindow })
	if offer, _ := said.last(1, protocol.ClipOffer); offer.Size != int64(len(text)) {
		t.Errorf("%+v", offer)
	}
	for acked := 0; acked < len(text); {
		acked = said.sent()
		a.clip(protocol.Clip{Kind: protocol.ClipAck, Epoch: 3, ID: 1, At: int64(acked)})
		until(t, "it goes on", func() bool { return said.sent() > acked || acked == len(text) })
	}
	if !bytes.Equal(said.data, text) {
		t.Errorf("%d bytes of something else were sent", len(said.data))
	}
	get(1) // a broker that repeats itself
	a.clipTo(3, 9, "planted", "planted")
	until(t, "one read, and the customer is told", func() bool { return reads.Load() == 1 && a.clipWindow() != "" })
	if on := a.holds(); on != string(text) {
		t.Errorf("%.40q is there", on)
	}
	a.tools.hidden.Store(true)
	get(10)
	failsClip(t, said, 10, protocol.ClipHidden)
	a.tools.hidden.Store(false)
	show := tool.show
	tool.show = func(string) (clipWindow, error) { return nil, errors.New("no window") }
	get(11)
	failsClip(t, said, 11, protocol.ClipBroken)
	if n := reads.Load(); n != 1 {
		t.Errorf("read %d times", n)
	}
	tool.show = show

	// The button of the window.
	get(12)
	until(t, "it is read", func() bool { _, ok := said.last(12, protocol.ClipOffer); return ok })
	until(t, "the customer takes it back", func() bool {
		if id := a.clipWindow(); id != "" {
			if out, err := a.onDisplay("xdotool", "getwindowgeometry", "--shell", id).Output(); err == nil {
				at := map[string]int{}
				for line := range strings.Lines(string(out)) {
					name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
					at[name], _ = strconv.Atoi(value)
				}
				_, _ = a.xdotool("mousemove", strconv.Itoa(at["X"]+at["WIDTH"]-90), strconv.Itoa(at["Y"]+at["HEIGHT"]-36), "click", "1")
			}
		}
		select {
		case list := <-a.tools.taken:
			if over := a.takenBack(t.Context(), a.bar, list); over != nil {
				t.Fatalf("%+v", over)
			}
			return a.tools.open[protocol.FetchClipboard] == nil
		default:
			return false
		}
	})
}

// FuzzClips: whatever comes on the channel, nothing opens and nothing falls over.
func FuzzClips(f *testing.F) {
	f.Add(true, []byte(`{"kind":"get","epoch":2,"id":1}`))
	f.Add(false, []byte("\x00\x00\x00\x02\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00a"))
	said := &clipSaid{}
	tool := &clipTool{permission: protocol.SendClipboard, epoch: 2, say: said.say, chunk: said.chunk, ctx: context.Background(),
		show: func(string) (clipWindow, error) { return nil, errors.New("nothing is shown, so nothing is done") }, log: slog.New(slog.DiscardHandler)}
	f.Fuzz(func(t *testing.T, text bool, data []byte) {
		tools := newTools()
		tools.clips.set(2, tool)
		tools.clips.take(text, data)
		if len(tools.open) > 0 {
			t.Error("open")
		}
	})
}
