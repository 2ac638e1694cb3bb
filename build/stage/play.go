package stage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// SignIn signs the technician in; the console is open then.
func (b *Browser) SignIn(broker *Broker) error { return b.SignInAs(broker, TechnicianEmail) }

// SignInAs is SignIn for another account.
func (b *Browser) SignInAs(broker *Broker, email string) error {
	const (
		signedOut = `document.querySelector("#email")`
		connected = `document.querySelector('button.new-session:not([disabled]):not([aria-disabled="true"])')`
		// What Chromium leaves of a page when a network came or went on this machine meanwhile.
		lost = `(document.body.innerText.includes("ERR_NETWORK_CHANGED") || document.readyState === "complete" && document.querySelector("#console")?.childElementCount === 0)`
	)
	for range 5 {
		if err := b.Open(broker.URL + "/console/"); err != nil {
			return err
		}
		if err := b.Until("the way in", signedOut+" || "+connected+" || "+lost); err != nil {
			return err
		}
		asked, err := Eval[bool](b, signedOut+" !== null")
		if err != nil {
			return err
		}
		if asked {
			if err := b.Type("#email", email); err != nil {
				return err
			}
			if err := b.Type("#password", TechnicianPassword); err != nil {
				return err
			}
			if err := b.Click(`form[action="/signin"] button`); err != nil {
				return err
			}
		}
		if err := b.Until("console is connected", connected+" || "+lost); err != nil {
			return err
		}
		if again, err := Eval[bool](b, lost); err != nil || !again {
			return err
		}
	}
	return errors.New("networks come and go all the time: the console is not loaded")
}

// NewSession presses New session and reads the key. That of an older session may
// still be shown when the button is pressed.
func (b *Browser) NewSession() (string, error) {
	const key = `(document.querySelector('[data-testid="session-key"]')?.textContent.trim() ?? "")`
	before, err := Eval[string](b, key)
	if err != nil {
		return "", err
	}
	if err := b.Click(`button.new-session`); err != nil {
		return "", err
	}
	if err := b.Until("a new key", fmt.Sprintf(`![%q, ""].includes(%s)`, before, key)); err != nil {
		return "", err
	}
	return Eval[string](b, key)
}

// EnterKey types the key on the portal, as people do: lower case and a dash.
func (b *Browser) EnterKey(broker *Broker, key string) error {
	if err := b.Open(broker.URL + "/"); err != nil {
		return err
	}
	if err := b.Type("#key", strings.ToLower(key[:3])+" - "+strings.ToLower(key[3:])); err != nil {
		return err
	}
	return b.Click(`form[action="/key"] button`)
}

// ConfirmName answers "is this the person helping you?".
func (b *Browser) ConfirmName(yes bool) error {
	answer := "no"
	if yes {
		answer = "yes"
	}
	return b.Click(fmt.Sprintf(`form[action="/session/name"] button[value=%q]`, answer))
}

// FetchAgent downloads the program with one click, and returns the terminal
// command that the page shows for it.
func (b *Browser) FetchAgent(ctx context.Context, s *Screen) (command string, err error) {
	if err := b.Click("a[download]"); err != nil {
		return "", err
	}
	if err := s.downloaded(ctx); err != nil {
		return "", err
	}
	return b.Text("#command code")
}

// downloaded waits until the program lies whole in the folder. While it comes,
// Chromium gives it another name, and Firefox keeps an empty file in its place.
func (s *Screen) downloaded(ctx context.Context) error {
	return Until(ctx, "download", func() bool {
		files, err := filepath.Glob(filepath.Join(s.Home, "Downloads", "*"))
		if err != nil || len(files) != 1 || !strings.HasPrefix(filepath.Base(files[0]), "consento-") || strings.HasSuffix(files[0], ".crdownload") {
			return false
		}
		info, err := os.Stat(files[0])
		return err == nil && info.Size() > 0
	})
}

// Agent is a running agent.
type Agent struct {
	proc    *process
	program string
	stderr  string
}

