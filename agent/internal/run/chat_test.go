package run

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jezek/xgb/xproto"

	"consento/agent/internal/xtest"
	"consento/protocol"
)

// talk is a session with a chat; proof is what its recording's proof comes to.
func talk(t *testing.T, allowed bool, proof error) *attended {
	t.Helper()
	a := joined(t, 1024, 700)
	a.joined.Technician, a.joined.Chat = isolated(a.joined.Technician), allowed
	a.startChatWith(t.Context(), func(context.Context) error { return proof })
	t.Cleanup(a.chat.close)
	return a
}

func technicians(n uint32, text string) protocol.ChatLine {
	return protocol.ChatLine{N: n, From: protocol.ChatTechnician, Name: "Anna Bianchi", Text: text, At: time.Unix(1_000_000_000, 0), Key: fmt.Sprint("t", n)}
}

const chatTitle, openTitle = "Consento – chat", "Consento – open this page?"

// TestChatWithTheTechnician: a line opens the window, an answer is said once, what the broker
// refuses can be sent again, what was missed is asked for, and a link opens after a yes alone.
func TestChatWithTheTechnician(t *testing.T) {
	t.Parallel()
	a := talk(t, true, nil)
	if since := told[protocol.ChatSince](a); since.After != 0 {
		t.Errorf("asked behind %d", since.After)
	}
	a.answers(2, &protocol.Chat{Allowed: true})
	a.gets(&protocol.Chat{Allowed: true, Lines: []protocol.ChatLine{technicians(1, "see https://example.org/a")}})
	until(t, "the window", func() bool { return a.visible(chatTitle) })

	a.chat.write(t.Context(), " hello\u202e ", "")
	say := told[protocol.ChatSay](a)
	if say.Text != "hello" || say.Session != "" {
		t.Errorf("said %+v", say)
	}
	a.answers(3, &protocol.ChatSaid{Key: say.Key, Code: protocol.CodeThrottled})
	until(t, "refused", func() bool { return a.entry(say.Key).state == entryFailed })
	a.chat.write(t.Context(), "", say.Key)
	if again := told[protocol.ChatSay](a); again != say {
		t.Errorf("said again %+v", again)
	}
	mine := protocol.ChatLine{N: 2, From: protocol.ChatCustomer, Text: say.Text, At: time.Unix(1_000_000_001, 0), Key: say.Key}
	a.gets(&protocol.Chat{Allowed: true, Lines: []protocol.ChatLine{mine}})
	a.gets(&protocol.Chat{Allowed: true, Lines: []protocol.ChatLine{mine}}) // twice
	if e := a.entry(say.Key); e.n != 2 || len(a.chat.entries) != 2 {
		t.Errorf("%+v of %d", e, len(a.chat.entries))
	}

	// Lines 3 and 4 were missed.
	a.gets(&protocol.Chat{Allowed: true, Lines: []protocol.ChatLine{technicians(5, "five")}})
	if since := told[protocol.ChatSince](a); since.After != 2 {
		t.Errorf("asked behind %d", since.After)
	}
	a.answers(4, &protocol.Chat{Allowed: true, Lines: []protocol.ChatLine{technicians(3, "three")}, More: true})
	if since := told[protocol.ChatSince](a); since.After != 3 {
		t.Errorf("asked behind %d", since.After)
	}
	a.answers(5, &protocol.Chat{Allowed: true, Lines: []protocol.ChatLine{technicians(5, "five")}}) // the broker was restarted
	if e := a.entry("t5"); e.gap != 1 || a.entry("t3").gap != 0 {
		t.Errorf("gap %d", e.gap)
	}

	// In doubt when the connection was lost, and the broker knows nothing of it.
	a.chat.write(t.Context(), "lost?", "")
	lost := told[protocol.ChatSay](a)
	a.chat.returned()
	told[protocol.ChatSince](a)
	a.answers(6, &protocol.Chat{Allowed: true})
	if e := a.entry(lost.Key); e.state != entryFailed {
		t.Errorf("%+v", e)
	}

	// The link stands behind field and button; the question's focus is at no.
	a.chat.show()
	a.keyboardAt(chatTitle)
	a.keys("Tab", "Tab", "space")
	a.keyboardAt(openTitle)
	select {
	case url := <-a.opened:
		t.Fatalf("%s opened by itself", url)
	default:
	}
	a.keys("Tab")
	until(t, "answered", func() bool { // a yes counts only when it can have been read
		a.keys("Return")
		return !a.visible(openTitle)
	})
	select {
	case url := <-a.opened:
		if url != "https://example.org/a" {
			t.Errorf("opened %s", url)
		}
	case <-time.After(xtest.Patience):
		t.Fatal("not opened after a yes")
	}
}

