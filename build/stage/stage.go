// Package stage puts a whole office on one machine: the real broker, virtual
// screens with a window manager, real browsers and the real agent. The
// end-to-end tests, the demo and the benchmark play on it.
//
// It promises: fresh folders and free ports for each stage, everything on
// loopback, and nothing left running after Close. It presses keys and buttons
// as people do; there is no other way to answer for the customer.
package stage

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is a program that ends with its stage.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

func launch(cmd *exec.Cmd) (*process, error) {
	// The program must not outlive a test that was killed.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// It would die with the thread that starts it, and a thread ends with a goroutine
		// that holds it, see Network.dial.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		defer close(p.done)
		_ = cmd.Wait() // the exit code is in ProcessState
		p.group()      // what it left behind
	}()
	return p, <-started
}

// kill ends the program and all it started, at once, and waits.
func (p *process) kill() {
	select {
	case <-p.done: // its number may be another's by now
	default:
		p.group()
		<-p.done
	}
}

// group kills all that is in the program's process group.
func (p *process) group() { _ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) } // there may be nothing

// nap is how long something frozen stays so at least: longer than what agents take
// for a sleep.
const nap = 13 * time.Second

// freeze stops a process and all its children, and returns what lets them run again,
// after a nap at least.
func freeze(pid int) (func() error, error) {
	rested := time.NewTimer(nap)
	thaw, err := hold(pid)
	return func() error { <-rested.C; return thaw() }, err
}

// hold is freeze without a nap.
func hold(pid int) (thaw func() error, err error) {
	family, err := family(pid)
	if err != nil {
		return nil, err
	}
	send := func(s syscall.Signal) error {
		var failed error
		for _, p := range family {
			if err := syscall.Kill(p, s); err != nil && !errors.Is(err, syscall.ESRCH) {
				failed = errors.Join(failed, err)
			}
		}
		return failed
	}
	return func() error { return send(syscall.SIGCONT) }, send(syscall.SIGSTOP)
}

// family lists a process and all that descend from it (proc_pid_stat(5)).
func family(pid int) ([]int, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	children := map[int][]int{}
	for _, file := range stats {
		data, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		var child, parent int
		var state string
		_, rest, _ := strings.Cut(string(data[strings.LastIndexByte(string(data), ')'):]), " ")
		if _, err := fmt.Sscan(string(data), &child); err != nil {
			return nil, err
		}
		if _, err := fmt.Sscan(rest, &state, &parent); err != nil {
			return nil, err
		}
		children[parent] = append(children[parent], child)
	}
	list := []int{pid}
	for i := 0; i < len(list); i++ {
		list = append(list, children[list[i]]...)
	}
	return list, nil
}

// stop asks the program to end, and kills it if it does not.
func (p *process) stop(patience time.Duration) error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-p.done:
		return nil
	case <-timer.C:
		p.kill()
		return fmt.Errorf("%s did not end in %s", p.cmd.Path, patience)
	}
}

// Until polls check until it is true, or returns an error that names what.
func Until(ctx context.Context, what string, check func() bool) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !check() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, ctx.Err())
		}
	}
	return nil
}

// Technician is the account that every stage has.
const (
	TechnicianEmail    = "carla.bianchi@comune.example"
	TechnicianName     = "Carla Bianchi"
	TechnicianPassword = "seven green ferries leave at dawn"
	Team               = "Assistenza"
	OfficeName         = "Comune di Esempio"
	OfficePhone        = "+39 06 1234 5678"
)

// Broker is a running broker with an office, a technician and an auditor's key.
type Broker struct {
	URL      string
	Data     string
	Identity string // file with the auditor's private key
	Setup    string // one-time set-up link, "" when there was none

	bin    string
	listen string
	empty  bool // nothing is set up
	mu     sync.Mutex
	proc   *process
	log    string
}

// NewBroker prepares a data folder in dir and starts the broker.
func NewBroker(ctx context.Context, bin, dir string) (*Broker, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	return newBroker(ctx, bin, dir, "", port)
}

// NewEmptyBroker starts a broker as a stranger has it: no office, no account, no
// key. Its Setup is the way in; the auditor's keys are made beside it.
func NewEmptyBroker(ctx context.Context, bin, dir string) (*Broker, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	b := &Broker{bin: bin, Data: filepath.Join(dir, "data"), Identity: filepath.Join(dir, "auditor", "identity"), empty: true,
		listen: fmt.Sprintf("127.0.0.1:%d", port), URL: fmt.Sprintf("https://localhost:%d", port), log: filepath.Join(dir, "broker.log")}
	if _, err := b.Run(ctx, "consento-verify", "keygen", "--out", filepath.Dir(b.Identity)); err != nil {
		return nil, err
	}
	if _, err := b.Run(ctx, "consento-broker", "agents", "prepare", "--data", b.Data, "--public-url", b.URL, "--in", filepath.Join(bin, "agents"), "--office", "Consento"); err != nil {
		return nil, err
	}
	return b, b.Start(ctx)
}

// NewBrokerAt is NewBroker at an address of this machine other than loopback:
// that under which a Network reaches us.
func NewBrokerAt(ctx context.Context, bin, dir, address string) (*Broker, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	return newBroker(ctx, bin, dir, address, port)
}

// Impostor starts another office's broker at the address of this one, which has
// to be stopped: its keys are its own.
func (b *Broker) Impostor(ctx context.Context, dir string) (*Broker, error) {
	_, port, err := net.SplitHostPort(b.listen)
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return newBroker(ctx, b.bin, dir, "", n)
}

