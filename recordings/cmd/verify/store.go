package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"consento/recordings/store"
	"consento/recordings/translog"
)

type storeCheck struct {
	Log    string   `arg:"" help:"Folder of the log."`
	Stores []string `arg:"" name:"store" help:"Folders of recordings: the office's, and the copy of the mirror."`
	Old    []string `placeholder:"FILE" help:"As for log."`
	Policy string   `placeholder:"KEYS" help:"Folder of public keys: the log's (log.pub) and its witnesses' (witness-NAME.pub)."`
}

// Run checks the log, and then each store against it; the exit code is the verdict.
func (c *storeCheck) Run(out io.Writer, code *int) error {
	if err := (&logCheck{Dir: c.Log, Old: c.Old, Policy: c.Policy}).Run(out, code); err != nil {
		return err
	}
	if *code == exitTampered {
		_, err := io.WriteString(out, "\nThe stores were not looked at: a log that was changed says nothing about them.\n")
		return err
	}
	keys, err := readKeys(c.Policy)
	if err != nil {
		return err
	}
	point, err := oldCheckpoint(filepath.Join(c.Log, "checkpoint"))
	if err != nil {
		return failure{exitUsage, err}
	}
	cmp, err := store.Compare(context.Background(), os.DirFS(c.Log), point.Size, keys.Log, c.Stores...)
	if err != nil {
		return failure{exitUsage, err}
	}
	severity := map[int]int{exitTampered: 3, exitIncomplete: 2, exitUnverifiable: 1}
	if worse := compareCode(cmp); severity[worse] > severity[*code] {
		*code = worse
	}
	_, err = io.WriteString(out, compareText(cmp, c.Stores, point))
	return err
}

func compareCode(c store.Comparison) int {
	if len(c.Findings) == 0 {
		return exitOK
	}
	return map[store.Grade]int{store.Tampered: exitTampered, store.Incomplete: exitIncomplete, store.Unverifiable: exitUnverifiable}[c.Findings[0].Grade]
}

func compareText(c store.Comparison, dirs []string, point translog.Checkpoint) string {
	var b strings.Builder
	switch compareCode(c) {
	case exitTampered:
		b.WriteString("\nTAMPERED: the stores are not what the log says\n")
	case exitIncomplete:
		b.WriteString("\nINCOMPLETE: something of the last minutes is not in the stores yet\n")
	case exitUnverifiable:
		b.WriteString("\nUNVERIFIABLE: the stores have what the log says, and something else\n")
	default:
		b.WriteString("\nOK: the stores are what the log says\n")
	}
	for _, f := range c.Findings {
		fmt.Fprintf(&b, "  - %s: %s\n", filepath.Join(f.Store, f.Name), f.Text)
	}
	if c.More > 0 {
		fmt.Fprintf(&b, "  - and %d more\n", c.More)
	}
	fmt.Fprintf(&b, "\n%-18s %d, against %d leaves\n%-18s %d (over all stores)\n%-18s %d\n%-18s %d\n", "stores", len(dirs), point.Size,
		"whole", c.Whole, "being recorded", c.Live, "deleted", c.Purged)
	return b.String()
}
