package lang

import "strconv"

// Count returns a number with its noun: Count("days", 1) is "1 day". what is the
// middle of a key count.WHAT.CATEGORY; n is a cardinal number from 0 to 999,999.
func (t Texts) Count(what string, n int) string {
	return t.T("count."+what+"."+category(t.Tag, n), "n", strconv.Itoa(n))
}

// category is the plural category of a whole number in one of our languages
// (CLDR 48). From a million on some have "many", which no count here reaches. A
// test holds it to what golang.org/x/text says; that package would make the agent
// larger.
func category(tag string, n int) string {
	switch {
	case tag == "ja":
		return "other"
	case n == 1, n == 0 && tag == "fr":
		return "one"
	}
	return "other"
}
