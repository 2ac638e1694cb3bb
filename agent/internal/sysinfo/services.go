package sysinfo

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"
)

// services lists those of systemd, or the scripts of the start of System V.
func services(ctx context.Context, t *Table) error {
	start := map[string]string{}
	err := ask(ctx, unitFileList, func(out io.Reader) error { return unitFiles(ctx, out, start) })
	if err == nil {
		err = ask(ctx, unitList, func(out io.Reader) error { return units(ctx, out, start, t) })
	}
	if err == nil && len(t.Rows) > 0 || ctx.Err() != nil {
		return errors.Join(err, ctx.Err())
	}
	return scripts("/etc/init.d", t) // systemd is not there, or did not start this system
}

// unitFiles reads which services start by themselves: "ssh.service enabled enabled".
func unitFiles(ctx context.Context, r io.Reader, start map[string]string) error {
	return scan(ctx, r, func(line string) bool {
		if fields := strings.Fields(line); len(fields) >= 2 && len(start) < 20_000 {
			start[fields[0]] = token(fields[1])
		}
		return true
	})
}

// units reads "ssh.service loaded active running OpenBSD Secure Shell server".
func units(ctx context.Context, r io.Reader, start map[string]string, t *Table) error {
	return scan(ctx, r, func(line string) bool {
		fields := strings.Fields(strings.TrimLeft(line, "●*× \t")) // some versions mark what failed
		if len(fields) < 4 || !strings.HasSuffix(fields[0], ".service") || fields[1] == "not-found" {
			return true
		}
		state := token(fields[3])
		if fields[2] == "failed" {
			state = "failed"
		}
		return t.add(fields[0], strings.TrimSuffix(fields[0], ".service"), state, start[fields[0]], strings.Join(fields[4:], " "))
	})
}

// scripts lists those of a System V start. Whether one runs only the script itself
// could say, and it is not run.
func scripts(dir string, t *Table) error {
	list, err := names(dir)
	if err != nil {
		return err
	}
	slices.Sort(list)
	starting, _ := filepath.Glob(filepath.Join(filepath.Dir(dir), "rc[2-5].d", "S*")) // none is not an error
	started := map[string]bool{}
	for _, s := range starting {
		started[linked(s)] = true
	}
	for _, name := range list {
		if name == "README" || name == "skeleton" || strings.HasPrefix(name, ".") {
			continue
		}
		start := "disabled"
		if started[name] {
			start = "enabled"
		}
		if !t.add(name, name, "", start, "") {
			break
		}
	}
	if len(t.Rows) == 0 {
		return ErrMissing
	}
	return nil
}
