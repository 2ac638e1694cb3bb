package recordings

import (
	"crypto/sha256"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// A sheet is an identity on paper: lines of up to 16 characters in groups of
// four, each with its number and two check characters, so that whoever types it
// again is told which line is wrong.
const (
	sheetLine  = 16
	sheetGroup = 4
)

var sheetRow = regexp.MustCompile(`^([0-9]{1,2})[.:)]? +([A-Z2-7 ]+) +([A-Z2-7]{2})$`)

// Sheet is the private key as lines to print.
func (i Identity) Sheet() ([]string, error) {
	secret, err := i.Secret()
	if err != nil {
		return nil, err
	}
	rest := strings.TrimPrefix(secret, identityPrefix)
	var lines []string
	for n := 1; len(rest) > 0; n++ {
		row := rest[:min(sheetLine, len(rest))]
		rest = rest[len(row):]
		check := sheetCheck(n, row)
		groups := ""
		for len(row) > 0 {
			g := row[:min(sheetGroup, len(row))]
			row = row[len(g):]
			groups += g + " "
		}
		lines = append(lines, fmt.Sprintf("%d  %-20s %s", n, groups, check))
	}
	return lines, nil
}

// sheetCheck is the first 10 bits of SHA-256 over number and characters.
func sheetCheck(n int, row string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "consento-sheet/v1 %d %s", n, row))
	return keyBase32.EncodeToString(sum[:2])[:2]
}

// ParseSheet reads what somebody typed from a sheet. Lines that do not begin with
// a number are passed over; small letters do, and 0, 1 and 8, which the key does
// not have, are read as O, I and B.
//
// Errors: [ErrMalformed], which names the line.
func ParseSheet(text string) (Identity, error) {
	var key strings.Builder
	n := 0
	for line := range strings.Lines(text) {
		line = strings.ToUpper(strings.Join(strings.Fields(line), " "))
		if line == "" || line[0] < '0' || line[0] > '9' {
			continue
		}
		number, rest, _ := strings.Cut(line, " ")
		rest = strings.NewReplacer("0", "O", "1", "I", "8", "B").Replace(rest)
		m := sheetRow.FindStringSubmatch(number + " " + rest)
		if n++; m == nil || strings.TrimRight(number, ".:)") != strconv.Itoa(n) {
			return Identity{}, fmt.Errorf("%w: line %d of the sheet is cut, missing or has a wrong character", ErrMalformed, n)
		}
		row := strings.ReplaceAll(m[2], " ", "")
		if len(row) > sheetLine || sheetCheck(n, row) != m[3] {
			return Identity{}, fmt.Errorf("%w: line %d of the sheet was mistyped", ErrMalformed, n)
		}
		key.WriteString(row)
	}
	if n == 0 {
		return Identity{}, fmt.Errorf("%w: no line of a sheet", ErrMalformed)
	}
	return ParseIdentity(identityPrefix + key.String())
}
