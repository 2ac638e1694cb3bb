package run

import (
	"image"
	"log/slog"

	"consento/agent/internal/annotate"
	"consento/protocol"
)

// maxNamePlate is how wide the technician's name beside the pointer may be, in pixels.
const maxNamePlate = 300

// drawingTool is one consent to draw while it lasts.
type drawingTool struct {
	epoch   uint32
	drawing *annotate.Drawing
}

// openDrawing makes ready to draw on what is shared now.
func (s *Session) openDrawing(epoch uint32) (tool, error) {
	t := s.tools
	name, err := s.UI.Label(s.joined.Technician.Name, s.Texts.Tag, maxNamePlate)
	if err != nil {
		s.Log.Warn("no name beside the pointer", slog.Any("error", err))
	}
	covers := s.hiding.covers
	if s.sharing.what.what.Application != 0 {
		covers = nil // as for control
	}
	d, err := annotate.Open(annotate.Config{
		Display: s.Display, What: s.sharing.what.what, Covers: covers, Name: name,
		Size: func() image.Point { return *t.size.Load() }, Hidden: t.hidden.Load,
		Failed: func(err error) {
			s.Log.Error("drawing failed", slog.Any("error", err))
			select {
			case t.failed <- epoch:
			default:
			}
		},
	})
	if err != nil {
		return nil, err
	}
	return &drawingTool{epoch, d}, nil
}

// close takes everything away that is drawn.
func (t *drawingTool) close() { t.drawing.Close() }

// annotate takes the broker's word on what to draw. Without the customer's yes to that
// epoch it is nothing.
func (s *Session) annotate(m protocol.Annotate) {
	if t, ok := s.tools.open[protocol.MayDraw].(*drawingTool); ok && t.epoch == m.Epoch {
		t.drawing.Take(m)
	}
}
