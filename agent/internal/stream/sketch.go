package stream

import (
	"encoding/binary"
	"image"

	"consento/agent/internal/encode"
)

// pieceWidth is how many pixels of one row a piece has.
const pieceWidth = 128

// reach is how far up or down the encoder finds again what moved, in pixels.
const reach = 480

// sketch knows of each piece of the picture what it shows now and what the viewer
// has, as hashes, and how much detail is in it. So it can be told before anything
// is coded what really changed, what only moved, as in scrolling, and about how
// many bytes the rest takes: text is edges.
type sketch struct {
	size       image.Point
	columns    int
	now, shown []uint64           // of each piece, row by row; 0 is nothing
	edges      []uint8            // of now: pixels that differ from the one on their left
	found      []map[uint64]int32 // of each column: in which row of pixels the viewer has that hash
}

// detail is what rows have in them, counted in edges.
type detail struct {
	fresh int // the viewer has nothing like it
	moved int // the viewer has it elsewhere near by
	up    int // of that, what moved up, less what moved down
	all   int // with what did not change
}

func newSketch(size image.Point) *sketch {
	s := &sketch{size: size, columns: (size.X + pieceWidth - 1) / pieceWidth}
	n := s.columns * size.Y
	s.now, s.shown, s.edges = make([]uint64, n), make([]uint64, n), make([]uint8, n)
	s.forget()
	return s
}

// forget notes that the viewer has nothing of it.
func (s *sketch) forget() {
	clear(s.shown)
	s.found = make([]map[uint64]int32, s.columns)
	for i := range s.found {
		s.found[i] = map[uint64]int32{}
	}
}

// update takes over a rectangle of the screen, pixels as in capture.Frame.
func (s *sketch) update(pix []byte, stride int, r image.Rectangle) {
	r = r.Intersect(image.Rectangle{Max: s.size})
	if r.Empty() {
		return
	}
	for y := r.Min.Y; y < r.Max.Y; y++ {
		row := pix[y*stride : y*stride+4*s.size.X]
		for c := r.Min.X / pieceWidth; c*pieceWidth < r.Max.X; c++ {
			n := y*s.columns + c
			s.now[n], s.edges[n] = piece(row[4*c*pieceWidth : 4*min((c+1)*pieceWidth, s.size.X)])
		}
	}
}

// piece hashes pixels and counts those that differ from the one before.
func piece(pix []byte) (hash uint64, edges uint8) {
	const colours = 0x00ff_ffff_00ff_ffff // the fourth byte is undefined
	hash = 0x9e37_79b9_7f4a_7c15
	n := 0
	last := binary.LittleEndian.Uint32(pix) & 0x00ff_ffff
	for len(pix) >= 8 {
		two := binary.LittleEndian.Uint64(pix) & colours
		pix = pix[8:]
		hash = (hash ^ two) * 0xff51_afd7_ed55_8ccd
		hash ^= hash >> 29
		left, right := uint32(two), uint32(two>>32)
		if left != last {
			n++
		}
		if right != left {
			n++
		}
		last = right
	}
	if len(pix) == 4 {
		one := binary.LittleEndian.Uint32(pix) & 0x00ff_ffff
		hash = (hash ^ uint64(one)) * 0xff51_afd7_ed55_8ccd
		if one != last {
			n++
		}
	}
	return max(hash, 1), uint8(min(n, 255))
}

// rows is how many rows of encode.RowHeight there are.
func (s *sketch) rows() int { return (s.size.Y + encode.RowHeight - 1) / encode.RowHeight }

// pieces of a row of encode.RowHeight: from, to.
func (s *sketch) pieces(row int) (int, int) {
	return row * encode.RowHeight * s.columns, min((row+1)*encode.RowHeight, s.size.Y) * s.columns
}

// stale reports whether the viewer lacks something of a row.
func (s *sketch) stale(row int) bool {
	for n, to := s.pieces(row); n < to; n++ {
		if s.now[n] != s.shown[n] {
			return true
		}
	}
	return false
}

// detail of a row. A piece beside one that moved moved as well: it is where a
// window ends.
func (s *sketch) detail(row int) (d detail) {
	for n, to := s.pieces(row); n < to; n++ {
		e, column := int(s.edges[n]), n%s.columns
		d.all += e
		switch {
		case s.now[n] == s.shown[n]:
		case s.moved(n) != 0 || column > 0 && s.moved(n-1) != 0 || column < s.columns-1 && s.moved(n+1) != 0:
			d.moved += e
			if by := s.moved(n); by > 0 {
				d.up += e
			} else if by < 0 {
				d.up -= e
			}
		default:
			d.fresh += e
		}
	}
	return d
}

// moved is by how many pixels a piece moved up, if it is near by and there is
// something in it; else 0.
func (s *sketch) moved(n int) int {
	if s.now[n] == s.shown[n] || s.edges[n] == 0 {
		return 0
	}
	y, there := s.found[n%s.columns][s.now[n]]
	if away := int(y) - n/s.columns; there && away <= reach && away >= -reach {
		return away
	}
	return 0
}

// lose notes that the viewer has nothing of a rectangle.
func (s *sketch) lose(r image.Rectangle) {
	r = r.Intersect(image.Rectangle{Max: s.size})
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for c := r.Min.X / pieceWidth; c*pieceWidth < r.Max.X; c++ {
			n := y*s.columns + c
			if s.found[c][s.shown[n]] == int32(y) {
				delete(s.found[c], s.shown[n])
			}
			s.shown[n] = 0
		}
	}
}

// coded notes that the viewer has a row as it is now.
func (s *sketch) coded(row int) {
	for n, to := s.pieces(row); n < to; n++ {
		was, is := s.shown[n], s.now[n]
		if was == is {
			continue
		}
		at, y := s.found[n%s.columns], int32(n/s.columns)
		if was != 0 && at[was] == y {
			delete(at, was)
		}
		at[is], s.shown[n] = y, is
	}
}
