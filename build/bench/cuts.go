package main

import (
	"context"
	"fmt"
	"image"
	"time"

	"consento/build/stage"
)

// cut is how long a network was gone, and how long after that the technician saw
// what the customer's screen showed meanwhile.
type cut struct {
	gone, back time.Duration
}

// cutFor are the cuts that are measured: one that a connection hardly notices,
// one that it survives, one after which all is made anew.
var cutFor = []time.Duration{time.Second, 10 * time.Second, time.Minute}

// backTarget is how soon after the network's return the picture is there, in ms.
const backTarget = 3000

// cutScenes names them for -only.
const cutScenes = "network cut"

// readable is the luma PSNR from which text can be read.
const readable = 30

// playCuts takes the customer's network away and gives it back.
func (b *bench) playCuts(ctx context.Context, g *glass) error {
	for i, gone := range cutFor {
		say(fmt.Sprintf("%s for %s", cutScenes, gone))
		b.network.Shape(stage.Link{Loss: 1})
		if err := b.paint.copy(b.props.pages[i%2+1].all(image.Point{})); err != nil {
			return err
		}
		t, err := readTruth(b.theirs, compared())
		if err != nil {
			return err
		}
		timer := time.NewTimer(gone)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
		b.network.Shape(stage.Link{})
		began := time.Now()
		at, err := g.on.until(ctx, "the picture after the cut", t.part.Add(g.at), func(pix []byte) bool { return t.psnr(pix) >= readable })
		if err != nil {
			return err
		}
		b.cuts = append(b.cuts, cut{gone, at.Sub(began)})
	}
	return nil
}

func (c cut) row(t *table) {
	t.atMost(fmt.Sprintf("%s for %s: picture back after", cutScenes, c.gone), "ms", ms(c.back), backTarget,
		fmt.Sprintf("from the network's return; another page of text, %d dB", readable))
}