// StartAgent runs the terminal command of the page: it checks the program's
// hash and starts it.
func (s *Screen) StartAgent(ctx context.Context, command string, env ...string) (*Agent, error) {
	files, err := filepath.Glob(filepath.Join(s.Home, "Downloads", "consento-*"))
	if err != nil || len(files) != 1 {
		return nil, errors.Join(err, fmt.Errorf("%d programs in Downloads", len(files)))
	}
	// exec, so that the process is the agent itself.
	return s.startAgent(files[0], strings.Replace(command, "&& ./", "&& exec ./", 1), env...)
}

func (s *Screen) startAgent(program, command string, env ...string) (*Agent, error) {
	log, err := os.CreateTemp(filepath.Dir(s.Home), "agent-*.log")
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := s.Command(context.Background(), "bash", "-c", command)
	cmd.Env = append(cmd.Env, env...)
	cmd.Stdout, cmd.Stderr = log, log
	if s.Network != nil {
		if err := s.Network.Enter(cmd); err != nil {
			return nil, err
		}
	}
	p, err := s.start(cmd)
	if err != nil {
		return nil, err
	}
	return &Agent{proc: p, program: program, stderr: log.Name()}, nil
}

// CopyAgent keeps a copy of the downloaded program, as a person might who
// passes it on, and returns its file.
func (s *Screen) CopyAgent() (string, error) {
	files, err := filepath.Glob(filepath.Join(s.Home, "Downloads", "consento-*"))
	if err != nil || len(files) != 1 {
		return "", errors.Join(err, fmt.Errorf("%d programs in Downloads", len(files)))
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		return "", err
	}
	file := filepath.Join(s.Home, "tmp", filepath.Base(files[0])+" (1)")
	return file, os.WriteFile(file, data, 0o700)
}

// StartProgram starts an agent's program from a terminal.
func (s *Screen) StartProgram(file, args string, env ...string) (*Agent, error) {
	return s.startAgent(file, "exec '"+file+"' "+args, env...)
}

// StartCopy starts such a copy.
func (s *Screen) StartCopy(ctx context.Context, file string) (*Agent, error) {
	return s.startAgent(file, "exec '"+file+"'")
}

// Kill kills the agent with SIGKILL.
func (a *Agent) Kill() { a.proc.kill() }

// Freeze stops the agent, as a computer that sleeps does, until thaw is called.
func (a *Agent) Freeze() (thaw func() error, err error) { return freeze(a.proc.cmd.Process.Pid) }

// Hold stops the agent for a moment, until let is called.
func (a *Agent) Hold() (let func() error, err error) { return hold(a.proc.cmd.Process.Pid) }

// PID is the agent's process id.
func (a *Agent) PID() int { return a.proc.cmd.Process.Pid }

// Exit waits for the agent's end and returns its exit code.
func (a *Agent) Exit(ctx context.Context) (int, error) {
	select {
	case <-a.proc.done:
		return a.proc.cmd.ProcessState.ExitCode(), nil
	case <-ctx.Done():
		return 0, fmt.Errorf("the agent did not end: %w\n%s", ctx.Err(), a.Log())
	}
}

// FirstExit waits for the first of several agents to end and returns which it
// was, and its exit code.
func FirstExit(ctx context.Context, agents ...*Agent) (which, code int, err error) {
	err = Until(ctx, "one of the agents ends", func() bool {
		for i, a := range agents {
			select {
			case <-a.proc.done:
				which, code = i, a.proc.cmd.ProcessState.ExitCode()
				return true
			default:
			}
		}
		return false
	})
	return which, code, err
}

// Log is what the agent printed.
func (a *Agent) Log() string {
	data, err := os.ReadFile(a.stderr)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// Gone reports whether the program's file is gone.
func (a *Agent) Gone() bool {
	_, err := os.Stat(a.program)
	return errors.Is(err, os.ErrNotExist)
}

// Bin returns the folder of built programs below the module's root, or says
// how to build them.
func Bin() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("where the module is: %w", err)
	}
	bin := filepath.Join(strings.TrimSpace(string(out)), "bin")
	if _, err := os.Stat(filepath.Join(bin, "agents", "consento-agent-linux-amd64")); err != nil {
		return "", errors.New("the programs are not built: make agents")
	}
	return bin, nil
}

// Briefly bounds one step of a play.
func Briefly(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, patience)
}
