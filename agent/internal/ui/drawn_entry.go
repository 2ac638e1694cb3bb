package ui

import (
	"slices"
	"unicode"
)

// entry is the text of a field while it is typed.
type entry struct {
	text  []rune
	caret int
	most  int // characters; 0: maxEntry
}

// insert puts printable characters in at the caret, as many as there is room for.
func (e *entry) insert(s string) {
	most := e.most
	if most == 0 {
		most = maxEntry
	}
	for _, r := range s {
		if unicode.IsPrint(r) && r != unicode.ReplacementChar && len(e.text) < most {
			e.text = slices.Insert(e.text, e.caret, r)
			e.caret++
		}
	}
}

// key acts on a key and tells whether anything can have changed.
func (e *entry) key(sym uint32) bool {
	switch sym {
	case keyBackSpace:
		if e.caret > 0 {
			e.caret--
			e.text = slices.Delete(e.text, e.caret, e.caret+1)
		}
	case keyDelete:
		if e.caret < len(e.text) {
			e.text = slices.Delete(e.text, e.caret, e.caret+1)
		}
	case keyLeft, keyPadLeft:
		e.caret = max(0, e.caret-1)
	case keyRight, keyPadRight:
		e.caret = min(len(e.text), e.caret+1)
	case keyHome, keyPadHome:
		e.caret = 0
	case keyEnd, keyPadEnd:
		e.caret = len(e.text)
	default:
		r := letter(sym)
		if r == 0 {
			return false
		}
		e.insert(string(r))
	}
	return true
}
