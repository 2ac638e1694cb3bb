package session

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"testing"

	"consento/protocol"
	"consento/recordings"
)

// parcels is one end of a channel for files: what the broker sends to it.
type parcels struct {
	list []protocol.Transfer
	part []protocol.Chunk
	deaf bool
}

func (o *parcels) SendParcel(text bool, data []byte) bool {
	if o.deaf {
		return false
	}
	if text {
		m, err := protocol.DecodeTransfer(data)
		if err != nil {
			panic(err)
		}
		o.list = append(o.list, m)
		return true
	}
	c, err := protocol.DecodeChunk(data)
	if err != nil {
		panic(err)
	}
	o.part = append(o.part, c)
	return true
}

// take returns what was said, and forgets it.
func (o *parcels) take() (kinds []protocol.TransferKind) {
	for _, m := range o.list {
		kinds = append(kinds, m.Kind)
	}
	o.list = nil
	return kinds
}

// counter is a console and an agent that exchange files.
type counter struct {
	*View
	t          testing.TB
	p          *play
	to, agent  *parcels // the console's end, the agent's
	epoch      uint32
	permission protocol.Permission
}

// exchanging is a session under a consent to files, with a console.
func exchanging(t testing.TB, by Technician, permission protocol.Permission) (*env, *counter) {
	t.Helper()
	e := newEnv(t, func(c *Config) { allowAll(c) })
	p := e.showing(t, by, protocol.SendFiles, protocol.FetchFiles)
	c := &counter{View: p.sit(t), t: t, p: p, to: &parcels{}, agent: &parcels{}, permission: permission}
	p.on(t, func(s *session) { c.parcels, s.tools.files.agent = c.to, c.agent })
	c.epoch = p.allow(t, permission)
	c.hears(protocol.Transfer{Kind: protocol.TransferOpened, Path: "Downloads", Size: 1})
	c.says(protocol.Transfer{Kind: protocol.TransferAttach})
	return e, c
}

// says sends what the console says; hears what the agent does.
func (c *counter) says(m protocol.Transfer) {
	c.t.Helper()
	if m.Epoch == 0 {
		m.Epoch = c.epoch
	}
	data := must(m.Encode())(c.t)
	c.parcel(true, data)
	c.p.on(c.t, func(*session) {})
}

func (c *counter) hears(m protocol.Transfer) {
	c.t.Helper()
	m.Epoch = c.epoch
	data := must(m.Encode())(c.t)
	c.p.on(c.t, func(s *session) { s.parcelFromAgent(true, data) })
}

// sends passes content: from the console, or from the agent.
func (c *counter) sends(id uint32, at int64, content []byte) {
	c.t.Helper()
	data := must(protocol.Chunk{Epoch: c.epoch, ID: id, At: at, Data: content}.Encode())(c.t)
	if c.permission == protocol.SendFiles {
		c.parcel(false, data)
		c.p.on(c.t, func(*session) {})
		return
	}
	c.p.on(c.t, func(s *session) { s.parcelFromAgent(false, data) })
}

func hashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// state is that of the consent.
func (c *counter) state() protocol.Consent {
	c.t.Helper()
	return c.p.consent(c.t, c.permission)
}

