package session

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/png"
	"slices"
	"testing"
	"time"

	"consento/protocol"
	"consento/recordings"
)

// board is one end of a channel for the clipboard: what the broker sends to it.
type board struct {
	said []protocol.Clip
	data []byte
	deaf bool
	on   func() // called before content is taken
}

func (b *board) SendParcel(text bool, data []byte) bool {
	if b.deaf {
		return false
	}
	m, c, err := readClip(text, data)
	if err != nil {
		panic(err)
	}
	if text {
		b.said = append(b.said, m)
		return true
	}
	if b.on != nil {
		b.on()
	}
	if c.At != int64(len(b.data)) {
		panic("a hole")
	}
	b.data = append(b.data, c.Data...)
	return true
}

// take returns what was said, and forgets it.
func (b *board) take() (kinds []protocol.ClipKind) {
	for _, m := range b.said {
		kinds = append(kinds, m.Kind)
	}
	b.said = nil
	return kinds
}

// clerk is a console and an agent with their clipboards.
type clerk struct {
	*View
	t          testing.TB
	p          *play
	to, agent  *board // the console's end, the agent's
	epoch      uint32
	permission protocol.Permission
}

func clipping(t testing.TB, by Technician, permission protocol.Permission) (*env, *clerk) {
	t.Helper()
	e := newEnv(t, func(c *Config) { allowAll(c) })
	p := e.showing(t, by, protocol.SendClipboard, protocol.FetchClipboard)
	c := &clerk{View: p.sit(t), t: t, p: p, to: &board{}, agent: &board{}, permission: permission}
	p.on(t, func(s *session) { c.clips, s.tools.clipboard.agent = c.to, c.agent })
	c.epoch = p.allow(t, permission)
	return e, c
}

// says sends what the console says; hears what the agent does.
func (c *clerk) says(m protocol.Clip) {
	c.t.Helper()
	if m.Epoch == 0 {
		m.Epoch = c.epoch
	}
	c.clip(true, must(m.Encode())(c.t))
	c.p.on(c.t, func(*session) {})
}

func (c *clerk) hears(m protocol.Clip) {
	c.t.Helper()
	m.Epoch = c.epoch
	data := must(m.Encode())(c.t)
	c.p.on(c.t, func(s *session) { s.clipFromAgent(true, data) })
}

// part passes content from the side that sends.
func (c *clerk) part(id uint32, at int64, content []byte) {
	c.t.Helper()
	data := must(protocol.Chunk{Epoch: c.epoch, ID: id, At: at, Data: content}.Encode())(c.t)
	if c.permission == protocol.SendClipboard {
		c.clip(false, data)
		c.p.on(c.t, func(*session) {})
		return
	}
	c.p.on(c.t, func(s *session) { s.clipFromAgent(false, data) })
}

// parts passes all of it, as the window lets it.
func (c *clerk) parts(id uint32, content []byte) {
	c.t.Helper()
	for at := 0; at < len(content); at += protocol.MaxChunk {
		c.part(id, int64(at), content[at:min(at+protocol.MaxChunk, len(content))])
	}
}

// takes has the receiver acknowledge until all of it is there.
func (c *clerk) takes(id uint32, size int) {
	c.t.Helper()
	end := c.agent
	if c.permission == protocol.FetchClipboard {
		end = c.to
	}
	for acked := 0; acked < size; {
		acked = len(end.data)
		if m := (protocol.Clip{Kind: protocol.ClipAck, ID: id, At: int64(acked)}); end == c.to {
			c.says(m)
		} else {
			c.hears(m)
		}
	}
}

func (c *clerk) state() protocol.Consent {
	c.t.Helper()
	return c.p.consent(c.t, c.permission)
}

func offerOfClip(id uint32, kind protocol.ClipType, data []byte) protocol.Clip {
	return protocol.Clip{Kind: protocol.ClipOffer, ID: id, Type: kind, Size: int64(len(data)), Hash: hashOf(data)}
}

func smallPNG(t testing.TB) []byte {
	t.Helper()
	var out bytes.Buffer
	must(0, png.Encode(&out, image.NewGray(image.Rect(0, 0, 40, 30))))(t)
	return out.Bytes()
}

// kept puts together what the evidence has of the content, by transfer.
func kept(t *testing.T, e *env, id string) (content map[float64]string, first map[float64]uint64) {
	t.Helper()
	list, _ := e.read(t, id, recordings.TrackClipboard)
	content, first = map[float64]string{}, map[float64]uint64{}
	for _, x := range list {
		n := x.Data["clip"].(float64)
		if _, known := first[n]; !known {
			first[n] = uint64(x.index)
		}
		content[n] += string(must(base64.StdEncoding.DecodeString(x.Data["data"].(string)))(t))
	}
	return content, first
}

