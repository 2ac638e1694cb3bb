package run

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"

	"consento/agent/internal/files"
	"consento/agent/internal/ui"
	"consento/protocol"
)

// filesInterval is how often the customer is told how far files are.
const filesInterval = 500 * time.Millisecond

// chosen is the folder that the customer chose with a yes.
type chosen struct {
	epoch  uint32
	folder files.Folder
	limits protocol.FileLimits
}

// parcels is the way of files: the picture's present connection, and what is open on it.
type parcels struct {
	used  files.Used
	parts files.Parts

	mu      sync.Mutex
	channel *webrtc.DataChannel
	open    []*files.Exchange
}

var errNoChannel = errors.New("run: no channel for files")

// opened takes another connection.
func (p *parcels) opened(channel *webrtc.DataChannel) {
	p.mu.Lock()
	p.channel = channel
	open := p.open
	p.mu.Unlock()
	for _, x := range open {
		x.Again()
	}
}

func (p *parcels) now() (*webrtc.DataChannel, []*files.Exchange) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.channel, p.open
}

func (p *parcels) send(m protocol.Transfer) {
	channel, _ := p.now()
	if channel == nil {
		return
	}
	if data, err := m.Encode(); err == nil {
		_ = channel.SendText(string(data)) // a lost connection ends what was on its way: Again
	}
}

func (p *parcels) chunk(c protocol.Chunk) error {
	channel, _ := p.now()
	if channel == nil {
		return errNoChannel
	}
	data, err := c.Encode()
	if err != nil {
		return err
	}
	return channel.Send(data)
}

// take takes a message from the broker. What makes no sense is nothing: no broker that
// works sends it.
func (p *parcels) take(text bool, data []byte) {
	_, open := p.now()
	if len(open) == 0 {
		return
	}
	if text {
		if m, err := protocol.DecodeTransfer(data); err == nil {
			for _, x := range open {
				x.Take(m)
			}
		}
		return
	}
	if c, err := protocol.DecodeChunk(data); err == nil {
		for _, x := range open {
			x.TakeChunk(c)
		}
	}
}

// add and drop change what is open.
func (p *parcels) add(x *files.Exchange) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open = append(p.open[:len(p.open):len(p.open)], x)
}

func (p *parcels) drop(x *files.Exchange) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var rest []*files.Exchange
	for _, other := range p.open {
		if other != x {
			rest = append(rest, other)
		}
	}
	p.open = rest
}

// isFiles reports whether a permission is one of the two of files.
func isFiles(p protocol.Permission) bool {
	return p == protocol.SendFiles || p == protocol.FetchFiles
}

// filesTool is one consent to files while it lasts.
type filesTool struct {
	way      *parcels
	exchange *files.Exchange
	log      *slog.Logger
	stop     context.CancelFunc
	shown    chan struct{} // closed when no window is shown any more
}

// openFiles lets files be exchanged under one consent, with the folder that the customer
// chose when saying yes.
func (s *Session) openFiles(p protocol.Permission, epoch uint32) (*filesTool, error) {
	t := s.tools
	c := t.chosen[p]
	if c.epoch != epoch {
		return nil, errors.New("run: no folder was chosen for this consent")
	}
	x, err := files.Open(files.Config{Epoch: epoch, Take: p == protocol.SendFiles, Folder: c.folder, Limits: c.limits, Used: &t.parcels.used, Parts: &t.parcels.parts,
		Send: t.parcels.send, Chunk: t.parcels.chunk, Held: func() bool { return t.hidden.Load() || t.lost.Load() }, Log: s.Log})
	if err != nil {
		return nil, err
	}
	t.parcels.add(x)
	ctx, stop := context.WithCancel(context.Background())
	tool := &filesTool{way: &t.parcels, exchange: x, log: s.Log, stop: stop, shown: make(chan struct{})}
	heading := s.Texts.T("agent.files."+string(p), "name", isolate(s.joined.Technician.Name), "folder", isolate(c.folder.Name))
	go func() {
		defer close(tool.shown)
		s.showFiles(ctx, x, heading)
	}()
	return tool, nil
}

func (t *filesTool) close() {
	t.way.drop(t.exchange)
	if !t.exchange.Close() {
		t.log.Warn("files are still being closed: the disk hangs")
	}
	t.stop()
	<-t.shown
}

