package ui

import (
	"fmt"
	"image"
	"image/color"
)

// Colours of a label: light words on a quiet ground, as on what is covered.
var (
	labelGround = color.RGBA{R: 0x2c, G: 0x33, B: 0x3b, A: 0xff}
	labelInk    = color.RGBA{R: 0xf2, G: 0xf4, B: 0xf6, A: 0xff}
)

// Label is a picture of one line of text in a language, a BCP 47 tag. Error: no font.
func Label(text, language string) (*image.RGBA, error) {
	fonts, err := newFontSet()
	if err != nil {
		return nil, fmt.Errorf("ui: label: %w", err)
	}
	defer fonts.close()
	fonts.speak(language)
	l := newLettering(fonts, 15, true)
	c := newCanvas(l.width(text)+32, l.line+16)
	c.fill(c.Rect, labelGround)
	l.put(c, image.Pt(16, 8), text, labelInk)
	return c.RGBA, nil
}