// TestFilesToTheCustomer: what is sent, how large, of what hash, is on the evidence
// before the agent has it; the content is not.
func TestFilesToTheCustomer(t *testing.T) {
	t.Parallel()
	e, c := exchanging(t, full, protocol.SendFiles)
	if opened := c.to.list[0]; opened.Kind != protocol.TransferOpened || opened.Path != "Downloads" || opened.Size != protocol.DefaultFileLimits().File {
		t.Errorf("%+v", opened)
	}
	ask := last[*protocol.ConsentAsk](c.p.link)
	if ask.Files == nil || *ask.Files != protocol.DefaultFileLimits() {
		t.Errorf("the customer was told %+v", ask.Files)
	}
	content := []byte("the content of the file")
	size := int64(len(content))
	c.says(protocol.Transfer{Kind: protocol.TransferPut, ID: 1, Path: "Photos/a.txt", Size: size, Batch: 1})
	c.sends(1, 0, content[:5]) // before the agent is ready
	if c.state().State == protocol.ConsentGiven {
		t.Error("a part of a file that has not begun passes")
	}
	c.epoch = again(t, c)
	c.says(protocol.Transfer{Kind: protocol.TransferPut, ID: 1, Path: "Photos/a.txt", Size: size, Batch: 1})
	c.hears(protocol.Transfer{Kind: protocol.TransferReady, ID: 1, Path: "Photos (1)/a.txt", Size: size})
	c.sends(1, 0, content[:5])
	c.sends(1, 5, content[5:])
	c.hears(protocol.Transfer{Kind: protocol.TransferAck, ID: 1, At: size})
	c.says(protocol.Transfer{Kind: protocol.TransferEnd, ID: 1, Size: size, Hash: hashOf(content)})
	c.hears(protocol.Transfer{Kind: protocol.TransferDone, ID: 1, Hash: hashOf(content), Path: "Photos (1)/a (1).txt"})
	if got := c.to.take(); !slices.Equal(got, []protocol.TransferKind{protocol.TransferOpened, protocol.TransferReady, protocol.TransferAck, protocol.TransferDone}) {
		t.Errorf("the console heard %v", got)
	}
	if n := len(c.agent.part); n != 2 || string(c.agent.part[0].Data)+string(c.agent.part[1].Data) != string(content) {
		t.Errorf("the agent got %d parts", n)
	}
	// In mid-flight the customer takes it back.
	c.says(protocol.Transfer{Kind: protocol.TransferPut, ID: 2, Path: "b", Size: size})
	c.hears(protocol.Transfer{Kind: protocol.TransferReady, ID: 2, Path: "b", Size: size})
	c.sends(2, 0, content[:5])
	must(0, c.p.agent.AnswerConsent(t.Context(), protocol.ConsentAnswer{Permission: protocol.SendFiles, State: protocol.ConsentWithdrawn, Epoch: c.epoch, Cause: protocol.CauseCustomer}))(t)
	parts := len(c.agent.part)
	c.sends(2, 5, content[5:])
	c.says(protocol.Transfer{Kind: protocol.TransferPut, ID: 3, Path: "c", Size: size})
	if len(c.agent.part) != parts || c.agent.list[len(c.agent.list)-1].ID == 3 {
		t.Error("something passes after the end")
	}
	c.p.finish(t)

	list, _ := e.events(t, c.p.id)
	asked, ended, withdrawn := find(list, protocol.EventFileAsked), find(list, protocol.EventFileEnded), find(list, protocol.EventConsentWithdrawn)
	folder := find(list, protocol.EventFileFolder)
	if folder == nil || folder.Data["folder"] != "Downloads" || asked == nil || asked.Data["path"] != "Photos/a.txt" || asked.Data["size"] != float64(size) || asked.Data["to"] != "customer" {
		t.Errorf("%+v, %+v", folder, asked)
	}
	var results []any
	for _, x := range list {
		if x.Code == protocol.EventFileEnded {
			results = append(results, x.Data["result"])
			if x.Data["result"] == "done" && (x.Data["path"] != "Photos (1)/a (1).txt" || x.Data["sha256"] != hashOf(content) || x.Data["bytes"] != float64(size)) {
				t.Errorf("%+v", x.Data)
			}
		}
	}
	if !slices.Equal(results, []any{"withdrawn", "done", "withdrawn"}) || ended.index > withdrawn.index {
		t.Errorf("results %v", results)
	}
	more, _ := e.read(t, c.p.id, recordings.TrackFiles)
	begun, whole := find(more, protocol.EventFileBegun), find(more, protocol.EventFileWhole)
	if begun == nil || begun.Data["path"] != "Photos (1)/a.txt" || whole == nil || whole.Data["sha256"] != hashOf(content) {
		t.Errorf("%+v, %+v", begun, whole)
	}
	customer := must(e.m.Log(t.Context(), c.p.id))(t)
	if !slices.ContainsFunc(customer.Entries, func(x LogEntry) bool { return x.Code == protocol.EventFileEnded }) {
		t.Error("the customer's copy says nothing of the files")
	}
}

// again asks for the same consent once more.
func again(t testing.TB, c *counter) uint32 {
	t.Helper()
	c.to.take()
	c.agent.take()
	c.epoch = c.p.allow(t, c.permission)
	c.hears(protocol.Transfer{Kind: protocol.TransferOpened, Path: "Downloads", Size: 1})
	return c.epoch
}