// forgetParts removes what came in part, unless it may soon be gone on with: the way was
// lost, or nobody attended.
func (t *tools) forgetParts(p protocol.Permission, cause protocol.ConsentCause) {
	if p != protocol.SendFiles {
		return
	}
	switch cause {
	case protocol.CauseAway, protocol.CauseSlept, protocol.CauseLocked, protocol.CauseRestart:
		return
	}
	t.parcels.clear()
}

// clearPatience is how long it may take: a disk that hangs holds up nothing else.
const clearPatience = 500 * time.Millisecond

// clear removes what came in part.
func (p *parcels) clear() {
	cleared := make(chan struct{})
	go func() {
		defer close(cleared)
		p.parts.Clear()
	}()
	patience := time.NewTimer(clearPatience)
	defer patience.Stop()
	select {
	case <-cleared:
	case <-patience.C:
	}
}

// showFiles shows the customer, in a small window with a button that stops them, how far
// files are, as long as any are on their way.
func (s *Session) showFiles(ctx context.Context, x *files.Exchange, heading string) {
	tick := time.NewTicker(filesInterval)
	defer tick.Stop()
	var window *ui.Progress
	last := ""
	var cancelled <-chan struct{}
	hide := func() {
		if window != nil {
			_ = window.Close() // it goes with the display
		}
		window, cancelled = nil, nil
	}
	defer hide()
	for {
		select {
		case <-ctx.Done():
			return
		case <-cancelled:
			x.Stop()
			hide()
		case <-tick.C:
			text := s.filesText(x.Items())
			var err error
			switch {
			case text == "":
				hide()
			case window == nil:
				window, err = s.UI.Progress(ui.ProgressText{Title: s.Texts.T("agent.files.title"), Heading: heading, Text: text, Cancel: s.Texts.T("agent.files.stop"), Quiet: true})
				if err == nil {
					cancelled = window.Cancelled()
				}
			case text != last:
				err = window.Update(text)
			}
			if last = text; err != nil {
				s.Log.Error("files not shown", slog.Any("error", err)) // what is not shown is not done
				x.Stop()
			}
		}
	}
}

// filesText says how far files are, in one line; "" if there are none.
func (s *Session) filesText(items []files.Item) string {
	if len(items) == 0 {
		return ""
	}
	i, percent := items[0], int64(100)
	if i.Size > 0 {
		percent = 100 * i.Moved / i.Size
	}
	text := s.Texts.T("agent.files.line", "file", isolate(shortened(i.Name)), "percent", number(percent), "size", s.sizeText(i.Size))
	if more := len(items) - 1; more > 0 {
		text += " " + s.Texts.T("agent.files.more", "n", number(int64(more)))
	}
	return text
}

// shortened keeps the beginning and the end of a long name, which says what it is.
func shortened(name string) string {
	const most = 36
	r := []rune(name)
	if len(r) <= most {
		return name
	}
	return string(r[:most/2]) + "\u2026" + string(r[len(r)-most/2+1:])
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

// sizeText is a number of bytes in the unit that suits it.
func (s *Session) sizeText(n int64) string {
	switch {
	case n >= 10<<30 || n >= 1<<30 && n%(1<<30) == 0:
		return s.Texts.T("agent.size.gb", "n", number(n>>30))
	case n >= 1<<20:
		return s.Texts.T("agent.size.mb", "n", number(n>>20))
	}
	return s.Texts.T("agent.size.kb", "n", number((n+1023)>>10))
}

// filesQuestion puts what is special about files into a question: how much, and into
// or out of which folder, which the customer chooses.
func (s *Session) filesQuestion(ask protocol.ConsentAsk, folders []files.Folder, q *ui.Question) {
	key, name := "agent.tool."+string(ask.Permission), isolate(ask.Technician.Name)
	size := s.sizeText(ask.Files.File)
	if len(folders) == 1 {
		q.Body = s.Texts.T(key+".body_one", "name", name, "size", size, "folder", isolate(folders[0].Name))
		return
	}
	q.Body = s.Texts.T(key+".body", "name", name, "size", size)
	q.Choices.Label = s.Texts.T(key + ".folder")
	for _, f := range folders {
		q.Choices.List = append(q.Choices.List, ui.Choice{Label: isolate(f.Name)})
	}
}
