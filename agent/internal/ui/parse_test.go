package ui

import (
	"encoding/binary"
	"image"
	"maps"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"consento/agent/internal/xtest"
)

// setting encodes one XSETTINGS value.
func setting(kind byte, name string, value []byte) []byte {
	b := []byte{kind, 0}
	b = binary.LittleEndian.AppendUint16(b, uint16(len(name)))
	b = append(b, name...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	b = append(b, 0, 0, 0, 0)
	return append(b, value...)
}

func published() []byte {
	b := []byte{0, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0}
	b = append(b, setting(1, "Net/ThemeName", []byte("\x0c\x00\x00\x00Adwaita-dark"))...)
	b = append(b, setting(2, "Some/Color", make([]byte, 8))...)
	return append(b, setting(0, "Gtk/ApplicationPreferDarkTheme", []byte{1, 0, 0, 0})...)
}

func TestParseSettings(t *testing.T) {
	s := parseSettings(published())
	if !maps.Equal(s.texts, map[string]string{"Net/ThemeName": "Adwaita-dark"}) ||
		!maps.Equal(s.ints, map[string]int32{"Gtk/ApplicationPreferDarkTheme": 1}) {
		t.Errorf("%v", s)
	}
}

func FuzzSettings(f *testing.F) {
	whole := published()
	for i := range whole {
		f.Add(whole[:i])
	}
	f.Add(whole)
	f.Fuzz(func(t *testing.T, b []byte) {
		s := parseSettings(b)
		total := 0
		for k, v := range s.texts {
			total += len(k) + len(v)
		}
		if total > len(b) {
			t.Errorf("%d bytes of texts out of %d", total, len(b))
		}
	})
}

// monitors is a reply with two monitors, the second primary, with one output each.
func monitors() []byte {
	b := make([]byte, 32+2*28)
	b[12] = 2
	for i, m := range [][]uint16{{0, 0, 1024, 768}, {1024, 0, 1920, 1080}} {
		at := b[32+i*28:]
		at[4], at[6] = byte(i), 1
		for j, v := range m {
			binary.LittleEndian.PutUint16(at[8+2*j:], v)
		}
	}
	return b
}

func TestParseMonitors(t *testing.T) {
	for n, want := range map[int]image.Rectangle{
		0: {}, 32: {}, 32 + 28: image.Rect(0, 0, 1024, 768), 32 + 56: image.Rect(1024, 0, 2944, 1080),
	} {
		if got := parseMonitors(monitors()[:n]); got != want {
			t.Errorf("%d bytes: %v, want %v", n, got, want)
		}
	}
}

func FuzzMonitors(f *testing.F) {
	f.Add(monitors())
	f.Fuzz(func(t *testing.T, b []byte) {
		if r := parseMonitors(b); r.Dx() < 0 || r.Dx() > 0xffff || r.Dy() < 0 || r.Dy() > 0xffff {
			t.Errorf("%v", r)
		}
	})
}

func TestMonitorOfTheServer(t *testing.T) {
	d, err := connect(xtest.Server(t, 1024, 600))
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	if got := d.monitor(); got != image.Rect(0, 0, 1024, 600) {
		t.Errorf("%v", got)
	}
}

func TestResourceDPI(t *testing.T) {
	for in, want := range map[string]float64{
		"": 96, "Xft.dpi:\t192\n": 192, "Xft.antialias: 1\nXft.dpi: 120": 120,
		"Xft.dpi: 9999999": 96, "Xft.dpi: x": 96, "Xft.dpi: NaN": 96, "XXft.dpi: 120": 96,
	} {
		if got := resourceDPI([]byte(in)); got != want {
			t.Errorf("%q: %v, want %v", in, got, want)
		}
	}
}

// FuzzWrap checks that lines keep every character and their width.
func FuzzWrap(f *testing.F) {
	set, err := newFontSet()
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(set.close)
	by := newLettering(set, 15, false)
	f.Add("She sees everything on your screen until you stop.", 120)
	f.Add("あなたが停止するまで、担当者には「画面上」のすべてが見えます。", 90)
	f.Add("a\n\nb  c\td Donaudampfschifffahrtsgesellschaftskapitän", 40)
	f.Fuzz(func(t *testing.T, s string, width int) {
		if !utf8.ValidString(s) || len(s) > 200 || strings.ContainsFunc(s, deceives) {
			t.Skip()
		}
		width = 20 + (width&0x7fffffff)%600
		bare := func(s string) string {
			return strings.Map(func(r rune) rune {
				if unicode.IsSpace(r) {
					return -1
				}
				return r
			}, norm.NFC.String(s))
		}
		lines := by.wrap(s, width)
		if got := bare(strings.Join(lines, "")); got != bare(s) {
			t.Errorf("%q became %q", s, lines)
		}
		for _, line := range lines {
			if by.width(line) > width && utf8.RuneCountInString(line) > 1 {
				t.Errorf("line %q is %d wide, more than %d", line, by.width(line), width)
			}
		}
	})
}

func TestLinesBreakWhereTheyMay(t *testing.T) {
	set, err := newFontSet()
	if err != nil {
		t.Fatal(err)
	}
	defer set.close()
	by := newLettering(set, 15, false)
	for _, line := range by.wrap(languages["ja"].terms.Details, 200)[:40] {
		if strings.ContainsAny(line[:min(3, len(line))], "、。」") {
			t.Errorf("line begins with punctuation: %q", line)
		}
	}
	for _, line := range by.wrap("one two-three four", by.width("one two- ")) {
		if line != "one two-" && line != "three four" && line != "three" && line != "four" {
			t.Errorf("broken inside a word: %q", line)
		}
	}
}

func FuzzEntry(f *testing.F) {
	f.Add("abc", uint32(keyBackSpace), uint32('7'), uint32(keyHome), uint32(keyDelete))
	f.Fuzz(func(t *testing.T, s string, a, b, c, d uint32) {
		var e entry
		e.insert(s)
		for _, k := range []uint32{a, b, c, d} {
			e.key(k)
			if e.caret < 0 || e.caret > len(e.text) || len(e.text) > maxEntry {
				t.Fatalf("caret %d of %d", e.caret, len(e.text))
			}
			for _, r := range e.text {
				if !unicode.IsPrint(r) {
					t.Fatalf("%q in the field", r)
				}
			}
		}
	})
}

func TestEntry(t *testing.T) {
	var e entry
	e.insert("ab\x00\ncd")
	for _, k := range []uint32{keyLeft, keyBackSpace, keyHome, '7', keyEnd, keyDelete, keyPadSpace} {
		e.key(k)
	}
	if got := string(e.text); got != "7abd" {
		t.Errorf("%q", got)
	}
}

func TestRightToLeft(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"Anna sees": false, "שרה sees": true, "12 (שרה)": true, "": false, "123": false,
		"\u200e\u2068שרה\u2069\u200e sieht": false, "\u2068שרה\u2069 sieht": false, "\u2068Anna\u2069 רואה": true,
		"\u2067\u2068ש\u2069ש\u2069 Anna": false, "\u2069שרה": true, "\u200fAnna": true,
	} {
		if rightToLeft(text) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
}
