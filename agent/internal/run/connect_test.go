package run

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"consento/agent/internal/link"
	"consento/agent/internal/trust"
	"consento/protocol/lang"
)

// TestNotReached: why the broker is not talked to, in words in every language;
// a wrong clock has a sentence of its own.
func TestNotReached(t *testing.T) {
	texts, err := lang.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		err  error
		code int
		key  string
	}{
		{trust.ErrClock, ExitUntrusted, "agent.error.clock"},
		{trust.ErrUntrusted, ExitUntrusted, "agent.error.untrusted"},
		{trust.ErrForeign, ExitUntrusted, "agent.error.untrusted"},
		{link.ErrVersion, ExitFailed, "agent.error.version"},
		{errors.New("no route"), ExitUnreachable, "agent.error.connect"},
	} {
		code, key := notReached(fmt.Errorf("dial: %w", c.err))
		if code != c.code || key != c.key {
			t.Errorf("%v: %d %s", c.err, code, key)
		}
		for _, tag := range texts.Tags() {
			if said := texts.Match(tag).T(key); said == "" || strings.ContainsAny(said, "⟨{") {
				t.Errorf("%s %s: %q", tag, key, said)
			}
		}
	}
}
