package main

import (
	"context"
	"errors"
	"image"
	"time"
)

// compared is the part of the screen that is compared: all but the bar with its
// clock at the top and the pointer at the bottom.
func compared() image.Rectangle {
	return image.Rect(0, 70, customerSize.X, customerSize.Y-40)
}

// sharpAt are the times after a change at which the PSNR is read.
var sharpAt = []time.Duration{300 * time.Millisecond, time.Second}

// watchFor is how long a change is watched; the last of the times.
const watchFor = 2 * time.Second

// becoming is how a kind of change becomes sharp, several times over.
type becoming struct {
	name string
	runs []sharpness
}

// sharpScenes changes the whole screen and stops scrolling, and watches how the
// technician's picture becomes sharp.
func (o *office) sharpScenes(ctx context.Context, g *glass, s *props) ([]becoming, error) {
	pages := becoming{name: "page of text"}
	photos := becoming{name: "photo-like page"}
	stops := becoming{name: "scrolling stops"}
	look := func(into *becoming, change func() error) error {
		began := time.Now()
		if err := change(); err != nil {
			return err
		}
		if into == &stops {
			began = time.Now() // the motion's end
		}
		t, err := readTruth(o.theirs, compared())
		if err != nil {
			return err
		}
		r, err := g.sharpen(ctx, t, began, append(sharpAt[:len(sharpAt):len(sharpAt)], watchFor))
		into.runs = append(into.runs, r)
		return err
	}
	for i := range 5 {
		if err := look(&pages, func() error { return o.paint.copy(s.pages[(i+1)%len(s.pages)].all(image.Point{})) }); err != nil {
			return nil, err
		}
	}
	for range 2 {
		if err := look(&photos, func() error { return o.paint.copy(s.photo.all(image.Point{})) }); err != nil {
			return nil, err
		}
		if err := errors.Join(o.paint.copy(s.pages[0].all(image.Point{})), wait(ctx, watchFor)); err != nil {
			return nil, err
		}
	}
	for _, sc := range o.scenes(s) {
		if sc.name != sceneTerminal {
			continue
		}
		if err := sc.begin(); err != nil {
			return nil, err
		}
		i, next := 0, 0
		for range 4 {
			err := look(&stops, func() error {
				_, err := o.steps(ctx, g, sc, &i, &next, 1500*time.Millisecond, false)
				return err
			})
			if err != nil {
				return nil, err
			}
		}
	}
	return []becoming{pages, photos, stops}, nil
}
