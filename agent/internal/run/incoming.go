package run

import (
	"context"
	"log/slog"

	"consento/protocol"
)

// incoming handles what the broker may send at any time. It returns the ending,
// if that is what it was.
func (s *Session) incoming(ctx context.Context, e protocol.Envelope) *ending {
	switch e.Type {
	case (*protocol.Ended)(nil).MessageType():
		return heed(s, e, func(m protocol.Ended) *ending { return &ending{reason: m.Reason, told: true} })
	case (*protocol.Answer)(nil).MessageType():
		m, err := protocol.DecodeBody[protocol.Answer](e)
		if err == nil && s.picture != nil && e.Ref == s.picture.offered {
			err = s.picture.answer(m.SDP) // else it answers an offer that was replaced
		}
		if err != nil {
			return s.broken(e, err)
		}
	case (*protocol.Picture)(nil).MessageType():
		return take(s, e, func(m protocol.Picture) {
			if s.coding = m; s.picture != nil {
				s.picture.code(m)
			}
		})
	case (*protocol.SharingRecorded)(nil).MessageType():
		s.recordedSharing(e.Ref)
	case (*protocol.ConsentAsk)(nil).MessageType():
		return heed(s, e, func(m protocol.ConsentAsk) *ending {
			m.Technician = isolated(m.Technician)
			return s.asked(ctx, s.bar, m)
		})
	case (*protocol.ConsentRecorded)(nil).MessageType():
		return heed(s, e, func(m protocol.ConsentRecorded) *ending { return s.recordedTool(ctx, s.bar, m.Permission, m.Epoch) })
	case (*protocol.ConsentEnded)(nil).MessageType():
		return take(s, e, func(m protocol.ConsentEnded) { s.endedTool(s.bar, m) })
	case (*protocol.GuestAsk)(nil).MessageType():
		return heed(s, e, func(m protocol.GuestAsk) *ending { return s.askedGuest(ctx, s.bar, m.Guest) })
	case (*protocol.GuestRecorded)(nil).MessageType():
		return take(s, e, func(m protocol.GuestRecorded) { s.recordedGuest(s.bar, m.Epoch) })
	case (*protocol.GuestEnded)(nil).MessageType():
		return take(s, e, func(m protocol.GuestEnded) { s.endedGuest(s.bar, m.Epoch) })
	case (*protocol.HandedOver)(nil).MessageType():
		return heed(s, e, func(m protocol.HandedOver) *ending { return s.handedOver(s.bar, m) })
	case (*protocol.StillTake)(nil).MessageType():
		return take(s, e, func(m protocol.StillTake) { s.takeStill(ctx, m) })
	case (*protocol.Annotate)(nil).MessageType():
		return take(s, e, s.annotate)
	case (*protocol.RestartRecorded)(nil).MessageType():
		return take(s, e, s.restartRecorded)
	case (*protocol.SystemRead)(nil).MessageType():
		return take(s, e, s.systemRead)
	case (*protocol.SystemWatch)(nil).MessageType():
		return take(s, e, s.systemWatch)
	case (*protocol.Chat)(nil).MessageType():
		return take(s, e, func(m protocol.Chat) { s.chat.take(s.heard(m), e.Ref != 0) })
	case (*protocol.ChatSaid)(nil).MessageType():
		return take(s, e, s.chat.said)
	case (*protocol.Resumed)(nil).MessageType():
		return heed(s, e, func(m protocol.Resumed) *ending {
			s.chat.returned()
			return s.returned(ctx, m)
		})
	case (*protocol.Error)(nil).MessageType():
		return heed(s, e, func(m protocol.Error) *ending {
			s.Log.Error("broker refused a message", slog.String("code", string(m.Code)))
			return &ending{reason: protocol.EndNetworkLost, code: ExitUnreachable}
		})
	}
	return nil // an unknown message is tolerated
}

// heed reads a message and does what it asks for. What makes no sense ends the session.
func heed[M any, P interface {
	*M
	protocol.Message
}](s *Session, e protocol.Envelope, do func(M) *ending) *ending {
	m, err := protocol.DecodeBody[M, P](e)
	if err != nil {
		return s.broken(e, err)
	}
	return do(m)
}

// take is heed for what ends no session.
func take[M any, P interface {
	*M
	protocol.Message
}](s *Session, e protocol.Envelope, do func(M)) *ending {
	return heed[M, P](s, e, func(m M) *ending { do(m); return nil })
}

// broken ends a session whose broker makes no sense.
func (s *Session) broken(e protocol.Envelope, err error) *ending {
	s.Log.Error("message makes no sense", slog.String("type", e.Type), slog.Any("error", err))
	return &ending{reason: protocol.EndNetworkLost, code: ExitUnreachable}
}
