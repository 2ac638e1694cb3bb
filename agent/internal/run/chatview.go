package run

import (
	"context"
	"log/slog"
	"strconv"
	"time"

	"consento/agent/internal/ui"
	"consento/protocol"
)

// chatView is the chat's window while it is open. It belongs to the chat's goroutine.
type chatView struct {
	*chat
	window *ui.Chat
	with   string             // whom the window's heading names
	asking context.CancelFunc // closes the question about a link; nil while there is none
}

func (v *chatView) events() <-chan ui.ChatEvent {
	if v.window == nil {
		return nil
	}
	return v.window.Events()
}

func (v *chatView) closed() <-chan struct{} {
	if v.window == nil {
		return nil
	}
	return v.window.Closed()
}

// refresh opens the window if that is wished, and shows in it how things stand.
func (v *chatView) refresh() {
	v.mu.Lock()
	wanted := v.wanted
	v.wanted = wishNone
	if !v.proved || !v.allowed && v.window == nil {
		wanted = wishNone
	}
	lines, with := v.lines(), v.chat.with
	v.mu.Unlock()
	switch {
	case v.window != nil && wanted == wishFront:
		v.window.Front()
	case v.window == nil && wanted != wishNone:
		window, err := v.ui.Chat(v.text(with), wanted == wishFront)
		if err != nil {
			v.log.Error("chat not shown", slog.Any("error", err))
			return
		}
		v.window, v.with = window, with
		v.seen(true)
	}
	if v.window != nil && v.with != with {
		if err := v.window.Rename(v.heading(with)); err != nil {
			v.log.Error("heading of the chat not shown", slog.Any("error", err))
		}
		v.with = with
	}
	if v.window != nil {
		if err := v.window.Show(lines); err != nil {
			v.log.Error("lines of chat not shown", slog.Any("error", err))
		}
	}
}

// seen says whether the window is open: then all is read.
func (v *chatView) seen(open bool) {
	v.mu.Lock()
	v.open = open
	v.unread = 0
	if !open {
		v.closedAt = time.Now()
	}
	v.mu.Unlock()
	ring(v.mark)
}

func (v *chatView) closedByPerson() {
	v.close()
	v.seen(false)
}

func (v *chatView) close() {
	if v.asking != nil {
		v.asking()
		v.asking = nil
	}
	if v.window != nil {
		v.window.Close()
		v.window = nil
	}
}

// did carries out what the customer did in the window.
func (v *chatView) did(ctx context.Context, e ui.ChatEvent) {
	switch e.Kind {
	case ui.ChatSent:
		v.write(ctx, e.Text, "")
	case ui.ChatAgain:
		v.write(ctx, "", e.Text)
	case ui.ChatFollowed:
		v.follow(ctx, e.Text)
	}
}

// follow asks before it shows a page that the technician named. A newer question takes
// the place of the one before.
func (v *chatView) follow(ctx context.Context, address string) {
	links := protocol.ChatLinks(address)
	if len(links) != 1 || links[0].URL != address {
		return
	}
	if v.asking != nil {
		v.asking()
	}
	ctx, v.asking = context.WithCancel(ctx)
	host := isolate(links[0].Host)
	question := ui.Question{Title: v.texts.T("agent.chat.open.title"), Heading: v.texts.T("agent.chat.open.heading", "host", host),
		Body: v.texts.T("agent.chat.open.body", "name", v.name()), Details: "\u200e" + address,
		Accept: v.texts.T("agent.chat.open.yes"), Refuse: v.texts.T("agent.chat.open.no")}
	v.work.Go(func() {
		answer, err := v.ui.Ask(ctx, question)
		if err != nil || answer != ui.Accepted {
			return
		}
		if err := v.ui.Follow(address); err == nil {
			return
		}
		// It is not shown to nobody: the address can be typed.
		if err := v.ui.Notice(ctx, ui.Notice{Title: question.Title, Heading: question.Heading, Body: v.texts.T("agent.chat.open.failed"),
			Details: question.Details, OK: v.texts.T("agent.ok")}); err != nil && ctx.Err() == nil {
			v.log.Error("notice not shown", slog.Any("error", err))
		}
	})
}

// heading says with whom the customer writes.
func (v *chatView) heading(with string) string { return v.texts.T("agent.chat.heading", "name", with) }

// text is what the window says beside the lines.
func (v *chatView) text(with string) ui.ChatText {
	t := v.texts
	return ui.ChatText{Title: t.T("agent.chat.title"), Heading: v.heading(with), Hint: t.T("agent.chat.hint"),
		Empty: t.T("agent.chat.empty"), Label: t.T("agent.chat.label"), Send: t.T("agent.chat.send"), Again: t.T("agent.chat.again"),
		Close: t.T("agent.chat.close"), Most: protocol.MaxChat}
}

// lines puts the entries into words. The caller holds the lock.
func (v *chatView) lines() []ui.ChatLine {
	t := v.texts
	var lines []ui.ChatLine
	for _, e := range v.entries {
		if e.gap > 0 {
			lines = append(lines, ui.ChatLine{Key: "gap" + strconv.Itoa(int(e.n)), Head: t.T("agent.chat.gap.head"), Text: t.T("agent.chat.gap")})
		}
		name := e.name
		if e.own {
			name = t.T("agent.chat.you")
		}
		l := ui.ChatLine{Key: e.key, Head: t.T("agent.chat.head", "name", name, "time", e.at.Local().Format("15:04")), Text: e.text, Own: e.own}
		if e.n > 0 {
			l.Key = strconv.Itoa(int(e.n))
		}
		switch {
		case e.state == entrySending || e.state == entryDoubtful:
			l.State = t.T("agent.chat.sending")
		case e.state == entryFailed:
			l.State, l.Again = t.T("agent.chat.failed"), true
			switch e.why {
			case protocol.CodeThrottled:
				l.State = t.T("agent.chat.throttled")
			case protocol.CodeNotAllowed:
				l.State = t.T("agent.chat.not_allowed")
			}
		}
		if !e.own {
			for _, link := range protocol.ChatLinks(e.text) {
				l.Links = append(l.Links, ui.Link{Label: t.T("agent.chat.link", "host", link.Host), URL: link.URL})
			}
		}
		lines = append(lines, l)
	}
	return lines
}

// name is with whom the customer writes.
func (c *chat) name() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.with
}

// hand says that it is another technician now: the window says so.
func (c *chat) hand(name string) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.with = name
	ring(c.wake)
}
