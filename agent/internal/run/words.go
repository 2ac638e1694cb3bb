package run

import (
	"fmt"
	"net/url"
	"strings"

	"consento/agent/internal/ui"
	"consento/protocol"
	"consento/protocol/lang"
)

// isolate keeps a name from changing the direction of the sentence around it
// (Unicode UAX 9, first strong isolate). All our languages run from left to
// right: the marks around it say so to toolkits that know no isolates, and turn
// the whole line to the side of its first letter.
func isolate(name string) string {
	if name == "" {
		return ""
	}
	return "\u200e\u2068" + name + "\u2069\u200e"
}

// plain is what isolate was given.
func plain(name string) string {
	return strings.TrimSuffix(strings.TrimPrefix(name, "\u200e\u2068"), "\u2069\u200e")
}

// lines keeps a text that others wrote from left to right, line by line, whatever
// name a line begins with.
func lines(text string) string {
	return "\u200e" + strings.ReplaceAll(text, "\n", "\n\u200e")
}

// isolated is a person whose names can stand in any sentence.
func isolated(p protocol.Person) protocol.Person {
	p.Name, p.Team, p.Office = isolate(p.Name), isolate(p.Team), isolate(p.Office)
	return p
}

// ofBroker returns an address if it is a page of the broker's, else "": what a
// broker says must not lead the customer elsewhere.
func ofBroker(broker *url.URL, address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != broker.Scheme || u.Host != broker.Host || u.User != nil || u.Path == "" {
		return ""
	}
	return address
}

// phone is a telephone number that stays on one line.
func phone(p protocol.Person) string { return strings.ReplaceAll(p.Phone, " ", "\u00a0") }

// lastWindow says why it is over and what is left of the program, and offers the
// log of the session. joined is empty if no session was joined.
func lastWindow(texts lang.Texts, joined protocol.Joined, reason protocol.EndReason, left []string) ui.Notice {
	parts := []string{texts.T("end." + string(reason))}
	if reason == protocol.EndReported {
		parts = append(parts, texts.T("agent.reported.next", "phone", phone(joined.Technician)))
	}
	if len(left) == 0 {
		parts = append(parts, texts.T("agent.removed.body"))
	} else {
		parts = append(parts, texts.T("agent.removed.incomplete", "left", fmt.Sprint(left)))
	}
	notice := ui.Notice{Title: texts.T("agent.removed.title"), Heading: texts.T("agent.removed.heading"),
		Body: strings.Join(parts, "\n\n"), OK: texts.T("agent.ok")}
	if joined.Log != "" {
		notice.Links = []ui.Link{{Label: texts.T("agent.log.open"), URL: joined.Log}}
	}
	return notice
}

// notReturned says, after a restart of the computer, that there is no session any more,
// why, and what is left of the program.
func notReturned(texts lang.Texts, problem string, left []string) ui.Notice {
	n := lastWindow(texts, protocol.Joined{}, protocol.EndLimit, left)
	_, removed, _ := strings.Cut(n.Body, "\n\n")
	n.Body = texts.T(problem) + "\n\n" + removed
	return n
}
