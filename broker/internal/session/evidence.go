package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"consento/broker/internal/sfu"
	"consento/protocol"
	"consento/recordings"
)

// cursorInterval thins the cursor's way out on the evidence; the console sees
// every step.
const cursorInterval = 50 * time.Millisecond

// evidence writes one session's recording. It belongs to the session's goroutine.
type evidence struct {
	writer  *recordings.Writer
	video   *recordings.Video
	started time.Time
	global  GlobalLog
	proof   string // that the segment is on the global log
	readers []recordings.Stanza
	copy    *logCopy      // the customer's; nil if there is none
	cursor  []cursorPoint // since the last second
	summary summary       // what auditors search by
}

// cursorPoint is one place of the cursor: ms since the start, x, y.
type cursorPoint [3]int64

// event is one entry of the session's log.
type event struct {
	Code protocol.EventCode `json:"code"`
	AtMS int64              `json:"at_ms"`
	Data any                `json:"data,omitempty"`
}

func (e *evidence) now() time.Duration { return time.Since(e.started) }

// append writes one entry. It is durable after the next seal.
func (e *evidence) append(track recordings.Track, code protocol.EventCode, data any) error {
	at := e.now()
	body, err := json.Marshal(event{Code: code, AtMS: at.Milliseconds(), Data: data})
	if err != nil {
		return fmt.Errorf("event %s: %w", code, err)
	}
	if err := e.writer.Append(track, 0, at, 0, body); err != nil {
		return err
	}
	return e.summary.take(track, body)
}

func (e *evidence) log(code protocol.EventCode, data any) error {
	track := recordings.TrackEvents
	if code == protocol.EventChat {
		track = recordings.TrackChat
	}
	if err := e.append(track, code, data); err != nil || e.copy == nil {
		return err
	}
	return e.copy.add(e.started.Add(e.now()), code, data)
}

func (e *evidence) seal() error {
	head, err := e.writer.Seal()
	if err == nil {
		o := e.writer.Open()
		e.global.Sealed(o.Session, o.Segment, head)
	}
	return err
}

func (e *evidence) frame(f sfu.Frame) error {
	write := e.video.WriteFrame
	if f.Codec == sfu.VP9 {
		write = e.video.WriteVP9
	}
	if err := write(max(0, f.Time.Sub(e.started)), f.Data, f.Key); err != nil && !errors.Is(err, recordings.ErrNoKeyFrame) {
		return err
	}
	return nil
}

// moveCursor keeps the cursor's way; a new shape is written at once.
func (e *evidence) moveCursor(u protocol.CursorUpdate, at time.Time) error {
	ms := max(0, at.Sub(e.started).Milliseconds())
	if u.Shape != nil {
		return e.append(recordings.TrackMeta, protocol.EventCursorShape, u)
	}
	if n := len(e.cursor); n > 0 && ms-e.cursor[n-1][0] < cursorInterval.Milliseconds() {
		e.cursor[n-1][1], e.cursor[n-1][2] = int64(u.X), int64(u.Y)
		return nil
	}
	e.cursor = append(e.cursor, cursorPoint{ms, int64(u.X), int64(u.Y)})
	return nil
}

// moved writes the cursor's way since the last time.
func (e *evidence) moved() error {
	if len(e.cursor) == 0 {
		return nil
	}
	points := e.cursor
	e.cursor = nil
	return e.append(recordings.TrackMeta, protocol.EventCursorMoved, map[string]any{"points": points})
}

// second is called once a second: what was collected is written and sealed.
func (e *evidence) second() error {
	if err := e.moved(); err != nil {
		return err
	}
	if err := e.video.Flush(e.now()); err != nil {
		return err
	}
	if err := errors.Join(e.summarise(false), e.countersign()); err != nil {
		return err
	}
	return e.seal()
}

// countersign writes what others have signed. What came too late for its head to be
// remembered is left out: the next one covers it.
func (e *evidence) countersign() error {
	o := e.writer.Open()
	for _, c := range e.global.Countersignatures(o.Session, o.Segment) {
		if err := e.writer.Cosigned(c); err != nil && !errors.Is(err, recordings.ErrMalformed) {
			return err
		}
	}
	return nil
}

// close writes the final seal, and the end on the global log.
func (e *evidence) close() error {
	flushed := errors.Join(e.video.Flush(e.now()), e.summarise(true))
	if _, err := e.writer.Close(); err != nil {
		return errors.Join(flushed, err) // the completer finds it at the next start
	}
	return errors.Join(flushed, e.global.Closed(context.Background(), e.writer.Path()))
}
