package console_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"consento/protocol"
)

const (
	field     = `document.querySelector(".notes textarea")`
	noteState = `document.querySelector(".note-state")?.dataset.state`
)

// noted answers a note as the broker does, and returns it.
func (p *peer) noted(s *protocol.Session) protocol.Note {
	p.t.Helper()
	e := p.wait("note")
	m, err := protocol.DecodeBody[protocol.Note](e)
	if err != nil || m.Session != s.ID || !m.Base.Equal(s.NotedAt) {
		p.t.Fatalf("noted %+v, %v", m, err)
	}
	at := time.Now().UTC().Truncate(time.Millisecond)
	if !at.After(s.NotedAt) { // each text has a time of its own
		at = s.NotedAt.Add(time.Millisecond)
	}
	s.Note, s.NotedAt = m.Text, at
	p.keep(*s)
	p.send(0, &protocol.SessionChanged{Session: *s}) // to all windows of the technician
	p.send(e.ID, &protocol.SessionChanged{Session: *s})
	return m
}

// TestNotes: written, saved by itself, undone, too long, refused, written in
// another window, and not lost without a connection.
func TestNotes(t *testing.T) {
	p := newPeer(t)
	s := scene("s1", protocol.StateJoined, time.Now().Add(-time.Minute))
	p.keep(s)
	b := newBrowser(t, "en")
	b.open(p.URL + "/console/")
	state(b, protocol.StateJoined)
	b.key("w")
	b.until("open, ready to write", `document.activeElement === `+field)
	b.until("nothing yet", noteState+` === "empty"`)
	b.axe("empty notes")

	// Typed in one: a pause of a second would save a part of it.
	unsaved := b.soon("said that it is not saved", noteState+` === "unsaved"`)
	b.insert("Printer: no toner")
	unsaved()
	if m := p.noted(&s); m.Text != "Printer: no toner" {
		t.Errorf("saved %q", m.Text)
	}
	b.until("saved", noteState+` === "saved" && /Saved \d/.test(document.querySelector(".note-state").textContent)`)
	b.insert(". Ordered.")
	p.noted(&s)
	b.until("saved", noteState+` === "saved"`)
	b.axe("notes")
	b.shot("notes-saved")

	t.Run("undo", func(t *testing.T) {
		b.click(".notes-foot .button")
		b.until("the text before", field+`.value === "Printer: no toner"`)
		if m := p.noted(&s); m.Text != "Printer: no toner" {
			t.Errorf("saved %q", m.Text)
		}
		b.until("saved", noteState+` === "saved" && !document.querySelector(".notes-foot .button").disabled`)
		b.click(".notes-foot .button")
		b.until("nothing, as in the beginning", field+`.value === ""`)
		p.noted(&s)
		b.until("no further", `document.querySelector(".notes-foot .button").disabled`)
	})

	t.Run("too long", func(t *testing.T) {
		eval[bool](b, fmt.Sprintf(`(%s.value = %q, %[1]s.dispatchEvent(new InputEvent("input", {bubbles: true})), true)`, field, strings.Repeat("ü", protocol.MaxNote-1)+"🖨️"))
		b.until("counted in characters", `/^Too long by 1 character$/.test(document.querySelector(".notes-left").textContent)`)
		b.until("not saved", noteState+` === "long"`)
		b.axe("too long")
		b.shot("notes-long")
		p.quiet("note")
		eval[bool](b, fmt.Sprintf(`(%s.focus(), %[1]s.setSelectionRange(0, 99999), true)`, field))
		b.insert("Shorter and\u202e tidy")
		if m := p.noted(&s); m.Text != "Shorter and tidy" {
			t.Errorf("saved %q", m.Text)
		}
	})

	t.Run("another window", func(t *testing.T) {
		other := s
		other.Note, other.NotedAt = "From the other window", time.Now().UTC().Add(time.Minute).Truncate(time.Millisecond)
		p.change(other)
		b.until("shown here", field+`.value === "From the other window"`)
		s = other
		b.until("focus", `(`+field+`.focus(), document.activeElement === `+field+`)`)
		b.insert(" and this one")
		e := p.wait("note")
		p.send(e.ID, &protocol.Error{Code: protocol.CodeNotNow})
		s.Note, s.NotedAt = "Overtaken", s.NotedAt.Add(time.Second)
		p.change(s)
		b.until("asked which", noteState+` === "conflict" && document.querySelector(".notes blockquote").textContent === "Overtaken"`)
		b.axe("conflict")
		b.shot("notes-conflict")
		b.click(".row-actions .button")
		if m := p.noted(&s); m.Text != "From the other window and this one" {
			t.Errorf("kept %q", m.Text)
		}
		b.until("saved", noteState+` === "saved"`)
	})

	t.Run("no connection", func(t *testing.T) {
		p.drop(http.StatusServiceUnavailable)
		b.until("lost", `document.querySelector(".line").dataset.line === "lost"`)
		b.until("focus", `(`+field+`.focus(), document.activeElement === `+field+`)`)
		b.key("!")
		b.until("said", noteState+` === "failed"`)
		b.shot("notes-failed")
		p.accept()
		if m := p.noted(&s); !strings.HasSuffix(m.Text, "!") {
			t.Errorf("saved %q", m.Text)
		}
		b.until("saved", noteState+` === "saved"`)
	})

	t.Run("after loading the page again", func(t *testing.T) {
		b.open(p.URL + "/console/")
		state(b, protocol.StateJoined)
		b.key("w")
		b.until("still there", field+`.value.endsWith("this one!") && `+noteState+` === "saved" && document.activeElement === `+field)
		b.key("\x1b")
		b.until("Escape closes", field+` === null`)
	})

	t.Run("closed before it was saved", func(t *testing.T) {
		b.key("w")
		b.until("focus", `document.activeElement === `+field)
		b.insert(" Lost?")
		e := p.wait("note")
		s.State, s.EndReason, s.EndedAt = protocol.StateClosed, protocol.EndCustomer, time.Now()
		p.change(s)
		p.send(e.ID, &protocol.Error{Code: protocol.CodeNotNow})
		b.until("said", noteState+` === "late" && `+field+`.value.endsWith("Lost?")`)
		b.axe("late")
		b.shot("notes-late")
		b.click(`[data-testid="summary-done"]`)
		if m := p.noted(&s); !m.Done || !strings.HasSuffix(m.Text, "Lost?") {
			t.Errorf("added %+v", m)
		}
		b.until("on the record", noteState+` === "saved" && document.querySelector('[data-testid="summary-done"]').ariaDisabled === "true"`)
		b.until("focus", `(`+field+`.focus(), document.activeElement === `+field+`)`)
		b.insert(" Gone.")
		b.until("one more version", noteState+` === "late"`)
		b.click(`[data-testid="summary-done"]`)
		p.send(p.wait("note").ID, &protocol.Error{Code: protocol.CodeNoSession})
		b.until("said, and still to be copied", noteState+` === "closed" && `+field+`.readOnly && `+field+`.value.endsWith("Gone.")`)
		b.axe("closed")
		b.shot("notes-closed")
	})
}