// TestClipboardToTheCustomer: all of it is sealed before the agent has any; what is on
// its way when the customer takes it back does not arrive.
func TestClipboardToTheCustomer(t *testing.T) {
	t.Parallel()
	e, c := clipping(t, full, protocol.SendClipboard)
	text := bytes.Repeat([]byte("a text that has some length \u00e9"), 20_000)
	looked := false
	c.agent.on = func() {
		if looked {
			return
		}
		looked = true
		list, report := e.read(t, c.p.id, recordings.TrackClipboard)
		if n := len(list); n == 0 || list[n-1].Data["last"] != true || list[n-1].index >= report.Sealed {
			t.Error("the agent gets content before it is sealed")
		}
	}
	c.says(offerOfClip(1, protocol.ClipText, text))
	c.parts(1, text[:len(text)-1])
	if len(c.agent.data)+len(c.agent.said) > 0 {
		t.Error("something passes before all of it is there")
	}
	c.part(1, int64(len(text)-1), text[len(text)-1:])
	if n := len(c.agent.data); n == 0 || n > protocol.ClipWindow {
		t.Errorf("%d bytes are on their way", n)
	}
	c.takes(1, len(text))
	c.hears(protocol.Clip{Kind: protocol.ClipDone, ID: 1, Hash: hashOf(text)})
	if !bytes.Equal(c.agent.data, text) || !slices.Equal(c.agent.take(), []protocol.ClipKind{protocol.ClipOffer}) {
		t.Error("the agent got something else")
	}
	if said := c.to.said[len(c.to.said)-1]; said.Kind != protocol.ClipDone || said.Hash != hashOf(text) {
		t.Errorf("%+v", said)
	}

	// In mid-flight the customer takes it back: none of it goes on.
	c.agent.data = nil
	c.says(offerOfClip(2, protocol.ClipText, text))
	c.part(2, 0, text[:protocol.MaxChunk])
	must(0, c.p.agent.AnswerConsent(t.Context(), protocol.ConsentAnswer{Permission: c.permission, State: protocol.ConsentWithdrawn, Epoch: c.epoch, Cause: protocol.CauseCustomer}))(t)
	for at := protocol.MaxChunk; at < len(text); at += protocol.MaxChunk {
		c.part(2, int64(at), text[at:min(at+protocol.MaxChunk, len(text))])
	}
	c.says(offerOfClip(3, protocol.ClipText, text))
	if len(c.agent.data)+len(c.agent.take()) > 0 {
		t.Error("something passes after the end")
	}
	c.p.finish(t)

	list, _ := e.events(t, c.p.id)
	asked, whole, withdrawn := find(list, protocol.EventClipAsked), find(list, protocol.EventClipWhole), find(list, protocol.EventConsentWithdrawn)
	if asked == nil || asked.Data["to"] != "customer" || asked.Data["type"] != "text" || asked.Data["sha256"] != hashOf(text) || whole == nil || whole.Data["size"] != float64(len(text)) || whole.Data["sha256"] != hashOf(text) {
		t.Errorf("%+v, %+v", asked, whole)
	}
	var results []any
	var last int
	for _, x := range list {
		if x.Code == protocol.EventClipEnded {
			results, last = append(results, x.Data["result"]), int(x.index)
		}
	}
	if !slices.Equal(results, []any{"done", "withdrawn"}) || last > int(withdrawn.index) {
		t.Errorf("%v", results)
	}
	content, first := kept(t, e, c.p.id)
	if !looked || content[1] != string(text) || content[2] != "" || first[1] > uint64(whole.index) {
		t.Error("the evidence has something else")
	}
	log := must(e.m.Log(t.Context(), c.p.id))(t)
	found := false
	for _, x := range log.Entries {
		if bytes.Contains(x.Data, []byte("a text that")) {
			t.Error("the customer's log has the content")
		}
		found = found || x.Code == protocol.EventClipEnded && bytes.Contains(x.Data, []byte(hashOf(text)))
	}
	if !found {
		t.Error("the customer's log does not say it")
	}
}