// TestChatHandedOn: the open window shows who the technician is now.
func TestChatHandedOn(t *testing.T) {
	t.Parallel()
	a := talk(t, true, nil)
	told[protocol.ChatSince](a)
	a.answers(2, &protocol.Chat{Allowed: true})
	a.gets(&protocol.Chat{Allowed: true, Lines: []protocol.ChatLine{technicians(1, "hello")}})
	until(t, "the window", func() bool { return a.visible(chatTitle) })
	painter := xtest.NewPainter(t, a.display)
	look := func() []byte { // above the field
		r, err := xproto.GetImage(painter.Conn, xproto.ImageFormatZPixmap, xproto.Drawable(painter.Root), 0, 0, 1024, 350, ^uint32(0)).Reply()
		if err != nil {
			t.Fatal(err)
		}
		return r.Data
	}
	before, same := look(), 0
	until(t, "still, for a while", func() bool {
		now := look()
		if same++; !bytes.Equal(now, before) {
			before, same = now, 0
		}
		return same > 50 // it paints in parts
	})
	a.chat.hand(isolate("Luca Neri"))
	until(t, "the other name", func() bool { return !bytes.Equal(look(), before) })
	a.chat.hand(isolate("Anna Bianchi"))
	until(t, "the first name again", func() bool { return bytes.Equal(look(), before) })
}

func (a *attended) entry(key string) chatEntry {
	a.chat.mu.Lock()
	defer a.chat.mu.Unlock()
	for _, e := range a.chat.entries {
		if e.key == key {
			return e
		}
	}
	return chatEntry{}
}

// TestHostileChat: a broker that was told that there is no chat, or whose recording is not
// proven, shows nothing and hears nothing, and one that floods is bounded.
func TestHostileChat(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		allowed bool
		proof   error
		line    *protocol.Chat
	}{
		"not allowed": {false, nil, &protocol.Chat{Lines: []protocol.ChatLine{technicians(1, "psst")}}},
		"not proven":  {true, errors.New("no proof"), &protocol.Chat{Allowed: true, Lines: []protocol.ChatLine{technicians(1, "psst")}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := talk(t, c.allowed, c.proof)
			if c.proof != nil {
				until(t, "given up", func() bool { return !a.chat.possible() })
			}
			a.gets(c.line)
			a.chat.show()
			a.chat.write(t.Context(), "hello", "")
			a.chat.mu.Lock()
			last := a.chat.entries[len(a.chat.entries)-1]
			a.chat.mu.Unlock()
			if last.state != entryFailed || last.why != protocol.CodeNotAllowed {
				t.Errorf("%+v", last)
			}
			a.chat.close() // whatever it would have done is done
			if a.visible(chatTitle) {
				t.Error("there is a window")
			}
			select {
			case e := <-a.heard:
				t.Errorf("the broker heard %s", e.Type)
			default:
			}
		})
	}
	t.Run("flood", func(t *testing.T) {
		t.Parallel()
		a := talk(t, true, nil)
		for n := uint32(1); n < 3*maxChatHeld; {
			m := &protocol.Chat{Allowed: true}
			for range 50 {
				m.Lines = append(m.Lines, technicians(n, strings.Repeat("https://a.example/ ", 20)))
				n++
			}
			a.gets(m)
		}
		a.chat.mu.Lock()
		defer a.chat.mu.Unlock()
		if n := len(a.chat.entries); n != maxChatHeld {
			t.Errorf("%d lines", n)
		}
	})
}
