// Command consento-broker is the server: it issues session keys, serves the
// customer's portal and the technician's console, forwards the picture and
// writes the evidence.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"consento/broker/internal/ops"
)

// version is set by the build.
var version = "development"

// commands is the command line.
type commands struct {
	Serve     serveCommand     `cmd:"" help:"Serve portal, console and media on one port."`
	Account   accountCommand   `cmd:"" help:"Accounts of the people who work with the broker."`
	Profile   profileCommand   `cmd:"" help:"Profiles: what technicians may ask customers for."`
	Token     tokenCommand     `cmd:"" help:"API tokens."`
	Policy    policyCommand    `cmd:"" help:"Who may read recordings, as the auditors signed it."`
	Recipient recipientCommand `cmd:"" help:"Auditors' public keys that recordings are encrypted for."`
	Agents    agentsCommand    `cmd:"" help:"The programs that customers run."`
	Version   versionCommand   `cmd:"" help:"Print the version."`
}

type versionCommand struct{}

func (versionCommand) Run() error {
	fmt.Println("consento-broker", version)
	return nil
}

// Exit codes of the command.
const (
	exitFailed = 1
	exitUsage  = 2 // the command line or the configuration is wrong
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var c commands
	parser := kong.Must(&c, kong.Name("consento-broker"), kong.UsageOnError(),
		kong.Description("Attended remote assistance that an office runs itself."),
		kong.BindTo(ctx, (*context.Context)(nil)))
	command, err := parser.Parse(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "consento-broker:", err)
		os.Exit(exitUsage)
	}
	if err := command.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "consento-broker:", err)
		if errors.Is(err, ops.ErrConfig) {
			os.Exit(exitUsage)
		}
		os.Exit(exitFailed)
	}
}
