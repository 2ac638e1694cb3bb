// Command tsgen writes the protocol's types for the console in TypeScript, out
// of the Go structs, so that the two can never differ:
//
//	go run ./build/tsgen [-package ./protocol] [-out console/src/protocol.ts]
//
// The output is made by every build and not committed.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"consento/protocol"
)

func main() {
	if err := run(os.Args[1:], os.Stderr); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			os.Exit(0)
		}
		fmt.Fprintln(os.Stderr, "tsgen:", err)
		os.Exit(1)
	}
}

func run(args []string, usage io.Writer) error {
	flags := flag.NewFlagSet("tsgen", flag.ContinueOnError)
	flags.SetOutput(usage)
	pattern := flags.String("package", "./protocol", "the package to read")
	out := flags.String("out", "console/src/protocol.ts", "the file to write, - for standard output")
	if err := flags.Parse(args); err != nil {
		return err
	}
	p, err := load(*pattern)
	if err != nil {
		return err
	}
	text, err := generate(p, "Envelope", "CursorUpdate", "Input", "Terminal", "Transfer", "Clip", "Column", "Library", "Version")
	if err != nil {
		return err
	}
	// The version is a variable in Go, which go/types knows the type of only.
	v := protocol.CurrentVersion()
	text += fmt.Sprintf("\n/** The version that this console speaks. */\nexport const currentVersion: Version = { major: %d, minor: %d };\n", v.Major, v.Minor)
	if *out == "-" {
		_, err = io.WriteString(os.Stdout, text)
		return err
	}
	if old, err := os.ReadFile(*out); err == nil && string(old) == text {
		return nil // keep the time stamp, so that watchers stay quiet
	}
	return os.WriteFile(*out, []byte(text), 0o644)
}
