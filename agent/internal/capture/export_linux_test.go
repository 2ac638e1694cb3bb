package capture

import (
	"testing"

	"github.com/jezek/xgb/xproto"
)

// Request sends a request that changes nothing on the source's connection and
// returns its number: requests are numbered in order, so that one that follows
// the last shows that nobody else asked the display for anything.
func (s *Source) Request(t testing.TB) uint16 {
	t.Helper()
	cookie := xproto.GetInputFocus(s.backend.(*x11).conn)
	if _, err := cookie.Reply(); err != nil {
		t.Fatal(err)
	}
	return cookie.Sequence
}
