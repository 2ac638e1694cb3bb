package shell

import (
	"bufio"
	"os"
	"strconv"
	"strings"
)

// passed lists the variables that the shell has from the agent: language, time
// zone and where programs are. Displays and buses are left out: whoever has the
// command line has no consent to mouse and keyboard.
var passed = []string{"LANG", "LANGUAGE", "TZ", "PATH", "XDG_RUNTIME_DIR"}

// account is the customer's entry in the list of users.
type account struct {
	name, home, shell string
}

// environment is what the shell and all that it starts find.
func environment(a account, look func(string) string, all []string) []string {
	env := []string{"HOME=" + a.home, "USER=" + a.name, "LOGNAME=" + a.name, "SHELL=" + a.shell, "TERM=xterm-256color", "COLORTERM=truecolor",
		"HISTFILE=/dev/null"} // what a technician types is on the evidence, and not in the customer's home
	for _, name := range passed {
		if value := look(name); value != "" {
			env = append(env, name+"="+value)
		} else if name == "PATH" {
			env = append(env, "PATH=/usr/local/bin:/usr/bin:/bin")
		}
	}
	for _, pair := range all {
		if strings.HasPrefix(pair, "LC_") {
			env = append(env, pair)
		}
	}
	return env
}

// own is the account of whoever runs the agent. What the list of users does not
// tell, as where users come from a network, is taken from the environment.
func own(passwd string, uid int, look func(string) string) account {
	a := account{name: look("USER"), shell: look("SHELL")}
	if f, err := os.Open(passwd); err == nil {
		defer f.Close()
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			fields := strings.Split(lines.Text(), ":")
			if len(fields) == 7 && fields[2] == strconv.Itoa(uid) {
				a = account{name: fields[0], home: fields[5], shell: fields[6]}
				break
			}
		}
	}
	for _, program := range []string{a.shell, "/bin/bash", "/bin/sh"} {
		if runnable(program) {
			a.shell = program
			break
		}
	}
	listed := a.home
	a.home = "/"
	for _, home := range []string{look("HOME"), listed} { // the desktop's own word first
		if info, err := os.Stat(home); err == nil && info.IsDir() && strings.HasPrefix(home, "/") {
			a.home = home
			break
		}
	}
	return a
}

func runnable(program string) bool {
	info, err := os.Stat(program)
	return err == nil && strings.HasPrefix(program, "/") && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}
