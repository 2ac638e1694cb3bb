package access

import (
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"

	"consento/broker/internal/ops"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Longest e-mail and longest part before the @, in bytes (RFC 5321, 4.5.3.1).
const (
	maxEmailBytes = 254
	maxLocalBytes = 64
)

// CleanEmail returns the one spelling under which an e-mail is stored: NFC, case
// folded, the domain in ASCII. It takes dot-atoms (RFC 5322, 3.2.3) with letters
// of any script (RFC 6531); quoted local parts, comments and address literals are
// refused.
func CleanEmail(s string) (string, error) {
	refuse := func(why string) (string, error) {
		return "", invalid("email", "malformed", "%s", why)
	}
	s = strings.TrimSpace(s)
	if len(s) > maxEmailBytes {
		return refuse("is too long")
	}
	if !utf8.ValidString(s) {
		return refuse("is not valid UTF-8")
	}
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return refuse("has no @")
	}
	local, domain := foldCase(s[:at]), s[at+1:]
	if local == "" || len(local) > maxLocalBytes {
		return refuse("has nothing or too much before the @")
	}
	for atom := range strings.SplitSeq(local, ".") {
		if atom == "" {
			return refuse("has a dot in a wrong place")
		}
		for _, r := range atom {
			if !isAtomText(r) {
				return refuse("holds a character that does not belong there")
			}
		}
	}
	ascii, err := ops.CleanHost(domain)
	if err != nil {
		return refuse("has no domain after the @")
	}
	if _, err := netip.ParseAddr(ascii); err == nil {
		return refuse("has an IP address after the @")
	}
	email := local + "@" + ascii
	if len(email) > maxEmailBytes {
		return refuse("is too long")
	}
	return email, nil
}

func isAtomText(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
		return true
	case r < utf8.RuneSelf:
		return strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r)
	default:
		return unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r)
	}
}

// foldCase makes spellings of the same text equal.
func foldCase(s string) string {
	return norm.NFC.String(cases.Fold().String(norm.NFC.String(s)))
}
