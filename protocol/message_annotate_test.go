package protocol_test

import (
	"errors"
	"testing"

	"consento/protocol"
)

// TestAnnotate: what is not drawn within the picture is no message.
func TestAnnotate(t *testing.T) {
	t.Parallel()
	spots := func(n int) []protocol.Spot { return make([]protocol.Spot, n) }
	at := protocol.Annotate{Epoch: 1, Ink: protocol.InkBlue, Width: 10, Height: 10}
	with := func(f func(*protocol.Annotate)) *protocol.Annotate { m := at; f(&m); return &m }
	for _, m := range []*protocol.Annotate{
		with(func(m *protocol.Annotate) { m.Kind, m.Points = protocol.AnnotatePoint, spots(1) }),
		with(func(m *protocol.Annotate) { m.Kind = protocol.AnnotatePoint }),
		with(func(m *protocol.Annotate) {
			m.Kind, m.Mark, m.Points = protocol.AnnotateLine, 1, spots(protocol.MaxSpots)
		}),
		with(func(m *protocol.Annotate) {
			m.Kind, m.Mark, m.Points = protocol.AnnotateBox, 1, []protocol.Spot{{X: 9, Y: 9}, {}}
		}),
		with(func(m *protocol.Annotate) { m.Kind, m.Ink = protocol.AnnotateUndo, "" }),
		with(func(m *protocol.Annotate) { m.Kind, m.Ink = protocol.AnnotateClear, "" }),
	} {
		if err := m.Validate(); err != nil {
			t.Errorf("%+v: %v", m, err)
		}
	}
	for name, m := range map[string]*protocol.Annotate{
		"no epoch": with(func(m *protocol.Annotate) { m.Kind, m.Points, m.Epoch = protocol.AnnotatePoint, spots(1), 0 }),
		"no kind":  with(func(m *protocol.Annotate) { m.Points = spots(1) }),
		"red":      with(func(m *protocol.Annotate) { m.Kind, m.Points, m.Ink = protocol.AnnotatePoint, spots(1), "red" }),
		"no ink":   with(func(m *protocol.Annotate) { m.Kind, m.Points, m.Ink = protocol.AnnotatePoint, spots(1), "" }),
		"too many": with(func(m *protocol.Annotate) {
			m.Kind, m.Mark, m.Points = protocol.AnnotateLine, 1, spots(protocol.MaxSpots+1)
		}),
		"no mark":      with(func(m *protocol.Annotate) { m.Kind, m.Points = protocol.AnnotateLine, spots(2) }),
		"one corner":   with(func(m *protocol.Annotate) { m.Kind, m.Mark, m.Points = protocol.AnnotateBox, 1, spots(1) }),
		"outside":      with(func(m *protocol.Annotate) { m.Kind, m.Points = protocol.AnnotatePoint, []protocol.Spot{{X: 10}} }),
		"negative":     with(func(m *protocol.Annotate) { m.Kind, m.Points = protocol.AnnotatePoint, []protocol.Spot{{Y: -1}} }),
		"undo of some": with(func(m *protocol.Annotate) { m.Kind, m.Ink, m.Points = protocol.AnnotateUndo, "", spots(1) }),
		"endless": with(func(m *protocol.Annotate) {
			m.Kind, m.Points, m.Width = protocol.AnnotatePoint, spots(1), 1<<30
		}),
	} {
		if err := m.Validate(); !errors.Is(err, protocol.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
