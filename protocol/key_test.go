package protocol_test

import (
	"errors"
	"strings"
	"testing"
	"testing/quick"
	"unicode/utf8"

	"consento/protocol"
)

// TestNewSessionKeyIsUniform draws keys and compares the counts of characters,
// and of pairs of neighbours, with chance. For k degrees of freedom chi-square
// has mean k and deviation sqrt(2k): the bounds lie more than 7 deviations out,
// so that a fair source fails less than once in 10^10 runs, while taking bytes
// modulo 28 without rejection (4 characters 10 % too often) lies far beyond.
func TestNewSessionKeyIsUniform(t *testing.T) {
	const draws = 60_000
	n := len(protocol.KeyAlphabet)
	var single [protocol.KeyLength][]float64
	for i := range single {
		single[i] = make([]float64, n)
	}
	all, pairs := make([]float64, n), make([]float64, n*n)
	seen := make(map[protocol.SessionKey]bool, draws)
	for range draws {
		k := protocol.NewSessionKey()
		if len(k) != protocol.KeyLength {
			t.Fatalf("key %q has %d characters", k, len(k))
		}
		seen[k] = true
		for i := range k {
			at := strings.IndexByte(protocol.KeyAlphabet, k[i])
			if at < 0 {
				t.Fatalf("key %q has a foreign character", k)
			}
			single[i][at]++
			all[at]++
			if i > 0 {
				pairs[strings.IndexByte(protocol.KeyAlphabet, k[i-1])*n+at]++
			}
		}
	}
	for i, counts := range single {
		if x := chiSquare(counts, draws); x > 90 { // 27 degrees
			t.Errorf("place %d: chi-square %.1f", i, x)
		}
	}
	if x := chiSquare(all, draws*protocol.KeyLength); x > 90 {
		t.Errorf("all places: chi-square %.1f", x)
	}
	if x := chiSquare(pairs, draws*(protocol.KeyLength-1)); x > 1100 { // 783 degrees
		t.Errorf("neighbours: chi-square %.1f", x)
	}
	// Birthdays: 60,000 of 28^7 keys give 0.13 collisions on average.
	if len(seen) < draws-5 {
		t.Errorf("%d of %d keys came twice", draws-len(seen), draws)
	}
}

func chiSquare(counts []float64, total int) float64 {
	expected, sum := float64(total)/float64(len(counts)), 0.0
	for _, c := range counts {
		sum += (c - expected) * (c - expected) / expected
	}
	return sum
}

// TestChiSquareFindsBias proves that the bound above would find the plain
// modulo: over the same number of draws its expectation is far beyond.
func TestChiSquareFindsBias(t *testing.T) {
	const draws = 60_000 * protocol.KeyLength
	counts := make([]float64, 28)
	for b := range 256 {
		counts[b%28] += float64(draws) / 256
	}
	if x := chiSquare(counts, draws); x < 5*90 {
		t.Fatalf("bias gives only %.1f", x)
	}
}

func TestAlphabetHasNoLookAlikes(t *testing.T) {
	if len(protocol.KeyAlphabet) != 28 {
		t.Fatalf("%d characters", len(protocol.KeyAlphabet))
	}
	if strings.ContainsAny(protocol.KeyAlphabet, "0O1ILBSZabcdefghijklmnopqrstuvwxyz") {
		t.Error("a look-alike or a lower-case letter is in the alphabet")
	}
	for i, r := range protocol.KeyAlphabet {
		if strings.IndexRune(protocol.KeyAlphabet, r) != i {
			t.Errorf("%q stands twice", r)
		}
	}
}

func TestParseSessionKey(t *testing.T) {
	for typed, want := range map[string]protocol.SessionKey{
		"ACD3EFG":                           "ACD3EFG",
		"acd3efg":                           "ACD3EFG",
		"ACD-3EFG":                          "ACD3EFG",
		" acd 3efg\t\r\n":                   "ACD3EFG",
		"A.C.D_3 E-F-G":                     "ACD3EFG",
		"ACD–3EFG":                          "ACD3EFG", // en dash
		"ACD—3EFG":                          "ACD3EFG", // em dash
		"ACD\u20103EFG":                     "ACD3EFG", // hyphen
		"ACD\u22123EFG":                     "ACD3EFG", // minus sign
		"ACD\u00ad3E\u200bFG":               "ACD3EFG", // soft hyphen, zero width space
		"ACD\u00a03EFG\u3000":               "ACD3EFG", // no-break and ideographic space
		"ＡＣＤ－３ＥＦＧ":                          "ACD3EFG",
		"ａｃｄ３ｅｆｇ":                           "ACD3EFG",
		"B5ZACDE":                           "852ACDE", // what is never in a key is what it looks like
		"bszACDE":                           "852ACDE",
		strings.Repeat("-", 57) + "ACD3EFG": "ACD3EFG", // 64 bytes
	} {
		got, err := protocol.ParseSessionKey(typed)
		if err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", typed, got, err, want)
		}
	}
	for _, typed := range []string{
		"", "   ", "ACD3EF", "ACD3EFGH", "ACD3EF0", "ACD3EFO", "ACD3EF1", "ACD3EFI", "ACD3EFL", "ACD3EF!", "ACD3EF\x00",
		"АСD3EFG" /* Cyrillic */, "ACD3EFG\xff", "\xff\xfe", "ACD3EF\u0301G", "ACD3EF\u202eG", "ＡＣＤ３ＥＦ０", "ACD3EFı",
		strings.Repeat("-", 58) + "ACD3EFG", strings.Repeat("A", 1<<20), "ACD3EF\U0001d7da", "https://x/k/ACD3EFG",
	} {
		got, err := protocol.ParseSessionKey(typed)
		if !errors.Is(err, protocol.ErrMalformed) || got != "" {
			t.Errorf("%.40q: %q, %v; want ErrMalformed", typed, got, err)
		}
	}
}

