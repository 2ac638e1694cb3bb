package protocol

import (
	"net/url"
	"strings"
	"unicode"
)

// ChatLink is an address in a line of chat.
type ChatLink struct {
	From, To int    // bytes of the text
	URL      string // absolute, http or https, in ASCII
	Host     string // where it leads: what a person has to see before it is opened
}

// maxChatLinks bounds the links of one line.
const maxChatLinks = 10

// ChatLinks finds the web addresses in a line of chat. Only what begins with http:// or
// https:// is one. An address is left as text, which nobody opens by a click, if it names
// a user or a password, has a character that is not ASCII (so that no letter of another
// alphabet stands for one of the host's), or cannot be parsed.
func ChatLinks(text string) []ChatLink {
	var links []ChatLink
	for at := 0; at < len(text) && len(links) < maxChatLinks; {
		from := linkStart(text[at:])
		if from < 0 {
			break
		}
		from += at
		to := len(text)
		if end := strings.IndexFunc(text[from:], func(r rune) bool {
			return unicode.IsSpace(r) || strings.ContainsRune("<>\"'`{}|\\^「」『』（）【】《》〈〉、。，！？：；", r)
		}); end >= 0 {
			to = from + end
		}
		to = from + len(trimLink(text[from:to]))
		at = max(to, from+1)
		u, err := url.Parse(text[from:to])
		if err != nil || u.User != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" || !plainASCII(text[from:to]) || !hostOK(u.Hostname()) {
			continue
		}
		links = append(links, ChatLink{From: from, To: to, URL: u.String(), Host: strings.ToLower(u.Host)})
	}
	return links
}

// linkStart is where the next address may begin, -1 if there is none.
func linkStart(text string) int {
	lower := strings.ToLower(text)
	if len(lower) != len(text) { // a letter that is longer in small: look for the usual spelling
		lower = text
	}
	first := -1
	for _, scheme := range []string{"http://", "https://"} {
		if i := strings.Index(lower, scheme); i >= 0 && (first < 0 || i < first) {
			first = i
		}
	}
	return first
}

// trimLink leaves out what ends the sentence rather than the address.
func trimLink(s string) string {
	for s != "" {
		last := s[len(s)-1]
		switch {
		case strings.IndexByte(".,;:!?*_~", last) >= 0:
		case last == ')' && strings.Count(s, "(") < strings.Count(s, ")"):
		case last == ']' && strings.Count(s, "[") < strings.Count(s, "]"):
		default:
			return s
		}
		s = s[:len(s)-1]
	}
	return s
}

func plainASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

// hostOK accepts a name of the DNS in lower or upper case letters, or an address.
func hostOK(host string) bool {
	return strings.IndexFunc(host, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-.:", r))
	}) < 0
}