// TestClipboardFromTheCustomer: nothing is read before it is asked for, and the console
// has nothing before it is sealed.
func TestClipboardFromTheCustomer(t *testing.T) {
	t.Parallel()
	e, c := clipping(t, full, protocol.FetchClipboard)
	picture := smallPNG(t)
	c.says(protocol.Clip{Kind: protocol.ClipGet, ID: 1})
	if got := c.agent.take(); !slices.Equal(got, []protocol.ClipKind{protocol.ClipGet}) {
		t.Errorf("%v", got)
	}
	c.hears(offerOfClip(1, protocol.ClipImage, picture))
	c.parts(1, picture)
	c.takes(1, len(picture))
	c.says(protocol.Clip{Kind: protocol.ClipDone, ID: 1, Hash: hashOf(picture)})
	if got := c.to.take(); !bytes.Equal(c.to.data, picture) || !slices.Equal(got, []protocol.ClipKind{protocol.ClipMoved, protocol.ClipMoved, protocol.ClipOffer}) {
		t.Errorf("%v", got)
	}
	// The customer's computer has reasons of its own.
	c.says(protocol.Clip{Kind: protocol.ClipGet, ID: 2})
	c.hears(protocol.Clip{Kind: protocol.ClipFailed, ID: 2, Cause: protocol.ClipSecret})
	if said := c.to.said[len(c.to.said)-1]; said.Kind != protocol.ClipFailed || said.Cause != protocol.ClipSecret {
		t.Errorf("%+v", said)
	}
	// One at a time; and the technician may stop it.
	c.says(protocol.Clip{Kind: protocol.ClipGet, ID: 3})
	c.says(protocol.Clip{Kind: protocol.ClipGet, ID: 4})
	if said := c.to.said[len(c.to.said)-1]; said.ID != 4 || said.Cause != protocol.ClipBusy {
		t.Errorf("%+v", said)
	}
	c.says(protocol.Clip{Kind: protocol.ClipCancel, ID: 3})
	c.hears(offerOfClip(3, protocol.ClipImage, picture)) // which crossed it
	c.parts(3, picture)
	if c.state().State != protocol.ConsentGiven || len(c.to.data) > len(picture) {
		t.Errorf("%+v", c.state())
	}
	c.p.finish(t)
	content, _ := kept(t, e, c.p.id)
	list, _ := e.events(t, c.p.id)
	whole := find(list, protocol.EventClipWhole)
	if len(content) != 1 || content[1] != string(picture) || whole.Data["to"] != "technician" || whole.Data["width"] != float64(40) || whole.Data["height"] != float64(30) {
		t.Errorf("%+v", whole)
	}
}

// TestClipboardWhenItCannotBe: hidden, away, silent for long, more than a session may
// have, and content that no clipboard should get.
func TestClipboardWhenItCannotBe(t *testing.T) {
	t.Parallel()
	_, c := clipping(t, full, protocol.SendClipboard)
	id := uint32(0)
	try := func(name string, want protocol.ClipCause, kind protocol.ClipType, data []byte, meanwhile func()) {
		t.Helper()
		id++
		c.to.said, c.agent.data = nil, nil
		c.says(offerOfClip(id, kind, data))
		meanwhile()
		for at := 0; at < len(data) && c.state().State == protocol.ConsentGiven; at += protocol.MaxChunk {
			c.part(id, int64(at), data[at:min(at+protocol.MaxChunk, len(data))])
		}
		if len(c.to.said) == 0 {
			t.Errorf("%s: nothing was said", name)
			return
		}
		if said := c.to.said[len(c.to.said)-1]; said.Kind != protocol.ClipFailed || said.Cause != want || said.ID != id {
			t.Errorf("%s: %+v", name, said)
		}
		if len(c.agent.data) > 0 {
			t.Errorf("%s: the agent has some", name)
		}
	}
	nothing := func() {}
	text := []byte("text")
	try("not UTF-8", protocol.ClipBadText, protocol.ClipText, []byte("a\xffb"), nothing)
	try("no image", protocol.ClipBadImage, protocol.ClipImage, []byte("\x89PNG and nothing"), nothing)
	try("silent", protocol.ClipAway, protocol.ClipText, text, func() {
		c.p.on(t, func(s *session) { s.ageClips(time.Now().Add(2 * clipPatience)) })
	})
	try("the customer hides the screen", protocol.ClipHidden, protocol.ClipText, text, func() {
		must(0, c.p.agent.Share(t.Context(), sharingOf(protocol.SharingPaused)))(t)
	})
	try("hidden", protocol.ClipHidden, protocol.ClipText, text, nothing)
	must(0, c.p.agent.Share(t.Context(), sharingOf(protocol.SharingShown)))(t)
	c.agent.deaf = true
	try("no channel", protocol.ClipAway, protocol.ClipText, text, nothing)
	c.agent.deaf = false
	c.p.on(t, func(s *session) { s.tools.clipboard.bytes = maxClipBytes - 3 })
	try("too much", protocol.ClipTotal, protocol.ClipText, text, nothing)
	c.p.on(t, func(s *session) { s.tools.clipboard.bytes, s.tools.clipboard.count = 0, maxClips })
	try("too many", protocol.ClipTotal, protocol.ClipText, text, nothing)
	c.p.on(t, func(s *session) { s.tools.clipboard.count = 0 })
	try("the agent is away", protocol.ClipAway, protocol.ClipText, text, func() { must(0, c.p.agent.Gone(t.Context(), true))(t) })
	try("it is still", protocol.ClipAway, protocol.ClipText, text, nothing)
	if c.state().State != protocol.ConsentGiven {
		t.Fatalf("%+v", c.state())
	}
	// The right is taken away.
	weak := full
	weak.Profile.Permissions = protocol.PermissionSet{protocol.ViewScreen: true, protocol.FetchClipboard: true}
	must(0, c.p.e.m.Limit(t.Context(), weak))(t)
	if s := c.state(); s.State != protocol.ConsentWithdrawn || s.Cause != protocol.CauseRights {
		t.Errorf("%+v", s)
	}
}