// TestFilesFromTheCustomer: a list, then a file in the window; the broker counts for
// itself.
func TestFilesFromTheCustomer(t *testing.T) {
	t.Parallel()
	e, c := exchanging(t, full, protocol.FetchFiles)
	content := make([]byte, protocol.TransferWindow+1)
	size := int64(len(content))
	c.says(protocol.Transfer{Kind: protocol.TransferList, ID: 1, Path: "Photos"})
	c.hears(protocol.Transfer{Kind: protocol.TransferListing, ID: 1, Path: "Photos", Count: 1, Entries: []protocol.FileEntry{{Name: "a", Size: size}}})
	c.says(protocol.Transfer{Kind: protocol.TransferGet, ID: 2, Path: "Photos/a"})
	c.hears(protocol.Transfer{Kind: protocol.TransferReady, ID: 2, Path: "Photos/a", Size: size})
	at := int64(0)
	for at < size {
		n := min(size-at, protocol.MaxChunk)
		if at+n > protocol.TransferWindow {
			c.says(protocol.Transfer{Kind: protocol.TransferAck, ID: 2, At: at})
		}
		c.sends(2, at, content[at:at+n])
		at += n
	}
	c.hears(protocol.Transfer{Kind: protocol.TransferEnd, ID: 2, Size: size, Hash: hashOf(content)})
	c.says(protocol.Transfer{Kind: protocol.TransferDone, ID: 2, Hash: hashOf(content)})
	if got := c.to.take(); !slices.Equal(got, []protocol.TransferKind{protocol.TransferOpened, protocol.TransferListing, protocol.TransferReady, protocol.TransferEnd}) {
		t.Errorf("the console heard %v", got)
	}
	// A connection that was lost: what was on its way is over, and goes on where it was.
	c.says(protocol.Transfer{Kind: protocol.TransferGet, ID: 3, Path: "b"})
	c.hears(protocol.Transfer{Kind: protocol.TransferReady, ID: 3, Path: "b", Size: 10})
	c.sends(3, 0, content[:4])
	c.hears(protocol.Transfer{Kind: protocol.TransferOpened, Path: "Downloads", Size: 1})
	if over := c.to.list[len(c.to.list)-2]; over.Kind != protocol.TransferFailed || over.Cause != protocol.FileAway || over.ID != 3 {
		t.Errorf("%+v", over)
	}
	c.says(protocol.Transfer{Kind: protocol.TransferGet, ID: 4, Path: "b", At: 4, Hash: hashOf(content[:4])})
	c.hears(protocol.Transfer{Kind: protocol.TransferReady, ID: 4, Path: "b", Size: 10, At: 4, Hash: hashOf(content[:4])})
	c.sends(4, 4, content[:6])
	c.hears(protocol.Transfer{Kind: protocol.TransferEnd, ID: 4, Size: 10, Hash: hashOf(content[:10])})
	c.says(protocol.Transfer{Kind: protocol.TransferDone, ID: 4, Hash: hashOf(content[:10])})
	// The technician stops one; another window takes the files over, and its view goes.
	c.says(protocol.Transfer{Kind: protocol.TransferGet, ID: 5, Path: "c"})
	c.says(protocol.Transfer{Kind: protocol.TransferCancel, ID: 5})
	c.says(protocol.Transfer{Kind: protocol.TransferGet, ID: 6, Path: "d"})
	other := &counter{View: c.p.sit(t), t: t, p: c.p, to: &parcels{}, epoch: c.epoch, permission: c.permission}
	c.p.on(t, func(*session) { other.parcels = other.to })
	other.says(protocol.Transfer{Kind: protocol.TransferGet, ID: 7, Path: "not attached"})
	other.says(protocol.Transfer{Kind: protocol.TransferAttach})
	c.says(protocol.Transfer{Kind: protocol.TransferGet, ID: 8, Path: "not attached any more"})
	other.says(protocol.Transfer{Kind: protocol.TransferGet, ID: 9, Path: "e"})
	c.p.on(t, func(s *session) { s.leftFiles(other.View) })
	c.p.finish(t)
	list, _ := e.events(t, c.p.id)
	var results []any
	for _, x := range list {
		if x.Code == protocol.EventFileEnded {
			results = append(results, x.Data["result"])
		}
	}
	if !slices.Equal(results, []any{"done", "away", "done", "cancelled", "away", "away"}) {
		t.Errorf("results %v", results)
	}
	if listed := find(list, protocol.EventFileListed); listed == nil || listed.Data["path"] != "Photos" {
		t.Errorf("%+v", listed)
	}
}

