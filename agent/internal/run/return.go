package run

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"consento/agent/internal/link"
	"consento/protocol"
)

// say sends an answer of the customer's. While the connection is lost nothing is
// wrong: returned says it again.
func (s *Session) say(ctx context.Context, m protocol.Message) error {
	if _, err := s.link.Send(ctx, m); err != nil && !errors.Is(err, link.ErrAway) {
		return err
	}
	return nil
}

// returned says again what the broker did not hear while the connection was
// lost, and makes the picture's connection anew if it did not outlive that.
func (s *Session) returned(ctx context.Context, broker protocol.Resumed) *ending {
	if over := s.recording(ctx, s.joined.Session, broker.Proof); over != nil { // of a new segment, perhaps
		return over
	}
	var again []protocol.Message
	if s.said.name != nil && !broker.Named {
		again = append(again, s.said.name)
	}
	if s.said.terms != nil && !broker.Accepted {
		again = append(again, s.said.terms)
	}
	if answer := s.said.consent; answer != nil {
		for _, c := range broker.Consents {
			if c.Permission == answer.Permission && c.Epoch == answer.Epoch && c.State == protocol.ConsentAsked {
				again = append(again, answer)
			}
		}
	}
	for _, m := range again {
		if err := s.say(ctx, m); err != nil {
			return s.lost()
		}
	}
	if s.sharing != nil && s.sharing.told.State != "" {
		s.sharing.told = protocol.Sharing{} // a broker that was restarted does not know
		if over := s.tellSharing(ctx, nil, s.sharing.asked != 0); over != nil {
			return over
		}
	}
	if s.slept.N > 0 {
		if over := s.tellSleep(ctx); over != nil {
			return over
		}
	}
	if over := s.reconcile(ctx, s.bar, broker.Consents); over != nil {
		return over
	}
	if broker.Handed != nil {
		if over := s.handedOver(s.bar, *broker.Handed); over != nil {
			return over
		}
	}
	if over := s.reconcileGuests(ctx, s.bar, broker.Guests); over != nil {
		return over
	}
	if s.picture == nil || s.picture.up() && broker.Picture {
		return nil
	}
	return s.connectPicture(ctx)
}

// tellSleep tells the broker of the last sleep. It may be told twice: a connection
// that did not outlive the sleep takes the first time for good.
func (s *Session) tellSleep(ctx context.Context) *ending {
	if err := s.say(ctx, &s.slept); err != nil {
		return s.lost()
	}
	return nil
}

// maxSlept is the longest sleep that can be told, in milliseconds.
const maxSlept = 31 * 24 * 3600 * 1000

// connectPicture offers the broker a new connection for the picture in place of
// the one before. Nothing is sent on it yet.
func (s *Session) connectPicture(ctx context.Context) *ending {
	s.closePicture()
	picture, err := newPicture(s.Log, s.tools.input, &s.tools.line, &s.tools.parcels, &s.tools.clips)
	if err != nil {
		s.Log.Error("picture connection", slog.Any("error", err))
		return &ending{reason: protocol.EndCaptureFailed, code: ExitCapture}
	}
	s.picture = picture
	picture.code(s.coding)
	offer, err := picture.offer(ctx)
	if err == nil {
		picture.offered, err = s.link.Send(ctx, &protocol.Offer{SDP: offer})
	}
	if err != nil && !errors.Is(err, link.ErrAway) { // else it is offered anew after the return
		s.Log.Error("picture connection", slog.Any("error", err))
		return &ending{reason: protocol.EndNetworkLost, code: ExitUnreachable}
	}
	return nil
}

func (s *Session) closePicture() {
	if s.picture != nil {
		s.picture.close()
		s.picture = nil
	}
}

// farewellPatience is how long the last messages wait for a connection that is
// lost, once the customer has closed the last window: nothing runs on unseen.
const farewellPatience = 5 * time.Second

// farewell sends the last messages, as soon as there is a connection.
func (s *Session) farewell(ctx context.Context, last []protocol.Message) {
	for {
		err := s.sendAll(ctx, last)
		if err == nil {
			return
		}
		for errors.Is(err, link.ErrAway) {
			select {
			case e, ok := <-s.link.Incoming():
				if !ok {
					err = link.ErrLost
				} else if e.Type == (*protocol.Resumed)(nil).MessageType() {
					err = nil // once more
				}
			case <-ctx.Done():
				err = ctx.Err()
			}
		}
		if err != nil {
			s.Log.Warn("broker was not told of the end and the removal", slog.Any("error", err))
			return
		}
	}
}

func (s *Session) sendAll(ctx context.Context, messages []protocol.Message) error {
	for _, m := range messages {
		if _, err := s.link.Send(ctx, m); err != nil {
			return err
		}
	}
	return nil
}