// TestClipboardLeft: what another window of the technician's asked for ends with that.
func TestClipboardLeft(t *testing.T) {
	t.Parallel()
	_, c := clipping(t, full, protocol.FetchClipboard)
	other := &clerk{View: c.p.sit(t), t: t, p: c.p, to: &board{}, epoch: c.epoch, permission: c.permission}
	c.p.on(t, func(*session) { other.clips = other.to })
	other.says(protocol.Clip{Kind: protocol.ClipGet, ID: 1})
	c.says(protocol.Clip{Kind: protocol.ClipCancel, ID: 1}) // not its own
	c.p.on(t, func(s *session) {
		if s.tools.clipboard.fetch.live == nil {
			t.Error("another window ends it")
		}
	})
	other.left()
	eventually(t, "it is left", func() bool {
		gone := false
		c.p.on(t, func(s *session) { gone = s.tools.clipboard.fetch.live == nil })
		return gone
	})
	if got := c.agent.take(); !slices.Equal(got, []protocol.ClipKind{protocol.ClipGet, protocol.ClipCancel}) {
		t.Errorf("the agent was told %v", got)
	}
}

// TestClipboardMisused: whoever does not keep to the protocol loses the consent.
func TestClipboardMisused(t *testing.T) {
	t.Parallel()
	text := []byte("0123456789")
	big := make([]byte, protocol.MaxChunk)
	send, fetch := protocol.SendClipboard, protocol.FetchClipboard
	for name, x := range map[string]struct {
		permission protocol.Permission
		cause      protocol.ConsentCause
		do         func(*clerk)
	}{
		"a hole":       {send, protocol.CauseMisuse, func(c *clerk) { c.part(1, 5, text) }},
		"too long":     {send, protocol.CauseMisuse, func(c *clerk) { c.part(1, 0, big) }},
		"another hash": {send, protocol.CauseMisuse, func(c *clerk) { c.part(1, 0, []byte("another 10")) }},
		"more of it":   {send, protocol.CauseMisuse, func(c *clerk) { c.part(1, 0, text); c.part(1, 10, text) }},
		"other kinds":  {send, protocol.CauseMisuse, func(c *clerk) { c.says(protocol.Clip{Kind: protocol.ClipGet, ID: 2}) }},
		"nonsense":     {send, protocol.CauseMisuse, func(c *clerk) { c.clip(true, []byte("{}")); c.p.on(c.t, func(*session) {}) }},
		"a short part": {send, protocol.CauseMisuse, func(c *clerk) { c.clip(false, []byte("short")); c.p.on(c.t, func(*session) {}) }},
		"the broker's": {send, protocol.CauseMisuse, func(c *clerk) { c.says(protocol.Clip{Kind: protocol.ClipMoved, ID: 1, Size: 1}) }},
		"a flood": {send, protocol.CauseMisuse, func(c *clerk) {
			c.p.on(c.t, func(s *session) { s.tools.clipboard.send.messages = -1e9 })
			c.says(protocol.Clip{Kind: protocol.ClipCancel, ID: 9})
		}},
		"content": {fetch, protocol.CauseMisuse, func(c *clerk) {
			c.clip(false, must(protocol.Chunk{Epoch: c.epoch, ID: 1, Data: text}.Encode())(c.t))
			c.p.on(c.t, func(*session) {})
		}},
		"arrived early": {fetch, protocol.CauseMisuse, func(c *clerk) { c.says(protocol.Clip{Kind: protocol.ClipAck, ID: 1, At: 5}) }},
		"done early":    {fetch, protocol.CauseMisuse, func(c *clerk) { c.says(protocol.Clip{Kind: protocol.ClipDone, ID: 1, Hash: hashOf(text)}) }},
		"agent's hole":  {fetch, protocol.CauseFailed, func(c *clerk) { c.hears(offerOfClip(1, protocol.ClipText, text)); c.part(1, 5, text[5:]) }},
		"agent's hash":  {fetch, protocol.CauseFailed, func(c *clerk) { c.hears(offerOfClip(1, protocol.ClipText, text)); c.part(1, 0, []byte("another 10")) }},
		"not offered":   {fetch, protocol.CauseFailed, func(c *clerk) { c.part(1, 0, text) }},
		"offered twice": {fetch, protocol.CauseFailed, func(c *clerk) {
			c.hears(offerOfClip(1, protocol.ClipText, text))
			c.hears(offerOfClip(1, protocol.ClipText, text))
		}},
		"unasked":        {fetch, protocol.CauseFailed, func(c *clerk) { c.hears(offerOfClip(7, protocol.ClipText, text)) }},
		"agent nonsense": {fetch, protocol.CauseFailed, func(c *clerk) { c.p.on(c.t, func(s *session) { s.clipFromAgent(false, []byte("x")) }) }},
		"agent's kinds":  {send, protocol.CauseFailed, func(c *clerk) { c.hears(offerOfClip(1, protocol.ClipText, text)) }},
		"agent is early": {send, protocol.CauseFailed, func(c *clerk) { c.hears(protocol.Clip{Kind: protocol.ClipDone, ID: 1, Hash: hashOf(text)}) }},
		"acks too much":  {send, protocol.CauseFailed, func(c *clerk) { c.part(1, 0, text); c.hears(protocol.Clip{Kind: protocol.ClipAck, ID: 1, At: 11}) }},
		"a wrong end": {send, protocol.CauseFailed, func(c *clerk) {
			c.part(1, 0, text)
			c.hears(protocol.Clip{Kind: protocol.ClipDone, ID: 1, Hash: hashOf(big)})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, c := clipping(t, full, x.permission)
			if x.permission == send {
				c.says(offerOfClip(1, protocol.ClipText, text))
			} else {
				c.says(protocol.Clip{Kind: protocol.ClipGet, ID: 1})
			}
			x.do(c)
			if s := c.state(); s.State != protocol.ConsentWithdrawn || s.Cause != x.cause {
				t.Errorf("%+v", s)
			}
		})
	}
}

