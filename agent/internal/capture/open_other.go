//go:build !linux

package capture

import (
	"context"
	"fmt"
)

// open: the windows of a program cannot be told apart here, and so not be covered.
func open(_ string, what Target, s *Source, covers *Covers) (backend, error) {
	return openPortable(what, s, covers)
}

// look: nothing but monitors can be told apart here.
func look(string) (Survey, error) {
	p := portable{}
	s := Survey{Size: p.bounds().Size(), Monitors: portableMonitors()}
	if len(s.Monitors) == 0 {
		return Survey{}, fmt.Errorf("%w: no active monitor found", ErrUnsupported)
	}
	sortMonitors(s.Monitors)
	return s, nil
}

// portableOwn knows no windows of ours: the agent has none yet on other systems.
type portableOwn struct{}

func openPortableOwn(*Covers, *Source) (*portableOwn, error) { return &portableOwn{}, nil }
func (*portableOwn) begin() error                            { return nil }
func (*portableOwn) end() (places, bool, error)              { return places{}, true, nil }
func (*portableOwn) close()                                  {}

// WatchLock knows of no locks on other systems yet.
func WatchLock(context.Context, string) (<-chan bool, error) { return nil, ErrUnsupported }
