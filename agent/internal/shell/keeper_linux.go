package shell

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// keeperName is what a process is called that keeps a shell: this program, started
// once more. All that the shell starts descends from it, whatever it does to get
// away (prctl(2), PR_SET_CHILD_SUBREAPER).
const keeperName = "consento-shell"

// killTime is how long the keeper tries to end what does not end.
const killTime = 2 * time.Second

// Keep makes a keeper of a process that was started as one; else it returns. It
// comes first in main: nothing of the agent may run there.
func Keep() {
	if len(os.Args) >= 4 && os.Args[0] == keeperName {
		os.Exit(keep(os.Args[1], os.Args[2], os.Args[3:]))
	}
}

// keep runs the program with what is open as 4 for its terminal, until it is over
// or what is open as 3 is closed, and then ends all that is left of it.
func keep(program, dir string, args []string) int {
	const holder, terminal = 3, 4
	unix.CloseOnExec(holder)
	unix.CloseOnExec(terminal)
	// Taken, not ignored: what is ignored would be ignored by the shell as well.
	signal.Notify(make(chan os.Signal, 1), unix.SIGHUP, unix.SIGINT, unix.SIGTERM, unix.SIGQUIT)
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return 1
	}
	pid, err := syscall.ForkExec(program, args, &syscall.ProcAttr{Dir: dir, Env: os.Environ(), Files: []uintptr{terminal, terminal, terminal},
		Sys: &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0}})
	if err != nil {
		fmt.Println(127, 0)
		return 0
	}
	_ = unix.Close(terminal) // the shell has it
	ended, all := make(chan int, 1), make(chan struct{})
	go func() { defer close(all); reap(pid, ended) }()
	released := make(chan struct{})
	go func() {
		defer close(released)
		_, _ = io.Copy(io.Discard, os.NewFile(holder, "holder")) // until it is closed
	}()
	code := -1
	select {
	case code = <-ended:
	case <-released:
	}
	left := killAll(all)
	select {
	case code = <-ended:
	default:
	}
	fmt.Println(code, left)
	return 0
}

// reap takes the exit of every process that descends from this one, and tells that
// of the first. It returns when there is none left.
func reap(first int, ended chan<- int) {
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return
		case pid == first && status.Exited():
			ended <- status.ExitStatus()
		case pid == first && status.Signaled():
			ended <- 128 + int(status.Signal())
		}
	}
}

// killAll ends all descendants: each is stopped first, so that it starts no other
// while the next is looked for. It returns how many could not be ended.
func killAll(all <-chan struct{}) int {
	limit := time.NewTimer(killTime)
	defer limit.Stop()
	pause := time.NewTicker(5 * time.Millisecond)
	defer pause.Stop()
	for {
		list := descendants(os.Getpid())
		for _, pid := range list {
			_ = unix.Kill(pid, unix.SIGSTOP) // it may be gone, or somebody else's
		}
		for _, pid := range list {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
		select {
		case <-all:
			return 0
		case <-limit.C:
			return len(descendants(os.Getpid()))
		case <-pause.C:
		}
	}
}

// descendants lists the processes below one that are not dead yet, from /proc (proc_pid_stat(5)).
func descendants(of int) []int {
	children := map[int][]int{}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil
	}
	for _, name := range stats {
		data, err := os.ReadFile(name)
		if err != nil {
			continue // gone meanwhile
		}
		// The name in brackets may hold anything, brackets too.
		first, rest, _ := strings.Cut(string(data), " ")
		fields := strings.Fields(rest[strings.LastIndex(rest, ")")+1:])
		pid, err := strconv.Atoi(first)
		if err != nil || len(fields) < 2 || fields[0] == "Z" || fields[0] == "X" {
			continue
		}
		if parent, err := strconv.Atoi(fields[1]); err == nil {
			children[parent] = append(children[parent], pid)
		}
	}
	var list []int
	for next := []int{of}; len(next) > 0; {
		below := children[next[0]]
		next = append(next[1:], below...)
		list = append(list, below...)
	}
	return list
}