// FuzzClips: whatever comes from either side, the session stands, and nothing passes
// that is not on the evidence.
func FuzzClips(f *testing.F) {
	f.Add(true, true, []byte(`{"kind":"get","epoch":2,"id":1}`))
	f.Add(false, true, []byte(`{"kind":"offer","epoch":2,"id":1,"type":"text","size":1,"hash":"`+hashOf([]byte("a"))+`"}`))
	f.Add(false, false, []byte("\x00\x00\x00\x02\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00a"))
	_, c := clipping(f, full, protocol.FetchClipboard)
	f.Fuzz(func(t *testing.T, console, text bool, data []byte) {
		c.p.on(t, func(s *session) { // nonsense has ended it: given again, as if the customer had said so
			now := s.consent(c.permission)
			if now.State = protocol.ConsentGiven; s.consent(c.permission).State != now.State {
				s.setConsent(now)
				s.tools.clipboard.fetch.begin()
			}
		})
		if console {
			c.clip(text, data)
		} else {
			c.p.on(t, func(s *session) { s.clipFromAgent(text, data) })
		}
		c.p.on(t, func(s *session) {
			if len(c.agent.data) > 0 {
				t.Error("content went to the agent")
			}
			if w := s.tools.clipboard.fetch; len(c.to.data) > 0 && w.live != nil && !w.live.whole && len(w.live.data) == len(c.to.data) {
				t.Error("content passed before it was sealed")
			}
			c.to.data = nil
			if s.row.State != protocol.StateActive {
				t.Errorf("the session is %s", s.row.State)
			}
		})
	})
}
