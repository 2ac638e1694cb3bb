package ui

import "image/color"

// palette is the colours of one appearance. Contrast of text is 4.5:1 and better, of the focus ring
// and of borders of controls 3:1 and better. The accent is the blue of Italian public services; red
// belongs to the X alone.
type palette struct {
	ground, text, quiet    color.RGBA // window, text, text of less weight
	panel, line            color.RGBA // box behind a name or terms, hairline
	border, ring           color.RGBA // edge of controls, focus
	accent, onAccent, near color.RGBA // accepting button, its text, the button under the pointer
	hover                  color.RGBA // other buttons under the pointer
	fault                  color.RGBA // text of errors
}

var light = palette{
	ground: rgb(0xffffff), text: rgb(0x17324d), quiet: rgb(0x44576b),
	panel: rgb(0xeef4fb), line: rgb(0xd3dde8), border: rgb(0x5a6f84), ring: rgb(0x17324d),
	accent: rgb(0x0066cc), onAccent: rgb(0xffffff), near: rgb(0x0052a3),
	hover: rgb(0xe6eef7), fault: rgb(0x7a4a00),
}

var dark = palette{
	ground: rgb(0x1a232e), text: rgb(0xf0f4f8), quiet: rgb(0xb9c6d3),
	panel: rgb(0x243140), line: rgb(0x3a4a5c), border: rgb(0x8fa2b5), ring: rgb(0xffffff),
	accent: rgb(0x66b0ff), onAccent: rgb(0x08182a), near: rgb(0x8cc4ff),
	hover: rgb(0x2d3c4d), fault: rgb(0xffcc66),
}

// The bar looks the same in both appearances: it must stand out on whatever lies under it.
var (
	barGround = rgb(0x12283d)
	barEdge   = rgb(0x7f98b0)
	barText   = rgb(0xffffff)
	barQuiet  = rgb(0xc9d8e6)
	barDot    = rgb(0x7cc4ff)
	barLit    = rgb(0x2a4763)
	barRed    = rgb(0xc8102e)
	barNear   = rgb(0xa30d25)
)

func rgb(v uint32) color.RGBA {
	return color.RGBA{R: uint8(v >> 16), G: uint8(v >> 8), B: uint8(v), A: 0xff}
}
