package web

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"
	"time"
)

// system is a customer's kind of computer as the agents are named by.
type system string

// The systems that the pages tell apart. A program is offered for systemLinux;
// the others are told that there is none yet.
const (
	systemLinux    system = "linux-amd64"
	systemLinuxARM system = "linux-arm64"
	systemWindows  system = "windows"
	systemMac      system = "macos"
	systemChromeOS system = "chromeos"
	systemPhone    system = "phone"
	systemUnknown  system = "unknown"
)

// systemOf guesses the system from a User-Agent header. The guess only chooses
// what is offered first: the page lets people say otherwise.
func systemOf(userAgent string) system {
	has := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(userAgent, p) {
				return true
			}
		}
		return false
	}
	switch {
	case has("Android", "iPhone", "iPad", "iPod", "Mobile"):
		return systemPhone
	case has("Windows"):
		return systemWindows
	case has("Macintosh", "Mac OS X"):
		return systemMac
	case has("CrOS"):
		return systemChromeOS
	case has("Linux") && has("aarch64", "arm"):
		return systemLinuxARM
	case has("Linux", "X11"):
		return systemLinux
	}
	return systemUnknown
}

// errNoAgent says that no agent is prepared for a system.
var errNoAgent = errors.New("no agent prepared")

// program is one prepared agent.
type program struct {
	System system
	SHA256 string // lower-case hex
	Size   int64  // bytes
}

// agents reads the folder of prepared agents. Hashes are computed once for each
// version of a file: size and time of change tell versions apart.
type agents struct {
	files fs.FS
	mu    sync.Mutex
	known map[system]knownAgent
}

type knownAgent struct {
	program
	changed time.Time
}

func newAgents(files fs.FS) *agents { return &agents{files: files, known: map[system]knownAgent{}} }

// find returns the agent for s, or errNoAgent.
func (a *agents) find(s system) (program, error) {
	file, p, err := a.open(s)
	if err != nil {
		return program{}, err
	}
	return p, file.Close()
}

// packed returns the same program compressed (RFC 1952), as `agents prepare`
// lays it beside it; false when there is none that is as new.
func (a *agents) packed(p program) (fs.File, int64, bool) {
	name := "consento-agent-" + string(p.System)
	plain, err := fs.Stat(a.files, name)
	if err != nil {
		return nil, 0, false
	}
	file, err := a.files.Open(name + ".gz")
	if err != nil {
		return nil, 0, false
	}
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() || info.ModTime().Before(plain.ModTime()) {
		file.Close()
		return nil, 0, false
	}
	return file, info.Size(), true
}

// open returns the agent for s and its content, which the caller closes.
func (a *agents) open(s system) (fs.File, program, error) {
	if a.files == nil || s != systemLinux {
		return nil, program{}, errNoAgent
	}
	file, err := a.files.Open("consento-agent-" + string(s))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, program{}, errNoAgent
	}
	if err != nil {
		return nil, program{}, fmt.Errorf("agent for %s: %w", s, err)
	}
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		file.Close()
		return nil, program{}, fmt.Errorf("agent for %s is not a file: %w", s, errors.Join(err, errNoAgent))
	}
	a.mu.Lock() // held while hashing: one reader is enough for all who wait
	defer a.mu.Unlock()
	if k, ok := a.known[s]; ok && k.Size == info.Size() && k.changed.Equal(info.ModTime()) {
		return file, k.program, nil
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		file.Close()
		return nil, program{}, fmt.Errorf("agent for %s: %w", s, err)
	}
	file.Close()
	p := program{System: s, SHA256: hex.EncodeToString(sum.Sum(nil)), Size: info.Size()}
	a.known[s] = knownAgent{program: p, changed: info.ModTime()}
	file, err = a.files.Open("consento-agent-" + string(s))
	if err != nil {
		return nil, program{}, fmt.Errorf("agent for %s: %w", s, err)
	}
	return file, p, nil
}
