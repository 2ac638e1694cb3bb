package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"consento/protocol"
	"consento/recordings"
)

// console hears what consoles are told.
type consoleEnd struct {
	mu    sync.Mutex
	lines []protocol.ChatLine
	first func() // before a line is heard
}

func (c *consoleEnd) hear(m protocol.Message) {
	if c.first != nil {
		c.first()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lines = append(c.lines, m.(*protocol.Chat).Lines...)
}

func (c *consoleEnd) texts() (all []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range c.lines {
		all = append(all, fmt.Sprintf("%d %s %s: %s", l.N, l.From, l.Name, l.Text))
	}
	return all
}

// heard are the lines that an agent was sent.
func (l *link) heard() (all []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range l.sent {
		if c, ok := m.(*protocol.Chat); ok {
			for _, line := range c.Lines {
				all = append(all, fmt.Sprintf("%d %s %s: %s", line.N, line.From, line.Name, line.Text))
			}
		}
	}
	return all
}

func (p *play) customer(t testing.TB, text string) (uint32, error) {
	return p.agent.Say(t.Context(), protocol.ChatSay{Key: "c-" + strings.ReplaceAll(text, " ", "-"), Text: text})
}

func (p *play) technician(t testing.TB, text string) (uint32, error) {
	return p.e.m.Say(t.Context(), anna, protocol.ChatSay{Session: p.id, Key: "t-" + strings.ReplaceAll(text, " ", "-"), Text: text})
}

// TestChat: from the moment in which the agent is there both sides write, each line is on
// the evidence before anybody has it, and the customer's copy of the log has it too.
func TestChat(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	p := e.issue(t)
	if _, err := p.technician(t, "too early"); !errors.Is(err, ErrNotNow) {
		t.Errorf("before the agent: %v", err)
	}
	p.redeem(t).name(t).join(t)
	console := &consoleEnd{}
	defer e.m.Listen(anna.ID, console.hear)()
	defer e.m.Listen("bert-id", func(m protocol.Message) { t.Errorf("another technician heard %+v", m) })()
	looked := 0
	sealed := func() {
		looked++
		list, report := e.read(t, p.id, recordings.TrackChat)
		if n := len(list); n == 0 || list[n-1].Code != protocol.EventChat || list[n-1].index >= report.Sealed || int(list[n-1].Data["n"].(float64)) != (looked+1)/2 {
			t.Errorf("look %d: what is heard is not sealed: %+v", looked, list)
		}
	}
	p.link.onSend = func(m protocol.Message) {
		if _, ok := m.(*protocol.Chat); ok {
			sealed()
		}
	}
	console.first = sealed
	must(p.customer(t, "Buongiorno"))(t)
	if n := must(p.technician(t, "Guten Tag\nשלום"))(t); n != 2 {
		t.Errorf("line %d", n)
	}
	p.terms(t).activate(t)
	must(p.customer(t, "<b>non va</b>"))(t)
	want := []string{"1 customer : Buongiorno", "2 technician Anna Rossi: Guten Tag\nשלום", "3 customer : <b>non va</b>"}
	if got := console.texts(); !slices.Equal(got, want) {
		t.Errorf("the console heard %q", got)
	}
	if got := p.link.heard(); !slices.Equal(got, want) {
		t.Errorf("the agent heard %q", got)
	}
	if looked != 6 {
		t.Errorf("looked %d times", looked)
	}

	// What is said again under its key counts once.
	if n := must(p.customer(t, "Buongiorno"))(t); n != 1 || len(console.texts()) != 3 {
		t.Errorf("said again: %d, %q", n, console.texts())
	}
	// Who comes later gets all of it, who missed a part gets that.
	all := must(e.m.ChatSince(t.Context(), anna, protocol.ChatSince{Session: p.id}))(t)
	rest := must(p.agent.ChatSince(t.Context(), protocol.ChatSince{After: 2}))(t)
	if !all.Allowed || len(all.Lines) != 3 || all.More || !rest.Allowed || len(rest.Lines) != 1 || rest.Lines[0].N != 3 || all.Session != p.id || rest.Session != "" {
		t.Errorf("%+v\n%+v", all, rest)
	}
	bert := anna
	bert.ID = "bert-id"
	if _, err := e.m.ChatSince(t.Context(), bert, protocol.ChatSince{Session: p.id}); !errors.Is(err, ErrNoSession) {
		t.Errorf("another technician reads: %v", err)
	}
	if _, err := e.m.Say(t.Context(), bert, protocol.ChatSay{Session: p.id, Key: "k", Text: "mine"}); !errors.Is(err, ErrNoSession) {
		t.Errorf("another technician writes: %v", err)
	}

	must(0, e.m.End(t.Context(), anna, p.id))(t)
	if _, err := p.customer(t, "wait"); !errors.Is(err, ErrNotNow) {
		t.Errorf("after the end: %v", err)
	}
	if _, err := p.technician(t, "wait"); !errors.Is(err, ErrNotNow) {
		t.Errorf("after the end: %v", err)
	}
	if c := must(e.m.ChatSince(t.Context(), anna, protocol.ChatSince{Session: p.id}))(t); c.Allowed || len(c.Lines) != 3 {
		t.Errorf("after the end: %+v", c)
	}
	p.removed(t)
	p.closed(t)
	var saved []string
	for _, x := range must(e.m.Log(t.Context(), p.id))(t).Entries {
		if x.Code == protocol.EventChat {
			saved = append(saved, string(x.Data))
		}
	}
	if len(saved) != 3 || !strings.Contains(saved[1], `"from":"Anna Rossi"`) || strings.Contains(saved[2], `"from"`) || !strings.Contains(saved[2], "non va") {
		t.Errorf("the customer's copy has %q", saved)
	}
	list, _ := e.read(t, p.id, recordings.TrackChat)
	if len(list) != 3 || list[1].Data["from"] != "Anna Rossi" || list[1].Data["side"] != "technician" || list[2].Data["text"] != "<b>non va</b>" {
		t.Errorf("on the evidence: %+v", list)
	}
}

// TestChatByProfile: the profile decides, for the lines of both sides, at each of them.
func TestChatByProfile(t *testing.T) {
	t.Parallel()
	mute := anna
	mute.Profile = protocol.Profile{Name: "Mute", Permissions: protocol.PermissionSet{protocol.ViewScreen: true}}
	now := anna
	e := newEnv(t, func(c *Config) {
		c.Technician = func(context.Context, string) (Technician, error) { return now, nil }
	})
	p := e.active(t)
	must(p.customer(t, "one"))(t)
	now = mute
	if _, err := p.customer(t, "two"); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("the customer: %v", err)
	}
	if told := last[*protocol.Chat](p.link); told == nil || told.Allowed || len(told.Lines) > 0 {
		t.Errorf("the agent was told %+v", told)
	}
	if _, err := e.m.Say(t.Context(), mute, protocol.ChatSay{Session: p.id, Key: "k", Text: "two"}); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("the technician: %v", err)
	}
	if c := must(p.agent.ChatSince(t.Context(), protocol.ChatSince{}))(t); c.Allowed || len(c.Lines) > 0 {
		t.Errorf("the agent gets %+v", c)
	}
	if c := must(e.m.ChatSince(t.Context(), mute, protocol.ChatSince{Session: p.id}))(t); c.Allowed || len(c.Lines) > 0 {
		t.Errorf("the technician gets %+v", c)
	}
	now = anna
	if n := must(p.customer(t, "two"))(t); n != 2 {
		t.Errorf("line %d", n)
	}
}

