package main

import "image"

// A code is a number painted as a square of 4 x 4 black and white cells: 12 bits
// of the number, 4 bits of a check sum, so that half a picture is not taken for
// a number.
const (
	codeCells = 4
	codeRange = 1 << 12
)

func codeCheck(n int) int { return (n ^ n>>4 ^ n>>8 ^ 5) & 15 }

// codeBits returns the cells row by row, true for white.
func codeBits(n int) (bits [codeCells * codeCells]bool) {
	n %= codeRange
	v := n<<4 | codeCheck(n)
	for i := range bits {
		bits[i] = v>>i&1 == 1
	}
	return bits
}

// codeRects are the white cells of a code whose upper left corner is at.
func codeRects(n, cell int, at image.Point) []image.Rectangle {
	var white []image.Rectangle
	for i, set := range codeBits(n) {
		if set {
			p := at.Add(image.Pt(i%codeCells*cell, i/codeCells*cell))
			white = append(white, image.Rectangle{Min: p, Max: p.Add(image.Pt(cell, cell))})
		}
	}
	return white
}

// readCode reads a code out of the pixels (B, G, R, X) of a square that it fills.
func readCode(pix []byte, side int) (int, bool) {
	cell := side / codeCells
	v := 0
	for i := range codeCells * codeCells {
		x, y := i%codeCells*cell+cell/2, i/codeCells*cell+cell/2
		// The middle 2 x 2 pixels.
		sum := 0
		for _, p := range [4]int{(y-1)*side + x - 1, (y-1)*side + x, y*side + x - 1, y*side + x} {
			sum += lumaAt(pix, p)
		}
		switch {
		case sum > 4*170:
			v |= 1 << i
		case sum > 4*85:
			return 0, false
		}
	}
	n := v >> 4
	return n, codeCheck(n) == v&15
}

// lumaAt is the luma (BT.601, full range) of pixel i.
func lumaAt(pix []byte, i int) int {
	return (29*int(pix[4*i]) + 150*int(pix[4*i+1]) + 77*int(pix[4*i+2]) + 128) >> 8
}
