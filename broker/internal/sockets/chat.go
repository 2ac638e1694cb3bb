package sockets

import (
	"errors"
	"log/slog"

	"consento/broker/internal/session"
	"consento/protocol"
)

// said answers a line of chat. A refused one is no message that makes no sense: the
// person may say it again.
func (c *conn) said(ref uint64, key string, n uint32, err error) error {
	if errors.Is(err, session.ErrNoSession) {
		return err // as for every message
	}
	answer := &protocol.ChatSaid{Key: key, N: n}
	if err != nil {
		answer.N, answer.Code = 0, codeOf(err)
		if answer.Code == protocol.CodeUnavailable || answer.Code == protocol.CodeEvidence {
			c.log.Error("line of chat not taken", slog.Any("error", err))
		}
	}
	c.reply(ref, answer)
	return nil
}
