package capture

import (
	"image"
	"slices"
)

// bandGap is how many undamaged rows between two damaged areas are read along
// with them: a second request to the display costs as much as about 30 rows.
const bandGap = 32

// bands merges rectangles into ones that share no rows, in rising order and
// clipped to the display.
func bands(rects []image.Rectangle, size image.Point) []image.Rectangle {
	screen := image.Rectangle{Max: size}
	var in []image.Rectangle
	for _, r := range rects {
		if r = r.Intersect(screen); !r.Empty() {
			in = append(in, r)
		}
	}
	slices.SortFunc(in, func(a, b image.Rectangle) int { return a.Min.Y - b.Min.Y })
	var out []image.Rectangle
	for _, r := range in {
		if last := len(out) - 1; last >= 0 && r.Min.Y <= out[last].Max.Y+bandGap {
			out[last] = out[last].Union(r)
		} else {
			out = append(out, r)
		}
	}
	return out
}
