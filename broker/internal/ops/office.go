package ops

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Office is who runs the broker, as customers read it.
type Office struct {
	Name           string `toml:"name" json:"name"`                       // as on the portal, 1 to 100 characters
	Phone          string `toml:"phone" json:"phone"`                     // to call back, digits and + - . / ( ) and spaces
	Controller     string `toml:"controller" json:"controller"`           // data controller; empty: the office itself
	PrivacyContact string `toml:"privacy_contact" json:"privacy_contact"` // of the data-protection officer; may be empty
}

// Clean returns the office with its texts normalised. Name and phone are needed.
func (o Office) Clean() (Office, error) {
	var err error
	if o.Name, err = CleanLine(o.Name, 100); err != nil {
		return Office{}, fmt.Errorf("name: %w", err)
	}
	if o.Phone, err = cleanPhone(o.Phone); err != nil {
		return Office{}, fmt.Errorf("phone: %w", err)
	}
	for _, optional := range []struct {
		name string
		text *string
	}{{"controller", &o.Controller}, {"privacy_contact", &o.PrivacyContact}} {
		if strings.TrimSpace(*optional.text) == "" {
			*optional.text = ""
		} else if *optional.text, err = CleanLine(*optional.text, 200); err != nil {
			return Office{}, fmt.Errorf("%s: %w", optional.name, err)
		}
	}
	return o, nil
}

func cleanPhone(s string) (string, error) {
	digits := 0
	s = strings.Join(strings.Fields(s), " ")
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9':
			digits++
		case !strings.ContainsRune("+-./() ", r):
			return "", fmt.Errorf("%q does not belong into a telephone number", r)
		}
	}
	if digits < 3 || digits > 20 || len(s) > 40 {
		return "", errors.New("a telephone number has 3 to 20 digits")
	}
	return s, nil
}

// maxMarks bounds the combining marks in a row: scripts need three or four,
// more only paints over the text around it.
const maxMarks = 4

// CleanLine returns one line of text that is fit to be shown to people, in any
// script: NFC, single spaces, at least one letter or digit, at most limit
// characters. It refuses control characters and the invisible ones that reorder
// or hide text (a name must read as it is), but for the joiners that some
// scripts are written with.
func CleanLine(s string, limit int) (string, error) {
	if len(s) > 8*limit {
		return "", fmt.Errorf("has more than %d characters", limit)
	}
	if !utf8.ValidString(s) {
		return "", errors.New("is not valid UTF-8")
	}
	s = strings.Join(strings.Fields(norm.NFC.String(s)), " ")
	visible, marks := false, 0
	for _, r := range s {
		switch {
		case r == ' ', r == '\u200c', r == '\u200d': // space, zero width non-joiner and joiner
		case !unicode.IsPrint(r):
			return "", fmt.Errorf("holds the character %U, which cannot be printed", r)
		}
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			visible = true
		}
		if marks++; !unicode.IsMark(r) {
			marks = 0
		}
		if marks > maxMarks {
			return "", errors.New("holds too many marks on one letter")
		}
	}
	if !visible {
		return "", errors.New("is empty")
	}
	if n := utf8.RuneCountInString(s); n > limit {
		return "", fmt.Errorf("has %d characters, at most %d are allowed", n, limit)
	}
	return s, nil
}
