package clipboard

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"

	"consento/protocol"
)

const (
	maxTargets = 4096 // bytes of what an owner can give
	maxHint    = 64   // bytes
)

// errRefused: the owner does not give what it was asked for.
var errRefused = errors.New("refused")

// read reads the clipboard as it is. The owner is asked anew each time, by a window of
// its own, so that nothing of an owner that comes late is taken for an answer to
// another question.
func read(ctx context.Context, display string) (Content, error) {
	d, err := connect(display)
	if err != nil {
		return Content{}, err
	}
	defer d.close()
	owner, err := d.owner()
	if err != nil {
		return Content{}, err
	}
	if owner == 0 {
		return Content{}, &Error{Cause: protocol.ClipEmpty}
	}
	targets, err := d.targets(ctx)
	if err != nil {
		return Content{}, err
	}
	if slices.Contains(targets, d.atoms[secretHint]) {
		// Whoever has the hint and does not say what it is means it.
		if hint, err := d.ask(ctx, secretHint, maxHint); err != nil || strings.TrimRight(string(hint), "\x00\n ") == "secret" {
			return Content{}, &Error{Cause: protocol.ClipSecret}
		}
	}
	c, err := d.content(ctx, targets)
	if err != nil {
		return Content{}, err
	}
	// Another one may be there by now, whose hint nobody has seen.
	if now, err := d.owner(); err != nil || now != owner {
		return Content{}, &Error{protocol.ClipBroken, errors.New("another program took the clipboard")}
	}
	return c, nil
}

// targets is what the owner can give.
func (d *desk) targets(ctx context.Context) ([]xproto.Atom, error) {
	data, err := d.ask(ctx, targetList, maxTargets)
	if errors.Is(err, errRefused) {
		return nil, &Error{Cause: protocol.ClipOther}
	}
	if err != nil {
		return nil, err
	}
	var list []xproto.Atom
	for ; len(data) >= 4; data = data[4:] {
		list = append(list, xproto.Atom(xgb.Get32(data)))
	}
	return list, nil
}

// content is text if there is any, else an image.
func (d *desk) content(ctx context.Context, targets []xproto.Atom) (Content, error) {
	found := Content{}
	problem := error(&Error{Cause: protocol.ClipOther})
	for _, target := range []string{targetUTF8, targetPlain, targetPNG} {
		if !slices.Contains(targets, d.atoms[target]) {
			continue
		}
		kind := protocol.ClipText
		if target == targetPNG {
			kind = protocol.ClipImage
		}
		data, err := d.ask(ctx, target, int(kind.Limit()))
		switch {
		case errors.Is(err, errRefused):
			continue
		case err != nil:
			return found, err
		case len(data) == 0:
			problem = &Error{Cause: protocol.ClipEmpty}
			continue
		}
		return Content{kind, data}, nil
	}
	return found, problem
}

// ask asks the owner for one target, at most limit bytes.
func (d *desk) ask(ctx context.Context, target string, limit int) ([]byte, error) {
	at, want := d.atoms[property], d.atoms[target]
	xproto.DeleteProperty(d.conn, d.window, at)
	xproto.ConvertSelection(d.conn, d.window, d.atoms[selection], want, at, xproto.TimeCurrentTime)
	answer, err := await(ctx, d, func(e xgb.Event) (xproto.Atom, bool) {
		n, ok := e.(xproto.SelectionNotifyEvent)
		return n.Property, ok && n.Requestor == d.window && n.Target == want
	})
	if err != nil {
		return nil, err
	}
	if answer != at {
		return nil, errRefused
	}
	data, kind, err := d.take(limit)
	if err != nil || kind != d.atoms[byParts] {
		return data, err
	}
	data = nil // what is there is only how much may come
	for {
		if _, err := await(ctx, d, func(e xgb.Event) (struct{}, bool) {
			n, ok := e.(xproto.PropertyNotifyEvent)
			return struct{}{}, ok && n.Window == d.window && n.Atom == at && n.State == xproto.PropertyNewValue
		}); err != nil {
			return nil, err
		}
		part, _, err := d.take(limit - len(data))
		if err != nil {
			return nil, err
		}
		if len(part) == 0 {
			return data, nil
		}
		data = append(data, part...)
	}
}

// take takes what is on the property, at most limit bytes, and deletes it: an owner that
// gives parts puts the next one there then.
func (d *desk) take(limit int) ([]byte, xproto.Atom, error) {
	reply, err := xproto.GetProperty(d.conn, true, d.window, d.atoms[property], xproto.GetPropertyTypeAny, 0, uint32(limit/4+1)).Reply()
	if err != nil {
		return nil, 0, &Error{protocol.ClipBroken, err}
	}
	data := reply.Value
	if reply.BytesAfter > 0 || len(data) > limit {
		return nil, 0, &Error{Cause: protocol.ClipSize}
	}
	return data, reply.Type, nil
}

// await waits for an event, no longer than patience.
func await[T any](ctx context.Context, d *desk, is func(xgb.Event) (T, bool)) (got T, err error) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		select {
		case e, ok := <-d.events:
			if !ok {
				return got, &Error{protocol.ClipBroken, errors.New("the display is gone")}
			}
			if got, yes := is(e); yes {
				return got, nil
			}
		case <-timer.C:
			return got, &Error{Cause: protocol.ClipSilent}
		case <-ctx.Done():
			return got, &Error{protocol.ClipSilent, ctx.Err()}
		}
	}
}