func newBroker(ctx context.Context, bin, dir, address string, port int) (*Broker, error) {
	name := address
	if address == "" {
		address, name = "127.0.0.1", "localhost"
	}
	b := &Broker{bin: bin, Data: filepath.Join(dir, "data"), Identity: filepath.Join(dir, "auditor", "identity"),
		listen: fmt.Sprintf("%s:%d", address, port), URL: fmt.Sprintf("https://%s:%d", name, port), log: filepath.Join(dir, "broker.log")}
	password := filepath.Join(dir, "password")
	if err := os.WriteFile(password, []byte(TechnicianPassword+"\n"), 0o600); err != nil {
		return nil, err
	}
	for _, args := range [][]string{
		{"consento-verify", "keygen", "--out", filepath.Join(dir, "auditor")},
		{"consento-broker", "account", "add", "--data", b.Data, "--email", TechnicianEmail, "--name", TechnicianName,
			"--role", "technician", "--team", Team, "--level", "L1", "--profile", "View only", "--password-file", password},
		{"consento-broker", "recipient", "add", "--data", b.Data, "--public-key", filepath.Join(dir, "auditor", "recipient.pub")},
		{"consento-broker", "agents", "prepare", "--data", b.Data, "--public-url", b.URL, "--in", filepath.Join(bin, "agents"), "--office", OfficeName},
	} {
		if _, err := b.Run(ctx, args[0], args[1:]...); err != nil {
			return nil, err
		}
	}
	return b, b.Start(ctx)
}

// AddTechnician makes another account like the technician's.
func (b *Broker) AddTechnician(ctx context.Context, email, name, team string) error {
	return b.addTechnician(ctx, email, name, team, "View only")
}

// AddSupporter makes a technician who may use every tool, as far as customers allow it.
func (b *Broker) AddSupporter(ctx context.Context, email, name, team string) error {
	return b.addTechnician(ctx, email, name, team, "Full support")
}

func (b *Broker) addTechnician(ctx context.Context, email, name, team, profile string) error {
	password := filepath.Join(filepath.Dir(b.Data), "password")
	_, err := b.Run(ctx, "consento-broker", "account", "add", "--data", b.Data, "--email", email, "--name", name,
		"--role", "technician", "--team", team, "--level", "L1", "--profile", profile, "--password-file", password)
	return err
}

// AddReader makes an account that reads evidence or decides about it: auditor, dpo.
func (b *Broker) AddReader(ctx context.Context, email, name, role string) error {
	password := filepath.Join(filepath.Dir(b.Data), "password")
	_, err := b.Run(ctx, "consento-broker", "account", "add", "--data", b.Data, "--email", email, "--name", name, "--role", role, "--password-file", password)
	return err
}

// EndAccount ends an account, while the broker runs or not.
func (b *Broker) EndAccount(ctx context.Context, email string) error {
	_, err := b.Run(ctx, "consento-broker", "account", "disable", "--data", b.Data, "--email", email)
	return err
}

// Run runs one of our commands and returns what it prints.
func (b *Broker) Run(ctx context.Context, name string, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, filepath.Join(b.bin, name), args...).CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out), nil
}

// Verify runs consento-verify and returns its exit code and what it prints.
func (b *Broker) Verify(ctx context.Context, args ...string) (int, string, error) {
	out, err := exec.CommandContext(ctx, filepath.Join(b.bin, "consento-verify"), args...).CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), string(out), nil
	}
	return 0, string(out), err
}

// Start starts the broker on its data and returns when it is ready.
func (b *Broker) Start(ctx context.Context) error {
	log, err := os.OpenFile(b.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(filepath.Join(b.bin, "consento-broker"), "serve", "--listen", b.listen, "--data", b.Data, "--public-url", b.URL)
	if !b.empty { // a test may set another name: the last of two counts
		cmd.Env = append([]string{"CONSENTO_OFFICE_NAME=" + OfficeName, "CONSENTO_OFFICE_PHONE=" + OfficePhone}, os.Environ()...)
	}
	cmd.Stderr = log
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	proc, err := launch(cmd)
	if err != nil {
		return err
	}
	ready := make(chan string, 1)
	go func() {
		defer close(ready)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if i := strings.Index(lines.Text(), b.URL+"/setup"); i >= 0 {
				b.Setup = lines.Text()[i:]
			}
			if strings.HasPrefix(lines.Text(), "ready ") {
				ready <- lines.Text()
				return
			}
		}
	}()
	select {
	case _, ok := <-ready:
		if !ok {
			proc.kill()
			return fmt.Errorf("the broker did not start:\n%s", b.Log())
		}
	case <-ctx.Done():
		proc.kill()
		return ctx.Err()
	}
	b.mu.Lock()
	b.proc = proc
	b.mu.Unlock()
	return nil
}

// Kill kills the broker with SIGKILL.
func (b *Broker) Kill() { b.running().kill() }

// Stop ends the broker as an operator does.
func (b *Broker) Stop() error { return b.running().stop(patience) }

// PID is the broker's process id.
func (b *Broker) PID() int { return b.running().cmd.Process.Pid }

func (b *Broker) running() *process {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.proc
}

// Log is what the broker logged.
func (b *Broker) Log() string {
	data, err := os.ReadFile(b.log)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// Recordings lists the segments of all sessions, in order of their names.
func (b *Broker) Recordings() ([]string, error) {
	return filepath.Glob(filepath.Join(b.Data, "evidence", "*.rec"))
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	return port, l.Close()
}
