// Breached makes broker/internal/access/breached.txt: of a list of passwords, one a line on
// standard input, the most frequent first, it takes the first 16,000 and every one that is
// long enough to be chosen here, folds them as package access does, and writes the first
// five bytes of each one's SHA-256, in order, as base64.
package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
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
	const most, shortest, long = 16_000, 6, 12 // in bytes
	var sums [][]byte
	taken := 0
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		folded := strings.Map(func(r rune) rune {
			if unicode.IsMark(r) {
				return -1
			}
			return r
		}, norm.NFKD.String(cases.Fold().String(strings.TrimSpace(lines.Text()))))
		if len(folded) < shortest || taken >= most && len(folded) < long {
			continue
		}
		taken++
		sum := sha256.Sum256([]byte(folded))
		sums = append(sums, sum[:5])
	}
	if err := lines.Err(); err != nil {
		return err
	}
	slices.SortFunc(sums, bytes.Compare)
	sums = slices.CompactFunc(sums, bytes.Equal)
	text := base64.StdEncoding.EncodeToString(bytes.Join(sums, nil))
	for line := range slices.Chunk([]byte(text), 160) {
		fmt.Printf("%s\n", line)
	}
	return nil
}
