package ui

import (
	"fmt"
	"image/color"
	"strings"
)

// styleSheet is the look of the windows for GTK. Sizes are in em, so that they follow the person's
// font. With a high-contrast theme only the sizes are ours.
func styleSheet(p palette, plain bool) string {
	if plain {
		return sizes + barColours()
	}
	r := strings.NewReplacer("@ground", css(p.ground), "@text", css(p.text), "@quiet", css(p.quiet),
		"@panel", css(p.panel), "@line", css(p.line), "@border", css(p.border), "@ring", css(p.ring),
		"@accent", css(p.accent), "@onaccent", css(p.onAccent), "@near", css(p.near),
		"@hover", css(p.hover), "@fault", css(p.fault))
	return sizes + r.Replace(colours) + barColours()
}

func css(c color.RGBA) string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }

const sizes = `
window.consento .page { padding: 22px 26px 24px 26px; }
window.consento label { font-size: 1.1em; }
window.consento .heading { font-size: 1.5em; font-weight: bold; }
window.consento .who { padding: 10px 14px; border-left: 4px solid; }
window.consento .who:dir(rtl) { border-left: none; border-right: 4px solid; }
window.consento .name { font-size: 1.2em; font-weight: bold; }
window.consento .details { padding: 14px; }
window.consento .fault, window.consento .fieldlabel, window.consento .warning { font-weight: bold; }
window.consento entry { font-size: 1.35em; min-height: 44px; padding: 0 12px; }
window.consento button { min-height: 32px; padding: 8px 14px; border-radius: 5px; }
window.consento button.link { padding: 2px 6px; min-height: 0; }
window.consento button.choice label { font-weight: bold; }
window.consento .choices { margin-top: 6px; }
window.consento radiobutton.choose { padding: 5px 6px; border-radius: 5px; }
window.consento radiobutton.choose radio { min-width: 18px; min-height: 18px; margin-right: 8px; }
window.consento radiobutton.choose:dir(rtl) radio { margin-right: 0; margin-left: 8px; }
window.consento .chat entry { font-size: 1.1em; min-height: 38px; }
window.consento .line { padding: 8px 12px; border-radius: 5px; margin-right: 40px; }
window.consento .line.own { margin-right: 0; margin-left: 40px; }
window.consento spinner { min-width: 32px; min-height: 32px; }
window.consentobar .bar { padding: 4px 4px 4px 14px; }
window.consentobar .bar:dir(rtl) { padding: 4px 14px 4px 4px; }
window.consentobar label { font-size: 1.08em; }
window.consentobar .dot { min-width: 11px; min-height: 11px; border-radius: 6px; }
window.consentobar .cross { font-size: 1.2em; }
window.consentobar .who { font-weight: bold; }
window.consentobar button { min-height: 32px; padding: 0 12px; border-radius: 4px; }
window.consentobar button.end { padding: 0 14px; font-weight: bold; }
`

const colours = `
window.consento, window.consento scrolledwindow, window.consento viewport { background-color: @ground; background-image: none; color: @text; }
window.consento label { color: @text; }
window.consento .page { border-top: 5px solid @accent; }
window.consento .quiet { color: @quiet; }
window.consento .who { background-color: @panel; border-color: @accent; }
window.consento .details { background-color: @panel; }
window.consento .line { background-color: @panel; }
window.consento .line.own { background-color: @hover; }
window.consento .fault, window.consento .warning { color: @fault; }
window.consento entry { background: @ground; color: @text; caret-color: @text; border: 2px solid @border; border-radius: 5px; box-shadow: none; }
window.consento entry selection { background-color: @accent; color: @onaccent; }
window.consento entry:focus { border-color: @ring; box-shadow: inset 0 0 0 1px @ring; }
window.consento button { background-image: none; background-color: @ground; border: 2px solid @border; text-shadow: none; -gtk-icon-shadow: none; box-shadow: none; outline-width: 0; transition: none; }
window.consento button:hover { background-color: @hover; }
window.consento button:focus { box-shadow: 0 0 0 5px @ring, 0 0 0 2px @ground; }
window.consento button.accept { background-color: @accent; border-color: @accent; }
window.consento button.accept:hover { background-color: @near; border-color: @near; }
window.consento button.accept label { color: @onaccent; }
window.consento button.link { background-color: transparent; border-color: transparent; }
window.consento button.link label { color: @accent; text-decoration-line: underline; }
window.consento radiobutton.choose { color: @text; outline-width: 0; transition: none; }
window.consento radiobutton.choose:hover { background-color: @hover; }
window.consento radiobutton.choose:focus { box-shadow: inset 0 0 0 3px @ring; }
window.consento radiobutton.choose radio { background-image: none; background-color: @ground; border: 2px solid @border; box-shadow: none; border-radius: 50%; color: @accent; -gtk-icon-shadow: none; transition: none; }
window.consento radiobutton.choose radio:checked { border-color: @accent; background-color: @accent; color: @onaccent; }
window.consento scrollbar { background-color: @ground; border: none; }
window.consento scrollbar slider { background-color: @border; min-width: 8px; min-height: 40px; border-radius: 6px; }
window.consento spinner { color: @accent; }
`

// barColours is the look of the bar, the same everywhere.
func barColours() string {
	return strings.NewReplacer("@ground", css(barGround), "@edge", css(barEdge), "@text", css(barText),
		"@quiet", css(barQuiet), "@dot", css(barDot), "@red", css(barRed), "@lit", css(barLit), "@near", css(barNear)).Replace(`
window.consentobar { background-color: @ground; background-image: none; border: 1px solid @edge; }
window.consentobar label { color: @text; }
window.consentobar .quiet { color: @quiet; }
window.consentobar .dot { background-color: @dot; }
window.consentobar button { background-image: none; background-color: @ground; border: 1px solid @edge; box-shadow: none; text-shadow: none; outline-width: 0; transition: none; }
window.consentobar button:hover { background-color: @lit; }
window.consentobar button.end { background-color: @red; border: none; }
window.consentobar button.end:hover { background-color: @near; }
window.consentobar button:focus { box-shadow: inset 0 0 0 3px @text; }
window.consentobar button label { color: @text; }
`)
}
