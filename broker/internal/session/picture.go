package session

import (
	"context"

	"consento/broker/internal/sfu"
	"consento/protocol"
)

// SetCrisp notes whether the technician wishes a picture that is exact at rest.
func (m *Manager) SetCrisp(ctx context.Context, by Technician, wished protocol.Crisp) error {
	s, err := m.find(wished.Session)
	if err != nil {
		return err
	}
	if s.technician().ID != by.ID {
		return ErrNoSession
	}
	return s.do(ctx, func() error {
		if s.row.State.Over() || !by.Profile.Permissions.Allows(protocol.ViewScreen) {
			return ErrNotNow
		}
		s.crisp = wished.On
		s.room.SetCrisp(wished.On)
		s.publish()
		return nil
	})
}

// tellWish tells the agent how the picture is to be coded.
func (s *session) tellWish() {
	if s.agent == nil || s.row.State.Over() {
		return
	}
	wish, codec := s.room.Wish(), protocol.CodecAV1
	if wish.Codec == sfu.VP9 {
		codec = protocol.CodecVP9
	}
	s.agent.Send(&protocol.Picture{Codec: codec, Crisp: wish.Crisp && codec == protocol.CodecAV1})
}
