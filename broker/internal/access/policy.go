package access

import (
	_ "embed"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Lengths of a password in characters (NIST SP 800-63B-4, 3.1.1.2: 15 where it is
// the only factor, at least 64 must be possible).
const (
	MinPassword = 15
	// MinWithSecond is for who proves a second factor too. The standard lets it be 8; but
	// a copy of the database is guessed at without the second factor, and 8 fall there.
	MinWithSecond = 12
	MaxPassword   = 256

	// maxPasswordBytes bounds what is normalised at all.
	maxPasswordBytes = 4 * MaxPassword
	// What must be left when everything common is taken away.
	minMaterial, minDistinct = 6, 4
	minWord                  = 4 // shorter words of a name stand in too many good passwords
)

//go:embed common.txt
var commonText string

// commonWords are what people choose first, the longest first.
var commonWords = sync.OnceValue(func() []string {
	var words []string
	for line := range strings.Lines(commonText) {
		if word := strings.TrimSpace(line); word != "" && !strings.HasPrefix(word, "#") {
			words = append(words, bare(fold(word)))
		}
	}
	return longestFirst(words)
})

// CheckPassword returns password as it is hashed (NFKC), or says why it is not
// good enough. It asks for length and for something that is neither common nor
// about the person (about: e-mail, name, office); it has no rules of composition
// (NIST SP 800-63B-4, 3.1.1.2). Codes: too_short, too_long, characters, common, breached.
func CheckPassword(password string, about ...string) (string, error) {
	return checkPassword(password, MinPassword, about...)
}

// checkPassword asks for least characters.
func checkPassword(password string, least int, about ...string) (string, error) {
	normal, ok := normalPassword(password)
	if !ok {
		if len(password) > maxPasswordBytes || utf8.RuneCountInString(password) > MaxPassword {
			return "", invalid("password", "too_long", "has more than %d characters", MaxPassword)
		}
		return "", invalid("password", "characters", "holds characters that cannot be typed")
	}
	if utf8.RuneCountInString(normal) < least {
		return "", invalid("password", "too_short", "has fewer than %d characters: a sentence is easy to remember", least)
	}
	personal := wordsAbout(about)
	folded := fold(normal)
	for _, variant := range []string{folded, plainLetters(folded)} {
		for _, text := range []string{variant, bare(variant)} {
			if !enough(text, personal) {
				return "", invalid("password", "common", "is made of common words, of your own name or the office's, or of characters in a row")
			}
		}
	}
	if breached(folded) {
		return "", invalid("password", "breached", "stands on the lists of passwords that were stolen elsewhere and are tried first")
	}
	return normal, nil
}

// normalPassword gives the form that is hashed; ok is false for what no password
// can be.
func normalPassword(password string) (normal string, ok bool) {
	if len(password) > maxPasswordBytes || !utf8.ValidString(password) {
		return "", false
	}
	normal = norm.NFKC.String(password)
	if utf8.RuneCountInString(normal) > MaxPassword || strings.ContainsFunc(normal, unicode.IsControl) {
		return "", false
	}
	return normal, true
}

// enough takes away common and personal words and runs, and looks at the rest.
func enough(s string, personal []string) bool {
	s = unit(s)
	for _, words := range [][]string{personal, commonWords()} {
		for _, word := range words {
			// A mark stays, so that what stood around the word does not form new ones.
			s = strings.ReplaceAll(s, word, "\x00")
		}
	}
	rest := []rune(strings.ReplaceAll(withoutRuns(s), "\x00", ""))
	slices.Sort(rest)
	return len(rest) >= minMaterial && len(slices.Compact(rest)) >= minDistinct
}

// withoutRuns takes away three and more equal, rising or falling characters
// (aaa, 1234, fedc).
func withoutRuns(s string) string {
	in := []rune(s)
	var out []rune
	for i := 0; i < len(in); {
		end := i + 1
		if end < len(in) {
			if step := in[end] - in[i]; step >= -1 && step <= 1 {
				for end < len(in) && in[end]-in[end-1] == step {
					end++
				}
			}
		}
		if end-i >= 3 {
			out = append(out, 0)
		} else {
			end = i + 1
			out = append(out, in[i])
		}
		i = end
	}
	return string(out)
}

// unit returns what s repeats, or s.
func unit(s string) string {
	runes := []rune(s)
	for n := 1; n <= len(runes)/2; n++ {
		repeats := true
		for i := n; i < len(runes); i++ {
			if runes[i] != runes[i-n] {
				repeats = false
				break
			}
		}
		if repeats {
			return string(runes[:n])
		}
	}
	return s
}

// wordsAbout takes texts about a person apart.
func wordsAbout(texts []string) []string {
	var words []string
	for _, text := range texts {
		text = fold(text)
		if whole := bare(text); utf8.RuneCountInString(whole) >= minWord {
			words = append(words, whole)
		}
		for _, word := range strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			if utf8.RuneCountInString(word) >= minWord {
				words = append(words, word, plainLetters(word))
			}
		}
	}
	return longestFirst(words)
}

func longestFirst(words []string) []string {
	slices.SortFunc(words, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	return slices.Compact(words)
}

// fold makes upper and lower case and accents equal.
func fold(s string) string {
	var b strings.Builder
	for _, r := range norm.NFKD.String(cases.Fold().String(s)) {
		if !unicode.IsMark(r) {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// bare keeps letters and digits.
func bare(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, s)
}

// lookAlikes are the digits and signs that people write for letters.
var lookAlikes = strings.NewReplacer("0", "o", "1", "i", "3", "e", "4", "a", "5", "s", "7", "t", "@", "a", "$", "s", "!", "i")

func plainLetters(s string) string { return lookAlikes.Replace(s) }
