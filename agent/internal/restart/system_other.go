//go:build !linux && !windows

package restart

import (
	"context"
	"io/fs"
	"os"
)

const programName = program

// Able says that there is no way back on this system yet.
func Able() error { return ErrUnable }

// Reboot is not there yet.
func Reboot(context.Context) error { return ErrUnable }

func home() (string, error)                            { return "", ErrUnable }
func placeEntry(string) (string, []string, error)      { return "", nil, ErrUnable }
func findEntry(string) (string, error)                 { return "", ErrUnable }
func isEntry(string, string) bool                      { return false }
func makeEntry(string, string, Words) error            { return ErrUnable }
func removeEntry(string) error                         { return ErrUnable }
func entryThere(string) bool                           { return false }
func openProgram() (*os.File, error)                   { return nil, ErrUnable }
func machineID() []byte                                { return nil }
func place(string) ([]byte, error)                     { return nil, ErrUnable }
func private(fs.FileInfo) bool                         { return false }
func seal(folder string, plain []byte) ([]byte, error) { return sealPlain(folder, plain) }
func open(folder string, data []byte) ([]byte, error)  { return openPlain(folder, data) }
