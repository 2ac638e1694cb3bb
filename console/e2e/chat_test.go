package console_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"consento/build/stage"
	"consento/protocol"
)

const (
	chatInput = "#chat-input"
	chatTitle = "Consento – chat"
)

// opensChat has the technician open the chat, if it is not open yet.
func (o *office) opensChat() {
	o.t.Helper()
	o.must(o.console.Until("the chat can be opened", `document.querySelector('[data-testid="chat"]') !== null`))
	o.must(o.console.Front())
	o.must(o.console.Until("open", `document.querySelector("#chat-input") !== null || (document.querySelector(".chat") ?? document.querySelector('[data-testid="chat"]').click(), false)`))
}

// reads waits until the last line in the console is this, and delivered.
func (o *office) reads(text string) {
	o.t.Helper()
	o.must(o.console.Until("the console reads "+text, fmt.Sprintf(`[...document.querySelectorAll(".chat-line:not([data-state]) .chat-text")].at(-1)?.textContent.trim().startsWith(%q)`, text)))
}

// chat lists the lines of chat on the evidence.
func (e evidence) chat() (lines []string) {
	for _, event := range e.events {
		if event.Code == string(protocol.EventChat) {
			from, _ := event.Data["from"].(string)
			lines = append(lines, fmt.Sprintf("%v %v %s: %v", event.Data["n"], event.Data["side"], from, event.Data["text"]))
		}
	}
	return lines
}

// TestChat: technician and customer write to each other, by the help program and from the
// page, before and while the screen is shown; every line is found by the verifier.
func TestChat(t *testing.T) {
	o := newOffice(t, wholeScreen)
	o.act("with the help program", func(o *office) {
		before := o.files()
		agent := o.agent()
		o.opensChat()
		o.must(o.console.Type(chatInput, "Buongiorno\r"))
		o.reads("Buongiorno")
		// It opens by itself, and the terms still have the keyboard.
		chat, err := o.customer.Window(o.ctx, chatTitle)
		o.must(err)
		o.picture("chat-before", o.customer)
		o.must(o.customer.Activate(o.ctx, chatTitle))
		o.must(o.customer.PressIn(o.ctx, chat, "space", "BackSpace"))
		o.must(o.customer.Write(o.ctx, "La stampante non va"))
		o.must(o.customer.Press(o.ctx, "Return"))
		o.reads("La stampante non va")
		o.show()
		o.must(o.console.Type(chatInput, "guarda https://example.org/guida\r"))
		o.reads("guarda https://example.org/guida")
		o.picture("chat-customer", o.customer)
		o.picture("chat-technician", o.technician)
		o.must(o.customer.Activate(o.ctx, chatTitle))
		o.must(o.customer.PressIn(o.ctx, chat, "Escape"))
		o.must(o.customer.NoWindow(o.ctx, chatTitle))
		o.must(o.console.Click(`[data-testid="end-session"]`))
		o.over(agent, 0, before)
		o.must(o.console.State("Closed"))
		e := o.newest(whole)
		name := stage.TechnicianName
		want := []string{"1 technician " + name + ": Buongiorno", "2 customer : La stampante non va", "3 technician " + name + ": guarda https://example.org/guida"}
		if got := e.chat(); !slices.Equal(got, want) {
			o.t.Errorf("on the evidence: %q, want %q", got, want)
		}
	})
	o.act("from the browser", func(o *office) {
		o.toTheTerms()
		o.press("accept")
		o.must(o.console.State("Waiting"))
		o.must(o.page.Until("the chat", `!document.querySelector("#chat").hidden`))
		o.must(o.page.Type(chatInput, "Non vedo niente\r"))
		o.opensChat()
		o.reads("Non vedo niente")
		o.must(o.console.Type(chatInput, "<b>qui</b> https://example.org/guida\r"))
		o.must(o.page.Until("text, and no markup", `[...document.querySelectorAll("#chat .chat-text")].at(-1)?.textContent.startsWith("<b>qui</b>") && document.querySelector("#chat .chat-text b") === null`))
		o.must(o.page.Click(`#chat .chat-line[data-from="technician"] button`))
		o.must(o.page.Until("asked", `document.querySelector("#chat dialog").open && document.querySelector("#chat-open").textContent.includes("example.org") &&
			document.querySelector("[data-chat-yes]").href === "https://example.org/guida" && document.activeElement === document.querySelector("[data-chat-no]")`))
		o.picture("chat-link", o.customer)
		o.must(o.page.Click("[data-chat-no]"))
		o.must(o.page.Until("not opened", `!document.querySelector("#chat dialog").open`))
		o.press("share")
		o.must(o.console.State("Active"))
		o.must(o.page.Until("still there", `!document.querySelector("#bar").hidden && document.querySelectorAll("#chat .chat-line").length === 2`))
		// A broker that was restarted goes on with the numbers, and both sides keep what they had.
		o.must(o.broker.Stop())
		o.must(o.page.Until("the page says so", `!document.querySelector('#bar [data-problem="away"]').hidden`))
		o.must(o.page.Type(chatInput, "ci sei?\r"))
		o.must(o.page.Until("not delivered", `document.querySelector('#chat .chat-line[data-state="failed"] button') !== null`))
		o.picture("chat-failed", o.customer)
		o.must(o.broker.Start(o.ctx))
		o.must(o.page.Until("the page is back", `document.querySelector('#bar [data-problem="away"]').hidden`))
		o.must(o.page.Click(`#chat .chat-line[data-state="failed"] button`))
		o.must(o.page.Until("delivered", `document.querySelector("#chat .chat-line[data-state]") === null && document.querySelectorAll("#chat .chat-line").length === 3 &&
			document.querySelector("#chat-input").value.trim() === ""`))
		o.reads("ci sei?")
		o.picture("chat-page", o.customer)
		o.must(o.console.Click(`[data-testid="end-session"]`))
		o.must(o.page.State("Closed"))
		o.must(o.console.State("Closed"))
		e := o.newest(whole)
		if got := strings.Join(e.chat(), "\n"); !strings.Contains(got, "Non vedo niente") || !strings.Contains(got, "<b>qui</b> https://example.org/guida") {
			o.t.Errorf("on the evidence: %q", got)
		}
		o.must(o.page.Open(o.broker.URL + "/session/log"))
		o.must(o.page.Until("the customer's log has it", `document.body.textContent.includes("Non vedo niente") || document.body.textContent.includes("ci sei?")`))
	})
}
