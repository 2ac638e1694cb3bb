package house

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"consento/protocol"
)

// TestGuessingOdds works the table of decision 5 out from the code's own limits.
func TestGuessingOdds(t *testing.T) {
	throttle := read(t, "broker/internal/session/throttle.go")
	constant := func(pattern string) float64 {
		t.Helper()
		m := regexp.MustCompile(pattern).FindStringSubmatch(throttle)
		if m == nil {
			t.Fatalf("throttle.go has no %s any more: work the odds out anew", pattern)
		}
		n, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	burst := constant(`triesPerAddress\s+= (\d+)\s`)
	if !regexp.MustCompile(`tryRefill\s+= time\.Minute\s`).MatchString(throttle) {
		t.Fatal("an address has one more try in another time than a minute: work the odds out anew")
	}
	keys := math.Pow(float64(len(protocol.KeyAlphabet)), protocol.KeyLength)
	minutes := protocol.KeyLifetime.Minutes()
	page := read(t, "build/adr/0005-session-keys.md")
	for _, addresses := range []float64{1, 10_000} {
		first, later, year := addresses*(burst+minutes), addresses*minutes, addresses*365*24*60
		for _, open := range []float64{10, 100, 1000} {
			row := fmt.Sprintf("| %.0f | %.0f | %s | %s | %s |", addresses, open, odds(first*open/keys), odds(later*open/keys), odds(year*open/keys))
			if !strings.Contains(page, row) {
				t.Errorf("decision 5 lacks the row\n%s", row)
			}
		}
	}
	if whole := fmt.Sprintf("%.0f", keys); !strings.Contains(strings.ReplaceAll(page, ",", ""), whole) {
		t.Errorf("decision 5 does not say that there are %s keys", whole)
	}
}

// odds writes an expected number of hits with two digits.
func odds(hits float64) string {
	if hits >= 1 {
		if hits >= 10 {
			return thousands(hits) + " hits"
		}
		return fmt.Sprintf("%.1f hits", hits)
	}
	return fmt.Sprintf("1 in %s", thousands(1/hits))
}

// thousands rounds to two digits and sets commas.
func thousands(n float64) string {
	scale := math.Pow(10, math.Floor(math.Log10(n))-1)
	s := strconv.FormatFloat(math.Round(n/scale)*scale, 'f', 0, 64)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
