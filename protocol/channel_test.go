package protocol_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"consento/protocol"
)

func shape(w, h int) *protocol.CursorShape {
	return &protocol.CursorShape{Width: w, Height: h, RGBA: make([]byte, 4*w*h)}
}

func TestCursorUpdateRoundTrips(t *testing.T) {
	large := shape(protocol.MaxCursorSide, protocol.MaxCursorSide)
	large.HotX, large.HotY = protocol.MaxCursorSide-1, protocol.MaxCursorSide-1
	for _, u := range []protocol.CursorUpdate{{}, {X: -32768, Y: 32767}, {X: 5, Y: 6, Shape: shape(1, 1)}, {X: 1, Shape: large}} {
		data, err := u.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if len(data) > protocol.MaxCursorMessage {
			t.Errorf("the largest cursor has %d bytes", len(data))
		}
		if got, err := protocol.DecodeCursorUpdate(data); err != nil || !reflect.DeepEqual(got, u) {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

func TestCursorUpdateRefuses(t *testing.T) {
	hot := func(x, y int) *protocol.CursorShape { s := shape(2, 2); s.HotX, s.HotY = x, y; return s }
	for name, u := range map[string]protocol.CursorUpdate{
		"x too small": {X: -32769}, "x too large": {X: 32768}, "y too small": {Y: -32769}, "y too large": {Y: 32768},
		"no width": {Shape: shape(0, 1)}, "no height": {Shape: shape(1, 0)}, "too wide": {Shape: shape(97, 1)}, "too high": {Shape: shape(1, 97)},
		"too few pixels": {Shape: &protocol.CursorShape{Width: 2, Height: 2, RGBA: make([]byte, 15)}},
		"negative":       {Shape: &protocol.CursorShape{Width: -1, Height: -1, RGBA: make([]byte, 4)}},
		"hot left":       {Shape: hot(-1, 0)}, "hot right": {Shape: hot(2, 0)}, "hot above": {Shape: hot(0, -1)}, "hot below": {Shape: hot(0, 2)},
	} {
		if data, err := u.Encode(); !errors.Is(err, protocol.ErrMalformed) {
			t.Errorf("%s: encoded as %.40s, %v", name, data, err)
		}
	}
	for _, data := range []string{"", "{", "[]", `{"x":"1"}`, `{"x":1e99}`, `{"x":99999}`, `{"shape":{"width":1,"height":1,"rgba":"!!"}}`,
		`{"shape":{}}`, strings.Repeat(" ", protocol.MaxCursorMessage) + "{}"} {
		if _, err := protocol.DecodeCursorUpdate([]byte(data)); !errors.Is(err, protocol.ErrMalformed) {
			t.Errorf("%.40q: %v", data, err)
		}
	}
}

func FuzzDecodeCursorUpdate(f *testing.F) {
	for _, u := range []protocol.CursorUpdate{{X: 1, Y: -2}, {Shape: shape(2, 3)}} {
		data, err := u.Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"x":1,"X":99999,"shape":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		u, err := protocol.DecodeCursorUpdate(data)
		if err != nil {
			if !errors.Is(err, protocol.ErrMalformed) {
				t.Fatalf("unknown error %v", err)
			}
			return
		}
		again, err := u.Encode()
		if err != nil {
			t.Fatalf("accepted and cannot be encoded: %v", err)
		}
		if got, err := protocol.DecodeCursorUpdate(again); err != nil || !reflect.DeepEqual(got, u) {
			t.Fatalf("%+v became %+v, %v", u, got, err)
		}
	})
}
