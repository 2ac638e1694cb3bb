package ui

import (
	"image"
	"image/color"
	"image/draw"
	"strings"
	"unicode"

	"golang.org/x/image/font"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
	"golang.org/x/text/unicode/norm"
)

// lettering sets text in one size and weight. It belongs to one goroutine.
type lettering struct {
	set    *fontSet
	bold   bool
	size   float64 // pixels of an em
	faces  map[*sfnt.Font]font.Face
	widths map[rune]fixed.Int26_6
	ascent int // of the first font
	line   int // from one line to the next
}

// Label is a line of text as it is drawn over a picture, shortened to width pixels; it
// is as large as text in the windows of this package. language is as for [UI.Speak].
func (u *UI) Label(text, language string, width int) (*image.Alpha, error) {
	set, err := newFontSet()
	if err != nil {
		return nil, err
	}
	defer set.close()
	set.speak(language)
	l := newLettering(set, 15*u.desktop.dpi/96, true)
	text = l.ellipsis(text, width)
	img := image.NewAlpha(image.Rect(0, 0, l.width(text)+1, l.line))
	l.put(img, image.Point{}, text, color.Opaque)
	return img, nil
}

// newLettering takes a size in pixels.
func newLettering(set *fontSet, size float64, bold bool) *lettering {
	l := &lettering{set: set, bold: bold, size: size, faces: map[*sfnt.Font]font.Face{}, widths: map[rune]fixed.Int26_6{}}
	l.line = int(size*1.42 + 0.5)
	l.ascent = int(size*0.76 + float64(l.line)/2 - size*0.5 + 0.5)
	return l
}

// face returns the face for a character, nil where no font has it.
func (l *lettering) face(r rune) font.Face {
	f := l.set.font(r, l.bold)
	if f == nil {
		return nil
	}
	face := l.faces[f]
	if face == nil {
		// The error is for options out of range, which these are not.
		face, _ = opentype.NewFace(f, &opentype.FaceOptions{Size: l.size, DPI: 72, Hinting: font.HintingNone})
		l.faces[f] = face
	}
	return face
}

// advance is the width of one character.
func (l *lettering) advance(r rune) fixed.Int26_6 {
	if w, ok := l.widths[r]; ok {
		return w
	}
	if unicode.Is(unicode.Cf, r) {
		return 0 // joins or directs, and is not seen
	}
	w := fixed.Int26_6(l.size * 64 * 0.6) // the box that stands for a missing character
	if f := l.face(r); f != nil {
		if a, ok := f.GlyphAdvance(r); ok {
			w = a
		}
	}
	l.widths[r] = w
	return w
}

// width is the width of a line in pixels.
func (l *lettering) width(s string) int {
	var w fixed.Int26_6
	for _, r := range s {
		w += l.advance(r)
	}
	return w.Ceil()
}

// put writes a line; at is the left top corner of its line box.
func (l *lettering) put(dst draw.Image, at image.Point, s string, c color.Color) {
	dot := fixed.P(at.X, at.Y+l.ascent)
	ink := image.NewUniform(c)
	for _, r := range visual(s) {
		adv := l.advance(r)
		if unicode.Is(unicode.Cf, r) {
			continue
		}
		f := l.face(r)
		if f == nil {
			box := image.Rect(dot.X.Ceil()+1, at.Y+l.line/4, (dot.X+adv).Floor()-1, at.Y+l.line*3/4)
			draw.Draw(dst, box, ink, image.Point{}, draw.Src)
		} else if r, mask, from, _, ok := f.Glyph(dot, r); ok {
			draw.DrawMask(dst, r, ink, image.Point{}, mask, from, draw.Over)
		}
		dot.X += adv
	}
}

// wrap breaks text into lines of at most width pixels. Paragraphs stay apart.
func (l *lettering) wrap(s string, width int) []string {
	if s == "" {
		return nil
	}
	var lines []string
	limit := fixed.I(width)
	for paragraph := range strings.SplitSeq(norm.NFC.String(s), "\n") {
		lines = append(lines, l.wrapLine([]rune(strings.ReplaceAll(paragraph, "\t", "    ")), limit)...)
	}
	return lines
}

func (l *lettering) wrapLine(text []rune, limit fixed.Int26_6) []string {
	var lines []string
	start, chance := 0, 0 // chance is the last place at which the line may break
	var w fixed.Int26_6
	for i := 0; i < len(text); i++ {
		if i > start && mayBreak(text[i-1], text[i]) {
			chance = i
		}
		w += l.advance(text[i])
		if w <= limit || unicode.IsSpace(text[i]) || i == start {
			continue
		}
		if chance <= start {
			chance = i // a word longer than the line
		}
		lines = append(lines, strings.TrimRightFunc(string(text[start:chance]), unicode.IsSpace))
		start, i, w = chance, chance-1, 0
	}
	return append(lines, strings.TrimRightFunc(string(text[start:]), unicode.IsSpace))
}

// mayBreak tells whether a line may end between two characters: after a space, after a hyphen, and
// around Han and Kana but for punctuation that stays with its neighbour (JIS X 4051, simplified).
func mayBreak(a, b rune) bool {
	switch {
	case unicode.IsSpace(a):
		return !unicode.IsSpace(b)
	case a == '-' || a == '–' || a == '/':
		return unicode.IsLetter(b)
	case !wide(a) && !wide(b):
		return false
	}
	return !strings.ContainsRune("「『（【〈《([{“‘", a) && !strings.ContainsRune("、。，．・：；？！」』）】〉》)]}”’…ー々ぁぃぅぇぉっゃゅょァィゥェォッャュョ%,.!?:;", b) && !unicode.IsSpace(b)
}

func wide(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana) || r >= 0x3000 && r <= 0x303f || r >= 0xff00 && r <= 0xffef
}

// ellipsis shortens a line to a width.
func (l *lettering) ellipsis(s string, width int) string {
	s = norm.NFC.String(strings.ReplaceAll(s, "\n", " "))
	if l.width(s) <= width {
		return s
	}
	runes := []rune(s)
	for len(runes) > 0 && l.width(string(runes)+"…") > width {
		runes = runes[:len(runes)-1]
	}
	return strings.TrimRightFunc(string(runes), unicode.IsSpace) + "…"
}
