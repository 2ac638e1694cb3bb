// Package remove takes the agent off the customer's computer.
//
// It promises: after Begin the program's file is gone, whatever happens then, a
// kill or a power cut included; the running program needs it no more. The agent
// writes no other file, so that nothing is left to remove at the end; Left tells
// what a computer would not let go.
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
)

// Removal is what was begun.
type Removal struct {
	program string
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
func (r *Removal) Left() []string {
	if r.program == "" {
		return []string{"consento-agent"}
	}
	if err := os.Remove(r.program); err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return []string{filepath.Base(r.program)}
}