// TestFilesWithinLimits: what the profile does not allow is refused at the broker, and
// the agent never hears of it.
func TestFilesWithinLimits(t *testing.T) {
	t.Parallel()
	narrow := full
	narrow.Profile.Files = protocol.FileLimits{File: 100, Total: 150}
	_, c := exchanging(t, full, protocol.SendFiles)
	must(0, c.p.e.m.Limit(t.Context(), narrow))(t)
	refused := func(m protocol.Transfer, want protocol.FileCause) {
		t.Helper()
		c.to.list, c.agent.list = nil, nil
		m.Kind = protocol.TransferPut
		c.says(m)
		if len(c.agent.list) > 0 || len(c.to.list) != 1 || c.to.list[0].Kind != protocol.TransferFailed || c.to.list[0].Cause != want {
			t.Errorf("%+v: the agent heard %+v, the console %+v", m, c.agent.list, c.to.list)
		}
	}
	refused(protocol.Transfer{ID: 1, Path: "a", Size: 101}, protocol.FileSize)
	refused(protocol.Transfer{ID: 2, Path: "a/b", Size: 1, Batch: 1}, protocol.FileFolders)
	for id := uint32(3); id < 3+protocol.MaxTransfers; id++ {
		c.says(protocol.Transfer{Kind: protocol.TransferPut, ID: id, Path: "a", Size: 1})
	}
	refused(protocol.Transfer{ID: 20, Path: "a", Size: 1}, protocol.FileBusy)
	for id := uint32(3); id < 3+protocol.MaxTransfers; id++ {
		c.says(protocol.Transfer{Kind: protocol.TransferCancel, ID: id})
	}
	c.says(protocol.Transfer{Kind: protocol.TransferPut, ID: 21, Path: "a", Size: 100})
	c.hears(protocol.Transfer{Kind: protocol.TransferReady, ID: 21, Path: "a", Size: 100})
	c.sends(21, 0, make([]byte, 100))
	c.says(protocol.Transfer{Kind: protocol.TransferCancel, ID: 21})
	refused(protocol.Transfer{ID: 22, Path: "a", Size: 51}, protocol.FileTotal)
	must(0, c.p.agent.Share(t.Context(), sharingOf(protocol.SharingPaused)))(t)
	refused(protocol.Transfer{ID: 23, Path: "a", Size: 1}, protocol.FileHidden)
	must(0, c.p.agent.Share(t.Context(), sharingOf(protocol.SharingShown)))(t)
	c.p.on(t, func(s *session) { s.tools.files.send.files = -1e6 })
	refused(protocol.Transfer{ID: 24, Path: "a", Size: 1}, protocol.FileBusy)
	c.agent.list = nil
	c.says(protocol.Transfer{Kind: protocol.TransferPut, ID: 24, Path: "again", Size: 1})          // the same number
	c.says(protocol.Transfer{Kind: protocol.TransferPut, Epoch: 99, ID: 30, Path: "old", Size: 1}) // another consent
	if len(c.agent.list) > 0 || c.state().State != protocol.ConsentGiven {
		t.Errorf("%+v, %+v", c.agent.list, c.state())
	}
	// The right is taken away.
	weak := full
	weak.Profile.Permissions = protocol.PermissionSet{protocol.ViewScreen: true, protocol.FetchFiles: true}
	must(0, c.p.e.m.Limit(t.Context(), weak))(t)
	c.says(protocol.Transfer{Kind: protocol.TransferPut, ID: 31, Path: "late", Size: 1})
	if s := c.state(); s.State != protocol.ConsentWithdrawn || s.Cause != protocol.CauseRights || len(c.agent.list) > 0 {
		t.Errorf("%+v, %+v", s, c.agent.list)
	}
	if err := func() error { _, err := c.p.request(t, protocol.SendFiles); return err }(); err != nil && !errors.Is(err, ErrNotAllowed) && !errors.Is(err, ErrNotNow) {
		t.Error(err)
	}
}

