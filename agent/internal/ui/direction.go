package ui

import (
	"slices"
	"unicode"
)

// visual puts a line of left-to-right text into the order in which it is drawn: stretches of letters
// that run from right to left are turned around, marks stay with their letter. It is the part of
// Unicode UAX 9 that a name in a sentence needs; letters are not joined.
func visual(line string) string {
	text := []rune(line)
	if !slices.ContainsFunc(text, turned) {
		return line
	}
	for i := 0; i < len(text); i++ {
		if !turned(text[i]) {
			continue
		}
		end := i + 1 // behind the last letter that runs from right to left before others come
		for j := end; j < len(text) && !ahead(text[j]); j++ {
			if turned(text[j]) || unicode.IsMark(text[j]) && end == j {
				end = j + 1
			}
		}
		slices.Reverse(text[i:end])
		for j := i; j < end; j++ { // a mark came behind its letter, and now stands before it
			if k := j; unicode.IsMark(text[j]) {
				for j+1 < end && unicode.IsMark(text[j]) {
					j++
				}
				slices.Reverse(text[k : j+1])
			}
		}
		i = end - 1
	}
	return string(text)
}

// turned tells letters that run from right to left.
func turned(r rune) bool {
	return unicode.In(r, unicode.Hebrew, unicode.Arabic, unicode.Syriac, unicode.Thaana, unicode.Nko) && !unicode.IsMark(r) && !unicode.IsDigit(r)
}

// ahead tells characters that run from left to right.
func ahead(r rune) bool {
	return (unicode.IsLetter(r) || unicode.IsDigit(r)) && !turned(r) || r == 0x2068 || r == 0x2069
}
