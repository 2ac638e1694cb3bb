package run

import (
	"strings"
	"testing"

	"consento/agent/internal/trust"
	"consento/protocol"
	"consento/protocol/lang"
)

// TestLastWindow: every reason is said in words in every language, and the way to
// the log is offered where there is one.
func TestLastWindow(t *testing.T) {
	texts, err := lang.Load()
	if err != nil {
		t.Fatal(err)
	}
	joined := protocol.Joined{Technician: protocol.Person{Phone: "+39 02 1234"}, Log: "https://office.example/log/x.y"}
	for _, tag := range texts.Tags() {
		seen := map[string]protocol.EndReason{}
		for _, reason := range protocol.EndReasons() {
			n := lastWindow(texts.Match(tag), joined, reason, nil)
			if strings.ContainsAny(n.Title+n.Heading+n.Body+n.OK+n.Links[0].Label, "⟨{}") {
				t.Errorf("%s %s: %+v", tag, reason, n)
			}
			if other, there := seen[n.Body]; there {
				t.Errorf("%s: %s and %s say the same", tag, reason, other)
			}
			seen[n.Body] = reason
			if reported := strings.Contains(n.Body, "+39\u00a002\u00a01234"); reported != (reason == protocol.EndReported) {
				t.Errorf("%s %s: the office's number: %v", tag, reason, reported)
			}
		}
		n := lastWindow(texts.Match(tag), protocol.Joined{}, protocol.EndCustomer, []string{"consento-x"})
		if len(n.Links) != 0 || !strings.Contains(n.Body, "consento-x") {
			t.Errorf("%s: %+v", tag, n)
		}
	}
}

// TestUnpreparedSaysSo: a program that no office prepared, which reaches this computer's
// broker only, says so where the key is asked for and at the terms, in every language.
func TestUnpreparedSaysSo(t *testing.T) {
	texts, err := lang.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, tag := range texts.Tags() {
		words := texts.Match(tag)
		for _, prepared := range []bool{false, true} {
			s := &Session{Config: Config{Office: trust.Office{Prepared: prepared}}, Texts: words}
			if _, err := s.Office.Choose("https://localhost:8443"); !prepared && err != nil {
				t.Fatal(err) // it would not come to these windows
			}
			for window, body := range map[string]string{"key": s.keyPrompt("").Body, "terms": s.termsQuestion().Body} {
				if says := strings.Contains(body, words.T("agent.unprepared")); says == prepared || strings.Contains(body, "⟨") {
					t.Errorf("%s, %s, prepared %t: %q", tag, window, prepared, body)
				}
			}
		}
	}
}

// TestJoinedIsIsolated: what the broker says about people stands in any sentence;
// an address of the log that is not the broker's is not offered.
func TestJoinedIsIsolated(t *testing.T) {
	p := isolated(protocol.Person{Name: "דוד", Team: "צוות", Phone: "1"})
	if p.Name != "\u200e\u2068דוד\u2069\u200e" || p.Team != "\u200e\u2068צוות\u2069\u200e" || p.Office != "" || p.Phone != "1" {
		t.Errorf("%+q", p)
	}
	prepared, err := trust.Office{}.Choose("https://localhost:8443")
	if err != nil {
		t.Fatal(err)
	}
	for address, ok := range map[string]bool{
		"https://localhost:8443/log/x.y": true, "https://evil.example/log/x.y": false, "http://localhost:8443/log/x": false,
		"https://localhost:8443@evil.example/": false, "javascript:alert(1)": false, "": false, "https://localhost:8443": false, "://": false,
	} {
		if got := ofBroker(prepared, address); (got == address && got != "") != ok {
			t.Errorf("%q: %q", address, got)
		}
	}
}

func TestLines(t *testing.T) {
	if got := lines("מכ gives\n\nיז 2"); got != "\u200eמכ gives\n\u200e\n\u200eיז 2" {
		t.Errorf("%q", got)
	}
}