// TestChatIsBounded: so many lines at once, so many in all, so many in memory.
func TestChatIsBounded(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	p := e.active(t)
	var err error
	for i := 0; err == nil && i < 10*chatBurst; i++ {
		_, err = p.customer(t, fmt.Sprint("line ", i))
	}
	if !errors.Is(err, ErrTooMany) {
		t.Errorf("a flood: %v", err)
	}
	must(p.technician(t, "the other side may"))(t)
	var c chat
	long := strings.Repeat("字", protocol.MaxChat)
	for i := range 3 * maxChatHeld {
		c.add(protocol.ChatLine{N: uint32(i + 1), From: protocol.ChatCustomer, Key: fmt.Sprint(i), Text: long})
	}
	if len(c.lines) > maxChatHeld || c.bytes > maxChatBytes || c.lines[len(c.lines)-1].N != 3*maxChatHeld || len(c.said) != maxChatKeys {
		t.Errorf("%d lines of %d bytes, %d keys", len(c.lines), c.bytes, len(c.said))
	}
	// Whatever is in them, each answer is one message, and together they are all.
	c = chat{}
	for i := range 300 {
		c.add(protocol.ChatLine{N: uint32(i + 1), From: protocol.ChatTechnician, Name: strings.Repeat("<", protocol.MaxName), Key: strings.Repeat("k", 40), Text: strings.Repeat("<", 1+i%400), At: time.Unix(1, 0)})
	}
	var after uint32
	got := 0
	for more := true; more; {
		m := protocol.Chat{Session: p.id, Allowed: true}
		m.Lines, m.More = c.since(after)
		if _, err := protocol.Encode(1, 1, &m); err != nil || len(m.Lines) == 0 {
			t.Fatalf("%d lines behind %d: %v", len(m.Lines), after, err)
		}
		got, after, more = got+len(m.Lines), m.Lines[len(m.Lines)-1].N, m.More
	}
	if got != 300 {
		t.Errorf("%d lines", got)
	}
	if lines, more := c.since(after); len(lines) > 0 || more {
		t.Error("more than all")
	}
}

