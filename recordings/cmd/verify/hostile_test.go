package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"consento/recordings"
)

// hostile are ways in which a file is not what it should be.
var hostile = map[string]func(path string, whole []byte) error{
	"empty": func(path string, _ []byte) error { return os.WriteFile(path, nil, 0o600) },
	"cut":   func(path string, whole []byte) error { return os.WriteFile(path, whole[:len(whole)/2], 0o600) },
	"one bit": func(path string, whole []byte) error {
		whole = bytes.Clone(whole)
		whole[len(whole)/2] ^= 1
		return os.WriteFile(path, whole, 0o600)
	},
	"twice": func(path string, whole []byte) error {
		return os.WriteFile(path, append(bytes.Clone(whole), whole...), 0o600)
	},
	"deep": func(path string, _ []byte) error {
		return os.WriteFile(path, append([]byte(`{"v":1,"stanzas":`), bytes.Repeat([]byte("["), 1<<20)...), 0o600)
	},
	"null": func(path string, _ []byte) error { return os.WriteFile(path, []byte("null\n"), 0o600) },
	"a folder": func(path string, _ []byte) error {
		if err := os.Remove(path); err != nil {
			return err
		}
		return os.Mkdir(path, 0o700)
	},
	// As large as a disk, and nothing of it is on the disk.
	"huge": func(path string, whole []byte) error {
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			return err
		}
		size := int64(1 << 30)
		if filepath.Ext(path) == ".rec" {
			size = 1 << 27 // all of it is looked at
		}
		return os.Truncate(path, size)
	},
}

// mostMemory is what a command may allocate, all in all: half of what the largest file
// has. (Of a recording it is a few megabytes.)
const mostMemory = 512 << 20

// TestHostileFiles: each kind of file that the tool reads is refused with a fitting exit
// code and a sentence, whatever is wrong with it, in bounded memory; what was right
// before is right again after.
func TestHostileFiles(t *testing.T) {
	a, o := newAnchored(t), newOffice(t)
	o.closed(t, 0, nil)
	o.run(exitOK, "excerpt", "make", o.file, "--track", "chat", "--out", o.path("ex"))
	said := o.run(exitOK, "share", o.file, "--identity", o.keys, "--link", "--track", "chat", "--to", "1m", "--out", o.path("b.share"))
	secret := regexp.MustCompile(`secret +(\S+)`).FindStringSubmatch(said)
	if secret == nil {
		t.Fatal(said)
	}
	clock := newClocked(t)
	stamped := clock.session(t, clock.point, clock.token)
	seen := []string{"session", clock.file, "--proof", clock.proof, "--policy", clock.policy, "--timestamp", stamped, "--timestamp-ca", clock.ca}
	out := filepath.Join(t.TempDir(), "out")
	recording := []string{"session", a.file, "--proof", a.proof, "--policy", a.policy}
	open := []string{"open", o.file, "--identity", o.keys, "--out", out}
	log := []string{"log", a.dir, "--policy", a.policy, "--old", a.old}
	for name, c := range map[string]struct {
		file string
		args []string
		good int
		bad  []int // codes for what is hostile
	}{
		"recording":         {a.file, recording, exitOK, []int{exitTampered, exitIncomplete, exitUsage}},
		"recording, opened": {o.file, open, exitUnverifiable, []int{exitTampered, exitIncomplete, exitUnverifiable, exitUsage}},
		"proof":             {a.proof, recording, exitOK, []int{exitTampered, exitUnverifiable, exitUsage}},
		"log's key":         {filepath.Join(a.policy, "log.pub"), recording, exitOK, []int{exitUnverifiable, exitUsage}},
		"checkpoint":        {filepath.Join(a.dir, "checkpoint"), log, exitOK, []int{exitTampered, exitUnverifiable, exitUsage}},
		"old checkpoint":    {a.old, log, exitOK, []int{exitTampered, exitUnverifiable, exitUsage}},
		"policy":            {filepath.Join(o.policy, "1.policy"), []string{"session", o.file, "--policy", o.policy}, exitUnverifiable, []int{exitTampered, exitUnverifiable, exitUsage}},
		"key bag":           {recordings.DefaultBag(o.file), open, exitUnverifiable, []int{exitTampered, exitUnverifiable, exitUsage}},
		"share":             {o.path("b.share"), []string{"open", o.file, "--share", o.path("b.share"), "--secret=" + secret[1], "--out", out}, exitUnverifiable, []int{exitUnverifiable, exitUsage}},
		"timestamp":         {stamped, seen, exitOK, []int{exitTampered, exitUnverifiable, exitUsage}},
		"authority":         {clock.ca, seen, exitOK, []int{exitUnverifiable, exitUsage}},
		"excerpt":           {o.path("ex"), []string{"excerpt", o.path("ex")}, exitUnverifiable, []int{exitTampered, exitUnverifiable, exitUsage}},
	} {
		whole, err := os.ReadFile(c.file)
		must(t, err)
		must(t, os.Chmod(c.file, 0o600))
		right := func(when string) {
			t.Helper()
			if out, errs, code := verify(t, c.args...); code != c.good {
				t.Errorf("%s, %s: exit code %d, want %d\n%s%s", name, when, code, c.good, out, errs)
			}
			must(t, os.RemoveAll(out))
		}
		right("whole")
		for what, spoil := range hostile {
			if (name == "log's key" || name == "authority") && what == "twice" {
				continue // that is the same key
			}
			must(t, spoil(c.file, whole))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			said, errs, code := verify(t, c.args...)
			runtime.ReadMemStats(&after)
			if !slices.Contains(c.bad, code) || strings.TrimSpace(said+errs) == "" {
				t.Errorf("%s, %s: exit code %d, none of %v\n%s%s", name, what, code, c.bad, said, errs)
			}
			most := uint64(mostMemory)
			if filepath.Ext(c.file) == ".rec" {
				most = 32 << 20
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > most {
				t.Errorf("%s, %s: %d MB of memory", name, what, used>>20)
			}
			must(t, errors.Join(os.RemoveAll(out), os.RemoveAll(c.file), os.WriteFile(c.file, whole, 0o600)))
		}
		right("whole again")
	}
}
