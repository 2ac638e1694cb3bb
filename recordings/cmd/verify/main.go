// Consento-verify checks and reads the sealed recordings of sessions. It needs
// no network and no broker; checking needs no secret.
//
// Exit codes: 0 what was asked for is done and nothing is wrong, 1 tampered,
// 2 incomplete or unsealed, 3 unverifiable (nothing outside the file to anchor it
// to, or a key is missing), 4 wrong usage. A closed, untouched recording is 3 as
// long as no log is given to anchor it to.
package main

import (
	"errors"
	"io"
	"os"

	"consento/recordings"
	"consento/recordings/cmd/cmdline"
)

// Exit codes; when several apply, tampered goes before incomplete goes before
// unverifiable.
const (
	exitOK           = 0
	exitTampered     = 1
	exitIncomplete   = 2
	exitUnverifiable = 3
	exitUsage        = 4
)

type commands struct {
	Keygen  keygen          `cmd:"" help:"Make keys: an auditor's, the three of the escrow, or the root's."`
	Session session         `cmd:"" help:"Check a recording. Needs no secret."`
	Log     logCheck        `cmd:"" help:"Check the whole log of the office. Needs no secret."`
	Store   storeCheck      `cmd:"" help:"Check the log, and stores of recordings against it. Needs no secret."`
	Excerpt excerptCommands `cmd:"" help:"Check some records of a recording, or take them out."`
	Open    open            `cmd:"" help:"Check a recording, decrypt it and export video, events and shell."`
	View    view            `cmd:"" help:"Check a recording and watch it in a browser on this computer."`
	Share   share           `cmd:"" help:"Let somebody read some tracks and minutes of a recording."`
	Rewrap  rewrap          `cmd:"" help:"Make a key bag, or the keys of a log, for those whom a newer policy names."`
	Policy  policyCommands  `cmd:"" help:"Make, sign and show the policy that says who may read recordings."`
}

// failure is an error that decides the exit code.
type failure struct {
	code int
	err  error
}

func (f failure) Error() string { return f.err.Error() }
func (f failure) Unwrap() error { return f.err }

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is main without the process around it; it returns the exit code.
func run(args []string, stdout, stderr io.Writer) int {
	return cmdline.Program{
		Name: "consento-verify",
		About: "Checks and reads sealed recordings of sessions.\n\n" +
			"Exit codes: 0 done and nothing wrong, 1 tampered, 2 incomplete or unsealed, 3 unverifiable, 4 usage.",
		Grammar: &commands{}, CodeOf: codeOf,
	}.Run(args, stdout, stderr)
}

// codeOf is the exit code for an error.
func codeOf(err error) int {
	var f failure
	switch {
	case errors.As(err, &f):
		return f.code
	case errors.Is(err, recordings.ErrTampered), errors.Is(err, recordings.ErrPolicy), errors.Is(err, recordings.ErrForeign):
		return exitTampered
	case errors.Is(err, recordings.ErrNothing):
		return exitIncomplete
	case errors.Is(err, recordings.ErrNotForYou), errors.Is(err, recordings.ErrMoreKeys), errors.Is(err, recordings.ErrExpired),
		errors.Is(err, recordings.ErrBagMismatch), errors.Is(err, recordings.ErrMalformed):
		return exitUnverifiable
	}
	return exitUsage // a file or folder that cannot be read or written
}
