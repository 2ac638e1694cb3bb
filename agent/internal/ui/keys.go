package ui

import "unicode"

// Key symbols that windows act on (X11 keysymdef.h).
const (
	keyBackSpace = 0xff08
	keyTab       = 0xff09
	keyBackTab   = 0xfe20
	keyReturn    = 0xff0d
	keyEscape    = 0xff1b
	keyHome      = 0xff50
	keyLeft      = 0xff51
	keyUp        = 0xff52
	keyRight     = 0xff53
	keyDown      = 0xff54
	keyPageUp    = 0xff55
	keyPageDown  = 0xff56
	keyEnd       = 0xff57
	keyDelete    = 0xffff
	keySpace     = 0x0020

	keyPadSpace    = 0xff80
	keyPadEnter    = 0xff8d
	keyPadHome     = 0xff95
	keyPadLeft     = 0xff96
	keyPadUp       = 0xff97
	keyPadRight    = 0xff98
	keyPadDown     = 0xff99
	keyPadPageUp   = 0xff9a
	keyPadPageDown = 0xff9b
	keyPadEnd      = 0xff9c
)

// rightToLeft tells whether the first letter of a text belongs to a script written from right to left. A
// left-to-right mark is such a letter, and what is isolated is none (Unicode UAX 9, rule P2): a sentence may
// begin with somebody's name.
func rightToLeft(s string) bool {
	isolated := 0
	for _, r := range s {
		switch {
		case r == '\u2066' || r == '\u2067' || r == '\u2068':
			isolated++
		case r == '\u2069':
			isolated = max(0, isolated-1)
		case isolated > 0:
		case r == '\u200e' || r == '\u200f':
			return r == '\u200f'
		case unicode.IsLetter(r):
			return unicode.In(r, unicode.Hebrew, unicode.Arabic, unicode.Syriac, unicode.Thaana, unicode.Nko)
		}
	}
	return false
}

// join puts two sentences one after the other.
func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + " " + b
}
