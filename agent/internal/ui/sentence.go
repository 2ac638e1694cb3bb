package ui

import (
	"strings"
	"unicode"
)

// sentence is what the bar says about who sees what. Names stand in it between isolates
// (Unicode UAX 9, FSI to PDI). Where there is no room for all of it, names are shortened; the
// words around them are what the customer has to read, and stay.
type sentence []piece

type piece struct {
	text []rune
	cut  int // so many letters of a name are left out at its end
	name bool
}

const isolateBegins, isolateEnds = "\u2068", "\u2069"

func parse(text string) sentence {
	var s sentence
	for text != "" {
		before, rest, isolated := strings.Cut(text, isolateBegins)
		name, after, whole := strings.Cut(rest, isolateEnds)
		if !isolated || !whole {
			return append(s, piece{text: []rune(text)})
		}
		s = append(s, piece{text: []rune(before + isolateBegins)}, piece{text: []rune(name), name: true})
		text = isolateEnds + after
	}
	return s
}

func (s sentence) String() string {
	var b strings.Builder
	for _, p := range s {
		if p.cut == 0 {
			b.WriteString(string(p.text))
			continue
		}
		b.WriteString(strings.TrimRightFunc(string(p.text[:len(p.text)-p.cut]), unicode.IsSpace))
		b.WriteString("…")
	}
	return b.String()
}

// fit shortens names, the longest first, until the whole is at most room wide. It leaves each at
// least so many letters, and reports whether that was enough.
func (s sentence) fit(room, least int, width func(string) int) bool {
	for width(s.String()) > room {
		longest := -1
		for i, p := range s {
			if left := len(p.text) - p.cut; p.name && left > least && (longest < 0 || left > len(s[longest].text)-s[longest].cut) {
				longest = i
			}
		}
		if longest < 0 {
			return false
		}
		p := &s[longest]
		p.cut++
		// What is written on a letter goes with it.
		for left := len(p.text) - p.cut; left > least && unicode.IsMark(p.text[left]); left-- {
			p.cut++
		}
	}
	return true
}

// leastOfName is how many letters of a name stay before the bar's buttons give way.
const leastOfName = 6
