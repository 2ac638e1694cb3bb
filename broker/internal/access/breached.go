package access

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"sort"
	"strings"
	"unicode"
)

// breachedList holds the passwords that stand most often in stolen collections, each as
// the first breachedBytes of the SHA-256 of its folded form, in order: 49,000 of the
// list of zxcvbn-ts 3.0.4 (MIT). build/breached makes it of a list with one a line.
//
//go:embed breached.bin
var breachedList []byte

// breachedBytes make a wrong hit as likely as 1 in 10^9.
const breachedBytes = 6

// breached looks for a folded password, what it repeats, and what is left of it without
// the digits and signs at its ends: these are what people add where they must.
func breached(folded string) bool {
	core := strings.TrimFunc(folded, func(r rune) bool { return !unicode.IsLetter(r) })
	for _, s := range []string{folded, unit(folded), core, unit(core)} {
		if s != "" && (onList(s) || onList(plainLetters(s))) {
			return true
		}
	}
	return false
}

func onList(folded string) bool {
	sum := sha256.Sum256([]byte(folded))
	n := len(breachedList) / breachedBytes
	at := func(i int) []byte { return breachedList[i*breachedBytes : (i+1)*breachedBytes] }
	i := sort.Search(n, func(i int) bool { return bytes.Compare(at(i), sum[:breachedBytes]) >= 0 })
	return i < n && bytes.Equal(at(i), sum[:breachedBytes])
}
