// Consento-witness keeps a second copy of a broker's recordings and of its global
// log, on a machine of somebody else than the broker's administrator, and signs
// what it has seen. Recordings are encrypted: it can read none.
//
// Exit codes of check: 0 nothing is wrong, 1 tampered, 2 incomplete, 3 unverifiable;
// of all commands 4: wrong usage, or what is named cannot be used. serve ends with 0
// when it was told to, and with 5 when it failed.
package main

import (
	"errors"
	"io"
	"os"

	"github.com/alecthomas/kong"

	"consento/recordings/cmd/cmdline"
)

const (
	exitOK           = 0
	exitTampered     = 1
	exitIncomplete   = 2
	exitUnverifiable = 3
	exitUsage        = 4
	exitFailed       = 5
)

var version = "development"

type commands struct {
	Init    initialise       `cmd:"" help:"Make keys, certificate and token of a new witness."`
	Serve   serve            `cmd:"" help:"Take recordings and log of a broker, and sign them."`
	Check   check            `cmd:"" help:"Verify everything that was taken. Also while it serves."`
	Fetch   fetch            `cmd:"" help:"Copy recordings out of the bucket into a folder, with all that it says of versions and locks, for consento-verify store."`
	Version kong.VersionFlag `help:"Print the version."`
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
		Name: "consento-witness", Vars: kong.Vars{"version": "consento-witness " + version},
		About: "Second place and witness of a broker's evidence, for another machine under other people.\n\n" +
			"Exit codes: 0 done and nothing wrong, 1 tampered, 2 incomplete, 3 unverifiable, 4 usage, 5 serving failed.",
		Grammar: &commands{}, CodeOf: codeOf,
	}.Run(args, stdout, stderr)
}

// codeOf is the exit code for an error.
func codeOf(err error) int {
	var f failure
	if errors.As(err, &f) {
		return f.code
	}
	return exitUsage
}