// TestSummaryIsMissing: it comes before the next session and before the tab is closed,
// can be put off, and is gone once the summary is said to be complete.
func TestSummaryIsMissing(t *testing.T) {
	const (
		reminder = `document.querySelector('[data-testid="reminder"]').open`
		done     = `[data-testid="summary-done"]`
		begin    = ` || (document.querySelector(".new-session").click(), false)` // pressed until it is heard
	)
	p := newPeer(t)
	s := scene("s1", protocol.StateActive, time.Now().Add(-time.Hour))
	s.Summary = protocol.SummaryWanted
	p.keep(s)
	b := newBrowser(t, "de")
	b.open(p.URL + "/console/")
	state(b, protocol.StateActive)
	s = scene("s1", protocol.StateClosed, s.IssuedAt)
	s.Summary, s.Note, s.NotedAt = protocol.SummaryMissing, "Draft", time.Now().UTC().Truncate(time.Millisecond)
	p.change(s)
	b.until("listed as missing", `document.querySelector('.rail [data-group="summary"] .row')`)
	b.axe("missing")
	b.shot("summary-missing")
	b.click(".tab-close")
	b.until("reminded", reminder+` && document.activeElement.dataset.testid === "remind-now"`)
	b.axe("reminder")
	b.shot("summary-reminder")
	b.scheme(true)
	b.size(320, 700)
	b.shot("summary-reminder-dark")
	b.size(1440, 900)
	b.scheme(false)
	b.key("\x1b")
	b.until("not closed", `!(`+reminder+`) && document.querySelectorAll(".tab").length === 1`)
	b.until("reminded again", reminder+begin)
	p.quiet("new_session")
	b.key("\t\r") // later
	p.wait("new_session")
	b.until("put off", `!(`+reminder+`)`)
	b.click(".tab-close")
	b.until("closed, and still listed", `document.querySelectorAll(".tab").length === 0 && document.querySelector('.rail [data-group="summary"] .row')`)

	b.open(p.URL + "/console/")
	b.until("listed after loading the page again", `document.querySelector('.rail [data-group="summary"] .row')`)
	b.until("nothing is open", `document.querySelectorAll(".tab").length === 0`)
	b.until("reminded", reminder+begin)
	b.key("\r") // now
	b.until("the draft, to be written on", `document.activeElement === `+field+` && `+field+`.value === "Draft" && document.querySelector('[data-testid="summary"]').dataset.summary === "missing"`)
	b.axe("writing")
	b.shot("summary-writing")
	b.insert(" one")
	if m := p.noted(&s); m.Done || m.Text != "Draft one" {
		t.Errorf("draft %+v", m)
	}
	b.until("kept", noteState+` === "saved"`)
	b.click(done)
	s.Summary = protocol.SummaryDone
	if m := p.noted(&s); !m.Done || m.Text != "Draft one" {
		t.Errorf("complete %+v", m)
	}
	b.until("said", `document.querySelector('[data-testid="summary"]').dataset.summary === "done" && !document.querySelector("`+strings.ReplaceAll(done, `"`, `'`)+`")`)
	b.until("not missing any more", `!document.querySelector('.rail [data-group="summary"]')`)
	b.axe("done")
	b.shot("summary-done")
	b.click(".tab-close")
	b.until("closed at once", `document.querySelectorAll(".tab").length === 0 && !(`+reminder+`)`)
}