// TestChatOutlivesTheBroker: numbers go on, a line that was taken is not taken again, and
// nothing of what was written stands in the database.
func TestChatOutlivesTheBroker(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	p := e.active(t)
	must(p.customer(t, "quadragesima"))(t)
	must(p.technician(t, "quinquagesima"))(t)
	var memory string
	must(0, e.db.NewSelect().Table("sessions").Column("memory").Where("id = ?", p.id).Scan(t.Context(), &memory))(t)
	if memory == "" || strings.Contains(strings.NewReplacer("c-quadragesima", "", "t-quinquagesima", "").Replace(memory), "gesima") {
		t.Errorf("the database says %s", memory)
	}
	must(0, p.agent.Gone(t.Context(), true))(t)
	must(0, e.m.Close(t.Context()))(t)
	e.m = must(New(t.Context(), e.config))(t)
	p.resume(t)
	if n := must(p.customer(t, "quadragesima"))(t); n != 1 {
		t.Errorf("said again: %d", n)
	}
	if n := must(p.customer(t, "sexagesima"))(t); n != 3 {
		t.Errorf("line %d", n)
	}
	if c := must(e.m.ChatSince(t.Context(), anna, protocol.ChatSince{Session: p.id}))(t); len(c.Lines) != 1 || c.Lines[0].N != 3 {
		t.Errorf("%+v", c)
	}
	must(p.technician(t, "septuagesima"))(t)
}

// TestChatWithoutAnAgent: a line waits for an agent that is away.
func TestChatWithoutAnAgent(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	p := e.active(t)
	old := p.agent
	must(0, p.agent.Gone(t.Context(), true))(t)
	must(p.technician(t, "come back"))(t)
	if _, err := old.Say(t.Context(), protocol.ChatSay{Key: "k", Text: "x"}); !errors.Is(err, ErrNotNow) {
		t.Errorf("an agent that is gone: %v", err)
	}
	p.resume(t)
	if c := must(p.agent.ChatSince(t.Context(), protocol.ChatSince{}))(t); len(c.Lines) != 1 || c.Lines[0].Text != "come back" {
		t.Errorf("%+v", c)
	}
}