// TestFilesMisused: a console that does not keep to the protocol loses the consent, and
// so does an agent.
func TestFilesMisused(t *testing.T) {
	t.Parallel()
	part := make([]byte, protocol.MaxChunk)
	for name, x := range map[string]struct {
		permission protocol.Permission
		cause      protocol.ConsentCause
		do         func(*counter)
	}{
		"a hole":   {protocol.SendFiles, protocol.CauseMisuse, func(c *counter) { c.sends(1, 5, part) }},
		"too long": {protocol.SendFiles, protocol.CauseMisuse, func(c *counter) { c.sends(1, 0, part); c.sends(1, int64(len(part)), part) }},
		"another hash": {protocol.SendFiles, protocol.CauseMisuse, func(c *counter) {
			c.sends(1, 0, part[:10])
			c.says(protocol.Transfer{Kind: protocol.TransferEnd, ID: 1, Size: 10, Hash: hashOf(part)})
		}},
		"other kinds":  {protocol.SendFiles, protocol.CauseMisuse, func(c *counter) { c.says(protocol.Transfer{Kind: protocol.TransferGet, ID: 2, Path: "a"}) }},
		"nonsense":     {protocol.SendFiles, protocol.CauseMisuse, func(c *counter) { c.parcel(true, []byte("{}")); c.p.on(c.t, func(*session) {}) }},
		"a short part": {protocol.SendFiles, protocol.CauseMisuse, func(c *counter) { c.parcel(false, []byte("short")); c.p.on(c.t, func(*session) {}) }},
		"content": {protocol.FetchFiles, protocol.CauseMisuse, func(c *counter) {
			c.parcel(false, must(protocol.Chunk{Epoch: c.epoch, ID: 1, Data: part}.Encode())(c.t))
			c.p.on(c.t, func(*session) {})
		}},
		"arrived early": {protocol.FetchFiles, protocol.CauseMisuse, func(c *counter) { c.says(protocol.Transfer{Kind: protocol.TransferAck, ID: 1, At: 5}) }},
		"done early":    {protocol.FetchFiles, protocol.CauseMisuse, func(c *counter) { c.says(protocol.Transfer{Kind: protocol.TransferDone, ID: 1, Hash: hashOf(part)}) }},
		"a flood": {protocol.FetchFiles, protocol.CauseMisuse, func(c *counter) {
			c.p.on(c.t, func(s *session) { s.tools.files.fetch.messages = -1e9 })
			c.says(protocol.Transfer{Kind: protocol.TransferCancel, ID: 9})
		}},
		"agent's hole": {protocol.FetchFiles, protocol.CauseFailed, func(c *counter) { c.sends(1, 5, part) }},
		"no window": {protocol.FetchFiles, protocol.CauseFailed, func(c *counter) {
			c.p.on(c.t, func(s *session) { s.tools.files.fetch.live[1].size = 1 << 30 })
			for i := range int64(protocol.TransferWindow/protocol.MaxChunk + 2) {
				c.sends(1, i*int64(len(part)), part)
			}
		}},
		"unasked":        {protocol.FetchFiles, protocol.CauseFailed, func(c *counter) { c.sends(7, 0, part) }},
		"another folder": {protocol.FetchFiles, protocol.CauseFailed, func(c *counter) { c.hears(protocol.Transfer{Kind: protocol.TransferOpened, Path: "Documents"}) }},
		"twice ready":    {protocol.FetchFiles, protocol.CauseFailed, func(c *counter) { c.hears(protocol.Transfer{Kind: protocol.TransferReady, ID: 1, Path: "a", Size: 10}) }},
		"a list of it":   {protocol.FetchFiles, protocol.CauseFailed, func(c *counter) { c.hears(protocol.Transfer{Kind: protocol.TransferListing, ID: 1}) }},
		"agent's hash": {protocol.SendFiles, protocol.CauseFailed, func(c *counter) {
			c.sends(1, 0, part[:10])
			c.says(protocol.Transfer{Kind: protocol.TransferEnd, ID: 1, Size: 10, Hash: hashOf(part[:10])})
			c.hears(protocol.Transfer{Kind: protocol.TransferDone, ID: 1, Hash: hashOf(nil)})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, c := exchanging(t, full, x.permission)
			if x.permission == protocol.SendFiles {
				c.says(protocol.Transfer{Kind: protocol.TransferPut, ID: 1, Path: "a", Size: 10})
			} else {
				c.says(protocol.Transfer{Kind: protocol.TransferGet, ID: 1, Path: "a"})
			}
			c.hears(protocol.Transfer{Kind: protocol.TransferReady, ID: 1, Path: "a", Size: 10})
			x.do(c)
			if s := c.state(); s.State != protocol.ConsentWithdrawn || s.Cause != x.cause {
				t.Errorf("%+v", s)
			}
		})
	}
}

// FuzzParcels: whatever comes from either side, the session stands, and nothing passes
// that nobody asked for.
func FuzzParcels(f *testing.F) {
	f.Add(true, true, []byte(`{"kind":"attach","epoch":2}`))
	f.Add(false, true, []byte(`{"kind":"opened","epoch":2,"path":"x"}`))
	f.Add(false, false, []byte("\x00\x00\x00\x02\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00a"))
	_, c := exchanging(f, full, protocol.FetchFiles)
	f.Fuzz(func(t *testing.T, console, text bool, data []byte) {
		if console {
			c.parcel(text, data)
		} else {
			c.p.on(t, func(s *session) { s.parcelFromAgent(text, data) })
		}
		c.p.on(t, func(*session) {
			if len(c.to.part) > 0 {
				t.Error("a part passed")
			}
		})
	})
}