func TestEveryKeySurvivesReadingOut(t *testing.T) {
	for range 1000 {
		k := protocol.NewSessionKey()
		for _, typed := range []string{string(k), k.Spaced(), strings.ToLower(k.Spaced()), " " + string(k) + " "} {
			if got, err := protocol.ParseSessionKey(typed); err != nil || got != k {
				t.Fatalf("%q: %q, %v", typed, got, err)
			}
		}
	}
	if got := protocol.SessionKey("ACD3EFG").Spaced(); got != "ACD-3EFG" {
		t.Errorf("spaced: %s", got)
	}
	if got := protocol.SessionKey("A").Spaced(); got != "A" {
		t.Errorf("spaced: %s", got)
	}
}

func FuzzParseSessionKey(f *testing.F) {
	for _, s := range []string{"ACD3EFG", "acd-3efg", "ＡＣＤ３ＥＦＧ", "B5Z-8AC\u00ad", "\xff", "ACD3EFı", "ſſſſſſſ"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		k, err := protocol.ParseSessionKey(typed)
		if err != nil {
			if !errors.Is(err, protocol.ErrMalformed) || k != "" {
				t.Fatalf("%q: %q, %v", typed, k, err)
			}
			return
		}
		if len(k) != protocol.KeyLength || strings.Trim(string(k), protocol.KeyAlphabet) != "" {
			t.Fatalf("%q gives %q, which is no key", typed, k)
		}
		if again, err := protocol.ParseSessionKey(k.Spaced()); err != nil || again != k {
			t.Fatalf("%q gives %q, which reads as %q, %v", typed, k, again, err)
		}
	})
}

func TestTicket(t *testing.T) {
	if err := quick.Check(func(b [16]byte) bool {
		ticket := protocol.TicketFrom(b)
		parsed, err := protocol.ParseTicket(string(ticket))
		named, nameErr := protocol.TicketFromFileName(protocol.AgentFilePrefix + string(ticket))
		return len(ticket) == protocol.TicketLength && err == nil && nameErr == nil && parsed == ticket && named == ticket
	}, nil); err != nil {
		t.Error(err)
	}
	good := string(protocol.TicketFrom([16]byte{1, 2, 3}))
	for _, bad := range []string{"", good[1:], good + "a", strings.ToUpper(good), good[:25] + "b" /* spare bits */, good[:25] + "1", good[:24] + "é", strings.Repeat("=", 26)} {
		if got, err := protocol.ParseTicket(bad); !errors.Is(err, protocol.ErrMalformed) || got != "" {
			t.Errorf("%q: %q, %v", bad, got, err)
		}
	}
}

func TestTicketFromFileName(t *testing.T) {
	want := protocol.TicketFrom([16]byte{0xde, 0xad, 0xbe, 0xef, 5: 1})
	s := string(want)
	for _, name := range []string{
		"consento-" + s, "consento-" + s + ".exe", "consento-" + s + " (1)", "consento-" + s + " (1).exe", "consento-" + s + "(12)",
		"Copia di consento-" + s + ".exe", "Copy of consento-" + s, "consento-" + s + " - Kopie.exe", "consento-" + s + "_2",
		"Consento-" + strings.ToUpper(s) + ".EXE", "/home/anna/Scaricati/consento-" + s, `C:\Users\Anna\Downloads\consento-` + s + ".exe",
		"\xff\xfeconsento-" + s, "consento-agent consento-" + s, strings.Repeat("x", 5000) + "consento-" + s, "consento-" + s + ".part",
		"consento-consento-" + s,
	} {
		if got, err := protocol.TicketFromFileName(name); err != nil || got != want {
			t.Errorf("%.80q: %q, %v", name, got, err)
		}
	}
	for _, name := range []string{
		"", "consento-agent", "consento-agent-linux-amd64", "consento-", "consento" + s, "consento-" + s[1:], "consento-" + s + "a",
		"consento-" + s + "9", s, "consento-" + s[:25] + "b", "consento_" + s, "consento-" + s + strings.Repeat("y", 5000),
	} {
		if got, err := protocol.TicketFromFileName(name); !errors.Is(err, protocol.ErrMalformed) || got != "" {
			t.Errorf("%.80q: %q, %v; want ErrMalformed", name, got, err)
		}
	}
}

func FuzzTicketFromFileName(f *testing.F) {
	s := string(protocol.TicketFrom([16]byte{7}))
	for _, name := range []string{"consento-" + s, "Copia di consento-" + s + " (1).exe", "consento-agent", "consento-\u212a" + s[1:], "\xff"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		ticket, err := protocol.TicketFromFileName(name)
		if err != nil {
			if !errors.Is(err, protocol.ErrMalformed) || ticket != "" {
				t.Fatalf("%q: %q, %v", name, ticket, err)
			}
			return
		}
		if again, err := protocol.ParseTicket(string(ticket)); err != nil || again != ticket || !utf8.ValidString(string(ticket)) {
			t.Fatalf("%q gives %q: %v", name, ticket, err)
		}
	})
}
