package desk

import (
	"crypto/rand"
	"strings"
	"unicode"
	"unicode/utf8"

	"consento/broker/internal/access"
	"consento/broker/internal/ops"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// cleanText returns what people wrote over several lines: NFC, with "\n" between lines,
// without white space at the ends. It refuses what cannot be shown.
func cleanText(field, s string) (string, error) {
	if len(s) > 4*maxText || utf8.RuneCountInString(s) > maxText {
		return "", wrong(field, "too_long")
	}
	if !utf8.ValidString(s) {
		return "", wrong(field, "malformed")
	}
	s = strings.ReplaceAll(strings.ReplaceAll(norm.NFC.String(s), "\r\n", "\n"), "\r", "\n")
	for _, r := range s {
		if r != '\n' && r != '\t' && r != '\u200c' && r != '\u200d' && !unicode.IsPrint(r) && !unicode.IsSpace(r) {
			return "", wrong(field, "malformed")
		}
	}
	return strings.TrimSpace(s), nil
}

// Clean returns the requester as stored, or an *access.Invalid: a name, and a way to
// reach them.
func (r Requester) Clean() (Requester, error) {
	var err error
	if r.Name, err = ops.CleanLine(r.Name, 100); err != nil {
		return r, wrong("name", "malformed")
	}
	if r.Email = strings.TrimSpace(r.Email); r.Email != "" {
		if r.Email, err = access.CleanEmail(r.Email); err != nil {
			return r, err
		}
	}
	if r.Phone = strings.TrimSpace(r.Phone); r.Phone != "" {
		if r.Phone, err = ops.CleanLine(r.Phone, 60); err != nil {
			return r, wrong("phone", "malformed")
		}
	}
	if r.Reach = strings.TrimSpace(r.Reach); r.Reach != "" {
		if r.Reach, err = ops.CleanLine(r.Reach, maxLine); err != nil {
			return r, wrong("reach", "malformed")
		}
	}
	if r.Email == "" && r.Phone == "" {
		return r, wrong("contact", "missing")
	}
	return r, nil
}

// refAlphabet has no look-alikes, and none of the shape of a session key.
const refAlphabet = "23456789ABCDEFGHJKMNPQRSTVWXYZ"

// newRef makes what people call a ticket on the phone: T, a hyphen and six characters.
// It counts nothing and tells no time.
func newRef() string {
	b := []byte("T-......")
	for i := 2; i < len(b); {
		var one [1]byte
		_, _ = rand.Read(one[:]) // it never fails
		if n := int(one[0]); n < len(refAlphabet)*(256/len(refAlphabet)) {
			b[i] = refAlphabet[n%len(refAlphabet)]
			i++
		}
	}
	return string(b)
}

// fold makes text that is searched for without regard to case and accents.
func fold(s string) string {
	s = cases.Fold().String(norm.NFKD.String(s))
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, s)
}
