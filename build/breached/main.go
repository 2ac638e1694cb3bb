// Breached makes broker/internal/access/breached.bin: from a list of passwords, one a
// line on standard input, folded as package access folds them, the first six bytes of each
// one's SHA-256 in order, on standard output.
package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "breached:", err)
		os.Exit(1)
	}
}

func run() error {
	var sums [][]byte
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		folded := strings.Map(func(r rune) rune {
			if unicode.IsMark(r) {
				return -1
			}
			return r
		}, norm.NFKD.String(cases.Fold().String(strings.TrimSpace(lines.Text()))))
		if len(folded) < 6 {
			continue // what is left of a password of 12 is longer, or not allowed anyway
		}
		sum := sha256.Sum256([]byte(folded))
		sums = append(sums, sum[:6])
	}
	if err := lines.Err(); err != nil {
		return err
	}
	slices.SortFunc(sums, bytes.Compare)
	sums = slices.CompactFunc(sums, bytes.Equal)
	_, err := os.Stdout.Write(bytes.Join(sums, nil))
	return err
}
