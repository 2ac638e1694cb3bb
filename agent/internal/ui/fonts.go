package ui

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/text/unicode/norm"
)

// Fonts that are looked for by name, best first: regular and bold of what desktops ship, then those
// with Chinese, Japanese and Korean.
var (
	latinFonts = [][2]string{
		{"NotoSans-Regular.ttf", "NotoSans-Bold.ttf"}, {"Ubuntu-R.ttf", "Ubuntu-B.ttf"},
		{"OpenSans-Regular.ttf", "OpenSans-Bold.ttf"}, {"DejaVuSans.ttf", "DejaVuSans-Bold.ttf"},
		{"LiberationSans-Regular.ttf", "LiberationSans-Bold.ttf"},
	}
	hanFonts = [][2]string{
		{"NotoSansCJK-Regular.ttc", "NotoSansCJK-Bold.ttc"}, {"NotoSansCJKjp-Regular.otf", "NotoSansCJKjp-Bold.otf"},
		{"SourceHanSans-Regular.ttc", "SourceHanSans-Bold.ttc"}, {"ipagp.ttf", "ipagp.ttf"}, {"ipag.ttf", "ipag.ttf"},
		{"TakaoPGothic.ttf", "TakaoPGothic.ttf"}, {"VL-PGothic-Regular.ttf", "VL-PGothic-Regular.ttf"},
		{"DroidSansFallbackFull.ttf", "DroidSansFallbackFull.ttf"}, {"wqy-microhei.ttc", "wqy-microhei.ttc"},
		{"wqy-zenhei.ttc", "wqy-zenhei.ttc"}, {"DejaVuSans.ttf", "DejaVuSans-Bold.ttf"},
	}
	// Font families of a collection for one language (Han unification: same code, other glyph).
	hanFamily = map[string]string{"ja": " JP", "ko": " KR", "zh": " SC"}
)

// Limits of a search through the fonts of a system.
const (
	maxFontFiles = 8000
	maxFontOpens = 400
)

// fontSet finds for each character a font of the system that has it, and falls back on the fonts
// inside this program (Go fonts, Latin, Greek and Cyrillic).
type fontSet struct {
	mu       sync.Mutex
	family   string
	weights  [2]fontWeight // regular, bold
	paths    []string      // every font file
	byName   map[string]string
	open     []*os.File
	openings int
}

// fontWeight is the fonts of one weight in the order in which they are asked.
type fontWeight struct {
	fonts  []*sfnt.Font
	own    int // so many of them are there for every language
	chosen map[rune]*sfnt.Font
}

func newFontSet() (*fontSet, error) {
	s := &fontSet{byName: map[string]string{}}
	s.find()
	for i, own := range [][]byte{goregular.TTF, gobold.TTF} {
		w := &s.weights[i]
		w.chosen = map[rune]*sfnt.Font{}
		for _, names := range latinFonts {
			if f := s.load(s.byName[names[i]]); f != nil {
				w.fonts = append(w.fonts, f)
				break
			}
		}
		f, err := sfnt.Parse(own)
		if err != nil {
			return nil, err
		}
		w.fonts = append(w.fonts, f)
		w.own = len(w.fonts)
	}
	return s, nil
}

// find lists the font files of the system and of the person.
func (s *fontSet) find() {
	dirs := []string{"/usr/share/fonts", "/usr/local/share/fonts"}
	if home, err := os.UserHomeDir(); err == nil {
		dirs = append(dirs, filepath.Join(home, ".local/share/fonts"), filepath.Join(home, ".fonts"))
	}
	for _, dir := range dirs {
		// What cannot be read is not there.
		_ = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return nil
			}
			switch strings.ToLower(filepath.Ext(path)) {
			case ".ttf", ".otf", ".ttc":
				s.paths = append(s.paths, path)
				if _, ok := s.byName[e.Name()]; !ok {
					s.byName[e.Name()] = path
				}
			}
			if len(s.paths) >= maxFontFiles {
				return fs.SkipAll
			}
			return nil
		})
	}
}

// load opens a font without reading it whole; nil if it cannot be used.
func (s *fontSet) load(path string) *sfnt.Font {
	if path == "" {
		return nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil
	}
	c, err := sfnt.ParseCollectionReaderAt(file)
	if err != nil || c.NumFonts() == 0 {
		file.Close()
		return nil
	}
	best, err := c.Font(0)
	for i := 1; i < c.NumFonts() && s.family != ""; i++ {
		f, ferr := c.Font(i)
		if ferr != nil {
			break
		}
		if name, nerr := f.Name(nil, sfnt.NameIDFamily); nerr == nil && strings.HasSuffix(name, s.family) && !strings.Contains(name, "Mono") {
			best = f
			break
		}
	}
	if err != nil {
		file.Close()
		return nil
	}
	s.open = append(s.open, file)
	return best
}

// speak chooses the form of Han characters. What is drawn with other fonts goes on using them.
func (s *fontSet) speak(language string) {
	tag, _, _ := strings.Cut(language, "-")
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.family == hanFamily[tag] {
		return
	}
	s.family = hanFamily[tag]
	for i := range s.weights {
		w := &s.weights[i]
		w.fonts, w.chosen = w.fonts[:w.own:w.own], map[rune]*sfnt.Font{}
	}
}

// font returns the font for a character, nil if the system has none.
func (s *fontSet) font(r rune, bold bool) *sfnt.Font {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := 0
	if bold {
		i = 1
	}
	w := &s.weights[i]
	if f, ok := w.chosen[r]; ok {
		return f
	}
	f := w.search(r)
	if f == nil {
		f = s.widen(w, i, r)
	}
	w.chosen[r] = f
	return f
}

func (w *fontWeight) search(r rune) *sfnt.Font {
	for _, f := range w.fonts {
		if has(f, r) {
			return f
		}
	}
	return nil
}

// widen looks for one more font that has the character, first by name, then through all files.
func (s *fontSet) widen(w *fontWeight, weight int, r rune) *sfnt.Font {
	for _, names := range hanFonts {
		if f := s.try(w, s.byName[names[weight]], r); f != nil {
			return f
		}
		if f := s.try(w, s.byName[names[0]], r); f != nil {
			return f
		}
	}
	for _, path := range s.paths {
		if f := s.try(w, path, r); f != nil {
			return f
		}
	}
	return nil
}

// try adds the font of a file if it has the character.
func (s *fontSet) try(w *fontWeight, path string, r rune) *sfnt.Font {
	if path == "" || s.openings >= maxFontOpens {
		return nil
	}
	s.openings++
	kept := len(s.open)
	if f := s.load(path); f != nil && has(f, r) {
		w.fonts = append(w.fonts, f)
		return f
	}
	for _, file := range s.open[kept:] {
		file.Close()
	}
	s.open = s.open[:kept]
	return nil
}

func has(f *sfnt.Font, r rune) bool {
	var b sfnt.Buffer
	i, err := f.GlyphIndex(&b, r)
	return err == nil && i != 0
}

// canShow tells whether every character has a glyph and stands for itself: scripts in which letters
// change by their neighbours, or that run from right to left, need more than this.
func (s *fontSet) canShow(sample string) bool {
	for _, r := range norm.NFC.String(sample) {
		switch {
		case unicode.IsSpace(r):
		case !unicode.In(r, unicode.Latin, unicode.Greek, unicode.Cyrillic, unicode.Han, unicode.Hiragana,
			unicode.Katakana, unicode.Hangul, unicode.Common), unicode.IsMark(r):
			return false
		case s.font(r, false) == nil:
			return false
		}
	}
	return true
}

func (s *fontSet) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.open {
		f.Close()
	}
}
