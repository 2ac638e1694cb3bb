package ui

import (
	"fmt"
	"os"
	"strings"
)

// drawn is the toolkit that needs nothing but the X server. Each window that is open has a
// connection and a goroutine of its own, so that none waits for another. It has no screen reader, no input method,
// and no shaping: canShow says which texts it can show.
type drawn struct {
	desk   *desktop
	fonts  *fontSet
	wires  wires
	colour palette
	scale  float64 // pixels of the screen for one of ours
}

// openDrawn prepares fonts and colours. Error: [ErrNoToolkit].
func openDrawn(desk *desktop) (toolkit, error) {
	if err := desk.canPaint(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoToolkit, err)
	}
	fonts, err := newFontSet()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoToolkit, err)
	}
	k := &drawn{desk: desk, fonts: fonts, colour: light, scale: desk.dpi / 96}
	if k.prefersDark() {
		k.colour = dark
	}
	return k, nil
}

// prefersDark asks where GTK asks as well: the environment, then the desktop's settings.
func (k *drawn) prefersDark() bool {
	theme := os.Getenv("GTK_THEME")
	if theme == "" {
		s := k.desk.settings()
		if s.ints["Gtk/ApplicationPreferDarkTheme"] == 1 {
			return true
		}
		theme = s.texts["Net/ThemeName"]
	}
	theme = strings.ToLower(theme)
	return strings.HasSuffix(theme, ":dark") || strings.HasSuffix(theme, "-dark")
}

// px is a length in pixels of the screen.
func (k *drawn) px(n int) int { return int(float64(n)*k.scale + 0.5) }

func (k *drawn) canShow(sample string) bool { return k.fonts.canShow(sample) }

func (k *drawn) speak(language string) { k.fonts.speak(language) }

func (k *drawn) close() {
	k.wires.close()
	k.fonts.close()
}
