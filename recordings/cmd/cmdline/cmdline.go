// Package cmdline is the frame of the programs for evidence: it reads the command line,
// runs what is asked for and comes to an exit code. What a program does, and what its
// codes beside the two of here mean, is the program's.
package cmdline

import (
	"fmt"
	"io"

	"github.com/alecthomas/kong"
)

// Exit codes of every program.
const (
	OK    = 0
	Usage = 4 // the command line is wrong, or what it names cannot be used
)

// Program is a command line.
type Program struct {
	Name    string
	About   string // what it does, and its exit codes
	Grammar any    // kong's; commands are given an io.Writer for what they say, and an *int to set the exit code
	CodeOf  func(error) int
	Vars    kong.Vars
}

// Run is main without the process around it; it returns the exit code.
func (p Program) Run(args []string, stdout, stderr io.Writer) int {
	asked := false // for help or version
	parser, err := kong.New(p.Grammar, kong.Name(p.Name), p.Vars, kong.Description(p.About),
		kong.UsageOnError(), kong.Writers(stdout, stderr), kong.Exit(func(int) { asked = true }))
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", p.Name, err)
		return Usage
	}
	ctx, err := parser.Parse(args)
	if asked {
		return OK
	}
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v (see %[1]s --help)\n", p.Name, err)
		return Usage
	}
	code := OK
	ctx.Bind(&code)
	ctx.BindTo(stdout, (*io.Writer)(nil))
	if err := ctx.Run(); err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", p.Name, err)
		return p.CodeOf(err)
	}
	return code
}
