// Package remove takes the agent off the customer's computer.
//
// It promises: after Begin the program's file is gone, whatever happens then, a
// kill or a power cut included; the running program needs it no more. What else of its
// own the agent has written is named by who wrote it (Also), and removed by that one;
// Left tells what a computer would not let go.
//
// On Linux a running program can be unlinked (unlink(2)); other systems need a
// process that waits, and come with their agents.
package remove

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// Removal is what was begun.
type Removal struct {
	program string

	mu   sync.Mutex
	also []func() []string
}

// Also has Left ask for more that was to be removed: left tries once more and lists the
// names of what is still there.
func (r *Removal) Also(left func() []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.also = append(r.also, left)
}

// Begin removes the program's file. An error says why it could not be; the
// session can go on, and Left will say so.
func Begin() (*Removal, error) {
	program, err := os.Executable()
	if err != nil {
		return &Removal{}, fmt.Errorf("remove: %w", err)
	}
	r := &Removal{program: program}
	if err := os.Remove(program); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return r, fmt.Errorf("remove: %w", err)
	}
	return r, nil
}

// Left tries once more and lists the names of what is still there.
func (r *Removal) Left() (left []string) {
	if r.program == "" {
		left = append(left, "consento-agent")
	} else if err := os.Remove(r.program); err != nil && !errors.Is(err, fs.ErrNotExist) {
		left = append(left, filepath.Base(r.program))
	}
	r.mu.Lock()
	also := r.also
	r.mu.Unlock()
	for _, more := range also {
		left = append(left, more()...)
	}
	return left
}
