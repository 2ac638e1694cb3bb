package main

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math/rand/v2"
	"os"
	"strings"

	"golang.org/x/image/font"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

const fontFolder = "/usr/share/fonts/truetype/dejavu/" // of fonts-dejavu-core

// face loads a font. Text is antialiased, as on desktops.
func face(name string, size float64) (font.Face, error) {
	data, err := os.ReadFile(fontFolder + name)
	if err != nil {
		return nil, fmt.Errorf("fonts-dejavu-core is needed: %w", err)
	}
	f, err := opentype.Parse(data)
	if err != nil {
		return nil, err
	}
	return opentype.NewFace(f, &opentype.FaceOptions{Size: size, DPI: 72, Hinting: font.HintingFull})
}

func write(on draw.Image, f font.Face, c color.Color, at image.Point, text string) {
	(&font.Drawer{Dst: on, Src: image.NewUniform(c), Face: f, Dot: fixed.P(at.X, at.Y)}).DrawString(text)
}

func fill(on draw.Image, r image.Rectangle, c color.Color) {
	draw.Draw(on, r, image.NewUniform(c), image.Point{}, draw.Src)
}

func rgb(v uint32) color.RGBA { return color.RGBA{uint8(v >> 16), uint8(v >> 8), uint8(v), 255} }

// words that offices write.
var words = strings.Fields(`the request of the citizen was registered on Monday and passed to the office that is responsible
	for permits please check whether the address in the form is the one in the register before the deadline of thirty days
	ends because a reminder costs 12,50 euro the file server answers slowly since the update of 14 March 2026 see ticket
	number 20417 print queue B3 restart service spooler then try again password expires in 5 days (policy 7.2) invoice
	total 1.284,00 VAT 22% net 1.052,46 account IT60X0542811101000000123456 approve reject forward archive reply`)

func sentence(rnd *rand.Rand, length int) string {
	var b strings.Builder
	for b.Len() < length {
		b.WriteString(words[rnd.IntN(len(words))])
		b.WriteByte(' ')
	}
	return b.String()[:length]
}

// textPage is a page with a coloured head, a list at the left, a table and two
// columns of text; each number gives another one.
func textPage(n int, size image.Point) (*image.RGBA, error) {
	body, err := face("DejaVuSans.ttf", 13)
	if err != nil {
		return nil, err
	}
	bold, err := face("DejaVuSans-Bold.ttf", 15)
	if err != nil {
		return nil, err
	}
	rnd := rand.New(rand.NewPCG(uint64(n), 7))
	accent := rgb([]uint32{0x0066cc, 0x17324d, 0x008055, 0x8a3b12}[n%4])
	ink := rgb(0x1a1a1a)
	page := image.NewRGBA(image.Rectangle{Max: size})
	fill(page, page.Rect, rgb([]uint32{0xffffff, 0xf5f7fa, 0xfffdf5}[n%3]))
	fill(page, image.Rect(0, 0, size.X, 90), accent)
	write(page, bold, color.White, image.Pt(30, 70), fmt.Sprintf("Page %d: %s", n, sentence(rnd, 60)))
	fill(page, image.Rect(0, 90, 300, size.Y), rgb(0xe6ecf2))
	for y := 130; y < size.Y-20; y += 30 {
		write(page, body, accent, image.Pt(24, y), sentence(rnd, 34))
	}
	for y := 130; y < size.Y-20; y += 19 {
		write(page, body, ink, image.Pt(330, y), sentence(rnd, 90))
	}
	for row, y := 0, 130; y < size.Y-20; row, y = row+1, y+22 {
		if row%2 == 0 {
			fill(page, image.Rect(1100, y-16, size.X-30, y+6), rgb(0xeef2f6))
		}
		for column := range 5 {
			write(page, body, ink, image.Pt(1110+column*156, y), sentence(rnd, 16))
		}
	}
	return page, nil
}

// terminalLines are lines of a terminal below each other.
func terminalLines(count, width, height int) (*image.RGBA, error) {
	mono, err := face("DejaVuSansMono.ttf", 13)
	if err != nil {
		return nil, err
	}
	rnd := rand.New(rand.NewPCG(3, 4))
	strip := image.NewRGBA(image.Rect(0, 0, width, count*height))
	fill(strip, strip.Rect, rgb(0x101418))
	for i := range count {
		c := rgb([]uint32{0xd8dee4, 0xd8dee4, 0xd8dee4, 0x7fd47f, 0xe0c060}[rnd.IntN(5)])
		write(strip, mono, c, image.Pt(4, (i+1)*height-4), fmt.Sprintf("%05d %s", i, sentence(rnd, 60+rnd.IntN(90))))
	}
	return strip, nil
}

// photo is a picture of smooth areas, edges and fine noise.
func photo(size image.Point) *image.RGBA {
	rnd := rand.New(rand.NewPCG(1, 2))
	const cell = 32
	columns := size.X/cell + 2
	grid := make([][3]float64, columns*(size.Y/cell+2))
	for i := range grid {
		grid[i] = [3]float64{rnd.Float64() * 255, rnd.Float64() * 255, rnd.Float64() * 255}
	}
	page := image.NewRGBA(image.Rectangle{Max: size})
	for y := range size.Y {
		for x := range size.X {
			g := y/cell*columns + x/cell
			fx, fy := float64(x%cell)/cell, float64(y%cell)/cell
			noise := rnd.Float64()*6 - 3
			if (x/300+y/200)%3 == 0 {
				noise -= 60 // an edge
			}
			for c := range 3 {
				top := grid[g][c]*(1-fx) + grid[g+1][c]*fx
				bottom := grid[g+columns][c]*(1-fx) + grid[g+columns+1][c]*fx
				page.Pix[page.PixOffset(x, y)+c] = uint8(max(0, min(255, top*(1-fy)+bottom*fy+noise)))
			}
			page.Pix[page.PixOffset(x, y)+3] = 255
		}
	}
	return page
}
