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
	Stores []string `arg:"" name:"store" help:"Folders of recordings: the office's, the copy of the mirror, what consento-witness fetch took from a store (with its versions.json)."`
	Bags   []string `placeholder:"DIR" help:"Folders of key bags; by default the folder bags beside each store, or the store itself."`
	Old    []string `placeholder:"FILE" help:"As for log."`
	Policy string   `placeholder:"KEYS" help:"Folder of public keys: the log's (log.pub) and its witnesses' (witness-NAME.pub)."`
	outside
}

// Run checks the log, and then each store against it; the exit code is the verdict.
func (c *storeCheck) Run(out io.Writer, code *int) error {
	if err := (&logCheck{Dir: c.Log, Old: c.Old, Policy: c.Policy, outside: c.outside}).Run(out, code); err != nil {
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
	var places []store.Place
	for _, dir := range c.Stores {
		places = append(places, store.Dir(dir))
	}
	cmp, err := store.Compare(context.Background(), os.DirFS(c.Log), point.Size, keys.Log, places...)
	if err != nil {
		return failure{exitUsage, err}
	}
	bags, folders, err := c.bags(point.Size)
	if err != nil {
		return failure{exitUsage, err}
	}
	severity := map[int]int{exitTampered: 3, exitIncomplete: 2, exitUnverifiable: 1}
	for _, found := range []store.Comparison{cmp, bags} {
		if worse := compareCode(found); severity[worse] > severity[*code] {
			*code = worse
		}
	}
	_, err = io.WriteString(out, compareText(cmp, c.Stores, point)+bagsText(bags, folders))
	return err
}

// bags compares the key bags of each store that has any.
func (c *storeCheck) bags(size uint64) (store.Comparison, []string, error) {
	var places []store.BagPlace
	for _, dir := range c.Bags {
		places = append(places, store.Dir(dir))
	}
	if len(places) == 0 {
		for _, dir := range c.Stores {
			at, err := store.BagsOf(dir)
			if err != nil {
				return store.Comparison{}, nil, err
			}
			if at != nil {
				places = append(places, at)
			}
		}
	}
	var folders []string
	for _, p := range places {
		folders = append(folders, p.Name())
	}
	found, err := store.CompareBags(context.Background(), os.DirFS(c.Log), size, places...)
	return found, folders, err
}

func bagsText(c store.Comparison, folders []string) string {
	var b strings.Builder
	if len(folders) == 0 {
		return "\nKey bags: none of the stores has any; name their folders with --bags to have them compared\n"
	}
	fmt.Fprintf(&b, "\nKey bags: %d as the log has them, %d segments destroyed by decision, in %s\n", c.Whole, c.Purged, strings.Join(folders, ", "))
	if c.Logs > 0 {
		fmt.Fprintf(&b, "Keys of logs: %d as the log has them\n", c.Logs)
	}
	for _, f := range c.Findings {
		fmt.Fprintf(&b, "  - %s: %s\n", filepath.Join(f.Store, f.Name), f.Text)
	}
	if c.More > 0 {
		fmt.Fprintf(&b, "  - and %d more\n", c.More)
	}
	return b.String()
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
	fmt.Fprintf(&b, "\n%-18s %d, against %d leaves\n%-18s %d (over all stores)\n%-18s %d\n%-18s %d, of which %d are still kept somewhere, unreadable\n", "stores", len(dirs), point.Size,
		"whole", c.Whole, "being recorded", c.Live, "deleted", c.Purged, c.Kept)
	return b.String()
}
