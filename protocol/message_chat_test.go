package protocol_test

import (
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"consento/protocol"
)

var aLine = protocol.ChatLine{N: 1, From: protocol.ChatTechnician, Name: "Anna Rossi", Text: "Guten Tag\nשלום 🙂", At: at(9), Key: "k"}

func TestChatRefuses(t *testing.T) {
	line := func(change func(*protocol.ChatLine)) *protocol.Chat {
		l := aLine
		change(&l)
		return &protocol.Chat{Lines: []protocol.ChatLine{l}}
	}
	many := &protocol.Chat{}
	for i := range protocol.MaxChatLines + 1 {
		l := aLine
		l.N = uint32(i + 1)
		many.Lines = append(many.Lines, l)
	}
	for name, m := range map[string]protocol.Message{
		"no text":                 &protocol.ChatSay{Key: "k"},
		"blank":                   &protocol.ChatSay{Key: "k", Text: " \n\t\u00a0\u200b"},
		"too long":                &protocol.ChatSay{Key: "k", Text: strings.Repeat("ü", protocol.MaxChat+1)},
		"not UTF-8":               &protocol.ChatSay{Key: "k", Text: "a\xff"},
		"a control":               &protocol.ChatSay{Key: "k", Text: "a\rb"},
		"a bell":                  &protocol.ChatSay{Key: "k", Text: "a\x07"},
		"an override":             &protocol.ChatSay{Key: "k", Text: "a\u202eb"},
		"an isolate":              &protocol.ChatSay{Key: "k", Text: "a\u2067b"},
		"a separator":             &protocol.ChatSay{Key: "k", Text: "a\u2028b"},
		"no key":                  &protocol.ChatSay{Text: "a"},
		"key of another alphabet": &protocol.ChatSay{Key: "ключ", Text: "a"},
		"key with a quote":        &protocol.ChatSay{Key: `a"`, Text: "a"},
		"long key":                &protocol.ChatSay{Key: strings.Repeat("k", 41), Text: "a"},
		"long session":            &protocol.ChatSay{Session: strings.Repeat("s", 65), Key: "k", Text: "a"},
		"neither n nor code":      &protocol.ChatSaid{Key: "k"},
		"said without key":        &protocol.ChatSaid{N: 1},
		"long code":               &protocol.ChatSaid{Key: "k", Code: protocol.ErrorCode(strings.Repeat("c", 41))},
		"since, long session":     &protocol.ChatSince{Session: strings.Repeat("s", 65)},
		"too many lines":          many,
		"line without number":     line(func(l *protocol.ChatLine) { l.N = 0 }),
		"line of nobody":          line(func(l *protocol.ChatLine) { l.From = "" }),
		"line of somebody else":   line(func(l *protocol.ChatLine) { l.From = "auditor" }),
		"name of two lines":       line(func(l *protocol.ChatLine) { l.Name = "a\nb" }),
		"name that turns":         line(func(l *protocol.ChatLine) { l.Name = "a\u202e" }),
		"blank line":              line(func(l *protocol.ChatLine) { l.Text = "\n" }),
		"line of no time":         line(func(l *protocol.ChatLine) { l.At = zero }),
		"numbers backwards":       &protocol.Chat{Lines: []protocol.ChatLine{aLine, aLine}},
		"consent to chat":         &protocol.ConsentAsk{Permission: protocol.MayChat, Technician: person},
	} {
		if err := m.Validate(); !errors.Is(err, protocol.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// zero is the time that nobody said.
var zero = protocol.ChatLine{}.At

// TestChatText: whatever is pasted becomes fit to be said, or nothing.
func TestChatText(t *testing.T) {
	for in, want := range map[string]string{
		"":                             "",
		" \r\n ":                       "",
		"\u200b":                       "",
		"a\r\nb\rc\u2028d":             "a\nb\nc\nd",
		"\u202ea\u2066b\u2069\x00\x1b": "ab",
		"a\xffb":                       "a\ufffdb",
		"  שלום 🙂\t":                   "שלום 🙂",
	} {
		if got := protocol.ChatText(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

// linkTable says what is a link and where it leads; the pages read it as well.
var linkTable = map[string][]string{ // text: URL, host, URL, host …
	"see https://example.org/help.":        {"https://example.org/help", "example.org"},
	"(http://example.org/a_(b)) and more":  {"http://example.org/a_(b)", "example.org"},
	"HTTPS://Example.ORG":                  {"https://Example.ORG", "example.org"},
	"https://a.example, https://b.example": {"https://a.example", "a.example", "https://b.example", "b.example"},
	"こちら：https://a.example/x。ありがとう":        {"https://a.example/x", "a.example"},
	"https://a.example:8443/?q=1&r=2#f":    {"https://a.example:8443/?q=1&r=2#f", "a.example:8443"},
	"javascript:alert(1)":                  nil,
	"data:text/html,<b>x</b>":              nil,
	"file:///etc/passwd":                   nil,
	"www.example.org":                      nil,
	"https://bank.example@evil.example/":   nil,
	"https://user:pw@evil.example/":        nil,
	"https://b\u0430nk.example/":           nil, // a Cyrillic letter
	"https://":                             nil,
	"https:///path":                        nil,
	"https://a.example/%zz":                nil,
	"https://ev%69l.example/":              nil,
	"javascript:https://a.example/x":       {"https://a.example/x", "a.example"},
	"https://a.example/\u202egpj.exe":      nil,
}

func TestChatLinks(t *testing.T) {
	for text, want := range linkTable {
		var got []string
		for _, l := range protocol.ChatLinks(text) {
			got = append(got, l.URL, l.Host)
		}
		if strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if got := protocol.ChatLinks(strings.Repeat("http://a.example ", 50)); len(got) != 10 {
		t.Errorf("%d links", len(got))
	}
}

func FuzzChatLinks(f *testing.F) {
	for text := range linkTable {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		end := 0
		for _, l := range protocol.ChatLinks(text) {
			if l.From < end || l.To <= l.From || l.To > len(text) {
				t.Fatalf("%q: %+v behind %d", text, l, end)
			}
			end = l.To
			u, err := url.Parse(l.URL)
			if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || !strings.EqualFold(u.Host, l.Host) || l.Host == "" {
				t.Fatalf("%q: %+v, %v", text, l, err)
			}
			if strings.IndexFunc(l.URL+l.Host, func(r rune) bool { return r <= ' ' || r > '~' }) >= 0 {
				t.Fatalf("%q: %+v is not ASCII", text, l)
			}
		}
	})
}

// FuzzChatText: what it lets through is a line that the other side takes.
func FuzzChatText(f *testing.F) {
	for _, s := range []string{"", "a\r\nb", "\u202e", "\xff", "שלום", "🙂\u200d🙂", "\u2028"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := protocol.ChatText(s)
		if protocol.ChatText(got) != got {
			t.Fatalf("%q became %q, which does not stay so", s, got)
		}
		if got == "" || utf8.RuneCountInString(got) > protocol.MaxChat {
			return
		}
		say := protocol.ChatSay{Key: "k", Text: got}
		if err := say.Validate(); err != nil {
			t.Fatalf("%q became %q: %v", s, got, err)
		}
		data, err := json.Marshal(say)
		var again protocol.ChatSay
		if err != nil || json.Unmarshal(data, &again) != nil || again != say {
			t.Fatalf("%q: %v, %+v", got, err, again)
		}
	})
}
