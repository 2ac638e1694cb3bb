package access

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"sort"
	"strings"
	"sync"
	"unicode"
)

// breachedText holds the passwords that stand most often in stolen collections, each as
// the first breachedBytes of the SHA-256 of its folded form, in order, as base64: the first
// 16,000 of the list of zxcvbn-ts 3.0.4 (MIT), and all of it that have 12 characters.
// build/breached makes it of a list with one a line. Hashes: many are no words for a file
// that people read.
//
//go:embed breached.txt
var breachedText string

// breachedBytes make a wrong hit as likely as 1 in 10^7.
const breachedBytes = 5

var breachedList = sync.OnceValue(func() []byte {
	list, err := base64.StdEncoding.DecodeString(breachedText)
	if err != nil {
		panic(err) // a file of ours
	}
	return list
})

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
	list, sum := breachedList(), sha256.Sum256([]byte(folded))
	n := len(list) / breachedBytes
	at := func(i int) []byte { return list[i*breachedBytes : (i+1)*breachedBytes] }
	i := sort.Search(n, func(i int) bool { return bytes.Compare(at(i), sum[:breachedBytes]) >= 0 })
	return i < n && bytes.Equal(at(i), sum[:breachedBytes])
}
