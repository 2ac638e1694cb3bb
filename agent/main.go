// Command consento-agent runs on the computer of the person who is helped, for
// the length of one session, and removes itself.
//
// It takes the session from the join ticket in its own file name; without one
// it asks for the session key. There is no way to answer for the customer.
//
// Exit codes: 0 the session is over and nothing is left; 1 an internal error;
// 2 wrong command line; 3 the customer said no; 4 the broker cannot be reached
// or was lost; 5 the key or ticket does not work; 6 no display; 7 the broker is
// not one of this program's offices; 8 the screen could not be captured; 9 not
// everything could be removed; 10 the computer restarts, and the program comes back
// once.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"github.com/jezek/xgb"

	"consento/agent/internal/remove"
	"consento/agent/internal/restart"
	"consento/agent/internal/run"
	"consento/agent/internal/shell"
	"consento/agent/internal/trust"
	"consento/agent/internal/ui"
	"consento/protocol"
	"consento/protocol/lang"
)

// version is set by the build.
var version = "development"

type commandLine struct {
	Return  bool
	Broker  string
	Key     string
	Version bool
}

func main() {
	shell.Keep() // a process that keeps a shell is nothing else
	c, err := parse(os.Args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp): // printed
		os.Exit(run.ExitOver)
	case err != nil: // said
		os.Exit(run.ExitUsage)
	}
	os.Exit(start(c))
}

const usage = `Usage: consento-agent [flags]

Shows this screen to a technician, with your consent, once.

Flags:
  --broker=URL  Choose among the brokers built in.
  --key=KEY     Session key; without it, and without a ticket in the file name, it is asked for.
  --version     Print the version and the office, and leave the program where it is.
  --help        Print this.
`

// parse uses the standard library: one that calls methods by name keeps every
// method of every type in the program, 2.5 MB.
func parse(arguments []string) (commandLine, error) {
	var c commandLine
	f := flag.NewFlagSet("consento-agent", flag.ContinueOnError)
	f.Usage = func() { fmt.Fprint(f.Output(), usage) }
	f.StringVar(&c.Broker, "broker", "", "")
	f.StringVar(&c.Key, "key", "", "")
	f.BoolVar(&c.Return, restart.Flag, false, "") // by the entry that a restart leaves, and by nobody else
	f.BoolVar(&c.Version, "version", false, "")
	if err := f.Parse(arguments); err != nil {
		return c, err
	}
	if f.NArg() > 0 {
		err := fmt.Errorf("unexpected argument %q", f.Arg(0))
		fmt.Fprintln(f.Output(), "consento-agent:", err)
		return c, err
	}
	return c, nil
}

func start(c commandLine) int {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	office, err := trust.Read()
	if err != nil {
		log.Error("program is damaged", slog.Any("error", err))
		return run.ExitFailed
	}
	if c.Version {
		fmt.Println("consento-agent", version, describe(office))
		return run.ExitOver
	}
	xgb.Logger.SetOutput(io.Discard) // it says on stderr what comes back as an error
	catalog, err := lang.Load()
	if err != nil {
		log.Error("language files", slog.Any("error", err))
		return run.ExitFailed
	}
	own := catalog.Match(os.Getenv("LC_ALL"), os.Getenv("LC_MESSAGES"), os.Getenv("LANG"))
	if !office.Prepared {
		fmt.Fprintln(os.Stderr, own.T("agent.unprepared"))
	}
	name := filepath.Base(os.Args[0])
	if program, err := os.Executable(); err == nil {
		name = filepath.Base(program)
	}
	var back *run.Return
	if c.Return { // first of all the entry goes, then the ticket
		back = &run.Return{}
		if back.Plan, back.Err = restart.Take(); back.Plan == nil {
			back.Plan = &restart.Plan{}
		}
		c.Broker, c.Key = back.Plan.Ticket.Broker, ""
		if spoken := back.Plan.Ticket.Language; spoken != "" {
			own = catalog.Match(spoken)
		}
	}
	// From here on the program's file is gone, whatever happens.
	removal, err := remove.Begin()
	if err != nil {
		log.Warn("program not removed yet", slog.Any("error", err))
	}
	if back != nil {
		removal.Also(back.Plan.Left)
		removal.Left() // its folder goes at once
	}
	windows, err := ui.Open(ui.Config{Language: own.Tag})
	if errors.Is(err, ui.ErrNoDisplay) {
		fmt.Fprintln(os.Stderr, own.T("agent.error.display"))
		return run.ExitNoDisplay
	}
	if err != nil {
		log.Error("windows", slog.Any("error", err))
		return run.ExitNoDisplay
	}
	defer windows.Close()
	languages := shown(catalog, own, windows)
	windows.Speak(languages[0].Tag)
	ticket, _ := protocol.TicketFromFileName(name) // none: the key is asked for
	if c.Key != "" {
		ticket = ""
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	session, err := run.New(run.Config{UI: windows, Languages: languages, Office: office, Broker: c.Broker, Ticket: ticket, Key: c.Key, Return: back,
		Removal: removal, Log: log,
		Hello: protocol.Hello{Version: protocol.CurrentVersion(), Software: "consento-agent " + version, System: system(), Language: languages[0].Tag}})
	if err != nil {
		log.Error("session", slog.Any("error", err))
		return run.ExitFailed
	}
	return session.Run(ctx)
}

// shown lists the languages that the windows can show, the desktop's own first.
// A screen without the fonts of any is left with English.
func shown(catalog *lang.Catalog, own lang.Texts, windows *ui.UI) []lang.Texts {
	var all []lang.Texts
	for _, tag := range append([]string{own.Tag}, catalog.Tags()...) {
		texts := catalog.Match(tag)
		if len(all) > 0 && all[0].Tag == tag {
			continue // the own language has its turn once
		}
		var sample strings.Builder
		for _, prefix := range []string{"agent.", "end."} {
			for _, text := range texts.All(prefix) {
				sample.WriteString(text)
			}
		}
		if windows.CanShow(sample.String()) {
			all = append(all, texts)
		}
	}
	if len(all) == 0 {
		all = append(all, catalog.Match("en"))
	}
	return all
}

func describe(o trust.Office) string {
	if !o.Prepared {
		return "(not prepared for an office: this computer only)"
	}
	return "for " + o.Name
}

// system names the operating system for the technician: "Debian GNU/Linux 12
// (bookworm)", or what Go calls it.
func system() string {
	data, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return runtime.GOOS
	}
	for line := range strings.Lines(string(data)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "PRETTY_NAME="); ok {
			name = strings.Trim(name, `"'`)
			if len(name) > 0 && len(name) <= protocol.MaxName {
				return name
			}
		}
	}
	return runtime.GOOS
}
